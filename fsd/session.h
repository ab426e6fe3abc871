/* The FUSE session: requests in, answers out, over a descriptor that the supervisor keeps. */
#ifndef PODTREE_SESSION_H
#define PODTREE_SESSION_H

#include "fsd/call.h"

struct session;

/* `fuse_fd` is the mounted /dev/fuse. After a takeover the kernel's first request (INIT) is played to libfuse
 * again. */
int session_open(struct fsd *fsd, int fuse_fd, struct session **session, struct error **err);
void session_close(struct session *session);

/* Carries out what a predecessor has left unanswered; call it when everything else is ready. */
void session_take_over(struct session *session);
/* Reads and carries out requests until there are none, or a millisecond has passed, or all slots are taken.
 * Returns 0, -EAGAIN when there may be more, or -ENODEV when it has been unmounted. */
int session_turn(struct session *session);
/* Runs the calls that wait for another turn. True while there are more. */
bool session_run_waiting(struct session *session);
void session_run_later(struct session *session, struct call *call);
/* Leaves `calls` empty. */
void session_run_all_later(struct session *session, struct call_queue *calls);
/* The same before all that wait: what they had from the worker is for what they asked, and nobody may change
 * that in between. Leaves `calls` empty. */
void session_run_next(struct session *session, struct call_queue *calls);

/* The slot of the request that is being dispatched, and whether a predecessor had read it. */
int session_slot(const struct session *session, bool *repeated);

#endif
