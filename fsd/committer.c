#include "fsd/committer.h"
#include "lib/fault.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>

/* When nothing has come for so long, nobody is likely to wait for the checkpoint. */
#define IDLE_NS (50 * 1000 * 1000)

enum phase { RESTING, SUBMITTED, WRITING, ENDED };

struct committer {
    struct store *store;
    int event_fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock: */
    enum phase phase;
    bool stopping;
    committer_prepare *prepare;
    void *context;
    struct error *failure;
};

static struct timespec idle_moment(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    moment.tv_nsec += IDLE_NS;
    moment.tv_sec += moment.tv_nsec / 1000000000;
    moment.tv_nsec %= 1000000000;
    return moment;
}

/* Waits, with the lock held, until there is something to do; uses the first quiet moment for the store's
 * housekeeping. False when it is time to end. */
static bool wait_for_batch(struct committer *committer, bool settled)
{
    struct timespec moment = idle_moment();
    while (committer->phase != SUBMITTED && !committer->stopping) {
        if (settled) {
            pthread_cond_wait(&committer->changed, &committer->lock);
        } else if (pthread_cond_timedwait(&committer->changed, &committer->lock, &moment) == ETIMEDOUT) {
            pthread_mutex_unlock(&committer->lock);
            store_settle(committer->store, true);
            pthread_mutex_lock(&committer->lock);
            settled = true;
        }
    }
    return committer->phase == SUBMITTED;
}

static void write_batch(struct committer *committer)
{
    committer->phase = WRITING;
    pthread_mutex_unlock(&committer->lock);
    struct error *failure = NULL;
    const struct store_batch *batch = committer->prepare(committer->context);
    fault_point("committing");
    if (batch != NULL)
        store_commit(committer->store, batch, &failure);
    fault_point("committed");
    pthread_mutex_lock(&committer->lock);
    committer->phase = ENDED;
    committer->failure = failure;
    pthread_mutex_unlock(&committer->lock);
    eventfd_write(committer->event_fd, 1); /* fails only when 2^64 ends have not been looked at */
    store_settle(committer->store, false);
    pthread_mutex_lock(&committer->lock);
}

static void *committer_thread(void *argument)
{
    struct committer *committer = argument;
    pthread_setname_np(pthread_self(), "committer");
    pthread_mutex_lock(&committer->lock);
    bool settled = true;
    while (wait_for_batch(committer, settled)) {
        write_batch(committer);
        settled = false;
    }
    pthread_mutex_unlock(&committer->lock);
    return NULL;
}

static void committer_free(struct committer *committer)
{
    pthread_mutex_destroy(&committer->lock);
    pthread_cond_destroy(&committer->changed);
    free(committer);
}

int committer_start(struct store *store, int event_fd, struct committer **committer, struct error **err)
{
    struct committer *made = memory_zeroed(1, sizeof(*made));
    made->store = store;
    made->event_fd = event_fd;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&made->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&made->lock, NULL);
    int number = pthread_create(&made->thread, NULL, committer_thread, made);
    if (number != 0) {
        committer_free(made);
        return error_errno(err, number, "cannot start the committer");
    }
    *committer = made;
    return 0;
}

void committer_submit(struct committer *committer, committer_prepare *prepare, void *context)
{
    pthread_mutex_lock(&committer->lock);
    if (committer->phase != RESTING)
        abort(); /* the last batch has not been fetched: a programming error */
    committer->prepare = prepare;
    committer->context = context;
    committer->phase = SUBMITTED;
    pthread_mutex_unlock(&committer->lock);
    pthread_cond_signal(&committer->changed); /* not before: it would wake up only to wait for the lock */
}

void *committer_ended(struct committer *committer, struct error **err)
{
    void *context = NULL;
    pthread_mutex_lock(&committer->lock);
    if (committer->phase == ENDED) {
        context = take_pointer(committer->context);
        error_move(err, take_pointer(committer->failure));
        committer->phase = RESTING;
    }
    pthread_mutex_unlock(&committer->lock);
    return context;
}

void committer_stop(struct committer *committer)
{
    if (committer == NULL)
        return;
    pthread_mutex_lock(&committer->lock);
    committer->stopping = true;
    pthread_cond_signal(&committer->changed);
    pthread_mutex_unlock(&committer->lock);
    pthread_join(committer->thread, NULL);
    store_close(committer->store);
    error_free(committer->failure);
    committer_free(committer);
}
