#include "nodeagent/errand.h"

#include "lib/str.h"
#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
    struct errand *first, **last;
};

/* The thread's and the loop's: under the lock, but for `source`, which is the loop's. Whoever of both is the
 * last to have to do with it frees it. */
struct line {
    pthread_mutex_t lock;
    const char *name;
    struct queue waiting, finished;
    bool working, closed;
    int wake; /* readable when something has been finished */
    struct loop_source *source;
    void (*last)(void *context);
    void *context;
};

/* ---- queues ---- */

static void queue_add(struct queue *queue, struct errand *errand)
{
    errand->next = NULL;
    *queue->last = errand;
    queue->last = &errand->next;
}

static struct errand *queue_take(struct queue *queue)
{
    struct errand *errand = queue->first;
    if (errand == NULL)
        return NULL;
    queue->first = errand->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    return errand;
}

static void queue_clear(struct queue *queue)
{
    struct errand *errand;
    while ((errand = queue_take(queue)) != NULL)
        errand->free(errand);
}

/* ---- the thread ---- */

static void end(struct line *line)
{
    queue_clear(&line->waiting);
    queue_clear(&line->finished);
    if (line->last != NULL)
        line->last(line->context);
    close(line->wake);
    pthread_mutex_destroy(&line->lock);
    free(line);
}

/* NULL: the thread has to end, and the line isn't its any more. */
static struct errand *next_of(struct line *line)
{
    pthread_mutex_lock(&line->lock);
    bool closed = line->closed;
    struct errand *errand = closed ? NULL : queue_take(&line->waiting);
    line->working = errand != NULL;
    pthread_mutex_unlock(&line->lock);
    if (closed)
        end(line);
    return errand;
}

static void hand_back(struct line *line, struct errand *errand)
{
    pthread_mutex_lock(&line->lock);
    queue_add(&line->finished, errand);
    eventfd_write(line->wake, 1);
    pthread_mutex_unlock(&line->lock);
}

static void work(struct line *line)
{
    struct errand *errand;
    while ((errand = next_of(line)) != NULL) {
        errand->work(errand);
        hand_back(line, errand);
    }
}

static void *run(void *context)
{
    struct line *line = context;
    pthread_setname_np(pthread_self(), line->name);
    work(line);
    return NULL;
}

/* Where there can be no thread it is done here: better late than never. */
static void start_thread(struct line *line)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int number = pthread_create(&thread, &attributes, run, line);
    pthread_attr_destroy(&attributes);
    if (number != 0)
        work(line);
}

/* ---- the loop ---- */

/* While something is left the descriptor stays readable. */
static struct errand *finished_of(struct line *line)
{
    eventfd_t count;
    pthread_mutex_lock(&line->lock);
    struct errand *errand = queue_take(&line->finished);
    if (line->finished.first == NULL)
        eventfd_read(line->wake, &count);
    pthread_mutex_unlock(&line->lock);
    return errand;
}

/* One at a time: what it leads to may free the line. */
static void on_finished(void *context, uint32_t events)
{
    (void)events;
    struct errand *errand = finished_of(context);
    if (errand == NULL)
        return;
    if (!errand->forgotten)
        errand->done(errand);
    errand->free(errand);
}

struct line *line_new(struct loop *loop, const char *name, struct error **err)
{
    struct line *line = memory_zeroed(1, sizeof(*line));
    *line = (struct line){.name = name, .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    pthread_mutex_init(&line->lock, NULL);
    line->waiting.last = &line->waiting.first;
    line->finished.last = &line->finished.first;
    if (line->wake < 0)
        error_errno(err, errno, "cannot make an eventfd");
    else
        line->source = loop_fd(loop, line->wake, EPOLLIN, on_finished, line, err);
    if (line->source != NULL)
        return line;
    end(line);
    return NULL;
}

void line_add(struct line *line, struct errand *errand)
{
    pthread_mutex_lock(&line->lock);
    queue_add(&line->waiting, errand);
    bool begins = !line->working;
    line->working = true;
    pthread_mutex_unlock(&line->lock);
    if (begins)
        start_thread(line);
}

/* Only the loop looks at the mark. */
void errand_forget(struct errand *errand)
{
    if (errand != NULL)
        errand->forgotten = true;
}

void line_free(struct line *line, void (*last)(void *context), void *context)
{
    if (line == NULL) {
        if (last != NULL)
            last(context);
        return;
    }
    loop_remove(line->source);
    pthread_mutex_lock(&line->lock);
    line->last = last;
    line->context = context;
    line->closed = true;
    bool working = line->working;
    pthread_mutex_unlock(&line->lock);
    if (!working)
        end(line);
}
