/* Who makes room when the node has too little left for a pod that the cluster or the machine can't be without
 * (quality_is_critical()). As the kubelet's pkg/kubelet/preemption: only what is lacking is reckoned with;
 * nobody of the same rank goes; whoever has asked for nothing goes rather than one that is burstable, and
 * that rather than one that is guaranteed what it has; and of one class those go that together give what is
 * needed with the fewest ends, and nearest to it. Pure.
 */
#ifndef PODTREE_PREEMPTION_H
#define PODTREE_PREEMPTION_H

#include "lib/demand.h"

/* Marks those of the `count` others that have to go so that `lacking` comes free; false where all that may go
 * is not enough: then nobody is marked, and *why (a sentence's end, to be freed) says what is still lacking.
 */
bool preemption_choose(struct value pod, const struct amounts *lacking, const struct value *others,
                       size_t count, bool *goes, char **why);

/* Of a pod that goes: its reason, the event, and the condition that it gets. */
#define PREEMPTION_REASON    "Preempting"
#define PREEMPTION_MESSAGE   "Preempted in order to admit critical pod"
#define PREEMPTION_CONDITION "Pod was preempted by Kubelet to accommodate a critical pod."

#endif
