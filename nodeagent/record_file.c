/* The record's file. A row per field says where its value is in memory and what it is called there; how it is
 * written and read follows from its type. Of what isn't in the file there stays what was there before: the
 * defaults, which are what earlier versions, that didn't know the field, meant. */
#include "lib/file.h"
#include "nodeagent/record.h"
#include <signal.h>
#include <stddef.h>

/* ---- the types of values ---- */

struct type {
    void (*write)(struct value object, struct str member, const void *from);
    void (*read)(struct value member, void *into);
};

static void write_text(struct value object, struct str member, const void *from)
{
    char *const *text = from;
    if (*text != NULL)
        value_set_str(object, member, str_of(*text));
}

static void read_text(struct value member, void *into)
{
    char **text = into;
    free(*text);
    *text = str_dup(value_str(member));
}

static void write_truth(struct value object, struct str member, const void *from)
{
    value_set_bool(object, member, *(const bool *)from);
}

static void read_truth(struct value member, void *into)
{
    *(bool *)into = value_true(member);
}

static void write_long(struct value object, struct str member, const void *from)
{
    value_set_int(object, member, *(const int64_t *)from);
}

static void read_long(struct value member, void *into)
{
    int64_t *number = into;
    *number = value_int_or(member, *number);
}

static void write_number(struct value object, struct str member, const void *from)
{
    value_set_int(object, member, *(const int *)from);
}

static void read_number(struct value member, void *into)
{
    int *number = into;
    *number = (int)value_int_or(member, *number);
}

static void write_document(struct value object, struct str member, const void *from)
{
    struct doc *const *doc = from;
    if (*doc != NULL)
        value_set_copy(object, member, doc_root(*doc));
}

static void read_document(struct value member, void *into)
{
    struct doc **doc = into;
    doc_free(*doc);
    *doc = doc_copy(member);
}

static const char *const roles[] = {
    [ROLE_ORDINARY] = "ordinary",
    [ROLE_INIT] = "init",
    [ROLE_SIDECAR] = "sidecar",
};
static const char *const states[] = {
    [CONTAINER_NONE] = "none",
    [CONTAINER_CREATING] = "creating",
    [CONTAINER_CREATED] = "created",
    [CONTAINER_RUNNING] = "running",
};

/* The number of a name; 0 where it has none. */
static unsigned number_of(struct value name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (value_is(name, names[i]))
            return (unsigned)i;
    return 0;
}

static void write_role(struct value object, struct str member, const void *from)
{
    value_set_str(object, member, str_of(roles[*(const enum container_role *)from]));
}

static void read_role(struct value member, void *into)
{
    *(enum container_role *)into = number_of(member, roles, COUNT(roles));
}

static void write_state(struct value object, struct str member, const void *from)
{
    value_set_str(object, member, str_of(states[*(const enum container_state *)from]));
}

static void read_state(struct value member, void *into)
{
    *(enum container_state *)into = number_of(member, states, COUNT(states));
}

static void write_ending(struct value object, struct str member, const void *from);
static void read_ending(struct value member, void *into);

static const struct type text_type = {write_text, read_text}, truth_type = {write_truth, read_truth},
                         long_type = {write_long, read_long}, number_type = {write_number, read_number},
                         document_type = {write_document, read_document}, role_type = {write_role, read_role},
                         state_type = {write_state, read_state}, ending_type = {write_ending, read_ending};

/* ---- the fields ---- */

struct field {
    const char *member;
    const struct type *type;
    size_t offset;
};

/* The compiler finds the type. */
#define TYPE_OF(value) \
    _Generic((value), char *: &text_type, bool: &truth_type, int: &number_type, int64_t: &long_type,     \
             struct doc *: &document_type, struct ending: &ending_type, enum container_role: &role_type, \
             enum container_state: &state_type)
#define FIELD(structure, field, member)                                                         \
    {                                                                                           \
        (member), TYPE_OF(((struct structure *)NULL)->field), offsetof(struct structure, field) \
    }

static const struct field ending_fields[] = {
    FIELD(ending, attempt, "attempt"),    FIELD(ending, exit_code, "exitCode"),
    FIELD(ending, started_ms, "started"), FIELD(ending, finished_ms, "finished"),
    FIELD(ending, reason, "reason"),      FIELD(ending, message, "message"),
};

