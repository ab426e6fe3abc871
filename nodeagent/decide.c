#include "nodeagent/decide.h"

#include "lib/clock.h"
#include "nodeagent/document.h"

/* What a pod gets that disappears without having been deleted properly. */
#define GONE_GRACE_SECONDS 2
/* How often it is looked whether the others have ended for which a pod is held: only while some end. */
#define HELD_MS 100
/* What a container gets at least after the signal when its hook or its turn has taken of its grace (the
 * kubelet's minimumGracePeriodInSeconds). */
#define LEAST_GRACE_SECONDS 2

struct deciding {
    struct pod_record *record;
    const struct circumstances *is;
    struct decision *decision;
    bool ending; /* all of the pod */
};

static void act(const struct deciding *d, enum action_kind kind, int container)
{
    array_grow(d->decision->actions, d->decision->count, d->decision->capacity);
    d->decision->actions[d->decision->count++] = (struct action){kind, container};
}

static void wake_at(const struct deciding *d, int64_t ms)
{
    if (d->decision->wake_ms == 0 || ms < d->decision->wake_ms)
        d->decision->wake_ms = ms;
}

/* True when that time has come; else it will be looked at again then. */
static bool has_come(const struct deciding *d, int64_t ms)
{
    if (ms <= d->is->now_ms)
        return true;
    wake_at(d, ms);
    return false;
}

void decision_free(struct decision *decision)
{
    free(decision->actions);
    *decision = (struct decision){0};
}

bool decide_restarts(struct value pod, const struct container_record *container)
{
    struct value policy = value_at(pod, "spec", "restartPolicy");
    if (!container->end.valid || container->again || container->role == ROLE_SIDECAR)
        return true;
    if (container->role == ROLE_INIT && container->done)
        return false;
    if (value_is(policy, "Never"))
        return false;
    return (container->role == ROLE_ORDINARY && !value_is(policy, "OnFailure")) ||
           container->end.exit_code != 0;
}

/* ---- is it over? ---- */

static bool has_ended_for_good(const struct deciding *d, const struct container_record *container)
{
    return container->state == CONTAINER_NONE && !decide_restarts(d->is->pod, container);
}

/* It is when one of its init containers has failed for good, or all ordinary ones have ended for good. */
static bool containers_are_over(const struct deciding *d)
{
    const struct pod_record *record = d->record;
    int ordinary = 0, left = 0;
    for (int i = 0; i < record->container_count; i++) {
        const struct container_record *container = &record->containers[i];
        bool ended = has_ended_for_good(d, container);
        if (container->role == ROLE_INIT && ended && !container->done)
            return true;
        ordinary += container->role == ROLE_ORDINARY;
        left += container->role == ROLE_ORDINARY && !ended;
    }
    return ordinary > 0 && left == 0;
}

/* The deadline counts from when the node has first said something of the pod. */
static bool deadline_has_come(const struct deciding *d)
{
    int64_t started_ms, seconds;
    return value_int(value_at(d->is->pod, "spec", "activeDeadlineSeconds"), &seconds) &&
           clock_parse(value_str(value_at(d->is->pod, "status", "startTime")), &started_ms) &&
           has_come(d, started_ms + seconds * 1000);
}

static void look_for_end(const struct deciding *d)
{
    struct pod_record *record = d->record;
    if (record->over || !value_exists(d->is->pod))
        return;
    record->over = document_has_ended(d->is->pod) || containers_are_over(d);
    if (!record->over && !document_is_deleted(d->is->pod) && deadline_has_come(d))
        record_fail(record, DEADLINE_REASON, DEADLINE_MESSAGE);
}

/* ---- ending ---- */

static int64_t asked_grace_seconds(const struct deciding *d, const struct container_record *container)
{
    struct value pod = d->is->pod;
    int64_t own = container->grace_seconds, of_pod = d->record->grace_seconds;
    if (d->is->ending_all)
        return of_pod;
    if (!value_exists(pod))
        return GONE_GRACE_SECONDS;
    if (document_is_deleted(pod))
        return value_int_or(value_at(pod, "metadata", "deletionGracePeriodSeconds"), of_pod);
    return own >= 0 ? own : of_pod;
}

