/* The worker: a thread for what would hold main up for longer than it may: parsing and computing large
 * documents; another one reads logs (logs.h). Jobs are pure functions of what they own; main hands them over
 * and takes them back. */
#ifndef PODTREE_WORKER_H
#define PODTREE_WORKER_H

#include "fsd/call_queue.h"
#include "lib/error.h"
#include <stdbool.h>

struct worker;

struct job {
    void (*run)(struct job *job);  /* in the worker's thread */
    struct call_queue calls;       /* to be run again when it is done, whoever began it first … */
    void (*done)(struct job *job); /* … or, where no call waits for it, what main does then */
    struct job *next;
};

/* `name`: of the thread, at most 15 bytes. `wake_fd`: an eventfd that is written to whenever a job is done.
 */
int worker_start(const char *name, int wake_fd, struct worker **worker, struct error **err);
/* Finishes the job at work, drops the others. */
void worker_stop(struct worker *worker);
/* Never blocks. The job must stay where it is until it comes back. */
void worker_submit(struct worker *worker, struct job *job);
/* Main: everything that was submitted has been taken back. */
bool worker_is_idle(const struct worker *worker);
/* A job that is done, or NULL. Never blocks. */
struct job *worker_done(struct worker *worker);

#endif
