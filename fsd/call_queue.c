#include "fsd/call_queue.h"

#include "fsd/call.h"

void call_queue_add(struct call_queue *queue, struct call *call)
{
    call->next = NULL;
    *(queue->first != NULL ? &queue->last->next : &queue->first) = call;
    queue->last = call;
}

struct call *call_queue_take(struct call_queue *queue)
{
    struct call *call = queue->first;
    if (call != NULL)
        queue->first = call->next;
    return call;
}

void call_queue_append(struct call_queue *queue, struct call_queue *more)
{
    if (more->first == NULL)
        return;
    *(queue->first != NULL ? &queue->last->next : &queue->first) = more->first;
    queue->last = more->last;
    *more = (struct call_queue){0};
}

void call_queue_prepend(struct call_queue *queue, struct call_queue *more)
{
    call_queue_append(more, queue);
    *queue = *more;
    *more = (struct call_queue){0};
}
