/* The supervisor: makes the mount, holds what must survive its children, keeps them running, and takes it all
 * down in order.
 *
 * Because it holds the /dev/fuse descriptor and the memory in which unanswered requests lie, fsd may be
 * killed or upgraded without the mount, open files, watches or calls in flight being lost. The supervisor
 * itself may be killed too: everything goes on without it, and the next one takes the descriptors out of the
 * running fsd, replaces the processes by children of its own, and goes on. Only when both have died at once
 * is the mount made anew. */
#ifndef PODTREE_SUPERVISOR_H
#define PODTREE_SUPERVISOR_H

#include "cli/settings.h"

/* Locks RUN/lock. Returns a descriptor that holds the lock, or -EWOULDBLOCK when somebody supervises there.
 */
int supervisor_lock(const char *run, struct error **err);

/* Runs a cluster until SIGTERM, SIGINT or a request on the control socket ends it. `ready` is called once, as
 * soon as the tree answers; when it doesn't, everything is stopped again and the sentence says what fsd said.
 * The caller holds the lock. */
int supervisor_run(const struct settings *settings, void (*ready)(void *context), void *context,
                   struct error **err);

/* The last line that a caller of "down" hears. */
#define SUPERVISOR_STOPPED "stopped"

/* Stops what a dead supervisor has left behind; `say` hears each step. The caller holds the lock. Returns
 * false in *found when there was nothing. */
int supervisor_clean_up(const char *run, bool end_pods, void (*say)(void *context, const char *text),
                        void *context, bool *found, struct error **err);

#endif
