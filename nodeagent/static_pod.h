/* Static pods: pods that a node runs by itself, from files in a directory of the machine, whether there is a
 * tree or not. The pure part of it: from a manifest to a pod, and from the pod to its mirror in the tree.
 *
 * All as Kubernetes 1.32's kubelet has it (pkg/kubelet/config/common.go and file.go, pod/mirror_client.go): a
 * file is one pod; its name is the manifest's with the node's behind it, its uid a hash of what the manifest
 * says, of the node and of the file, so that a changed manifest is another pod, which takes the place of the
 * first. It may not need other objects: it has to run where there are none.
 */
#ifndef PODTREE_STATIC_POD_H
#define PODTREE_STATIC_POD_H

#include "lib/doc.h"

/* Is it the name of a manifest? Dot files, and what editors leave beside a file, are none. */
bool static_pod_is_manifest(const char *file_name);

/* Makes a pod of a manifest with its defaults, in place. `now_ms` is since when it is there. EINVAL when it
 * can't be a static pod. */
int static_pod_make(struct value manifest, const char *node, const char *path, int64_t now_ms,
                    struct error **err);

/* Marks it as one that is to go, gracefully, as deleted pods in the tree are. */
void static_pod_delete(struct value pod, int64_t now_ms);

/* It comes from the tree, whatever somebody has written into its annotations: static pods are critical. (The
 * kubelet, too, says itself where a pod comes from: pkg/kubelet/config/config.go.) */
void static_pod_disclaim(struct value pod);

/* What has to be done about the mirror of a pod. */
enum mirror_step {
    MIRROR_KEEP,
    MIRROR_CREATE,
    MIRROR_DELETE, /* it is another pod's, or is being deleted; then it is made anew */
};
/* Either may be absent, but not both. `node_uid`: of the node in the tree, STR_NONE while it isn't there. */
enum mirror_step static_pod_mirror_step(struct value pod, struct value mirror, struct str node_uid);
/* Fills an empty object: the mirror as it is created. The node owns it. */
void static_pod_mirror(struct value object, struct value pod, const char *node, struct str node_uid);

#endif
