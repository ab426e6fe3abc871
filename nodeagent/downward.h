/* What containers can learn about their pod, by environment variables or by files: those parts of it that
 * mean the same in both (Kubernetes' downward API). Pure. */
#ifndef PODTREE_DOWNWARD_H
#define PODTREE_DOWNWARD_H

#include "lib/doc.h"

/* Adds what metadata.labels['KEY'] or metadata.annotations['KEY'] stands for to *out: nothing where there is
 * no such key. False when the path is neither. */
bool downward_subscripted(struct value pod, struct str path, struct buf *out);

/* The container of that name, and in *initial (if not NULL) whether it is an init container. EINVAL when
 * there is none. */
int downward_container(struct value pod, struct str name, struct value *container, bool *initial,
                       struct error **err);

/* Adds what a resourceFieldRef stands for to *out: the container's limit or request in units of the divisor,
 * rounded up, and 0 where there is none. A limit of cpu, memory or ephemeral-storage that isn't set is what
 * `allocatable` (of the node's status) has, unless that is absent. EINVAL for a resource that isn't known. */
int downward_resource(struct value container, struct value reference, struct value allocatable,
                      struct buf *out, struct error **err);

#endif
