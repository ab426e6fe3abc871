/* The way into a container for whoever tries its probes or runs its hooks: connections begin in its pod's
 * network, commands run in the container.
 */
#ifndef PODTREE_REACH_H
#define PODTREE_REACH_H

#include "nodeagent/probe_run.h"
#include "nodeagent/runtime.h"

struct reach {
    struct runtime *runtime;
    char *uid, *name;
    int attempt;
    int namespace;             /* a pidfd of the sandbox */
    struct runtime_exec *exec; /* the command that runs, and for whom */
    struct probe_run *run;
};

/* Fills a zeroed one, which stays where it is until it is closed. An error when the pod has no sandbox. */
int reach_open(struct reach *reach, struct runtime *runtime, const struct place *place, const char *uid,
               const char *name, int attempt, struct error **err);
/* Ends the command that runs. A zeroed one is fine. */
void reach_close(struct reach *reach);

/* How a try runs its command. */
struct probe_exec reach_exec(struct reach *reach);

#endif
