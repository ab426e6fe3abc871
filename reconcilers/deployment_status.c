#include "lib/clock.h"
#include "lib/condition.h"
#include "lib/file.h"
#include "reconcilers/deployment_private.h"
#include "reconcilers/trouble.h"

/* What a deployment's status says: the sums over its sets, and conditions: Available (enough pods),
 * Progressing (it moves, has arrived, or is stuck), and while a set says so ReplicaFailure (pods can't be
 * made) and PodFailure (pods are there, and can't become ready).
 */

struct sums {
    int64_t replicas, told, updated, ready, available;
};

static struct sums sum(const struct rollout *rollout, const struct replicaset *current)
{
    struct sums sums = {0};
    for (size_t i = 0; i < rollout->count; i++) {
        const struct part *part = &rollout->parts[i];
        if (part->set == NULL)
            continue;
        sums.told += part->replicas;
        sums.replicas += part->has;
        sums.ready += part->set->ready_replicas;
        sums.available += part->available;
    }
    sums.updated = current != NULL ? current->has_replicas : 0;
    return sums;
}

bool deployment_is_complete(const struct rollout *rollout, const struct replicaset *current)
{
    struct sums sums = sum(rollout, current);
    int64_t replicas = rollout->deployment->replicas;
    return current != NULL && current->observed_generation >= current->meta.generation &&
           current->replicas == replicas && sums.updated == replicas && sums.replicas == replicas &&
           sums.available == replicas;
}

/* ---- conditions ---- */

struct telling {
    struct value conditions;
    int64_t now_ms;
};

static void __attribute__((format(printf, 5, 6)))
tell(struct telling *telling, const char *type, const char *status, const char *reason, const char *format,
     ...)
{
    autobuf struct buf message = {0};
    va_list args;
    va_start(args, format);
    buf_vaddf(&message, format, args);
    va_end(args);
    struct value changed =
        condition_set(telling->conditions, type, status, reason, buf_str(&message), telling->now_ms);
    if (!value_exists(changed))
        return;
    char time[CLOCK_TEXT];
    clock_format(telling->now_ms, time);
    value_set_str(changed, STR("lastUpdateTime"), str_of(time));
}

static void tell_available(struct telling *telling, const struct deployment *deployment,
                           const struct sums *sums)
{
    if (sums->available >= deployment->replicas - rollout_unavailable(deployment))
        tell(telling, "Available", "True", "MinimumReplicasAvailable",
             "Deployment has minimum availability.");
    else
        tell(telling, "Available", "False", "MinimumReplicasUnavailable",
             "Deployment does not have minimum availability.");
}

/* More of the new, less of the old, or more that works: since the status that is there. */
static bool has_progressed(const struct deployment *deployment, const struct sums *sums)
{
    struct value status = deployment->status;
    int64_t updated = value_int_or(value_get(status, STR("updatedReplicas")), 0);
    int64_t replicas = value_int_or(value_get(status, STR("replicas")), 0);
    return sums->updated > updated || sums->replicas - sums->updated < replicas - updated ||
           sums->ready > value_int_or(value_get(status, STR("readyReplicas")), 0) ||
           sums->available > value_int_or(value_get(status, STR("availableReplicas")), 0);
}

/* When it should have moved again. */
static int64_t deadline(const struct deployment *deployment, struct value condition)
{
    return view_time(value_get(condition, STR("lastUpdateTime"))) +
           deployment->progress_deadline_seconds * 1000;
}

static void touch(const struct telling *telling, struct value condition)
{
    char time[CLOCK_TEXT];
    clock_format(telling->now_ms, time);
    if (value_exists(condition))
        value_set_str(condition, STR("lastUpdateTime"), str_of(time));
}

