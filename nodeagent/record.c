#include "nodeagent/record.h"

#include "lib/clock.h"
#include "lib/file.h"
#include <errno.h>
#include <signal.h>

#define BACKOFF_FIRST_MS 10000
#define BACKOFF_MOST_MS  300000

static const char *const role_names[] = {
    [ROLE_ORDINARY] = "ordinary",
    [ROLE_INIT] = "init",
    [ROLE_SIDECAR] = "sidecar",
};
static const char *const state_names[] = {
    [CONTAINER_NONE] = "none",
    [CONTAINER_CREATING] = "creating",
    [CONTAINER_CREATED] = "created",
    [CONTAINER_RUNNING] = "running",
};

/* ---- changes ---- */

static char *copy_text(const char *text)
{
    return text != NULL ? str_dup(str_of(text)) : NULL;
}

static void replace_text(char **text, const char *with)
{
    char *copy = copy_text(with);
    free(*text);
    *text = copy;
}

static void ending_clear(struct ending *end)
{
    free(end->reason);
    free(end->message);
    *end = (struct ending){0};
}

/* There is no attempt any more: nothing that was said of it is. */
static void end_attempt(struct container_record *container)
{
    container->state = CONTAINER_NONE;
    container->start_asked = false;
    container->asked_ms = container->signalled_ms = 0;
    container->post_start_due = container->pre_stop_due = container->hooking = container->killed = false;
    container->grace_seconds = -1;
    replace_text(&container->unfit, NULL);
}

void record_end(struct container_record *container, int exit_code, int64_t finished_ms, const char *reason,
                const char *message)
{
    ending_clear(&container->previous_end);
    container->previous_end = container->end;
    container->end = (struct ending){
        .valid = true,
        .attempt = container->attempt,
        .exit_code = exit_code,
        .started_ms = container->started_ms,
        .finished_ms = finished_ms,
        .reason = copy_text(reason),
        .message = copy_text(message),
    };
    end_attempt(container);
    container->started_ms = 0;
    container->remains = true;
    container->done |= container->role == ROLE_INIT && exit_code == 0;
}

void record_unmake(struct container_record *container)
{
    container->state = CONTAINER_CREATING;
    container->start_asked = false;
    container->started_ms = 0;
}

void record_undo_attempt(struct container_record *container)
{
    container->attempt--;
    container->again = container->end.valid;
    container->remains = false;
    end_attempt(container);
}

static int64_t doubled(int failures)
{
    int64_t pause = BACKOFF_FIRST_MS;
    while (--failures > 0 && pause < BACKOFF_MOST_MS)
        pause *= 2;
    return pause < BACKOFF_MOST_MS ? pause : BACKOFF_MOST_MS;
}

void record_wait(struct container_record *container, const char *reason, const char *message, int64_t now_ms)
{
    replace_text(&container->waiting_reason, reason);
    replace_text(&container->waiting_message, message);
    container->retry_ms = now_ms + doubled(++container->failures);
}

void record_stop_waiting(struct container_record *container)
{
    replace_text(&container->waiting_reason, NULL);
    replace_text(&container->waiting_message, NULL);
    replace_text(&container->hook_failure, NULL);
    container->retry_ms = 0;
    container->failures = 0;
}

void record_raise_backoff(struct container_record *container, int64_t now_ms)
{
    if (container->again)
        return;
    bool calm = container->backoff_since_ms == 0 ||
                container->end.finished_ms - container->backoff_since_ms > 2 * BACKOFF_MOST_MS;
    container->backoff_ms = calm ? BACKOFF_FIRST_MS : container->backoff_ms * 2;
    if (container->backoff_ms > BACKOFF_MOST_MS)
        container->backoff_ms = BACKOFF_MOST_MS;
    container->backoff_since_ms = now_ms;
}

int64_t record_backoff_until(const struct container_record *container)
{
    if (!container->end.valid || container->again || container->backoff_since_ms == 0 ||
        container->end.finished_ms - container->backoff_since_ms > 2 * BACKOFF_MOST_MS)
        return 0;
    return container->end.finished_ms + container->backoff_ms;
}

struct container_record *record_container(struct pod_record *record, const char *name)
{
    for (int i = 0; i < record->container_count; i++)
        if (strcmp(record->containers[i].name, name) == 0)
            return &record->containers[i];
    return NULL;
}

