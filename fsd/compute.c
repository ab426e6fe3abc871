#include "fsd/compute.h"

#include "fsd/secret.h"
#include "lib/condition.h"

static struct value find_condition(struct value object, const char *type)
{
    return condition_find(value_at(object, "status", "conditions"), type);
}

/* ---- pods ---- */

/* Init containers with restartPolicy Always go on beside the others, and count with them. */
static bool is_sidecar(struct value object, struct str name)
{
    value_each (container, value_at(object, "spec", "initContainers"))
        if (str_equal(value_str(value_at(container, "name")), name))
            return value_is(value_at(container, "restartPolicy"), "Always");
    return false;
}

static void pod_ready(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    size_t total = value_count(value_at(object, "spec", "containers")), ready = 0;
    value_each (container, value_at(object, "spec", "initContainers"))
        total += value_is(value_at(container, "restartPolicy"), "Always");
    value_each (status, value_at(object, "status", "containerStatuses"))
        ready += value_true(value_at(status, "ready"));
    value_each (status, value_at(object, "status", "initContainerStatuses"))
        ready +=
            value_true(value_at(status, "ready")) && is_sidecar(object, value_str(value_at(status, "name")));
    buf_addf(out, "%zu/%zu", ready, total);
}

static void pod_restarts(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    int64_t restarts = 0;
    value_each (status, value_at(object, "status", "containerStatuses"))
        restarts += value_int_or(value_at(status, "restartCount"), 0);
    value_each (status, value_at(object, "status", "initContainerStatuses"))
        if (is_sidecar(object, value_str(value_at(status, "name"))))
            restarts += value_int_or(value_at(status, "restartCount"), 0);
    buf_addf(out, "%lld", (long long)restarts);
}

/* How a container ended, in a word or two. */
static void write_end(struct buf *out, struct value terminated)
{
    struct str reason = value_str(value_at(terminated, "reason"));
    if (reason.length != 0)
        buf_add_str(out, reason);
    else if (value_int_or(value_at(terminated, "signal"), 0) != 0)
        buf_addf(out, "Signal:%lld", (long long)value_int_or(value_at(terminated, "signal"), 0));
    else
        buf_addf(out, "ExitCode:%lld", (long long)value_int_or(value_at(terminated, "exitCode"), 0));
}

/* Nothing of a pod that has come to its end will begin any more, whatever its containers waited for. */
static bool is_over(struct value object)
{
    struct value phase = value_at(object, "status", "phase");
    return value_is(phase, "Failed") || value_is(phase, "Succeeded");
}

/* The first init container that has not done its part says where the pod stands; false when all have. */
static bool write_initializing(struct buf *out, struct value object)
{
    size_t index = 0, total = value_count(value_at(object, "spec", "initContainers"));
    value_each (status, value_at(object, "status", "initContainerStatuses")) {
        struct value terminated = value_at(status, "state", "terminated");
        struct value waiting = value_at(status, "state", "waiting", "reason");
        bool started = value_true(value_at(status, "started")) &&
                       is_sidecar(object, value_str(value_at(status, "name")));
        if (started || (value_exists(terminated) && value_int_or(value_at(terminated, "exitCode"), 0) == 0)) {
            index++;
            continue;
        }
        if (!value_exists(terminated) && is_over(object))
            return false;
        buf_add_text(out, "Init:");
        if (value_exists(terminated))
            write_end(out, terminated);
        else if (value_str(waiting).length != 0 && !value_is(waiting, "PodInitializing"))
            buf_add_str(out, value_str(waiting));
        else
            buf_addf(out, "%zu/%zu", index, total);
        return true;
    }
    return false;
}

/* What the containers say of themselves wins over the phase: a pod whose container crashes again and again is
 * "Running" by its phase. */
static bool write_containers(struct buf *out, struct value object)
{
    bool running = false, completed = false;
    struct value shown = VALUE_ABSENT;
    value_each (status, value_at(object, "status", "containerStatuses")) {
        struct value waiting = value_at(status, "state", "waiting", "reason");
        struct value terminated = value_at(status, "state", "terminated");
        bool end_is_fine = value_is(value_at(terminated, "reason"), "Completed");
        running |=
            value_true(value_at(status, "ready")) && value_exists(value_at(status, "state", "running"));
        completed |= end_is_fine;
        bool waits = value_str(waiting).length != 0 && !is_over(object);
        if (!value_exists(shown) && (waits || (value_exists(terminated) && !end_is_fine)))
            shown = status;
    }
    struct value waiting = value_at(shown, "state", "waiting", "reason");
    if (value_exists(waiting))
        buf_add_str(out, value_str(waiting));
    else if (value_exists(shown))
        write_end(out, value_at(shown, "state", "terminated"));
    else if (completed && running)
        buf_add_text(out, value_is(value_at(find_condition(object, "Ready"), "status"), "True") ? "Running"
                                                                                                : "NotReady");
    else if (completed)
        buf_add_text(out, "Completed");
    else
        return false;
    return true;
}

