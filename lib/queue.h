/* The keys that a controller has to look at: now, later, or once the cache has caught up. */
#ifndef PODTREE_QUEUE_H
#define PODTREE_QUEUE_H

#include "lib/map.h"
#include "lib/pass_private.h"

/* How a turn ended for a key, the worse the higher. */
enum outcome { OUTCOME_NONE, OUTCOME_DONE, OUTCOME_CONFLICT, OUTCOME_FAILURE };

/* A key of which something is known or due. It is dropped when nothing is. */
struct work {
    struct map_node by_key; /* "namespace/name" */
    struct key key;         /* points into that */
    struct work *next;      /* in the queue */
    bool queued;
    bool busy;       /* in the turn that is under way: stays whatever becomes of it */
    int64_t due_ms;  /* the timer; 0: none */
    int64_t rest_ms; /* until then nothing is reported (monotonic) */
    size_t timer_at; /* its place among the timers */
    struct need *needs;
    size_t need_count, need_capacity;
    int64_t memory;
    int conflicts, failures;
    char *failure;
    enum outcome outcome; /* of the turn that is under way */
};

struct queue {
    struct map works;
    struct work *first, *last; /* to be looked at, in the order in which they came */
    size_t length;
    struct work **timers; /* a heap, the earliest first */
    size_t timer_count, timer_capacity;
};

/* With all keys. */
void queue_free(struct queue *queue);

/* Look at it as soon as possible. A key that is there already stays where it stands. */
struct work *queue_add(struct queue *queue, struct key key);
/* The same of a key that is known. */
void queue_again(struct queue *queue, struct work *work);
/* Look at it at this time (monotonic), unless a timer is due earlier already. */
void queue_at(struct queue *queue, struct work *work, int64_t due_ms);
/* Look at it, but not before the cache has this version of the kind. */
void work_needs(struct work *work, struct need need);
/* Is everything there? Forgets the needs that are met. */
bool work_is_ready(struct work *work, const struct cache *cache);
/* Keeps the sentence of a failure, NULL for none. */
void work_fail(struct work *work, struct str sentence);

/* Queues the keys whose time has come. */
void queue_due(struct queue *queue, int64_t now_ms);
/* When the next timer is due; -1: there is none. */
int64_t queue_next_due(const struct queue *queue);
/* The first in the queue, taken out; NULL when it is empty. Its timer is off from then on. */
struct work *queue_take(struct queue *queue);
/* Drops the key if nothing is due or to be remembered of it. */
void queue_settle(struct queue *queue, struct work *work);

#endif