void record_renew_sandbox(struct pod_record *record)
{
    for (int i = 0; i < record->container_count; i++) {
        struct container_record *container = &record->containers[i];
        container->again |= container->role == ROLE_INIT && container->done;
        container->done = false;
    }
}

void record_fail(struct pod_record *record, const char *reason, const char *message)
{
    replace_text(&record->failure_reason, reason);
    replace_text(&record->failure_message, message);
    record->over = true;
}

bool record_is_initialized(const struct pod_record *record)
{
    for (int i = 0; i < record->container_count; i++)
        if (record->containers[i].role != ROLE_ORDINARY && !record->containers[i].done)
            return false;
    return true;
}

void record_set_unfit(struct container_record *container, const char *why, int64_t grace_seconds)
{
    if (container->unfit != NULL)
        return;
    container->unfit = str_dup(str_of(why));
    container->unfit_grace_seconds = grace_seconds;
}

/* The kubelet says it until it looks again, which is when it finds that there is a pause. */
#define HOOK_FAILURE_MS 10000

void record_fail_hook(struct container_record *container, const char *why, const char *sentence)
{
    replace_text(&container->hook_failure, sentence);
    record_set_unfit(container, why, -1);
}

int64_t record_hook_failure_until(const struct container_record *container)
{
    bool ended = container->hook_failure != NULL && container->end.valid;
    return ended ? container->end.finished_ms + HOOK_FAILURE_MS : 0;
}

void record_keep_for_end(struct container_record *container, struct value spec)
{
    struct value hook = value_at(spec, "lifecycle", "preStop");
    doc_free(take_pointer(container->at_end));
    if (!value_exists(hook))
        return;
    container->at_end = doc_new();
    struct value kept = doc_root(container->at_end);
    value_set_copy(value_set_object(kept, STR("lifecycle")), STR("preStop"), hook);
    if (value_exists(value_get(spec, STR("ports"))))
        value_set_copy(kept, STR("ports"), value_get(spec, STR("ports")));
}

/* ---- images ---- */

/* In the order in which they begin. */
static const char *const lists[] = {"initContainers", "containers"};

struct value record_spec(const struct container_record *container, struct value pod)
{
    for (size_t i = 0; i < COUNT(lists); i++)
        value_each (spec, value_at(pod, "spec", lists[i]))
            if (value_is(value_get(spec, STR("name")), container->name))
                return spec;
    return VALUE_ABSENT;
}

bool record_asks_other_image(const struct container_record *container, struct value pod)
{
    struct value image = value_get(record_spec(container, pod), STR("image"));
    return container->image != NULL && value_exists(image) && !value_is(image, container->image);
}

void record_set_image(struct container_record *container, struct str image)
{
    if (container->image != NULL && str_is(image, container->image))
        return;
    if (container->image != NULL) {
        record_stop_waiting(container);
        container->backoff_ms = container->backoff_since_ms = 0;
        container->again = true;
    }
    free(container->image);
    container->image = str_dup(image);
}

/* ---- making ---- */

static struct pod_record *record_blank(struct str uid, struct str namespace, struct str name,
                                       size_t containers)
{
    struct pod_record *record = memory_zeroed(1, sizeof(*record));
    *record = (struct pod_record){
        .uid = str_dup(uid),
        .namespace = str_dup(namespace),
        .name = str_dup(name),
        .containers = memory_zeroed(containers, sizeof(*record->containers)),
        .container_count = (int)containers,
    };
    return record;
}

static int64_t time_of(struct value text)
{
    int64_t ms;
    return value_exists(text) && clock_parse(value_str(text), &ms) ? ms : 0;
}

static void take_over_status(struct container_record *container, struct value status, int64_t now_ms)
{
    struct value state = value_get(status, STR("state")), ended = value_get(state, STR("terminated"));
    if (!value_exists(ended))
        ended = value_at(status, "lastState", "terminated");
    bool was_running = value_exists(value_get(state, STR("running")));
    if (!was_running && !value_exists(ended))
        return;
    container->attempt = (int)value_int_or(value_get(status, STR("restartCount")), 0);
    if (was_running) {
        container->started_ms = time_of(value_at(state, "running", "startedAt"));
        record_end(container, 128 + SIGKILL, now_ms, "ContainerStatusUnknown",
                   "the container could not be found any more");
    } else {
        autofree char *reason = str_dup(value_str(value_get(ended, STR("reason"))));
        container->started_ms = time_of(value_get(ended, STR("startedAt")));
        record_end(container, (int)value_int_or(value_get(ended, STR("exitCode")), 0),
                   time_of(value_get(ended, STR("finishedAt"))), reason, NULL);
    }
    container->remains = false;
}

