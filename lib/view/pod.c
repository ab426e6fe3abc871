#include "lib/condition.h"
#include "lib/demand.h"
#include "lib/views.h"

static enum pod_phase phase_of(struct value phase)
{
    static const char *const names[] = {[POD_RUNNING] = "Running",
                                        [POD_SUCCEEDED] = "Succeeded",
                                        [POD_FAILED] = "Failed",
                                        [POD_UNKNOWN] = "Unknown"};
    for (enum pod_phase p = POD_RUNNING; p <= POD_UNKNOWN; p++)
        if (value_is(phase, names[p]))
            return p;
    return POD_PENDING;
}

static const struct amounts *keep_requests(struct keeper *keeper, struct value spec)
{
    autoamounts struct amounts requests = {0};
    demand_of_pod(&requests, spec);
    return keep_amounts(keeper, &requests);
}

static int32_t most_restarts(struct value statuses)
{
    int64_t most = 0;
    value_each (status, statuses) {
        int64_t restarts = value_int_or(value_get(status, STR("restartCount")), 0);
        most = restarts > most ? restarts : most;
    }
    return (int32_t)most;
}

static void fill_conditions(struct keeper *keeper, struct value conditions, struct pod *pod)
{
    value_each (condition, conditions) {
        struct value type = value_get(condition, STR("type"));
        bool true_now = value_is(value_get(condition, STR("status")), "True");
        if (value_is(type, "Ready") && true_now) {
            pod->ready = true;
            pod->ready_since_ms = view_time(value_get(condition, STR("lastTransitionTime")));
        } else if (value_is(type, "PodScheduled") && !true_now) {
            struct str message = value_str(value_get(condition, STR("message")));
            pod->unscheduled_because = keep_str(keeper, message);
        }
    }
}

/* ---- what keeps it from being ready ---- */

/* It waits for nothing but its turn. */
static bool is_on_its_way(struct str reason, struct str message)
{
    bool turn = str_is(reason, "ContainerCreating") || str_is(reason, "PodInitializing");
    return reason.length == 0 || (turn && message.length == 0);
}

/* Of a container that crashes again and again it matters how, not how long the next pause is. */
static void fill_crash(struct keeper *keeper, struct value ended, struct pod *pod)
{
    struct str message = value_str(value_get(ended, STR("message")));
    autobuf struct buf end = {0};
    buf_addf(&end, STR_FORMAT ", exit code %lld", STR_ARGS(value_str(value_get(ended, STR("reason")))),
             (long long)value_int_or(value_get(ended, STR("exitCode")), 0));
    pod->trouble_message = keep_str(keeper, message.length != 0 ? message : buf_str(&end));
}

static bool fill_container_trouble(struct keeper *keeper, struct value statuses, struct pod *pod)
{
    value_each (status, statuses) {
        struct value waiting = value_at(status, "state", "waiting");
        struct str reason = value_str(value_get(waiting, STR("reason")));
        struct str message = value_str(value_get(waiting, STR("message")));
        if (is_on_its_way(reason, message))
            continue;
        pod->trouble = keep_str(keeper, reason);
        if (str_is(reason, "CrashLoopBackOff"))
            fill_crash(keeper, value_at(status, "lastState", "terminated"), pod);
        else
            pod->trouble_message = keep_str(keeper, message);
        return true;
    }
    return false;
}

static void fill_trouble(struct keeper *keeper, struct value status, struct pod *pod)
{
    if (fill_container_trouble(keeper, value_get(status, STR("initContainerStatuses")), pod) ||
        fill_container_trouble(keeper, value_get(status, STR("containerStatuses")), pod) ||
        pod->unscheduled_because.length == 0)
        return;
    struct value scheduled = condition_find(value_get(status, STR("conditions")), "PodScheduled");
    struct str reason = value_str(value_get(scheduled, STR("reason")));
    pod->trouble = reason.length != 0 ? keep_str(keeper, reason) : STR("Unschedulable");
    pod->trouble_message = pod->unscheduled_because;
}

/* What only the scheduler asks. */
static void fill_unbound(struct keeper *keeper, struct value spec, struct value conditions, struct pod *pod)
{
    pod->priority = (int32_t)value_int_or(value_get(spec, STR("priority")), 0);
    pod->scheduler_name = keep_str(keeper, value_str(value_get(spec, STR("schedulerName"))));
    pod->node_selector = keep_value(keeper, value_get(spec, STR("nodeSelector")));
    struct value affinity = value_at(spec, "affinity", "nodeAffinity");
    pod->node_affinity =
        keep_value(keeper, value_get(affinity, STR("requiredDuringSchedulingIgnoredDuringExecution")));
    pod->tolerations = keep_value(keeper, value_get(spec, STR("tolerations")));
    pod->conditions = keep_value(keeper, conditions);
    pod->gated = value_count(value_get(spec, STR("schedulingGates"))) != 0;
}

static void fill(struct keeper *keeper, struct value object, void *view)
{
    struct pod *pod = view;
    struct value spec = value_get(object, STR("spec")), status = value_get(object, STR("status"));
    struct value conditions = value_get(status, STR("conditions"));
    struct str node = value_str(value_get(spec, STR("nodeName")));
    pod->phase = phase_of(value_get(status, STR("phase")));
    pod->requests = keep_requests(keeper, spec);
    pod->restarts = most_restarts(value_get(status, STR("containerStatuses")));
    pod->ip = keep_str(keeper, value_str(value_get(status, STR("podIP"))));
    pod->host_network = value_true(value_get(spec, STR("hostNetwork")));
    struct value cost =
        value_at(object, "metadata", "annotations", "controller.kubernetes.io/pod-deletion-cost");
    if (!str_to_int64(value_str(cost), &pod->deletion_cost))
        pod->deletion_cost = 0;
    fill_conditions(keeper, conditions, pod);
    fill_trouble(keeper, status, pod);
    if (node.length != 0)
        pod->node = keep_str(keeper, node);
    else
        fill_unbound(keeper, spec, conditions, pod);
}

const struct view pod_view = {
    .resource = "pods", .api_version = "v1", .kind = "Pod", .size = sizeof(struct pod), .fill = fill};

bool pod_has_ended(const struct pod *pod)
{
    return pod->phase == POD_SUCCEEDED || pod->phase == POD_FAILED;
}

bool pod_is_active(const struct pod *pod)
{
    return !pod_has_ended(pod) && !is_terminating(pod);
}

bool pod_is_available(const struct pod *pod, int64_t min_ready_seconds, int64_t now_ms, int64_t *wait_ms)
{
    *wait_ms = -1;
    if (!pod->ready)
        return false;
    if (min_ready_seconds <= 0)
        return true;
    int64_t left = pod->ready_since_ms + min_ready_seconds * 1000 - now_ms;
    if (left <= 0)
        return true;
    *wait_ms = left;
    return false;
}
