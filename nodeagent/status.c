#include "nodeagent/status.h"

#include "lib/clock.h"
#include "lib/condition.h"
#include "lib/file.h"
#include "nodeagent/decide.h"
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

/* What a container that doesn't run waits for; false when it doesn't: it has ended, and that is all. */
static bool add_waiting_state(struct value state, struct value pod, const struct pod_record *record,
                              const struct container_record *container, int64_t now_ms)
{
    if (container->state != CONTAINER_NONE)
        add_waiting(state, "ContainerCreating", NULL);
    else if (record->over && container->end.valid)
        return false;
    else if (container->waiting_reason != NULL)
        add_waiting(state, container->waiting_reason, container->waiting_message);
    else if (!container->end.valid)
        add_waiting(state, "ContainerCreating", record->sandbox_complaint);
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
    if (container->state == CONTAINER_RUNNING) {
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

static void add_container(struct value array, struct value pod, const struct pod_record *record,
                          const struct container_record *container, int64_t now_ms)
{
    struct value status = value_append_object(array);
    bool running = container->state == CONTAINER_RUNNING;
    int restarts = container->attempt;
    if (container->state == CONTAINER_CREATING || container->state == CONTAINER_CREATED)
        restarts--; /* not yet */
    value_set_str(status, STR("name"), str_of(container->name));
    add_states(status, pod, record, container, now_ms);
    value_set_bool(status, STR("ready"), running);
    value_set_bool(status, STR("started"), running);
    value_set_int(status, STR("restartCount"), restarts > 0 ? restarts : 0);
    value_set_str(status, STR("image"), image_of(pod, container));
    value_set_str(status, STR("imageID"), str_of(container->image_id != NULL ? container->image_id : ""));
    if (running || container->end.valid)
        set_container_id(status, record, container, running ? container->attempt : container->end.attempt);
}

/* ---- phase and conditions ---- */

/* As Kubernetes: a container that waits but has run before counts as stopped. */
static const char *phase_of(struct value pod, const struct pod_record *record)
{
    int running = 0, waiting = 0, succeeded = 0;
    struct value before = value_at(pod, "status", "phase");
    if (value_is(before, "Succeeded"))
        return "Succeeded";
    if (value_is(before, "Failed"))
        return "Failed";
    for (int i = 0; i < record->container_count; i++) {
        const struct container_record *container = &record->containers[i];
        running += container->state == CONTAINER_RUNNING;
        waiting += container->state != CONTAINER_RUNNING && !container->end.valid;
        succeeded +=
            container->state == CONTAINER_NONE && container->end.valid && container->end.exit_code == 0;
    }
    bool ending = value_exists(value_at(pod, "metadata", "deletionTimestamp"));
    if (waiting > 0)
        return "Pending";
    if (running > 0 || (!record->over && !ending))
        return "Running";
    return succeeded == record->container_count ? "Succeeded" : "Failed";
}

static void unready_names(const struct pod_record *record, struct buf *names)
{
    for (int i = 0; i < record->container_count; i++)
        if (record->containers[i].state != CONTAINER_RUNNING)
            buf_addf(names, "%s%s", names->length != 0 ? " " : "", record->containers[i].name);
}

static void update_conditions(struct value status, const struct pod_record *record, const char *phase,
                              int64_t now_ms)
{
    struct value conditions = value_ensure_array(status, STR("conditions"));
    autobuf struct buf names = {0}, message = {0};
    unready_names(record, &names);
    if (names.length != 0)
        buf_addf(&message, "containers with unready status: [%s]", names.at);
    const char *ready = names.length == 0 ? "True" : "False";
    const char *reason = names.length == 0                 ? NULL
                         : strcmp(phase, "Succeeded") == 0 ? "PodCompleted"
                         : strcmp(phase, "Failed") == 0    ? "PodFailed"
                                                           : "ContainersNotReady";
    condition_set(conditions, "PodScheduled", "True", NULL, STR_NONE, now_ms);
    condition_set(conditions, "PodReadyToStartContainers",
                  record->sandbox == SANDBOX_READY ? "True" : "False", NULL, STR_NONE, now_ms);
    condition_set(conditions, "Initialized", "True", NULL, STR_NONE, now_ms);
    condition_set(conditions, "ContainersReady", ready, reason, buf_str(&message), now_ms);
    condition_set(conditions, "Ready", ready, reason, buf_str(&message), now_ms);
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

void status_update(struct value status, struct value pod, const struct pod_record *record,
                   const char *host_address, int64_t now_ms)
{
    const char *phase = phase_of(pod, record);
    value_set_str(status, STR("phase"), str_of(phase));
    update_conditions(status, record, phase, now_ms);
    if (!value_exists(value_get(status, STR("startTime"))))
        set_time(status, STR("startTime"), now_ms);
    value_set_str(status, STR("qosClass"), str_of(quality_name(quality_of(pod))));
    update_addresses(status, pod, host_address);
    struct value array = value_set_array(status, STR("containerStatuses"));
    for (int i = 0; i < record->container_count; i++)
        add_container(array, pod, record, &record->containers[i], now_ms);
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

/* ---- what can't be done yet ---- */

/* By member of the spec, and by member of a container's: what it is called. */
static const char *const unsupported_spec[] = {
    "initContainers", "activeDeadlineSeconds", "runtimeClassName", "readinessGates", "resourceClaims",
};
static const char *const unsupported_container[] = {
    "volumeDevices", "lifecycle", "livenessProbe", "readinessProbe",
    "startupProbe",  "stdin",     "tty",           "restartPolicy",
};

/* Absent, false, 0, "" and what is empty ask for nothing. */
static bool asks_for_something(struct value v)
{
    switch (value_type(v)) {
    case VALUE_NONE:
    case VALUE_NULL:
        return false;
    case VALUE_BOOL:
        return value_true(v);
    case VALUE_NUMBER:
        return value_int_or(v, 1) != 0;
    case VALUE_STRING:
        return value_str(v).length != 0;
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        return value_count(v) != 0;
    }
    return false;
}

static const char *find_unsupported(struct value object, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (asks_for_something(value_get(object, str_of(names[i]))))
            return names[i];
    return NULL;
}
#define FIND_UNSUPPORTED(object, names) \
    find_unsupported((object), (names), sizeof(names) / sizeof((names)[0]))

char *status_unsupported(struct value pod)
{
    const char *name = FIND_UNSUPPORTED(value_get(pod, STR("spec")), unsupported_spec);
    if (name != NULL)
        return path_format("spec.%s is not supported by this node yet", name);
    value_each (container, value_at(pod, "spec", "containers")) {
        name = FIND_UNSUPPORTED(container, unsupported_container);
        if (name != NULL)
            return path_format("spec.containers[" STR_FORMAT "].%s is not supported by this node yet",
                               STR_ARGS(value_str(value_get(container, STR("name")))), name);
    }
    return NULL;
}
