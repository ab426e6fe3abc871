#include "fsd/worker.h"

#include "lib/log.h"
#include "lib/str.h"
#include <errno.h>
#include <pthread.h>

struct list {
    struct job *first, **end;
};

struct worker {
    const char *name;
    int wake_fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct list waiting, done;
    bool stopping;
    unsigned out; /* main's: submitted, and not taken back */
};

static void list_add(struct list *list, struct job *job)
{
    job->next = NULL;
    if (list->first == NULL)
        list->end = &list->first;
    *list->end = job;
    list->end = &job->next;
}

static struct job *list_take(struct list *list)
{
    struct job *job = list->first;
    if (job != NULL)
        list->first = job->next;
    return job;
}

static void *work(void *context)
{
    struct worker *worker = context;
    pthread_setname_np(pthread_self(), worker->name);
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (worker->waiting.first == NULL && !worker->stopping)
            pthread_cond_wait(&worker->filled, &worker->lock);
        if (worker->stopping)
            break;
        struct job *job = list_take(&worker->waiting);
        pthread_mutex_unlock(&worker->lock);
        job->run(job);
        pthread_mutex_lock(&worker->lock);
        list_add(&worker->done, job);
        uint64_t one = 1;
        if (write(worker->wake_fd, &one, sizeof(one)) < 0)
            log_error("cannot wake main: %s", strerror(errno));
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

int worker_start(const char *name, int wake_fd, struct worker **result, struct error **err)
{
    struct worker *worker = memory_zeroed(1, sizeof(*worker));
    worker->name = name;
    worker->wake_fd = wake_fd;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->filled, NULL);
    int number = pthread_create(&worker->thread, NULL, work, worker);
    if (number != 0) {
        free(worker);
        return error_errno(err, number, "cannot start the worker's thread");
    }
    *result = worker;
    return 0;
}

void worker_stop(struct worker *worker)
{
    if (worker == NULL)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_signal(&worker->filled);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->filled);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

void worker_submit(struct worker *worker, struct job *job)
{
    worker->out += !call_queue_is_empty(&job->calls);
    pthread_mutex_lock(&worker->lock);
    list_add(&worker->waiting, job);
    pthread_cond_signal(&worker->filled);
    pthread_mutex_unlock(&worker->lock);
}

struct job *worker_done(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    struct job *job = list_take(&worker->done);
    pthread_mutex_unlock(&worker->lock);
    if (job != NULL)
        worker->out -= !call_queue_is_empty(&job->calls);
    return job;
}

bool worker_is_idle(const struct worker *worker)
{
    return worker->out == 0;
}