static void init_container(struct container_record *container, struct value spec, bool first_list)
{
    container->name = str_dup(value_str(value_get(spec, STR("name"))));
    container->attempt = container->grace_seconds = -1;
    container->role = !first_list                                                 ? ROLE_ORDINARY
                      : value_is(value_get(spec, STR("restartPolicy")), "Always") ? ROLE_SIDECAR
                                                                                  : ROLE_INIT;
}

struct pod_record *record_new(struct value pod, int64_t now_ms)
{
    static const char *const status_lists[] = {"initContainerStatuses", "containerStatuses"};
    struct value meta = value_get(pod, STR("metadata")), spec = value_get(pod, STR("spec"));
    struct pod_record *record =
        record_blank(value_str(value_get(meta, STR("uid"))), value_str(value_get(meta, STR("namespace"))),
                     value_str(value_get(meta, STR("name"))),
                     value_count(value_at(spec, lists[0])) + value_count(value_at(spec, lists[1])));
    int count = 0;
    for (int i = 0; i < 2; i++)
        value_each (part, value_at(spec, lists[i])) {
            struct container_record *container = &record->containers[count++];
            init_container(container, part, i == 0);
            value_each (status, value_at(pod, "status", status_lists[i]))
                if (value_is(value_get(status, STR("name")), container->name))
                    take_over_status(container, status, now_ms);
        }
    return record;
}

struct pod_record *record_stray(const char *uid)
{
    struct pod_record *record = record_blank(str_of(uid), STR(""), STR(""), 0);
    record->admitted = true; /* there was something of it */
    return record;
}

static void add_container(struct pod_record *record, struct container_record container)
{
    size_t count = (size_t)record->container_count;
    record->containers = memory_resize(record->containers, (count + 1) * sizeof(*record->containers));
    record->containers[count] = container;
    record->container_count++;
}

/* Puts them into the order of a record that was made of the pod; those that the pod hasn't come last. What a
 * container is to the pod is what the pod says of it. */
static void sort_containers(struct pod_record *record, const struct pod_record *order)
{
    size_t total = (size_t)record->container_count;
    int count = 0;
    struct container_record *sorted = memory_zeroed(total + 1, sizeof(*sorted));
    autofree bool *placed = memory_zeroed(total + 1, sizeof(*placed));
    for (int i = 0; i < order->container_count; i++) {
        struct container_record *container = record_container(record, order->containers[i].name);
        container->role = order->containers[i].role;
        placed[container - record->containers] = true;
        sorted[count++] = *container;
    }
    for (size_t i = 0; i < total; i++)
        if (!placed[i])
            sorted[count++] = record->containers[i];
    free(record->containers);
    record->containers = sorted;
}

static bool is_in_line(const struct pod_record *record, struct value pod)
{
    int count = 0;
    for (size_t i = 0; i < COUNT(lists); i++)
        value_each (spec, value_at(pod, "spec", lists[i])) {
            if (count >= record->container_count ||
                !value_is(value_get(spec, STR("name")), record->containers[count].name) ||
                (record->containers[count].role == ROLE_ORDINARY) != (i == 1))
                return false;
            count++;
        }
    return true;
}

void record_identify(struct pod_record *record, struct value pod, int64_t now_ms)
{
    if (record->name[0] != '\0' && is_in_line(record, pod))
        return;
    autorecord struct pod_record *known = record_new(pod, now_ms);
    if (record->name[0] == '\0') {
        free(record->namespace);
        free(record->name);
        record->namespace = str_dup(str_of(known->namespace));
        record->name = str_dup(str_of(known->name));
    }
    for (int i = 0; i < known->container_count; i++) {
        struct container_record *container = &known->containers[i];
        if (record_container(record, container->name) != NULL)
            continue;
        char *name = str_dup(str_of(container->name));
        add_container(record, *container);
        *container = (struct container_record){.name = name, .role = container->role};
    }
    sort_containers(record, known);
}