static void tell_moving(struct pass *pass, struct telling *telling, const struct deployment *deployment,
                        const struct sums *sums, const char *subject)
{
    struct value before = condition_find(telling->conditions, "Progressing");
    bool arrived_before = value_is(value_get(before, STR("reason")), "NewReplicaSetAvailable");
    bool gave_up = value_is(value_get(before, STR("reason")), "ProgressDeadlineExceeded");
    if (arrived_before && sums->updated == sums->replicas)
        return; /* pods that come and go afterwards, and scaling, are no rollout */
    if (!value_exists(before) || arrived_before || has_progressed(deployment, sums)) {
        tell(telling, "Progressing", "True", "ReplicaSetUpdated", "%s is progressing.", subject);
        touch(telling, condition_find(telling->conditions, "Progressing"));
    } else if (gave_up) {
        return;
    } else if (deadline(deployment, before) <= telling->now_ms) {
        tell(telling, "Progressing", "False", "ProgressDeadlineExceeded", "%s has timed out progressing.",
             subject);
        return;
    }
    pass_again(pass,
               deadline(deployment, condition_find(telling->conditions, "Progressing")) - telling->now_ms);
}

static void tell_progressing(struct pass *pass, struct telling *telling, const struct rollout *rollout,
                             const struct replicaset *current, const struct sums *sums)
{
    const struct deployment *deployment = rollout->deployment;
    struct str name = current != NULL ? current->meta.name : deployment->meta.name;
    autofree char *subject =
        path_format("%s \"" STR_FORMAT "\"", current != NULL ? "ReplicaSet" : "Deployment", STR_ARGS(name));
    if (deployment->paused)
        tell(telling, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused");
    else if (deployment_is_complete(rollout, current))
        tell(telling, "Progressing", "True", "NewReplicaSetAvailable", "%s has successfully progressed.",
             subject);
    else if (value_is(value_get(condition_find(telling->conditions, "Progressing"), STR("reason")),
                      "DeploymentPaused"))
        tell(telling, "Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed");
    else
        tell_moving(pass, telling, deployment, sums, subject);
}

static struct value failure_of(const struct replicaset *set, const char *type)
{
    return set != NULL ? condition_find(value_get(set->status, STR("conditions")), type) : VALUE_ABSENT;
}

/* What the current set says, or else an older one. */
static struct value find_failure(const struct rollout *rollout, const struct replicaset *current,
                                 const char *type)
{
    struct value failure = failure_of(current, type);
    for (size_t i = 0; i < rollout->count && !value_exists(failure); i++)
        failure = failure_of(rollout->parts[i].set, type);
    return failure;
}

static void tell_failure(struct telling *telling, const char *type, struct value failure)
{
    autofree char *reason = str_dup(value_str(value_get(failure, STR("reason"))));
    if (value_exists(failure))
        tell(telling, type, "True", reason, STR_FORMAT,
             STR_ARGS(value_str(value_get(failure, STR("message")))));
    else
        condition_remove(telling->conditions, type);
}

void plan_deployment_status(struct pass *pass, const struct rollout *rollout,
                            const struct replicaset *current)
{
    const struct deployment *deployment = rollout->deployment;
    struct sums sums = sum(rollout, current);
    struct doc *merge = doc_new();
    struct value status = doc_root(merge);
    value_set_int(status, STR("observedGeneration"), deployment->meta.generation);
    value_set_int(status, STR("replicas"), sums.replicas);
    value_set_int(status, STR("updatedReplicas"), sums.updated);
    value_set_int(status, STR("readyReplicas"), sums.ready);
    value_set_int(status, STR("availableReplicas"), sums.available);
    value_set_int(status, STR("unavailableReplicas"),
                  sums.told > sums.available ? sums.told - sums.available : 0);
    struct value before = value_get(deployment->status, STR("conditions"));
    struct telling telling = {.now_ms = pass_now(pass)};
    telling.conditions = value_exists(before) ? value_set_copy(status, STR("conditions"), before)
                                              : value_set_array(status, STR("conditions"));
    tell_available(&telling, deployment, &sums);
    tell_progressing(pass, &telling, rollout, current, &sums);
    tell_failure(&telling, REPLICA_FAILURE, find_failure(rollout, current, REPLICA_FAILURE));
    tell_failure(&telling, POD_FAILURE, find_failure(rollout, current, POD_FAILURE));
    plan_status_change(pass, &deployment->meta, deployment->status, merge);
}
