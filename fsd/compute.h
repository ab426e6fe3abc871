/* Computed columns: what a path into the document can't say. A kind's file names one with x-podtree-compute.
 */
#ifndef PODTREE_COMPUTE_H
#define PODTREE_COMPUTE_H

#include "lib/doc.h"

typedef void compute_column(struct buf *out, struct value object, int64_t now_ms);

/* NULL for a name that is not in the table. */
compute_column *compute_find(struct str name);

#endif