static void pod_status(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    struct value status = value_at(object, "status");
    struct str phase = value_str(value_at(status, "phase")), reason = value_str(value_at(status, "reason"));
    if (value_exists(value_at(object, "metadata", "deletionTimestamp"))) {
        buf_add_text(out, str_is(reason, "NodeLost") ? "Unknown" : "Terminating");
        return;
    }
    if (write_initializing(out, object) || write_containers(out, object))
        return;
    if (reason.length == 0)
        reason = phase;
    buf_add_str(out, reason.length != 0 ? reason : STR("Pending"));
}

/* How a container ended, if not well: what was said, or "OOMKilled, exit code 137". */
static void add_end(struct buf *out, struct value terminated)
{
    struct str message = str_trim(value_str(value_at(terminated, "message")));
    struct str reason = value_str(value_at(terminated, "reason"));
    int64_t code = value_int_or(value_at(terminated, "exitCode"), 0);
    if (code == 0 && (reason.length == 0 || str_is(reason, "Completed")))
        return;
    if (message.length != 0)
        buf_add_str(out, message);
    else
        buf_addf(out, STR_FORMAT ", exit code %lld", STR_ARGS(reason), (long long)code);
}

/* What a container waits for: the cause first, then what is done about it. */
static void add_trouble(struct buf *out, struct value status)
{
    struct value state = value_at(status, "state");
    struct str waits = value_str(value_at(state, "waiting", "message"));
    size_t before = out->length;
    add_end(out, value_at(state, "terminated"));
    if (waits.length == 0)
        return;
    if (value_is(value_at(state, "waiting", "reason"), "CrashLoopBackOff"))
        add_end(out, value_at(status, "lastState", "terminated"));
    if (out->length != before)
        buf_add_text(out, "; ");
    buf_add_str(out, waits);
}

/* Why something isn't well: what the pod itself has failed for, the sentence of the container that waits or
 * ended badly, or of the scheduler. */
static void pod_reason(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    static const char *const lists[] = {"initContainerStatuses", "containerStatuses"};
    struct str own = str_trim(value_str(value_at(object, "status", "message")));
    if (own.length != 0 && value_is(value_at(object, "status", "phase"), "Failed")) {
        buf_add_str(out, own);
        return;
    }
    for (size_t i = 0; i < 2; i++)
        value_each (status, value_at(object, "status", lists[i])) {
            size_t before = out->length;
            add_trouble(out, status);
            if (out->length != before)
                return;
        }
    struct value scheduled = find_condition(object, "PodScheduled");
    if (value_is(value_at(scheduled, "status"), "False"))
        buf_add_str(out, value_str(value_at(scheduled, "message")));
    else
        buf_add_str(out, value_str(value_at(object, "status", "message")));
}

/* ---- workloads ---- */

static int64_t status_count(struct value object, const char *name)
{
    return value_int_or(value_at(object, "status", name), 0);
}

static void replicas_ready(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    buf_addf(out, "%lld/%lld", (long long)status_count(object, "readyReplicas"),
             (long long)value_int_or(value_at(object, "spec", "replicas"), 1));
}

#define STATUS_COUNT(function, member)                                         \
    static void function(struct buf *out, struct value object, int64_t now_ms) \
    {                                                                          \
        (void)now_ms;                                                          \
        buf_addf(out, "%lld", (long long)status_count(object, member));        \
    }
STATUS_COUNT(updated_replicas, "updatedReplicas")
STATUS_COUNT(available_replicas, "availableReplicas")
STATUS_COUNT(current_replicas, "replicas")
STATUS_COUNT(ready_replicas, "readyReplicas")

/* What pods can't be made for, or else what they can't become ready for, or that it doesn't go on. */
static void workload_reason(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    static const struct {
        const char *type, *status;
    } wrong[] = {{"ReplicaFailure", "True"}, {"PodFailure", "True"}, {"Progressing", "False"}};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct value condition = find_condition(object, wrong[i].type);
        if (!value_is(value_at(condition, "status"), wrong[i].status))
            continue;
        struct str message = value_str(value_at(condition, "message"));
        buf_add_str(out, message.length != 0 ? message : value_str(value_at(condition, "reason")));
        return;
    }
}

