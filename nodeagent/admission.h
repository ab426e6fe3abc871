/* May a pod that is bound to this node run on it? The last word, after the scheduler's: somebody may have
 * bound it by hand, or two pods at once may have got the last of something. A pure function.
 *
 * The checks are those of Kubernetes 1.32's kubelet, in its order (the sysctl handler, then
 * pkg/kubelet/lifecycle/predicate.go with the scheduler's AdmissionCheck); the first one that refuses counts,
 * and its words are the kubelet's, because people and controllers know them. A pod that is refused has
 * failed. Extended resources of which the node says nothing are not reckoned with. For a critical pod others
 * have to go where there is too little room (the CriticalPodAdmissionHandler).
 */
#ifndef PODTREE_ADMISSION_H
#define PODTREE_ADMISSION_H

#include "lib/doc.h"

struct admission_input {
    struct value pod;           /* the whole document */
    const struct value *others; /* those of the pods that the node has taken and that have not ended */
    size_t other_count;
    const char *node;
    struct value labels, taints, allocatable; /* of the node; absent: nothing is known */
    bool *goes; /* a flag for each of the others, false: set where it has to go, when the answer is yes */
};

struct admission_refusal {
    char *reason;  /* OutOfcpu, NodeAffinity … */
    char *message; /* a sentence */
};

/* False when it is refused: then *refusal (given empty) says why, to be freed with admission_clear(). */
bool admission_check(const struct admission_input *input, struct admission_refusal *refusal);
void admission_clear(struct admission_refusal *refusal);

/* What stands before the sentence in the pod's status. */
#define ADMISSION_REFUSED "Pod was rejected: "

#endif
