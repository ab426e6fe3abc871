/* Digests: which of the changes that wait for the history make up the next commit, and what it says. Pure
 * functions of the queue and the clock; the historian carries them out. */
#ifndef PODTREE_DIGEST_H
#define PODTREE_DIGEST_H

#include "fsd/historian.h"

/* Nothing is due earlier than this after it has arrived. */
#define DIGEST_SOONEST_MS 200

void queue_add(struct history_queue *queue, struct history_entry *entry);
/* All of the other one, behind what is there. */
void queue_append(struct history_queue *queue, struct history_queue *more);
/* The first one; the queue must not be empty. */
struct history_entry *queue_take(struct history_queue *queue);

/* For qsort and bsearch of pointers to entries: by path, and of each path in the order of versions. */
int history_entry_order(const void *a, const void *b);

/* How many from the front are due at `now_ms`; when none is, *wait_ms says how long that lasts (-1: the queue
 * is empty). `ending`: nothing more will come. */
size_t digest_due(const struct history_queue *queue, int64_t now_ms, bool ending, int64_t *wait_ms);

/* One commit. */
struct digest {
    struct history_author author;
    struct buf message;
    const struct history_entry **files; /* the last state of each path */
    size_t file_count;
    int64_t time_ms; /* of the last of them */
};

/* The commits for the first `count` entries, in order: one, or, when changes of several persons had to be
 * taken together, one for each of them. Returns how many (to be freed with digest_free_all). */
size_t digest_make(const struct history_queue *queue, size_t count, struct digest **digests);
void digest_free_all(struct digest *digests, size_t count);

#endif