static const struct field container_fields[] = {
    FIELD(container_record, name, "name"),
    FIELD(container_record, role, "role"),
    FIELD(container_record, state, "state"),
    FIELD(container_record, attempt, "attempt"),
    FIELD(container_record, remains, "remains"),
    FIELD(container_record, start_asked, "startAsked"),
    FIELD(container_record, started_ms, "started"),
    FIELD(container_record, image, "image"),
    FIELD(container_record, image_id, "imageID"),
    FIELD(container_record, stop_signal, "stopSignal"),
    FIELD(container_record, end, "end"),
    FIELD(container_record, previous_end, "previousEnd"),
    FIELD(container_record, backoff_ms, "backoff"),
    FIELD(container_record, backoff_since_ms, "backoffSince"),
    FIELD(container_record, done, "done"),
    FIELD(container_record, post_start_due, "postStartDue"),
    FIELD(container_record, asked_ms, "asked"),
    FIELD(container_record, pre_stop_due, "preStopDue"),
    FIELD(container_record, signalled_ms, "signalled"),
    FIELD(container_record, grace_seconds, "graceSeconds"),
    FIELD(container_record, killed, "killed"),
    FIELD(container_record, again, "again"),
    FIELD(container_record, at_end, "atEnd"),
};

static const struct field pod_fields[] = {
    FIELD(pod_record, namespace, "namespace"),
    FIELD(pod_record, name, "name"),
    FIELD(pod_record, grace_seconds, "graceSeconds"),
    FIELD(pod_record, priority, "priority"),
    FIELD(pod_record, host_network, "hostNetwork"),
    FIELD(pod_record, admitted, "admitted"),
    FIELD(pod_record, is_static, "static"),
    FIELD(pod_record, failure_reason, "failureReason"),
    FIELD(pod_record, failure_message, "failureMessage"),
    FIELD(pod_record, failure_grace_seconds, "failureGraceSeconds"),
    FIELD(pod_record, said_in_vain, "saidInVain"),
};

static void write_fields(struct value object, const struct field *fields, size_t count, const void *from)
{
    for (size_t i = 0; i < count; i++)
        fields[i].type->write(object, str_of(fields[i].member), (const char *)from + fields[i].offset);
}

static void read_fields(struct value object, const struct field *fields, size_t count, void *into)
{
    for (size_t i = 0; i < count; i++) {
        struct value member = value_get(object, str_of(fields[i].member));
        if (value_exists(member))
            fields[i].type->read(member, (char *)into + fields[i].offset);
    }
}

static void write_ending(struct value object, struct str member, const void *from)
{
    const struct ending *end = from;
    if (end->valid)
        write_fields(value_set_object(object, member), ending_fields, COUNT(ending_fields), end);
}

static void read_ending(struct value member, void *into)
{
    struct ending *end = into;
    end->valid = true;
    read_fields(member, ending_fields, COUNT(ending_fields), end);
}

/* ---- the whole ---- */

int record_save(const struct place *place, const struct pod_record *record, struct error **err)
{
    autodoc struct doc *doc = doc_new();
    struct value root = doc_root(doc);
    value_set_str(root, STR("uid"), str_of(record->uid));
    write_fields(root, pod_fields, COUNT(pod_fields), record);
    struct value array = value_set_array(root, STR("containers"));
    for (int i = 0; i < record->container_count; i++)
        write_fields(value_append_object(array), container_fields, COUNT(container_fields),
                     &record->containers[i]);
    autobuf struct buf text = {0};
    value_write(&text, root);
    buf_add_char(&text, '\n');
    autofree char *directory = place_pod_state(place, record->uid);
    autofree char *path = path_format("%s/pod.json", directory);
    int result = directory_make(directory, 0700, err);
    return result < 0 ? result : file_replace(path, buf_str(&text), 0600, FILE_CACHED, err);
}

static void read_container(struct value object, struct container_record *container)
{
    *container = (struct container_record){
        .name = str_dup(STR("")), .attempt = -1, .stop_signal = SIGTERM, .grace_seconds = -1};
    read_fields(object, container_fields, COUNT(container_fields), container);
    if (!value_exists(value_get(object, STR("signalled"))))
        container->signalled_ms = container->asked_ms; /* without it: as soon as it was asked */
}

struct pod_record *record_load(const struct place *place, const char *uid, struct error **err)
{
    autofree char *directory = place_pod_state(place, uid);
    autofree char *path = path_format("%s/pod.json", directory);
    autodoc struct doc *doc = doc_read(path, err);
    if (doc == NULL)
        return NULL;
    struct value containers = value_get(doc_root(doc), STR("containers"));
    struct pod_record *record = record_stray(uid); /* which is admitted, where nothing else is said */
    record->grace_seconds = 30;
    read_fields(doc_root(doc), pod_fields, COUNT(pod_fields), record);
    record->over = record->failure_reason != NULL;
    record->containers =
        memory_resize(record->containers, (value_count(containers) + 1) * sizeof(*record->containers));
    value_each (object, containers)
        read_container(object, &record->containers[record->container_count++]);
    return record;
}
