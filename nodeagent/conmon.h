/* conmon, the monitor that each container has: it makes the container through the OCI runtime, is the parent
 * of its first process, writes what that prints into the log, and its exit code into a file. It is a daemon
 * with a session of its own, so it outlives the agent, and it ends with the container: so its end is the one
 * thing to wait for. */
#ifndef PODTREE_CONMON_H
#define PODTREE_CONMON_H

#include "lib/loop.h"
#include "nodeagent/cgroup.h"
#include "nodeagent/maker.h"
#include "nodeagent/place.h"

/* What the container's first process has for its standard files. */
struct conmon_files {
    bool terminal;    /* one of its own, whose output becomes the log */
    bool input;       /* it can be given input, else it reads /dev/null … */
    bool input_stays; /* … also when the first who gave it some has gone */
};

struct conmon_plan {
    const char *id;     /* of the container */
    const char *bundle; /* where config.json is; pid files go there too */
    const char *log;    /* file */
    const char *cgroup; /* of conmon itself, and of the runtime while it makes the container: whoever wants to
                           be sure that neither is at work any more kills the group */
    const struct maker *maker;
    struct conmon_files files;
};

/* `pid` is the container's first process, which waits to be started, and `pidfd` is its monitor's (the
 * callee's); error is NULL then. Else its number is EINVAL when the OCI runtime would not make such a
 * container, anything else when that may go better next time. */
typedef void conmon_done_fn(void *context, pid_t pid, int pidfd, struct error *error);

/* On failure `done` is not called. */
int conmon_start(struct loop *loop, const struct place *place, const struct cgroups *cgroups,
                 const struct conmon_plan *plan, conmon_done_fn *done, void *context, struct error **err);

/* The pid of the living monitor of a container, and in *pidfd a descriptor (the caller's); 0 when there is
 * none. */
pid_t conmon_find(const char *bundle, const char *id, int *pidfd);

/* The container's first process, as the monitor has noted it; 0 when there was none yet. */
pid_t conmon_container_pid(const char *bundle);

#endif
