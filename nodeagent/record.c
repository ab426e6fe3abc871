#include "nodeagent/record.h"

#include "lib/clock.h"
#include "lib/file.h"
#include <errno.h>
#include <signal.h>

#define BACKOFF_FIRST_MS 10000
#define BACKOFF_MOST_MS  300000

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
    container->state = CONTAINER_NONE;
    container->started_ms = 0;
    container->asked_ms = 0;
    container->killed = false;
    container->remains = true;
}

void record_undo_attempt(struct container_record *container)
{
    container->attempt--;
    container->again = container->end.valid;
    container->state = CONTAINER_NONE;
    container->remains = false;
    container->asked_ms = 0;
    container->killed = false;
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

/* ---- images ---- */

struct value record_spec(const struct container_record *container, struct value pod)
{
    value_each (spec, value_at(pod, "spec", "containers"))
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

struct pod_record *record_new(struct value pod, int64_t now_ms)
{
    struct value meta = value_get(pod, STR("metadata"));
    struct value containers = value_at(pod, "spec", "containers");
    struct value statuses = value_at(pod, "status", "containerStatuses");
    struct pod_record *record =
        record_blank(value_str(value_get(meta, STR("uid"))), value_str(value_get(meta, STR("namespace"))),
                     value_str(value_get(meta, STR("name"))), value_count(containers));
    int i = 0;
    value_each (spec, containers) {
        struct container_record *container = &record->containers[i++];
        container->name = str_dup(value_str(value_get(spec, STR("name"))));
        container->attempt = -1;
        value_each (status, statuses)
            if (value_is(value_get(status, STR("name")), container->name))
                take_over_status(container, status, now_ms);
    }
    return record;
}

struct pod_record *record_stray(const char *uid)
{
    return record_blank(str_of(uid), STR(""), STR(""), 0);
}

static void add_container(struct pod_record *record, struct container_record container)
{
    size_t count = (size_t)record->container_count;
    record->containers = memory_resize(record->containers, (count + 1) * sizeof(*record->containers));
    record->containers[count] = container;
    record->container_count++;
}

void record_identify(struct pod_record *record, struct value pod, int64_t now_ms)
{
    if (record->name[0] != '\0')
        return;
    autorecord struct pod_record *known = record_new(pod, now_ms);
    free(record->namespace);
    free(record->name);
    record->namespace = take_pointer(known->namespace);
    record->name = take_pointer(known->name);
    for (int i = 0; i < known->container_count; i++) {
        if (record_container(record, known->containers[i].name) != NULL)
            continue;
        add_container(record, known->containers[i]);
        known->containers[i] = (struct container_record){0};
    }
}

void record_add_remains(struct pod_record *record, const char *name, int attempt)
{
    if (record_container(record, name) != NULL)
        return;
    add_container(record, (struct container_record){.name = str_dup(str_of(name)),
                                                    .state = CONTAINER_CREATING,
                                                    .attempt = attempt,
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
    }
    free(record->containers);
    free(record->uid);
    free(record->namespace);
    free(record->name);
    free(record->sandbox_complaint);
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
    write_text(object, STR("state"), state_names[container->state]);
    value_set_int(object, STR("attempt"), container->attempt);
    value_set_bool(object, STR("remains"), container->remains);
    value_set_int(object, STR("started"), container->started_ms);
    write_text(object, STR("image"), container->image);
    write_text(object, STR("imageID"), container->image_id);
    write_ending(object, STR("end"), &container->end);
    write_ending(object, STR("previousEnd"), &container->previous_end);
    value_set_int(object, STR("backoff"), container->backoff_ms);
    value_set_int(object, STR("backoffSince"), container->backoff_since_ms);
    value_set_int(object, STR("asked"), container->asked_ms);
    value_set_bool(object, STR("killed"), container->killed);
    value_set_bool(object, STR("again"), container->again);
}

int record_save(const struct place *place, const struct pod_record *record, struct error **err)
{
    autodoc struct doc *doc = doc_new();
    struct value root = doc_root(doc);
    write_text(root, STR("uid"), record->uid);
    write_text(root, STR("namespace"), record->namespace);
    write_text(root, STR("name"), record->name);
    value_set_int(root, STR("graceSeconds"), record->grace_seconds);
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

static void read_container(struct value object, struct container_record *container)
{
    struct str state = value_str(value_get(object, STR("state")));
    *container = (struct container_record){
        .name = read_text(object, STR("name")),
        .attempt = (int)read_int(object, STR("attempt"), -1),
        .remains = value_true(value_get(object, STR("remains"))),
        .started_ms = read_int(object, STR("started"), 0),
        .image = read_text(object, STR("image")),
        .image_id = read_text(object, STR("imageID")),
        .backoff_ms = read_int(object, STR("backoff"), 0),
        .backoff_since_ms = read_int(object, STR("backoffSince"), 0),
        .asked_ms = read_int(object, STR("asked"), 0),
        .killed = value_true(value_get(object, STR("killed"))),
        .again = value_true(value_get(object, STR("again"))),
    };
    for (size_t i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++)
        if (str_is(state, state_names[i]))
            container->state = (enum container_state)i;
    read_ending(value_get(object, STR("end")), &container->end);
    read_ending(value_get(object, STR("previousEnd")), &container->previous_end);
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
    int i = 0;
    value_each (object, containers)
        read_container(object, &record->containers[i++]);
    return record;
}
