#include "nodeagent/record.h"

#include "lib/clock.h"
#include "nodeagent/document.h"
#include <signal.h>

#define BACKOFF_FIRST_MS 10000
#define BACKOFF_MOST_MS  300000

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

void record_begin(struct container_record *container, struct value spec, const char *image_id,
                  int stop_signal, int64_t now_ms)
{
    if (container->end.valid)
        record_raise_backoff(container, now_ms);
    container->attempt++;
    container->adopted = container->again = container->start_asked = false;
    container->state = CONTAINER_CREATING;
    container->remains = true;
    container->stop_signal = stop_signal;
    replace_text(&container->image_id, image_id);
    record_keep_for_end(container, spec);
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

int64_t record_longer_pause(int64_t pause_ms)
{
    return pause_ms == 0 ? BACKOFF_FIRST_MS : pause_ms * 2 < BACKOFF_MOST_MS ? pause_ms * 2 : BACKOFF_MOST_MS;
}

void record_wait(struct container_record *container, const char *reason, const char *message, int64_t now_ms)
{
    replace_text(&container->waiting_reason, reason);
    replace_text(&container->waiting_message, message);
    container->pause_ms = record_longer_pause(container->pause_ms);
    container->retry_ms = now_ms + container->pause_ms;
}

void record_stop_waiting(struct container_record *container)
{
    replace_text(&container->waiting_reason, NULL);
    replace_text(&container->waiting_message, NULL);
    replace_text(&container->hook_failure, NULL);
    container->retry_ms = container->pause_ms = 0;
}

/* Has it run long enough since the last pause, or was there none? */
static bool is_calm(const struct container_record *container)
{
    return container->backoff_since_ms == 0 ||
           container->end.finished_ms - container->backoff_since_ms > 2 * BACKOFF_MOST_MS;
}

void record_raise_backoff(struct container_record *container, int64_t now_ms)
{
    if (container->again)
        return;
    container->backoff_ms = record_longer_pause(is_calm(container) ? 0 : container->backoff_ms);
    container->backoff_since_ms = now_ms;
}

int64_t record_backoff_until(const struct container_record *container)
{
    bool waits = container->end.valid && !container->again && !is_calm(container);
    return waits ? container->end.finished_ms + container->backoff_ms : 0;
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

bool record_is_at_rest(const struct pod_record *record)
{
    bool rests = record->sandbox == SANDBOX_NONE && !record->sandbox_busy;
    for (int i = 0; i < record->container_count; i++)
        rests &= record->containers[i].state == CONTAINER_NONE && !record->containers[i].busy;
    return rests;
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

struct value record_spec(const struct container_record *container, struct value pod)
{
    return document_container(pod, str_of(container->name), NULL);
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
    container->role = !first_list ? ROLE_ORDINARY : document_is_sidecar(spec) ? ROLE_SIDECAR : ROLE_INIT;
}

struct pod_record *record_new(struct value pod, int64_t now_ms)
{
    struct value meta = value_get(pod, STR("metadata")), spec = value_get(pod, STR("spec"));
    struct pod_record *record = record_blank(
        value_str(value_get(meta, STR("uid"))), value_str(value_get(meta, STR("namespace"))),
        value_str(value_get(meta, STR("name"))),
        value_count(value_at(spec, "initContainers")) + value_count(value_at(spec, "containers")));
    int count = 0;
    for (int i = 0; i < DOCUMENT_LISTS_RUN; i++)
        value_each (part, value_get(spec, str_of(document_container_lists[i]))) {
            struct container_record *container = &record->containers[count++];
            init_container(container, part, i == 0);
            take_over_status(container, document_container_status(pod, container->name), now_ms);
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
    for (size_t i = 0; i < DOCUMENT_LISTS_RUN; i++)
        value_each (spec, value_at(pod, "spec", document_container_lists[i])) {
            if (count >= record->container_count ||
                !value_is(value_get(spec, STR("name")), record->containers[count].name) ||
                (record->containers[count].role == ROLE_ORDINARY) != (i == 1))
                return false;
            count++;
        }
    return true;
}

void record_learn(struct pod_record *record, struct value pod)
{
    struct value spec = value_get(pod, STR("spec"));
    record->grace_seconds = value_int_or(value_get(spec, STR("terminationGracePeriodSeconds")), 30);
    record->priority = value_int_or(value_get(spec, STR("priority")), 0);
    record->host_network = value_true(value_get(spec, STR("hostNetwork")));
    for (int i = 0; i < record->container_count; i++) {
        struct container_record *container = &record->containers[i];
        struct value image = value_get(record_spec(container, pod), STR("image"));
        if (container->image == NULL && container->state != CONTAINER_NONE && value_exists(image))
            record_set_image(container, value_str(image));
    }
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
    free(record->said_in_vain);
    free(record);
}
