/* Calls that wait in one place, in the order in which they came. A call is in one queue at a time: they are
 * linked through call.next, so that waiting takes no memory. The calls belong to whoever runs them. */
#ifndef PODTREE_CALL_QUEUE_H
#define PODTREE_CALL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct call;

/* All zeros: empty. */
struct call_queue {
    struct call *first, *last;
};

static inline bool call_queue_is_empty(const struct call_queue *queue)
{
    return queue->first == NULL;
}
/* At the end. */
void call_queue_add(struct call_queue *queue, struct call *call);
/* Takes the first one out; NULL when there is none. */
struct call *call_queue_take(struct call_queue *queue);
/* Moves all of `more` to the front, in their order. */
void call_queue_prepend(struct call_queue *queue, struct call_queue *more);
/* Moves all of `more` to the end, in their order. */
void call_queue_append(struct call_queue *queue, struct call_queue *more);

#endif
