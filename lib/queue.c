#include "lib/queue.h"

#include <stdio.h>

/* ---- timers: a binary heap whose elements know their places ---- */

static void timer_place(struct queue *queue, size_t at, struct work *work)
{
    queue->timers[at] = work;
    work->timer_at = at;
}

static void timer_sift(struct queue *queue, size_t at)
{
    struct work *work = queue->timers[at];
    while (at > 0 && queue->timers[(at - 1) / 2]->due_ms > work->due_ms) {
        timer_place(queue, at, queue->timers[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < queue->timer_count && queue->timers[child + 1]->due_ms < queue->timers[child]->due_ms)
            child++;
        if (child >= queue->timer_count || queue->timers[child]->due_ms >= work->due_ms)
            break;
        timer_place(queue, at, queue->timers[child]);
        at = child;
    }
    timer_place(queue, at, work);
}

static void timer_stop(struct queue *queue, struct work *work)
{
    if (work->due_ms == 0)
        return;
    work->due_ms = 0;
    struct work *last = queue->timers[--queue->timer_count];
    if (last == work)
        return;
    timer_place(queue, work->timer_at, last);
    timer_sift(queue, work->timer_at);
}

void queue_at(struct queue *queue, struct work *work, int64_t due_ms)
{
    if (work->queued || (work->due_ms != 0 && work->due_ms <= due_ms))
        return;
    if (due_ms <= 0)
        due_ms = 1; /* 0 says that there is none */
    if (work->due_ms == 0) {
        array_grow(queue->timers, queue->timer_count, queue->timer_capacity);
        timer_place(queue, queue->timer_count++, work);
    }
    work->due_ms = due_ms;
    timer_sift(queue, work->timer_at);
}

int64_t queue_next_due(const struct queue *queue)
{
    return queue->timer_count != 0 ? queue->timers[0]->due_ms : -1;
}

void queue_due(struct queue *queue, int64_t now_ms)
{
    while (queue->timer_count != 0 && queue->timers[0]->due_ms <= now_ms)
        queue_again(queue, queue->timers[0]);
}

/* ---- works ---- */

static struct work *work_for(struct queue *queue, struct key key)
{
    char text[512];
    int length =
        snprintf(text, sizeof(text), STR_FORMAT "/" STR_FORMAT, STR_ARGS(key.namespace), STR_ARGS(key.name));
    if (length < 0 || (size_t)length >= sizeof(text))
        return NULL; /* nothing has such a name */
    struct str whole = {text, (size_t)length};
    struct work *work = map_entry(map_find(&queue->works, whole), struct work, by_key);
    if (work != NULL)
        return work;
    work = memory_zeroed(1, sizeof(*work));
    work->by_key.key = (struct str){str_dup(whole), whole.length};
    struct str own = work->by_key.key;
    work->key.namespace = (struct str){own.at, key.namespace.length};
    work->key.name = (struct str){own.at + key.namespace.length + 1, key.name.length};
    map_insert(&queue->works, &work->by_key);
    return work;
}

static void work_free(struct work *work)
{
    free((char *)work->by_key.key.at);
    free(work->needs);
    free(work->failure);
    free(work);
}

void work_needs(struct work *work, struct need need)
{
    for (size_t i = 0; i < work->need_count; i++)
        if (work->needs[i].view == need.view) {
            if (need.version > work->needs[i].version)
                work->needs[i].version = need.version;
            return;
        }
    array_grow(work->needs, work->need_count, work->need_capacity);
    work->needs[work->need_count++] = need;
}

bool work_is_ready(struct work *work, const struct cache *cache)
{
    size_t unmet = 0;
    for (size_t i = 0; i < work->need_count; i++)
        if (cache_reached(cache, work->needs[i].view) < work->needs[i].version)
            work->needs[unmet++] = work->needs[i];
    work->need_count = unmet;
    return unmet == 0;
}

void work_fail(struct work *work, struct str sentence)
{
    free(work->failure);
    work->failure = sentence.at != NULL ? str_dup(sentence) : NULL;
}

/* ---- the queue ---- */

void queue_again(struct queue *queue, struct work *work)
{
    timer_stop(queue, work);
    if (work->queued)
        return;
    work->queued = true;
    work->next = NULL;
    if (queue->last != NULL)
        queue->last->next = work;
    else
        queue->first = work;
    queue->last = work;
    queue->length++;
}

struct work *queue_add(struct queue *queue, struct key key)
{
    struct work *work = work_for(queue, key);
    if (work != NULL)
        queue_again(queue, work);
    return work;
}

struct work *queue_take(struct queue *queue)
{
    struct work *work = queue->first;
    if (work == NULL)
        return NULL;
    queue->first = work->next;
    if (queue->first == NULL)
        queue->last = NULL;
    queue->length--;
    work->queued = false;
    return work;
}

void queue_settle(struct queue *queue, struct work *work)
{
    if (work->queued || work->busy || work->due_ms != 0 || work->need_count != 0 || work->memory != 0 ||
        work->failures != 0 || work->conflicts != 0)
        return;
    map_remove(&queue->works, &work->by_key);
    work_free(work);
}

void queue_free(struct queue *queue)
{
    struct map_node *next;
    for (struct map_node *node = map_next(&queue->works, NULL); node != NULL; node = next) {
        next = map_next(&queue->works, node);
        work_free(map_entry(node, struct work, by_key));
    }
    map_free(&queue->works);
    free(queue->timers);
    *queue = (struct queue){0};
}
