/* How many replicas each replica set of a deployment should have: numbers in, numbers out.
 *
 * The rules are Kubernetes' (rolling update with maxSurge and maxUnavailable; Recreate; proportional scaling
 * in the middle of a rollout). One call decides one step; the world answers, and the next call decides the
 * next. */
#ifndef PODTREE_RECONCILERS_ROLLOUT_H
#define PODTREE_RECONCILERS_ROLLOUT_H

#include "lib/views.h"

/* A replica set in a rollout. */
struct part {
    const struct replicaset *set; /* NULL: the new one, which is still to be made */
    bool is_new;
    int64_t replicas;      /* what it has been told */
    int64_t available;     /* what it has */
    int64_t has;           /* pods that it counts */
    int64_t desired, most; /* what the deployment wanted when it was told: its annotations; -1: not known */
    int64_t wanted;        /* the decision */
};

struct rollout {
    const struct deployment *deployment;
    struct part *parts; /* the new one first, if there is one; then the old ones, the oldest first */
    size_t count;
    bool old_pods_left; /* for Recreate: pods of old sets that haven't ended */
};

/* maxSurge and maxUnavailable as numbers of pods. */
int64_t rollout_surge(const struct deployment *deployment);
int64_t rollout_unavailable(const struct deployment *deployment);

/* Fills in every part's `wanted`. */
void rollout_decide(struct rollout *rollout);

#endif
