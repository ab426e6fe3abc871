#include "nodeagent/status.h"

#include "lib/clock.h"
#include "lib/condition.h"
#include "lib/file.h"
#include "nodeagent/decide.h"
#include "nodeagent/document.h"
#include "nodeagent/preemption.h"
#include "nodeagent/quality.h"

/* ---- containers ---- */

static void set_time(struct value object, struct str key, int64_t ms)
{
    char text[CLOCK_TEXT];
    clock_format(ms, text);
    value_set_str(object, key, str_of(text));
}

static void set_text(struct value object, struct str key, const char *text)
{
    if (text != NULL && *text != '\0')
        value_set_str(object, key, str_of(text));
}

static void set_container_id(struct value object, const struct pod_record *record,
                             const struct container_record *container, int attempt)
{
    autofree char *id = place_container_id(record->uid, container->name, attempt);
    value_setf(object, STR("containerID"), "podtree://%s", id);
}

static void add_terminated(struct value state, const struct pod_record *record,
                           const struct container_record *container, const struct ending *end)
{
    struct value part = value_set_object(state, STR("terminated"));
    value_set_int(part, STR("exitCode"), end->exit_code);
    if (end->exit_code > 128 && end->exit_code < 128 + 65)
        value_set_int(part, STR("signal"), end->exit_code - 128);
    set_text(part, STR("reason"), end->reason);
    set_text(part, STR("message"), end->message);
    set_time(part, STR("startedAt"), end->started_ms != 0 ? end->started_ms : end->finished_ms);
    set_time(part, STR("finishedAt"), end->finished_ms);
    set_container_id(part, record, container, end->attempt);
}

static void add_waiting(struct value state, const char *reason, const char *message)
{
    struct value part = value_set_object(state, STR("waiting"));
    set_text(part, STR("reason"), reason);
    set_text(part, STR("message"), message);
}

static void add_backoff(struct value state, const struct pod_record *record,
                        const struct container_record *container)
{
    autofree char *message = path_format("back-off %llds restarting failed container=%s pod=%s_%s(%s)",
                                         (long long)container->backoff_ms / 1000, container->name,
                                         record->name, record->namespace, record->uid);
    add_waiting(state, "CrashLoopBackOff", message);
}

/* What a container waits for that will be made, or is being made: in a pod with init containers it is said so
 * of all. */
static const char *turn_of(const struct pod_record *record)
{
    bool first = record->container_count > 0 && record->containers[0].role != ROLE_ORDINARY;
    return first ? "PodInitializing" : "ContainerCreating";
}

/* What a container that doesn't run waits for; false when it doesn't: it has ended, and that is all. */
static bool add_waiting_state(struct value state, struct value pod, const struct pod_record *record,
                              const struct container_record *container, int64_t now_ms)
{
    if (container->state != CONTAINER_NONE && container->hook_failure != NULL)
        add_waiting(state, "PostStartHookError", container->hook_failure);
    else if (container->state != CONTAINER_NONE)
        add_waiting(state, turn_of(record), NULL);
    else if ((record->over || container->done) && container->end.valid)
        return false;
    else if (container->waiting_reason != NULL)
        add_waiting(state, container->waiting_reason, container->waiting_message);
    else if (!container->end.valid)
        add_waiting(state, turn_of(record), record->sandbox_complaint);
    else if (decide_restarts(pod, container) && record_hook_failure_until(container) > now_ms)
        add_waiting(state, "PostStartHookError", container->hook_failure);
    else if (decide_restarts(pod, container) && record_backoff_until(container) > now_ms)
        add_backoff(state, record, container);
    else
        return false;
    return true;
}

/* `state` is what it does now, `lastState` how the attempt before that ended. */
static void add_states(struct value status, struct value pod, const struct pod_record *record,
                       const struct container_record *container, int64_t now_ms)
{
    const struct ending *last = &container->end;
    struct value state = value_set_object(status, STR("state"));
    if (record_runs(container)) {
        set_time(value_set_object(state, STR("running")), STR("startedAt"), container->started_ms);
    } else if (!add_waiting_state(state, pod, record, container, now_ms)) {
        add_terminated(state, record, container, &container->end);
        last = &container->previous_end;
    }
    struct value last_state = value_set_object(status, STR("lastState"));
    if (last->valid)
        add_terminated(last_state, record, container, last);
}

/* What it runs, or was to; before that, what it will. */
static struct str image_of(struct value pod, const struct container_record *container)
{
    return container->image != NULL ? str_of(container->image)
                                    : value_str(value_get(record_spec(container, pod), STR("image")));
}

static bool is_started(const struct container_record *container)
{
    return record_runs(container) && !container->starting;
}

