/* What a pod asks for and is limited to: the sums over its containers (Kubernetes: component-helpers'
 * resource.PodRequests and PodLimits). All containers run beside each other and beside the sidecars; before
 * that the init containers run one after another, each beside the sidecars that came before it. What the
 * pod needs is the larger of both, and its overhead. Pure.
 */
#ifndef PODTREE_DEMAND_H
#define PODTREE_DEMAND_H

#include "lib/amounts.h"

/* What a ResourceList (requests, limits, allocatable …) says of it; 0 where it says nothing. */
int64_t demand_amount(struct value list, enum resource resource);

/* A container's limit without a request is its request. */
int64_t demand_container_request(struct value container, enum resource resource);

/* All that the pod with this spec asks for, itself included (RESOURCE_PODS), into empty amounts. Without
 * requests it is reckoned with (RESOURCE_LIKELY_…) a tenth of a processor and 200 MB for each container, as
 * Kubernetes does, so that many of them are spread. */
void demand_of_pod(struct amounts *amounts, struct value spec);

int64_t demand_request(struct value pod, enum resource resource);
/* 0 where there is no limit at all. *of_all: every container has one, so that the sum limits all of them. */
int64_t demand_limit(struct value pod, enum resource resource, bool *of_all);

#endif
