/* The subset of JSONPath that additionalPrinterColumns use, with and without braces around it and a dot or $
 * before it:
 *
 *     .spec.replicas   ['a.b/c']   [0]   [-1]   [1:3]   [*]   \. in a name
 *     [?(@.type=="Ready")]   [?(@.a.b>5)]   [?(@.name)]
 */
#ifndef PODTREE_JSONPATH_H
#define PODTREE_JSONPATH_H

#include "lib/doc.h"

/* Is it of the subset? */
bool jsonpath_valid(struct str path);

/* Writes what the path finds: scalars as their text, others as JSON, several with commas between them. */
void jsonpath_write(struct str path, struct value root, struct buf *out);

#endif