void record_add_remains(struct pod_record *record, const char *name, int attempt)
{
    if (record_container(record, name) != NULL)
        return;
    add_container(record, (struct container_record){.name = str_dup(str_of(name)),
                                                    .state = CONTAINER_CREATING,
                                                    .attempt = attempt,
                                                    .grace_seconds = -1,
                                                    .remains = true});
}

void record_free(struct pod_record *record)
{
    if (record == NULL)
        return;
    for (int i = 0; i < record->container_count; i++) {
        struct container_record *container = &record->containers[i];
        ending_clear(&container->end);
        ending_clear(&container->previous_end);
        free(container->name);
        free(container->image);
        free(container->image_id);
        free(container->waiting_reason);
        free(container->waiting_message);
        free(container->unfit);
        free(container->hook_failure);
        doc_free(container->at_end);
    }
    free(record->containers);
    free(record->uid);
    free(record->namespace);
    free(record->name);
    free(record->sandbox_complaint);
    free(record->failure_reason);
    free(record->failure_message);
    free(record);
}

/* ---- the file ---- */

static void write_text(struct value object, struct str key, const char *text)
{
    if (text != NULL)
        value_set_str(object, key, str_of(text));
}

static void write_ending(struct value object, struct str key, const struct ending *end)
{
    if (!end->valid)
        return;
    struct value part = value_set_object(object, key);
    value_set_int(part, STR("attempt"), end->attempt);
    value_set_int(part, STR("exitCode"), end->exit_code);
    value_set_int(part, STR("started"), end->started_ms);
    value_set_int(part, STR("finished"), end->finished_ms);
    write_text(part, STR("reason"), end->reason);
    write_text(part, STR("message"), end->message);
}

static void write_container(struct value object, const struct container_record *container)
{
    write_text(object, STR("name"), container->name);
    write_text(object, STR("role"), role_names[container->role]);
    write_text(object, STR("state"), state_names[container->state]);
    value_set_int(object, STR("attempt"), container->attempt);
    value_set_bool(object, STR("remains"), container->remains);
    value_set_bool(object, STR("startAsked"), container->start_asked);
    value_set_int(object, STR("started"), container->started_ms);
    write_text(object, STR("image"), container->image);
    write_text(object, STR("imageID"), container->image_id);
    value_set_int(object, STR("stopSignal"), container->stop_signal);
    write_ending(object, STR("end"), &container->end);
    write_ending(object, STR("previousEnd"), &container->previous_end);
    value_set_int(object, STR("backoff"), container->backoff_ms);
    value_set_int(object, STR("backoffSince"), container->backoff_since_ms);
    value_set_bool(object, STR("done"), container->done);
    value_set_bool(object, STR("postStartDue"), container->post_start_due);
    value_set_int(object, STR("asked"), container->asked_ms);
    value_set_bool(object, STR("preStopDue"), container->pre_stop_due);
    value_set_int(object, STR("signalled"), container->signalled_ms);
    value_set_int(object, STR("graceSeconds"), container->grace_seconds);
    value_set_bool(object, STR("killed"), container->killed);
    value_set_bool(object, STR("again"), container->again);
    if (container->at_end != NULL)
        value_set_copy(object, STR("atEnd"), doc_root(container->at_end));
}

int record_save(const struct place *place, const struct pod_record *record, struct error **err)
{
    autodoc struct doc *doc = doc_new();
    struct value root = doc_root(doc);
    write_text(root, STR("uid"), record->uid);
    write_text(root, STR("namespace"), record->namespace);
    write_text(root, STR("name"), record->name);
    value_set_int(root, STR("graceSeconds"), record->grace_seconds);
    value_set_bool(root, STR("hostNetwork"), record->host_network);
    value_set_bool(root, STR("admitted"), record->admitted);
    value_set_bool(root, STR("static"), record->is_static);
    write_text(root, STR("failureReason"), record->failure_reason);
    write_text(root, STR("failureMessage"), record->failure_message);
    value_set_int(root, STR("failureGraceSeconds"), record->failure_grace_seconds);
    struct value array = value_set_array(root, STR("containers"));
    for (int i = 0; i < record->container_count; i++)
        write_container(value_append_object(array), &record->containers[i]);
    autobuf struct buf text = {0};
    value_write(&text, root);
    buf_add_char(&text, '\n');
    autofree char *directory = place_pod_state(place, record->uid);
    autofree char *path = path_format("%s/pod.json", directory);
    int result = directory_make(directory, 0700, err);
    return result < 0 ? result : file_replace(path, buf_str(&text), 0600, FILE_CACHED, err);
}