static void write_requirement(struct buf *out, struct value requirement)
{
    struct str key = value_str(value_at(requirement, "key"));
    struct value operator= value_at(requirement, "operator");
    if (value_is(operator, "DoesNotExist"))
        buf_add_char(out, '!');
    buf_add_str(out, key);
    if (!value_is(operator, "In") && !value_is(operator, "NotIn"))
        return;
    buf_add_text(out, value_is(operator, "In") ? " in (" : " notin (");
    const char *between = "";
    value_each (value, value_at(requirement, "values")) {
        buf_addf(out, "%s" STR_FORMAT, between, STR_ARGS(value_str(value)));
        between = ",";
    }
    buf_add_char(out, ')');
}

static void selector(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    const char *between = "";
    struct value labels = value_at(object, "spec", "selector");
    value_each (label, value_at(labels, "matchLabels")) {
        buf_addf(out, "%s" STR_FORMAT "=" STR_FORMAT, between, STR_ARGS(value_key(label)),
                 STR_ARGS(value_str(label)));
        between = ",";
    }
    value_each (requirement, value_at(labels, "matchExpressions")) {
        buf_add_text(out, between);
        write_requirement(out, requirement);
        between = ",";
    }
}

/* ---- nodes ---- */

static void node_status(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    struct value status = value_at(find_condition(object, "Ready"), "status");
    buf_add_text(out, value_is(status, "True")    ? "Ready"
                      : value_is(status, "False") ? "NotReady"
                                                  : "Unknown");
    if (value_true(value_at(object, "spec", "unschedulable")))
        buf_add_text(out, ",SchedulingDisabled");
}

static void node_roles(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    static const struct str prefix = STR("node-role.kubernetes.io/");
    const char *between = "";
    value_each (label, value_at(object, "metadata", "labels")) {
        struct str key = value_key(label);
        if (!str_starts(key, prefix) || key.length == prefix.length)
            continue;
        buf_addf(out, "%s%.*s", between, (int)(key.length - prefix.length), key.at + prefix.length);
        between = ",";
    }
}

static void node_reason(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    struct value ready = find_condition(object, "Ready");
    if (value_exists(ready) && !value_is(value_at(ready, "status"), "True"))
        buf_add_str(out, value_str(value_at(ready, "message")));
}

/* ---- others ---- */

static void namespace_status(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    struct str phase = value_str(value_at(object, "status", "phase"));
    bool going = value_exists(value_at(object, "metadata", "deletionTimestamp"));
    buf_add_str(out, going ? STR("Terminating") : phase.length != 0 ? phase : STR("Active"));
}

static void data_count(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    buf_addf(out, "%zu", value_count(value_at(object, "data")) + value_count(value_at(object, "binaryData")));
}

static void secrets_count(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    buf_addf(out, "%zu", value_count(value_at(object, "secrets")));
}

static void secret_reason(struct buf *out, struct value object, int64_t now_ms)
{
    (void)now_ms;
    value_each (entry, value_at(object, "data"))
        if (secret_is_sealed(value_str(entry))) {
            buf_addf(out, "values are encrypted with the key " STR_FORMAT ", which is not here",
                     STR_ARGS(secret_key_name(value_str(entry))));
            return;
        }
}

/* ---- the table ---- */

static const struct {
    const char *name;
    compute_column *compute;
} computed[] = {
    {"podReady", pod_ready},
    {"podStatus", pod_status},
    {"podRestarts", pod_restarts},
    {"podReason", pod_reason},
    {"replicasReady", replicas_ready},
    {"updatedReplicas", updated_replicas},
    {"availableReplicas", available_replicas},
    {"currentReplicas", current_replicas},
    {"readyReplicas", ready_replicas},
    {"workloadReason", workload_reason},
    {"selector", selector},
    {"nodeStatus", node_status},
    {"nodeRoles", node_roles},
    {"nodeReason", node_reason},
    {"namespaceStatus", namespace_status},
    {"dataCount", data_count},
    {"secretsCount", secrets_count},
    {"secretReason", secret_reason},
};

compute_column *compute_find(struct str name)
{
    for (size_t i = 0; i < COUNT(computed); i++)
        if (str_is(name, computed[i].name))
            return computed[i].compute;
    return NULL;
}
