#include "nodeagent/decide.h"

/* What a pod gets that disappears without having been deleted properly. */
#define GONE_GRACE_SECONDS 2

struct deciding {
    struct pod_record *record;
    const struct circumstances *is;
    struct decision *decision;
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
    if (!container->end.valid || container->again)
        return true;
    if (value_is(policy, "Never"))
        return false;
    return !value_is(policy, "OnFailure") || container->end.exit_code != 0;
}

static bool is_deleted(struct value pod)
{
    return value_exists(value_at(pod, "metadata", "deletionTimestamp"));
}

static bool has_final_phase(struct value pod)
{
    struct value phase = value_at(pod, "status", "phase");
    return value_is(phase, "Succeeded") || value_is(phase, "Failed");
}

static bool has_ended_for_good(const struct pod_record *record, struct value pod)
{
    if (has_final_phase(pod))
        return true;
    for (int i = 0; i < record->container_count; i++) {
        const struct container_record *container = &record->containers[i];
        if (container->state != CONTAINER_NONE || decide_restarts(pod, container))
            return false;
    }
    return record->container_count > 0;
}

static int64_t grace_seconds(const struct deciding *d)
{
    struct value pod = d->is->pod;
    if (d->is->ending_all)
        return d->record->grace_seconds;
    if (!value_exists(pod))
        return GONE_GRACE_SECONDS;
    return value_int_or(value_at(pod, "metadata", "deletionGracePeriodSeconds"), d->record->grace_seconds);
}

/* ---- ending ---- */

static void end_running(const struct deciding *d, int i)
{
    const struct container_record *container = &d->record->containers[i];
    int64_t grace = grace_seconds(d);
    if (container->killed)
        return;
    if (grace <= 0)
        act(d, ACTION_KILL, i);
    else if (container->asked_ms == 0)
        act(d, ACTION_ASK, i);
    else if (has_come(d, container->asked_ms + grace * 1000))
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
    bool may_go = !value_exists(d->is->pod) || is_deleted(d->is->pod) || d->is->ending_all;
    if (d->record->sandbox == SANDBOX_NONE && !d->record->sandbox_busy && may_go)
        act(d, ACTION_FINISH, -1);
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
    return has_come(d, record_backoff_until(container)) && has_come(d, container->retry_ms);
}

/* A change that has been begun is brought to its end, whatever is asked for meanwhile. */
static void keep_running(const struct deciding *d, int i)
{
    const struct container_record *container = &d->record->containers[i];
    if (container->again)
        end_running(d, i);
    else if (asks_other_image(d, container))
        act(d, ACTION_CHANGE, i);
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
        return true;
    case CONTAINER_CREATED:
        act(d, asks_other_image(d, container) ? ACTION_REMOVE : ACTION_START, i);
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
        for (int i = 0; i < record->container_count; i++)
            if (!run_container(d, i))
                break;
        break;
    }
}

void decide(struct pod_record *record, const struct circumstances *circumstances, struct decision *decision)
{
    struct deciding d = {record, circumstances, decision};
    struct value pod = circumstances->pod;
    if (value_exists(pod) && !record->over)
        record->over = has_ended_for_good(record, pod);
    if (!value_exists(pod) || is_deleted(pod) || record->over || circumstances->ending_all)
        end_pod(&d);
    else
        run_pod(&d);
}