static char *read_text(struct value object, struct str key)
{
    struct value text = value_get(object, key);
    return value_exists(text) ? str_dup(value_str(text)) : NULL;
}

static int64_t read_int(struct value object, struct str key, int64_t otherwise)
{
    return value_int_or(value_get(object, key), otherwise);
}

static void read_ending(struct value part, struct ending *end)
{
    if (!value_exists(part))
        return;
    *end = (struct ending){
        .valid = true,
        .attempt = (int)read_int(part, STR("attempt"), 0),
        .exit_code = (int)read_int(part, STR("exitCode"), 0),
        .started_ms = read_int(part, STR("started"), 0),
        .finished_ms = read_int(part, STR("finished"), 0),
        .reason = read_text(part, STR("reason")),
        .message = read_text(part, STR("message")),
    };
}

/* The number of a name; 0 where it has none. */
static int read_name(struct value name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (value_is(name, names[i]))
            return (int)i;
    return 0;
}
#define READ_NAME(object, key, names) read_name(value_get((object), STR(key)), (names), COUNT(names))

/* What earlier versions did not know is as it was with them: they signalled whom they asked. */
static void read_container(struct value object, struct container_record *container)
{
    int64_t asked_ms = read_int(object, STR("asked"), 0);
    *container = (struct container_record){
        .name = read_text(object, STR("name")),
        .role = (enum container_role)READ_NAME(object, "role", role_names),
        .state = (enum container_state)READ_NAME(object, "state", state_names),
        .attempt = (int)read_int(object, STR("attempt"), -1),
        .remains = value_true(value_get(object, STR("remains"))),
        .start_asked = value_true(value_get(object, STR("startAsked"))),
        .started_ms = read_int(object, STR("started"), 0),
        .image = read_text(object, STR("image")),
        .image_id = read_text(object, STR("imageID")),
        .stop_signal = (int)read_int(object, STR("stopSignal"), SIGTERM),
        .backoff_ms = read_int(object, STR("backoff"), 0),
        .backoff_since_ms = read_int(object, STR("backoffSince"), 0),
        .done = value_true(value_get(object, STR("done"))),
        .post_start_due = value_true(value_get(object, STR("postStartDue"))),
        .asked_ms = asked_ms,
        .pre_stop_due = value_true(value_get(object, STR("preStopDue"))),
        .signalled_ms = read_int(object, STR("signalled"), asked_ms),
        .grace_seconds = read_int(object, STR("graceSeconds"), -1),
        .killed = value_true(value_get(object, STR("killed"))),
        .again = value_true(value_get(object, STR("again"))),
    };
    read_ending(value_get(object, STR("end")), &container->end);
    read_ending(value_get(object, STR("previousEnd")), &container->previous_end);
    if (value_exists(value_get(object, STR("atEnd"))))
        container->at_end = doc_copy(value_get(object, STR("atEnd")));
    if (container->name == NULL)
        container->name = str_dup(STR(""));
}

struct pod_record *record_load(const struct place *place, const char *uid, struct error **err)
{
    autofree char *directory = place_pod_state(place, uid);
    autofree char *path = path_format("%s/pod.json", directory);
    autodoc struct doc *doc = doc_read(path, err);
    if (doc == NULL)
        return NULL;
    struct value root = doc_root(doc), containers = value_get(root, STR("containers"));
    struct pod_record *record =
        record_blank(str_of(uid), value_str(value_get(root, STR("namespace"))),
                     value_str(value_get(root, STR("name"))), value_count(containers));
    record->grace_seconds = read_int(root, STR("graceSeconds"), 30);
    record->host_network = value_true(value_get(root, STR("hostNetwork")));
    struct value admitted = value_get(root, STR("admitted"));
    record->is_static = value_true(value_get(root, STR("static")));
    record->admitted = !value_exists(admitted) || value_true(admitted);
    record->failure_reason = read_text(root, STR("failureReason"));
    record->failure_message = read_text(root, STR("failureMessage"));
    record->failure_grace_seconds = read_int(root, STR("failureGraceSeconds"), 0);
    record->over = record->failure_reason != NULL;
    int i = 0;
    value_each (object, containers)
        read_container(object, &record->containers[i++]);
    return record;
}