/* An init container is ready when it has done its part, whatever else is. */
static bool is_ready(const struct container_record *container)
{
    return container->role == ROLE_INIT ? container->state == CONTAINER_NONE && container->done
                                        : is_started(container) && !container->unready;
}

/* As Kubernetes 1.32 says them (RecursiveReadOnlyMounts is on by default there): of a mount that is read-only
 * it is always said whether all below it is. */
static void add_mounts(struct value status, struct value mounts, bool recursive)
{
    value_each (mount, mounts) {
        struct value list = value_ensure_array(status, STR("volumeMounts"));
        struct value entry = value_append_object(list);
        struct str asked = value_str(value_get(mount, STR("recursiveReadOnly")));
        bool deep = recursive && asked.length != 0 && !str_is(asked, "Disabled");
        value_set_copy(entry, STR("name"), value_get(mount, STR("name")));
        value_set_copy(entry, STR("mountPath"), value_get(mount, STR("mountPath")));
        if (!value_true(value_get(mount, STR("readOnly"))))
            continue;
        value_set_bool(entry, STR("readOnly"), true);
        value_set_str(entry, STR("recursiveReadOnly"), deep ? STR("Enabled") : STR("Disabled"));
    }
}

static void add_container(struct value array, struct value pod, const struct pod_record *record,
                          const struct container_record *container, bool recursive, int64_t now_ms)
{
    struct value status = value_append_object(array);
    bool running = record_runs(container);
    int restarts = container->attempt;
    if (container->state == CONTAINER_CREATING || container->state == CONTAINER_CREATED)
        restarts--; /* not yet */
    value_set_str(status, STR("name"), str_of(container->name));
    add_states(status, pod, record, container, now_ms);
    value_set_bool(status, STR("ready"), is_ready(container));
    value_set_bool(status, STR("started"), is_started(container));
    value_set_int(status, STR("restartCount"), restarts > 0 ? restarts : 0);
    value_set_str(status, STR("image"), image_of(pod, container));
    value_set_str(status, STR("imageID"), str_of(container->image_id != NULL ? container->image_id : ""));
    add_mounts(status, value_get(record_spec(container, pod), STR("volumeMounts")), recursive);
    if (running || container->end.valid)
        set_container_id(status, record, container, running ? container->attempt : container->end.attempt);
}

/* ---- phase ---- */

struct counts {
    int init_pending, init_failed;    /* init containers that have not ended; that have not ended well */
    int sidecar_pending;              /* sidecars that have not started */
    int running, waiting;             /* of sidecars and ordinary ones; waiting: has never run */
    int ordinary, stopped, succeeded; /* stopped: has run, and doesn't */
};

static void count_init(struct counts *n, const struct container_record *container)
{
    if (record_runs(container) || !container->end.valid)
        n->init_pending++;
    else if (container->end.exit_code != 0)
        n->init_failed++;
}

static void count_other(struct counts *n, const struct container_record *container)
{
    bool sidecar = container->role == ROLE_SIDECAR, running = record_runs(container);
    bool waiting = !running && !container->end.valid;
    n->running += running;
    n->waiting += waiting;
    n->sidecar_pending += sidecar && (waiting || (running && container->starting));
    if (sidecar)
        return;
    n->ordinary++;
    n->stopped += !running && !waiting;
    n->succeeded +=
        container->state == CONTAINER_NONE && container->end.valid && container->end.exit_code == 0;
}

static struct counts count_containers(const struct pod_record *record)
{
    struct counts n = {0};
    for (int i = 0; i < record->container_count; i++)
        (record->containers[i].role == ROLE_INIT ? count_init : count_other)(&n, &record->containers[i]);
    return n;
}

static bool nothing_runs(const struct pod_record *record)
{
    bool runs = false;
    for (int i = 0; i < record->container_count; i++)
        runs |= record->containers[i].state == CONTAINER_RUNNING;
    return !runs;
}

/* As the kubelet's getPhase. A container that waits but has run before counts as stopped; when the pod has
 * been running, a sidecar that starts anew doesn't make it pending again. A pod doesn't say that it has come
 * to its end while any of its containers runs; one that ends before all have run has failed (the status
 * manager's TerminatePod): nobody shall wait for what will not begin any more. */