static int64_t grace_seconds(const struct deciding *d, const struct container_record *container)
{
    int64_t asked = asked_grace_seconds(d, container), most = d->record->failure_grace_seconds;
    return most > 0 && most < asked ? most : asked;
}

/* Sidecars serve the others to their end: a sidecar's turn comes when all ordinary containers, and all
 * sidecars that began after it, have ended. */
static bool has_turn(const struct deciding *d, int i)
{
    const struct container_record *containers = d->record->containers;
    if (!d->ending || containers[i].role != ROLE_SIDECAR)
        return true;
    for (int other = 0; other < d->record->container_count; other++) {
        bool serves =
            containers[other].role == ROLE_ORDINARY || (containers[other].role == ROLE_SIDECAR && other > i);
        if (serves && containers[other].state == CONTAINER_RUNNING)
            return false;
    }
    return true;
}

/* Its hook and the wait for its turn are part of its grace. */
static void come_to_signal(const struct deciding *d, int i, int64_t grace)
{
    const struct container_record *container = &d->record->containers[i];
    bool may = !container->pre_stop_due && has_turn(d, i);
    if (may || has_come(d, container->asked_ms + grace * 1000))
        act(d, ACTION_SIGNAL, i);
    else if (container->pre_stop_due && !container->hooking)
        act(d, ACTION_PRE_STOP, i);
}

/* As in the kubelet, what has been waited for counts in whole seconds. */
static int64_t kill_ms(const struct container_record *container, int64_t grace)
{
    int64_t waited = (container->signalled_ms - container->asked_ms) / 1000;
    int64_t left = grace - waited;
    if (waited > 0 && left < LEAST_GRACE_SECONDS)
        left = LEAST_GRACE_SECONDS;
    return container->signalled_ms + left * 1000;
}

static void end_running(const struct deciding *d, int i)
{
    const struct container_record *container = &d->record->containers[i];
    int64_t grace = grace_seconds(d, container);
    if (container->killed)
        return;
    if (grace <= 0)
        act(d, ACTION_KILL, i);
    else if (container->asked_ms == 0)
        act(d, ACTION_ASK, i);
    else if (container->signalled_ms == 0)
        come_to_signal(d, i, grace);
    else if (has_come(d, kill_ms(container, grace)))
        act(d, ACTION_KILL, i);
}

/* Takes a step towards the container's end; false when nothing of it is left. */
static bool end_container(const struct deciding *d, int i)
{
    const struct container_record *container = &d->record->containers[i];
    if (container->busy)
        return true;
    if (container->state == CONTAINER_RUNNING) {
        end_running(d, i);
        return true;
    }
    if (!container->remains && container->state == CONTAINER_NONE)
        return false;
    act(d, ACTION_REMOVE, i);
    return true;
}

static void end_sandbox(const struct deciding *d)
{
    if (d->record->sandbox_busy)
        return;
    if (d->record->sandbox == SANDBOX_READY)
        act(d, ACTION_STOP_SANDBOX, -1);
    else if (d->record->sandbox == SANDBOX_ENDED && has_come(d, d->record->sandbox_retry_ms))
        act(d, ACTION_REMOVE_SANDBOX, -1);
}

static void end_pod(const struct deciding *d)
{
    bool left = false;
    for (int i = 0; i < d->record->container_count; i++)
        left |= end_container(d, i);
    if (left)
        return;
    end_sandbox(d);
    if (d->record->sandbox != SANDBOX_NONE || d->record->sandbox_busy)
        return;
    if (!value_exists(d->is->pod) || document_is_deleted(d->is->pod) || d->is->ending_all)
        act(d, ACTION_FINISH, -1);
    else if (!d->record->volumes_gone && has_come(d, d->record->sandbox_retry_ms))
        act(d, ACTION_REMOVE_VOLUMES, -1);
}

/* ---- running ---- */

/* The namespaces have gone: the containers in them go too, and then all is made anew. */
static void replace_sandbox(const struct deciding *d)
{
    bool left = false;
    for (int i = 0; i < d->record->container_count; i++) {
        const struct container_record *container = &d->record->containers[i];
        if (container->state == CONTAINER_RUNNING && !container->busy) {
            if (!container->killed)
                act(d, ACTION_KILL, i);
            left = true;
        } else {
            left |= end_container(d, i);
        }
    }
    if (!left)
        end_sandbox(d);
}

