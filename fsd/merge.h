/* The three-way merge of apply. */
#ifndef PODTREE_MERGE_H
#define PODTREE_MERGE_H

#include "fsd/kind.h"

/* Brings `live` (edited in place) to what `wanted` says, as kubectl apply does: what wanted has is set; what
 * `last` (the document applied last; may be absent) had and wanted has not is removed; what neither mentions
 * stays. Lists with keys are merged entry by entry, sets item by item, other lists are replaced whole. */
void merge_apply(const struct schema *schema, struct value last, struct value live, struct value wanted);

/* The annotation in which the document applied last is kept, the same as kubectl's. */
#define MERGE_LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

#endif