static const char *phase_of(struct value pod, const struct pod_record *record)
{
    struct counts n = count_containers(record);
    struct value before = value_at(pod, "status", "phase");
    bool ending = document_is_deleted(pod);
    bool never = value_is(value_at(pod, "spec", "restartPolicy"), "Never");
    if (value_is(before, "Succeeded"))
        return "Succeeded";
    if (value_is(before, "Failed"))
        return "Failed";
    if (nothing_runs(record) && (record->failure_reason != NULL || (n.init_failed > 0 && never)))
        return "Failed";
    if (n.init_pending > 0 || n.waiting > 0 || (n.sidecar_pending > 0 && !record_is_initialized(record)))
        return nothing_runs(record) && (record->over || ending) ? "Failed" : "Pending";
    if (n.running > 0 || (!record->over && !ending))
        return "Running";
    return n.succeeded == n.ordinary ? "Succeeded" : "Failed";
}

/* Why it is in that phase: it stays as long as the phase does. */
static void update_phase(struct value status, struct value pod, const struct pod_record *record,
                         const char *phase)
{
    bool failed = record->failure_reason != NULL && strcmp(phase, "Failed") == 0;
    bool changes = !value_is(value_get(status, STR("phase")), phase);
    value_set_str(status, STR("phase"), str_of(phase));
    if (changes) {
        value_unset(status, STR("reason"));
        value_unset(status, STR("message"));
    }
    if (failed && !value_is(value_at(pod, "status", "phase"), "Failed")) {
        set_text(status, STR("reason"), record->failure_reason);
        set_text(status, STR("message"), record->failure_message);
    }
}

/* ---- conditions ---- */

struct verdict {
    bool good;
    const char *reason; /* or NULL */
    struct buf message;
};

static void verdict_clear(struct verdict *verdict)
{
    buf_free(&verdict->message);
}

static void set_condition(struct value conditions, const char *type, const struct verdict *verdict,
                          int64_t now_ms)
{
    condition_set(conditions, type, verdict->good ? "True" : "False", verdict->reason,
                  buf_str(&verdict->message), now_ms);
}

/* "containers with … status: [a b]" where there are any. */
static void say_names(struct verdict *verdict, const char *which, const char *reason,
                      const struct pod_record *record, bool (*is_meant)(const struct container_record *))
{
    autobuf struct buf names = {0};
    for (int i = 0; i < record->container_count; i++)
        if (is_meant(&record->containers[i]))
            buf_addf(&names, "%s%s", names.length != 0 ? " " : "", record->containers[i].name);
    verdict->good = names.length == 0;
    if (verdict->good)
        return;
    verdict->reason = reason;
    buf_addf(&verdict->message, "containers with %s status: [%s]", which, names.at);
}

static bool is_incomplete(const struct container_record *container)
{
    return (container->role == ROLE_INIT && !is_ready(container)) ||
           (container->role == ROLE_SIDECAR && !is_started(container));
}

static bool is_unready(const struct container_record *container)
{
    return container->role != ROLE_INIT && !is_ready(container);
}

static bool any_ordinary_has_started(const struct pod_record *record)
{
    bool any = false;
    for (int i = 0; i < record->container_count; i++) {
        const struct container_record *container = &record->containers[i];
        any |= container->role == ROLE_ORDINARY && (record_runs(container) || container->end.valid);
    }
    return any;
}

/* Once an ordinary container has run, the pod stays initialized although a sidecar may be starting anew. */
static struct verdict is_initialized(const struct pod_record *record, const char *phase)
{
    struct verdict verdict = {.good = true};
    if (strcmp(phase, "Succeeded") == 0)
        verdict.reason = "PodCompleted";
    else if (!any_ordinary_has_started(record))
        say_names(&verdict, "incomplete", "ContainersNotInitialized", record, is_incomplete);
    return verdict;
}

static struct verdict containers_are_ready(const struct pod_record *record, const char *phase)
{
    struct verdict verdict = {.good = true};
    if (strcmp(phase, "Succeeded") == 0)
        verdict = (struct verdict){.reason = "PodCompleted"};
    else if (strcmp(phase, "Failed") == 0)
        verdict = (struct verdict){.reason = "PodFailed"};
    else
        say_names(&verdict, "unready", "ContainersNotReady", record, is_unready);
    return verdict;
}

/* The gates are conditions that others set. */
static void pass_gates(struct verdict *verdict, struct value pod, struct value conditions)
{
    value_each (gate, value_at(pod, "spec", "readinessGates")) {
        autofree char *type = str_dup(value_str(value_get(gate, STR("conditionType"))));
        struct value says = value_get(condition_find(conditions, type), STR("status"));
        if (value_is(says, "True"))
            continue;
        verdict->good = false;
        verdict->reason = "ReadinessGatesNotReady";
        if (verdict->message.length != 0)
            buf_add_text(&verdict->message, ", ");
        if (value_exists(says))
            buf_addf(&verdict->message,
                     "the status of pod readiness gate \"%s\" is not \"True\", but " STR_FORMAT, type,
                     STR_ARGS(value_str(says)));
        else
            buf_addf(&verdict->message,
                     "corresponding condition of pod readiness gate \"%s\" does not exist.", type);
    }
}