/* The only thing of a container that may be changed while its pod is there is its image. */
static bool asks_other_image(const struct deciding *d, const struct container_record *container)
{
    return record_asks_other_image(container, d->is->pod);
}

/* What went wrong with one image says nothing about another. */
static bool is_due(const struct deciding *d, const struct container_record *container)
{
    if (asks_other_image(d, container))
        return true;
    has_come(d, record_hook_failure_until(container)); /* its status says something else then */
    return has_come(d, record_backoff_until(container)) && has_come(d, container->retry_ms);
}

/* What is ending is brought to its end, whatever is asked for meanwhile. An init container that does its part
 * is left to it. */
static void keep_running(const struct deciding *d, int i)
{
    const struct container_record *container = &d->record->containers[i];
    if (container->asked_ms != 0)
        end_running(d, i);
    else if (asks_other_image(d, container) && container->role != ROLE_INIT)
        act(d, ACTION_CHANGE, i);
    else if (container->unfit != NULL)
        act(d, ACTION_ASK, i);
    else if (container->post_start_due && !container->hooking)
        act(d, ACTION_POST_START, i);
}

/* Containers start one after another, in their order: one that is on its way holds the others back, one that
 * can't be made doesn't. Returns false when the others have to wait. */
static bool run_container(const struct deciding *d, int i)
{
    const struct container_record *container = &d->record->containers[i];
    if (container->busy)
        return container->state == CONTAINER_NONE; /* the remains of an earlier attempt are being removed */
    switch (container->state) {
    case CONTAINER_RUNNING:
        keep_running(d, i);
        return !container->post_start_due;
    case CONTAINER_CREATED:
        if (asks_other_image(d, container))
            act(d, ACTION_REMOVE, i);
        else if (has_come(d, container->retry_ms)) /* the runtime may have failed to start it */
            act(d, ACTION_START, i);
        return false;
    case CONTAINER_CREATING: /* an earlier agent was about to make it */
        act(d, ACTION_REMOVE, i);
        return false;
    case CONTAINER_NONE:
        break;
    }
    if (container->remains) {
        act(d, ACTION_REMOVE, i);
        return true;
    }
    if (!decide_restarts(d->is->pod, container) || !is_due(d, container))
        return true;
    act(d, ACTION_CREATE, i);
    return false;
}

/* The same for one that comes before the ordinary containers: the others wait until it has done its part. A
 * sidecar that has done it once, and is run again, doesn't hold them back. */
static bool run_first(const struct deciding *d, int i)
{
    struct container_record *container = &d->record->containers[i];
    bool others = run_container(d, i);
    if (container->role == ROLE_SIDECAR && record_runs(container) && !container->starting &&
        container->asked_ms == 0)
        container->done = true;
    return others && container->done;
}

static void run_containers(const struct deciding *d)
{
    const struct pod_record *record = d->record;
    bool others = true;
    for (int i = 0; i < record->container_count && others; i++)
        others = record->containers[i].role == ROLE_ORDINARY ? run_container(d, i) : run_first(d, i);
}

static void run_pod(const struct deciding *d)
{
    const struct pod_record *record = d->record;
    if (record->sandbox_busy)
        return;
    switch (record->sandbox) {
    case SANDBOX_NONE:
        if (has_come(d, record->sandbox_retry_ms))
            act(d, ACTION_RUN_SANDBOX, -1);
        break;
    case SANDBOX_ENDED:
        replace_sandbox(d);
        break;
    case SANDBOX_READY:
        run_containers(d);
        break;
    }
}

void decide(struct pod_record *record, const struct circumstances *circumstances, struct decision *decision)
{
    struct deciding d = {record, circumstances, decision, false};
    struct value pod = circumstances->pod;
    look_for_end(&d);
    d.ending = !value_exists(pod) || document_is_deleted(pod) || record->over || circumstances->ending_all;
    bool begins = record->sandbox == SANDBOX_NONE && !record->sandbox_busy && !d.ending;
    if (circumstances->held && (circumstances->ending_all || begins))
        wake_at(&d, circumstances->now_ms + HELD_MS);
    else if (d.ending)
        end_pod(&d);
    else
        run_pod(&d);
}
