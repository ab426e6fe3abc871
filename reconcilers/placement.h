/* Where a pod goes: two tables, of filters (may it run there?) and of scores (how well?). Pure functions of
 * numbers and shared values.
 */
#ifndef PODTREE_RECONCILERS_PLACEMENT_H
#define PODTREE_RECONCILERS_PLACEMENT_H

#include "lib/views.h"

/* A node and what has been promised to pods on it. */
struct place {
    const struct node *node;
    struct amounts promised;
};

/* The best of the places for the pod; NULL, with the reason at the end of *why, when it fits none. The reason
 * is Kubernetes' sentence: 0/3 nodes are available: 2 Insufficient cpu, 1 node(s) were unschedulable. */
struct place *placement_choose(struct place *places, size_t count, const struct pod *pod, struct buf *why);

/* The pod is promised to the place. */
void placement_assume(struct place *place, const struct pod *pod);

/* Would placement_choose treat both alike? */
bool placement_same(const struct pod *a, const struct pod *b);

#endif