/* A pod that the node has refused says nothing of beginnings. */
static void update_conditions(struct value status, struct value pod, const struct pod_record *record,
                              const char *phase, int64_t now_ms)
{
    struct value conditions = value_ensure_array(status, STR("conditions"));
    cleanup(verdict_clear) struct verdict initialized = is_initialized(record, phase);
    cleanup(verdict_clear) struct verdict ready = containers_are_ready(record, phase);
    condition_set(conditions, "PodScheduled", "True", NULL, STR_NONE, now_ms);
    if (record->failure_reason != NULL && strcmp(record->failure_reason, PREEMPTION_REASON) == 0)
        condition_set(conditions, "DisruptionTarget", "True", "TerminationByKubelet",
                      STR(PREEMPTION_CONDITION), now_ms);
    if (!record_is_refused(record)) {
        condition_set(conditions, "PodReadyToStartContainers",
                      record->sandbox == SANDBOX_READY ? "True" : "False", NULL, STR_NONE, now_ms);
        set_condition(conditions, "Initialized", &initialized, now_ms);
    }
    set_condition(conditions, "ContainersReady", &ready, now_ms);
    if (ready.good)
        pass_gates(&ready, pod, conditions);
    set_condition(conditions, "Ready", &ready, now_ms);
}

/* ---- addresses ---- */

static void set_address(struct value status, const char *one, const char *all, const char *address)
{
    value_set_str(status, str_of(one), str_of(address));
    struct value list = value_set_array(status, str_of(all));
    value_set_str(value_append_object(list), STR("ip"), str_of(address));
}

static void update_addresses(struct value status, struct value pod, const char *host_address)
{
    if (host_address == NULL)
        return;
    set_address(status, "hostIP", "hostIPs", host_address);
    if (value_true(value_at(pod, "spec", "hostNetwork")))
        set_address(status, "podIP", "podIPs", host_address);
}

/* ---- the whole ---- */

/* Conditions that are not of this node: whoever sets them says it in the tree. */
static void take_conditions_of_others(struct value status, struct value pod)
{
    static const char *const own[] = {"PodScheduled", "PodReadyToStartContainers", "Initialized",
                                      "ContainersReady", "Ready"};
    struct value conditions = value_ensure_array(status, STR("conditions"));
    value_each (condition, value_at(pod, "status", "conditions")) {
        autofree char *type = str_dup(value_str(value_get(condition, STR("type"))));
        bool is_own = false;
        for (size_t i = 0; i < COUNT(own); i++)
            is_own |= strcmp(own[i], type) == 0;
        if (is_own)
            continue;
        struct value known = condition_find(conditions, type);
        if (value_exists(known))
            value_replace(known, condition);
        else
            value_append_copy(conditions, condition);
    }
}

static void add_containers(struct value status, struct value pod, const struct pod_record *record,
                           bool recursive, int64_t now_ms)
{
    for (int i = 0; i < record->container_count; i++)
        if (record->containers[i].role != ROLE_ORDINARY)
            value_set_array(status, STR("initContainerStatuses"));
    value_set_array(status, STR("containerStatuses"));
    for (int i = 0; i < record->container_count; i++) {
        const struct container_record *container = &record->containers[i];
        struct str list =
            container->role == ROLE_ORDINARY ? STR("containerStatuses") : STR("initContainerStatuses");
        add_container(value_get(status, list), pod, record, container, recursive, now_ms);
    }
}

void status_update(struct value status, struct value pod, const struct pod_record *record,
                   const char *host_address, bool recursive, int64_t now_ms)
{
    const char *phase = phase_of(pod, record);
    update_phase(status, pod, record, phase);
    take_conditions_of_others(status, pod);
    update_conditions(status, pod, record, phase, now_ms);
    if (!value_exists(value_get(status, STR("startTime"))))
        set_time(status, STR("startTime"), now_ms);
    value_set_str(status, STR("qosClass"), str_of(quality_name(quality_of(pod))));
    update_addresses(status, pod, host_address);
    if (!record_is_refused(record))
        add_containers(status, pod, record, recursive, now_ms);
}

bool status_difference(struct value merge, struct value before, struct value now)
{
    bool differs = false;
    value_each (member, now)
        if (!value_equal(value_get(before, value_key(member)), member)) {
            value_set_copy(merge, value_key(member), member);
            differs = true;
        }
    value_each (member, before)
        if (!value_exists(value_get(now, value_key(member)))) {
            value_set_null(merge, value_key(member));
            differs = true;
        }
    return differs;
}
