/* What a pod asks for and is limited to: the sums over its containers (Kubernetes: component-helpers'
 * resource.PodRequests and PodLimits). All containers run beside each other and beside the sidecars; before
 * that the init containers run one after another, each beside the sidecars that came before it. What the
 * pod needs is the larger of both, and its overhead. Pure.
 */
#ifndef PODTREE_DEMAND_H
#define PODTREE_DEMAND_H

#include "lib/doc.h"

struct resource {
    const char *name;
    bool (*read)(struct str text, int64_t *amount);
};
extern const struct resource resource_cpu;     /* in thousandths */
extern const struct resource resource_memory;  /* in bytes */
extern const struct resource resource_storage; /* ephemeral-storage, in bytes */

/* What a ResourceList (requests, limits, allocatable …) says of it; 0 where it says nothing. */
int64_t demand_amount(struct value list, const struct resource *resource);

/* A container's limit without a request is its request. */
int64_t demand_container_request(struct value container, const struct resource *resource);
int64_t demand_request(struct value pod, const struct resource *resource);

/* 0 where there is no limit at all. *of_all: every container has one, so that the sum limits all of them. */
int64_t demand_limit(struct value pod, const struct resource *resource, bool *of_all);

#endif
