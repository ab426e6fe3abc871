/* Which pods of a replica set go first when there are too many. */
#ifndef PODTREE_RECONCILERS_RANKING_H
#define PODTREE_RECONCILERS_RANKING_H

#include "lib/views.h"

struct candidate {
    const struct pod *pod;
    size_t neighbours; /* pods of the same family on its node; filled by rank_candidates */
};

/* Puts those that are to be deleted first first, in Kubernetes' order: not bound, pending, not ready, cheaper
 * to delete, more of them on one node, ready more recently, more restarts, younger. `related` are all pods of
 * the family (the set's and its sister sets'): they decide who has neighbours. */
void rank_candidates(struct candidate *candidates, size_t count, const struct pod **related,
                     size_t related_count);

#endif
