/* Mirror pods: what the tree shows of pods that a node runs by itself, from manifests on the machine. A
 * mirror has a uid of its own, as every object has; on the node the pod goes by another one. */
#ifndef PODTREE_MIRROR_H
#define PODTREE_MIRROR_H

#include "lib/doc.h"

/* Kubernetes' annotations of static pods. The hash is also their uid on the node; on a mirror the third one
 * says of which pod it is the mirror. */
#define MIRROR_SOURCE "kubernetes.io/config.source"
#define MIRROR_HASH   "kubernetes.io/config.hash"
#define MIRROR_OF     "kubernetes.io/config.mirror"

/* Of which pod it is the mirror; STR_NONE when it is none. */
static inline struct str mirror_of(struct value pod)
{
    return value_str(value_at(pod, "metadata", "annotations", MIRROR_OF));
}

/* The uid by which its node knows the pod: directories and logs are called like it. */
static inline struct str mirror_node_uid(struct value pod)
{
    struct str hash = mirror_of(pod);
    return hash.length != 0 ? hash : value_str(value_at(pod, "metadata", "uid"));
}

#endif
