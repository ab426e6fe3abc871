/* The agent's side of a node's door (lib/door.h): hears what people want of containers, and has it done.
 *
 * A talk is the agent's only until what was asked for has begun. From then on it is between the caller and
 * the program that does it. */
#ifndef PODTREE_CALLERS_H
#define PODTREE_CALLERS_H

#include "nodeagent/runtime.h"

struct callers;

/* The target has the pod's uid, as people know it, and the container's name: puts in by what uid the pod is
 * known here and which attempt is running, and says for whom that is in words ("default/web-1"; to be freed).
 * An error when none is. */
typedef int callers_find_fn(void *context, struct runtime_target *target, char **title, struct error **err);

/* Opens the door in the place's run directory. */
struct callers *callers_open(struct loop *loop, struct runtime *runtime, const char *run,
                             callers_find_fn *find, void *context, struct error **err);
/* What has begun goes on. NULL is fine. */
void callers_close(struct callers *callers);

#endif
