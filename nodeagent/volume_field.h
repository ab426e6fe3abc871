/* What a downwardAPI file says of a field of the pod's metadata: lines, where environment variables have one
 * (downward.h has what is the same in both). Pure. */
#ifndef PODTREE_VOLUME_FIELD_H
#define PODTREE_VOLUME_FIELD_H

#include "lib/doc.h"

/* Adds what a fieldPath of a volume stands for to *out: metadata.name, .namespace, .uid, .labels,
 * .annotations, and metadata.labels['KEY'] and metadata.annotations['KEY'] ("" where there is no such key).
 */
int volume_field(struct value pod, struct str path, struct buf *out, struct error **err);

#endif
