/* Which control groups there are on a node, and which is whose; nobody else knows their paths. As the kubelet
 * makes them: the classes of pods (quality.h) that have asked for less, or for nothing, are a group each,
 * which has as much of the processors as its pods have asked for; guaranteed pods stand beside them. A pod is
 * a group, with the limits of all its containers together, and below it there is one for each of those.
 *
 *     /podtree/1f0c43aa/                      a node (place.h)
 *         pod<uid>/                           a guaranteed pod
 *             sandbox/                        the pause process
 *             <container>.<attempt>/          made by the OCI runtime
 *         burstable/pod<uid>/
 *         besteffort/pod<uid>/
 *         monitors/<uid>.<container>.<attempt>/   conmon, the OCI runtime while it is at work on it
 *
 * Monitors stand apart, so that nothing of what is ours is counted as the pod's. In version 1 they and the
 * pause process are only in the hierarchy that tracks processes.
 *
 * Where a pod's group is, is looked for, not remembered: earlier versions had all pods below the node, and
 * their monitors in them; what runs there goes on, and is ended there.
 */
#ifndef PODTREE_HIERARCHY_H
#define PODTREE_HIERARCHY_H

#include "nodeagent/cgroup.h"
#include "nodeagent/place.h"
#include "nodeagent/quality.h"

/* Makes the groups of the classes, and gives them their shares: `burstable_milli` is what the pods of that
 * one have asked for together. */
int hierarchy_share(const struct cgroups *cgroups, const struct place *place, int64_t burstable_milli,
                    struct error **err);

/* Makes the group of a pod that has none yet, and sets its limits. */
int hierarchy_make_pod(const struct cgroups *cgroups, const struct place *place, const char *uid,
                       enum quality quality, const struct limits *limits, struct error **err);

/* Paths of groups, for cgroup.h; all to be freed. Where there is none, they are what nobody has. */
char *hierarchy_pod(const struct cgroups *cgroups, const struct place *place, const char *uid);
/* The pause process'. */
char *hierarchy_sandbox(const struct cgroups *cgroups, const struct place *place, const char *uid);
char *hierarchy_container(const struct cgroups *cgroups, const struct place *place, const char *uid,
                          const char *container, int attempt);
/* May be made: that of the container's monitor, and of the runtime while it makes the container. */
char *hierarchy_monitor(const struct cgroups *cgroups, const struct place *place, const char *uid,
                        const char *container, int attempt);

/* Calls for every pod, and every container with a monitor, of which there is a group; several times perhaps.
 * Of a pod `container` is NULL. */
typedef void hierarchy_found_fn(void *context, const char *uid, const char *container, int attempt);
void hierarchy_list(const struct cgroups *cgroups, const struct place *place, hierarchy_found_fn *found,
                    void *context);

#endif
