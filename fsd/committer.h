/* The committer: a thread that makes batches durable, one after the other. Main hands it a batch and goes on;
 * while one is being written the next one fills. */
#ifndef PODTREE_COMMITTER_H
#define PODTREE_COMMITTER_H

#include "fsd/store.h"

struct committer;

/* Takes over the store. `event_fd` is written to (eventfd) whenever a batch has ended. */
int committer_start(struct store *store, int event_fd, struct committer **committer, struct error **err);

/* What is to be written, or NULL where that is nothing; called in the committer's thread. */
typedef const struct store_batch *committer_prepare(void *context);

/* What prepare() looks at, and what it says and all that this points to, must stay as it is until `context`
 * (not NULL) comes back. At most one batch is under way: the caller submits the next when the last has ended.
 * Never blocks. */
void committer_submit(struct committer *committer, committer_prepare *prepare, void *context);

/* The context of the batch that has ended, or NULL when none has; *err is NULL when it is durable, else what
 * the disk said (the caller's to free). Never blocks. */
void *committer_ended(struct committer *committer, struct error **err);

/* Waits for what is under way and closes the store. */
void committer_stop(struct committer *committer);

#endif
