/* The verbs on their way: a few at a time, the others in line. */
#include "nodeagent/runtime_private.h"

#include <unistd.h>

/* For how long a verb may hold others up. */
#define SLOT_MS 5000

struct job *job_new(struct runtime *runtime, const char *uid, const char *name, int attempt,
                    runtime_done_fn *done, void *context)
{
    struct job *job = memory_zeroed(1, sizeof(*job));
    *job = (struct job){.runtime = runtime,
                        .uid = str_dup(str_of(uid)),
                        .attempt = attempt,
                        .fd = -1,
                        .done = done,
                        .context = context};
    if (name != NULL) {
        job->name = str_dup(str_of(name));
        job->id = place_container_id(uid, name, attempt);
        job->bundle = place_bundle(runtime->place, uid, name, attempt);
    }
    return job;
}

static void begin_waiting_jobs(struct runtime *runtime);

static void give_up_slot(struct job *job)
{
    if (job->slot == NULL)
        return;
    loop_remove(take_pointer(job->slot));
    job->runtime->working--;
}

static void on_slot_over(void *context)
{
    struct job *job = context;
    job->slot = NULL;
    job->runtime->working--;
    begin_waiting_jobs(job->runtime);
}

static void begin_waiting_jobs(struct runtime *runtime)
{
    while (runtime->working < RUNTIME_PARALLEL && runtime->first_waiting != NULL) {
        struct job *job = runtime->first_waiting;
        runtime->first_waiting = job->next;
        if (runtime->first_waiting == NULL)
            runtime->last_waiting = &runtime->first_waiting;
        runtime->working++;
        job->slot = loop_timer(runtime->loop, SLOT_MS, on_slot_over, job);
        job->begin(job);
    }
}

static void on_turn(void *context)
{
    begin_waiting_jobs(context);
}

void job_enqueue(struct job *job, void (*begin)(struct job *))
{
    struct runtime *runtime = job->runtime;
    job->begin = begin;
    *runtime->last_waiting = job;
    runtime->last_waiting = &job->next;
    loop_timer(runtime->loop, 0, on_turn, runtime);
}

void job_free(struct job *job)
{
    loop_remove(job->source);
    loop_remove(job->deadline);
    if (job->fd >= 0)
        close(job->fd);
    error_free(job->error);
    free(job->uid);
    free(job->name);
    free(job->id);
    free(job->bundle);
    maker_free(&job->maker);
    sandbox_config_free(&job->sandbox);
    free(job);
}

void job_end(struct job *job)
{
    struct runtime *runtime = job->runtime;
    job->done(job->context, job->error);
    give_up_slot(job);
    job_free(job);
    begin_waiting_jobs(runtime);
}
