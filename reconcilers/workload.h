/* What the controllers of workloads have in common: children that belong to a controlling owner, found by its
 * uid and chosen by its selector, and names for them. */
#ifndef PODTREE_RECONCILERS_WORKLOAD_H
#define PODTREE_RECONCILERS_WORKLOAD_H

#include "lib/controller.h"
#include "lib/views.h"

/* By the uid of the controlling owner. */
extern const struct cache_index pods_by_controller, replicasets_by_controller;
/* Those without one, by namespace. */
extern const struct cache_index orphan_pods, orphan_replicasets;
/* All, by namespace: who might want an orphan. */
extern const struct cache_index replicasets_by_namespace, deployments_by_namespace;

/* How the children of an owner are found. */
struct family {
    const struct cache_index *owned, *orphans;
};

/* Plans to take in orphans that the selector wants, and to let go what it doesn't want any more. Returns
 * whether there was anything to do; then the set of children is not settled, and the pass should end. */
bool plan_claims(struct pass *pass, const struct family *family, const struct meta *owner,
                 struct value selector);

/* Wakes the owners in the namespace whose selector wants this child, when it has no controller. The kind of
 * the first watch must be found by `owners`, and `selector` must give an owner's. */
void wake_wanting(struct keys *keys, const struct cache *cache, const struct cache_index *owners,
                  struct value (*selector)(const void *owner), const void *child);

/* The child keeps those of its owners that `keep` says, one for each (NULL: all), and gets another that
 * controls it (NULL: none). Without any the field goes. */
void plan_owners(struct pass *pass, const struct meta *child, const bool *keep, const struct meta *added);
/* Makes metadata.ownerReferences name the controlling owner (and nobody else). */
void set_controller(struct value metadata, const struct meta *owner);

/* Writes `count` characters of the alphabet that Kubernetes uses for generated names (no vowels, nothing that
 * looks like something else) for a number, and a NUL. */
void safe_suffix(uint64_t number, size_t count, char *out);
/* The same for each digit of the number's decimal text, as Kubernetes does for hashes of templates. */
#define SAFE_HASH_TEXT 12
void safe_hash(uint32_t number, char out[SAFE_HASH_TEXT]);

#endif
