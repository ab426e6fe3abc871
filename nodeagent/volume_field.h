/* What a downwardAPI file says: a field of the pod's metadata, or a container's resources. Pure. */
#ifndef PODTREE_VOLUME_FIELD_H
#define PODTREE_VOLUME_FIELD_H

#include "lib/doc.h"

/* Adds what a fieldPath of a volume stands for to *out: metadata.name, .namespace, .uid, .labels,
 * .annotations, and metadata.labels['KEY'] and metadata.annotations['KEY'] ("" where there is no such key).
 */
int volume_field(struct value pod, struct str path, struct buf *out, struct error **err);

/* Adds what a resourceFieldRef stands for: the container's limits or requests in units of the divisor,
 * rounded up. A limit of cpu, memory or ephemeral-storage that isn't set is what the node can give at all. */
int volume_resource(struct value pod, struct value reference, struct value allocatable, struct buf *out,
                    struct error **err);

#endif
