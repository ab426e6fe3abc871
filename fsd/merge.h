/* The three-way merge of apply.
 *
 * What comes of it is what comes of kubectl apply, in the same order: of a built-in kind that of a strategic
 * merge patch (k8s.io/apimachinery/pkg/util/strategicpatch), by the patch strategies and merge keys of
 * Kubernetes' types; of a user's kind that of a JSON merge patch, for which a list is one value. Only where
 * a merge key doesn't tell entries apart does kubectl lose some of them, and this doesn't. */
#ifndef PODTREE_MERGE_H
#define PODTREE_MERGE_H

#include "fsd/kind.h"

/* Brings `live` (edited in place) to what `wanted` says: what wanted has is set; what `last` (the document
 * applied last; may be absent) had and wanted has not is removed; what neither mentions stays. A null in
 * wanted removes. Without a schema (NULL) only objects are merged. */
void merge_apply(const struct schema *schema, struct value last, struct value live, struct value wanted);

/* The annotation in which the document applied last is kept, the same as kubectl's. */
#define MERGE_LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

#endif
