/* Quality of service: how well a pod is protected when its node runs out of memory, by what its containers
 * ask for and are limited to (Kubernetes: pkg/apis/core/v1/helper/qos, pkg/kubelet/qos). Pure. */
#ifndef PODTREE_QUALITY_H
#define PODTREE_QUALITY_H

#include "lib/doc.h"

enum quality { QUALITY_GUARANTEED, QUALITY_BURSTABLE, QUALITY_BEST_EFFORT };

/* The least priority of what the cluster or the node can't be without. */
#define QUALITY_SYSTEM_CRITICAL 2000000000

/* Can the cluster or the node not be without it? By its priority, or because it is a static pod (the
 * kubelet's IsCriticalPod). */
bool quality_is_critical(struct value pod);

/* Guaranteed: every container has limits for both cpu and memory, and asks for just as much. BestEffort: none
 * asks for anything. */
enum quality quality_of(struct value pod);
/* "Guaranteed", as status.qosClass has it. */
const char *quality_name(enum quality quality);

/* The container's oom_score_adj, from -997 to 1000: a burstable one's is lower the more of the machine's
 * memory (bytes) it has asked for. */
int quality_oom_score(struct value pod, struct value container, int64_t machine_memory);

#endif
