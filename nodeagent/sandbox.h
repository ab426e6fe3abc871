/* Sandboxes: the small process (podtree-pause) that holds a pod's namespaces (namespaces.h), and the files
 * that all containers of the pod share: /dev/shm, hosts, hostname, resolv.conf.
 *
 * A sandbox exists exactly when its record RUN/pods/<uid>/sandbox.json does. The process is made with clone3,
 * prepares its namespaces, and waits until the record has been written before it becomes podtree-pause; if
 * the agent dies before, it sees that and ends. So there is never a pause process that no record knows.
 */
#ifndef PODTREE_SANDBOX_H
#define PODTREE_SANDBOX_H

#include "lib/loop.h"
#include "nodeagent/hierarchy.h"
#include "nodeagent/place.h"
#include "nodeagent/sysctl.h"

/* How long parts of it took. */
struct sandbox_times {
    int64_t directories_us, cgroup_us;
};

struct sandbox_config {
    const char *uid;
    const char *title;   /* namespace/name, for people who look at ps */
    uint64_t namespaces; /* flags of clone(): which are new, the others are the machine's */
    const char *hostname;
    struct str hosts, resolver; /* what /etc/hosts and /etc/resolv.conf say (names.h) */
    struct sysctls sysctls;     /* to be set in its namespaces; the caller's */
    enum quality quality;       /* the pod's, and what its group is limited to */
    struct limits limits;
    struct sandbox_times *times; /* filled in by then; lives until `started` is called. NULL: nobody asks */
};

struct sandbox_config sandbox_config_copy(const struct sandbox_config *config);
/* Of a copy. */
void sandbox_config_free(struct sandbox_config *config);

/* `error` is NULL when it runs, and then `pidfd` is the callee's; else it is freed after the call. */
typedef void sandbox_started_fn(void *context, pid_t pid, int pidfd, struct error *error);

/* Starts one; what was left of an earlier one of the same pod must have been removed. On failure `started` is
 * not called. */
int sandbox_start(struct loop *loop, const struct place *place, const struct cgroups *cgroups,
                  const struct sandbox_config *config, sandbox_started_fn *started, void *context,
                  struct error **err);

/* The process of the pod's sandbox if it lives: its pid, and in *pidfd a descriptor (the caller's). 0 if not.
 */
pid_t sandbox_find(const struct place *place, const char *uid, int *pidfd);

/* Kills the process; true when it lived. Its end is heard through its pidfd. */
bool sandbox_stop(const struct place *place, const char *uid);

/* Unmounts and removes everything in RUN/pods/<uid>, and the pod's cgroup. The process and all containers
 * must be gone: -EBUSY if one isn't. */
int sandbox_remove(const struct place *place, const struct cgroups *cgroups, const char *uid,
                   struct error **err);

#endif
