/* What keeps the pods of a set from being ready: the trouble that most of them have, told as the set's
 * condition PodFailure. It stands beside Kubernetes' ReplicaFailure, which tells why pods can't be made, and
 * a deployment takes both over from its sets. */
#ifndef PODTREE_RECONCILERS_TROUBLE_H
#define PODTREE_RECONCILERS_TROUBLE_H

#include "lib/views.h"

#define POD_FAILURE     "PodFailure"
#define REPLICA_FAILURE "ReplicaFailure"

struct troubles {
    struct trouble {
        struct str reason, message; /* the pod's: of the first that had it */
        int64_t pods;
    } * rows;
    size_t count, capacity;
};

/* Counts the pod where it has one. The pod must stay as it is until troubles_free(). */
void troubles_add(struct troubles *troubles, const struct pod *pod);
/* The one that most pods have, and of several the first; NULL: there is none. */
const struct trouble *troubles_most(const struct troubles *troubles);
void troubles_free(struct troubles *troubles);

/* Tells it in the conditions of a set with so many pods; with NULL nothing is told any more. */
void trouble_tell(struct value conditions, const struct trouble *trouble, int64_t pods, int64_t now_ms);

#endif
