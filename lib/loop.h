/* The event loop: one thread that waits for descriptors, timers, children and signals, and calls back.
 *
 * A source lives until it is removed; timers and children remove themselves when they have fired. A callback
 * may remove any source, its own too, and add others: what has been removed is never called, not even when
 * its event came in the same turn. Nothing here blocks but loop_turn() itself.
 */
#ifndef PODTREE_LOOP_H
#define PODTREE_LOOP_H

#include "lib/error.h"
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;
struct loop_source;

struct loop *loop_new(struct error **err);
/* Removes all sources. NULL is fine. */
void loop_free(struct loop *loop);

/* Calls `ready` whenever the descriptor has one of `events` (EPOLLIN, EPOLLOUT …); level-triggered. The
 * descriptor stays the caller's, and must not be closed before the source is removed. */
typedef void loop_ready_fn(void *context, uint32_t events);
struct loop_source *loop_fd(struct loop *loop, int fd, uint32_t events, loop_ready_fn *ready, void *context,
                            struct error **err);

/* Calls `due` once, at least `after_ms` from now (0: in the next turn). */
typedef void loop_due_fn(void *context);
struct loop_source *loop_timer(struct loop *loop, int64_t after_ms, loop_due_fn *due, void *context);

/* Calls `exited` once when the process behind the pidfd has ended. For a child that has been reaped here
 * `status` is as waitpid's; for a process that is nobody's child here it is -1. The loop takes the pidfd, and
 * closes it. */
typedef void loop_exited_fn(void *context, int status);
struct loop_source *loop_process(struct loop *loop, int pidfd, loop_exited_fn *exited, void *context,
                                 struct error **err);

/* Blocks the signals for the process and calls `caught` for each that comes. */
typedef void loop_caught_fn(void *context, int signal_number);
struct loop_source *loop_signals(struct loop *loop, const sigset_t *signals, loop_caught_fn *caught,
                                 void *context, struct error **err);

/* The source will not be called again, and is freed. NULL is fine. */
void loop_remove(struct loop_source *source);

/* Waits for something to happen, at most `wait_ms` (-1: as long as it takes), and makes the calls that are
 * due.
 */
int loop_turn(struct loop *loop, int wait_ms, struct error **err);
/* Turns until loop_stop() has been called. */
int loop_run(struct loop *loop, struct error **err);
void loop_stop(struct loop *loop);

#endif
