#include "fsd/bulk.h"

#include "fsd/check.h"
#include "fsd/errors.h"
#include "fsd/exclusive.h"
#include "fsd/heavy.h"
#include "fsd/tell.h"
#include "fsd/txn.h"
#include "lib/clock.h"
#include "lib/name.h"
#include <errno.h>
#include <sys/random.h>

#define SLICE_US      500
#define SMALL_RESULTS (32u << 10) /* bytes */

/* A bulk on its way. */
struct bulk {
    struct place place; /* of the directory that its file is in */
    size_t done;        /* bytes */
    size_t line, results;
    bool failed;
    uint64_t failures;    /* txn_failures() when it began */
    struct buf made_name; /* of the line at work */
    bool full;            /* no more results fit */
    /* An atomic one: */
    bool atomic, settled; /* … taken back, or kept */
    struct txn_mark mark;
    struct buf refusal; /* the first, until the results before it are given: … */
    size_t canceled;    /* … so many */
};

/* One line. */
struct bulk_line {
    struct call *call;
    const struct place *place;
    struct value request;
    const struct kind *kind;
    struct str namespace, name;
    struct buf *made_name; /* from generateName; kept until the line is done */
    size_t weight;         /* bytes of the line */
    struct changed changed;
};

/* ---- a line's parts ---- */

static struct str member(const struct bulk_line *line, const char *name)
{
    return value_str(value_get(line->request, str_of(name)));
}

static int find_kind(struct bulk_line *line, struct error **err)
{
    struct str resource = member(line, "resource");
    line->kind =
        resource.length != 0 ? kinds_by_directory(line->call->fsd->kinds, resource) : line->place->kind;
    if (line->kind == NULL)
        return error_make(err, EINVAL, "resource: there is no kind \"" STR_FORMAT "\"", STR_ARGS(resource));
    return 0;
}

static void find_namespace(struct bulk_line *line, struct str given)
{
    if (!line->kind->namespaced)
        line->namespace = STR("");
    else if (given.length != 0)
        line->namespace = given;
    else if (line->place->namespace != NULL && line->place->namespace[0] != '\0')
        line->namespace = str_of(line->place->namespace);
    else
        line->namespace = STR("default");
}

static int find_object(struct bulk_line *line, struct error **err)
{
    int status = find_kind(line, err);
    if (status < 0)
        return status;
    find_namespace(line, member(line, "namespace"));
    line->name = member(line, "name");
    return line->name.length != 0 ? 0 : error_make(err, EINVAL, "name: is required");
}

static int preconditions(const struct bulk_line *line, struct edit *edit, struct error **err)
{
    struct value version = value_get(line->request, STR("rv"));
    edit->if_uid = member(line, "uid");
    if (value_exists(version) && !str_to_int64(value_str(version), &edit->if_version))
        return check_refuse(version, "rv: must be a resourceVersion", err);
    return 0;
}

static int change(struct bulk_line *line, struct edit edit, bool creates, struct error **err)
{
    int status = preconditions(line, &edit, err);
    if (status < 0)
        return status;
    edit.weight = line->weight;
    struct change what = {.kind = line->kind,
                          .namespace = line->namespace,
                          .name = line->name,
                          .edit = edit,
                          .call = line->call,
                          .create_only = creates,
                          .must_exist = !creates};
    return txn_change(line->call->fsd, &line->call->asker, &what, &line->changed, err);
}

/* ---- operations ---- */

/* Five characters of Kubernetes' alphabet for generated names: no vowels, so no words. */
static void add_random_suffix(struct buf *name)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    unsigned char bytes[5];
    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        abort(); /* cannot happen for so few */
    for (size_t i = 0; i < sizeof(bytes); i++)
        buf_add_char(name, alphabet[bytes[i] % (sizeof(alphabet) - 1)]);
}

static int create(struct bulk_line *line, struct error **err)
{
    struct value object = value_get(line->request, STR("object"));
    line->kind = kinds_by_manifest(line->call->fsd->kinds, object, err);
    if (line->kind == NULL)
        return -EINVAL;
    struct str resource = member(line, "resource");
    if (resource.length != 0 && kinds_by_directory(line->call->fsd->kinds, resource) != line->kind)
        return check_refuse(value_get(line->request, STR("resource")), "resource: must be the object's", err);
    struct value metadata = value_get(object, STR("metadata"));
    struct str namespace = value_str(value_get(metadata, STR("namespace")));
    find_namespace(line, namespace.length != 0 ? namespace : member(line, "namespace"));
    line->name = value_str(value_get(metadata, STR("name")));
    struct str prefix = value_str(value_get(metadata, STR("generateName")));
    if (line->name.length == 0 && prefix.length != 0) {
        if (line->made_name->length == 0) {
            buf_add_str(line->made_name, prefix);
            add_random_suffix(line->made_name);
        }
        line->name = buf_str(line->made_name);
    }
    if (line->name.length == 0)
        return error_make(err, EINVAL, "metadata.name: is required");
    return change(line, (struct edit){.type = EDIT_CREATE, .document = object}, true, err);
}

static int merge(struct bulk_line *line, enum edit_type type, struct error **err)
{
    int status = find_object(line, err);
    if (status < 0)
        return status;
    return change(line, (struct edit){.type = type, .document = value_get(line->request, STR("merge"))},
                  false, err);
}

static int patch(struct bulk_line *line, struct error **err)
{
    return merge(line, EDIT_MERGE, err);
}

static int set_status(struct bulk_line *line, struct error **err)
{
    return merge(line, EDIT_STATUS, err);
}

static int delete (struct bulk_line *line, struct error **err)
{
    int status = find_object(line, err);
    if (status < 0)
        return status;
    struct edit edit = {.type = EDIT_DELETE, .grace = -1};
    struct value grace = value_get(line->request, STR("grace"));
    if (value_exists(grace) && (!value_int(grace, &edit.grace) || edit.grace < 0))
        return check_refuse(grace, "grace: must be a number of seconds", err);
    if (value_true(value_get(line->request, STR("finished"))))
        edit.type = EDIT_FINISHED;
    return change(line, edit, false, err);
}

static int event(struct bulk_line *line, struct error **err)
{
    int status = find_object(line, err);
    if (status < 0)
        return status;
    struct object *object = object_newest(line->call->fsd->objects, line->kind, line->namespace, line->name);
    struct str uid = member(line, "uid"), type = member(line, "type");
    if (object == NULL || (uid.length != 0 && !str_is(uid, object->uid)))
        return error_make(err, ENOENT, STR_FORMAT "/" STR_FORMAT " is gone", STR_ARGS(line->kind->plural),
                          STR_ARGS(line->name));
    if (!str_is(type, "Normal") && !str_is(type, "Warning"))
        return check_refuse(value_get(line->request, STR("type")), "type: must be Normal or Warning", err);
    line->changed = (struct changed){.uid = object->uid, .version = object_newest_version(object)->number};
    return txn_event(line->call->fsd, &line->call->asker, object,
                     str_is(type, "Normal") ? "Normal" : "Warning", member(line, "reason"),
                     member(line, "message"), err);
}

/* With the members that a request may have beside "op". */
static const struct operation_row {
    const char *name;
    int (*run)(struct bulk_line *line, struct error **err);
    const char *members[8];
} operations[] = {
    {"create", create, {"resource", "namespace", "object"}},
    {"patch", patch, {"resource", "namespace", "name", "uid", "rv", "merge"}},
    {"status", set_status, {"resource", "namespace", "name", "uid", "rv", "merge"}},
    {"delete", delete, {"resource", "namespace", "name", "uid", "rv", "grace", "finished"}},
    {"event", event, {"resource", "namespace", "name", "uid", "type", "reason", "message"}},
};

/* A misspelt precondition must not be one that always holds. */
static int check_members(const struct bulk_line *line, const struct operation_row *row, struct error **err)
{
    value_each (given, line->request) {
        struct name_search search = name_search(value_key(given));
        bool known = str_is(value_key(given), "op");
        for (size_t i = 0; i < COUNT(row->members) && row->members[i] != NULL && !known; i++) {
            known = str_is(value_key(given), row->members[i]);
            name_search_try(&search, str_of(row->members[i]));
        }
        if (!known && search.name.length != 0)
            return error_make(err, EINVAL,
                              "unknown member \"" STR_FORMAT "\": did you mean \"" STR_FORMAT "\"?",
                              STR_ARGS(value_key(given)), STR_ARGS(search.name));
        if (!known)
            return error_make(err, EINVAL, "unknown member \"" STR_FORMAT "\" of a %s",
                              STR_ARGS(value_key(given)), row->name);
    }
    return 0;
}

static int run_operation(struct bulk_line *line, struct error **err)
{
    struct str name = member(line, "op");
    if (value_type(line->request) != VALUE_OBJECT)
        return check_refuse(line->request, "a request must be an object", err);
    for (size_t i = 0; i < COUNT(operations); i++) {
        if (!str_is(name, operations[i].name))
            continue;
        int status = check_members(line, &operations[i], err);
        return status < 0 ? status : operations[i].run(line, err);
    }
    return check_refuse(value_get(line->request, STR("op")),
                        "op: must be create, patch, status, delete or event", err);
}

/* ---- results ---- */

static void add_result(struct buf *out, const struct bulk_line *line)
{
    buf_addf(out, "{\"uid\":\"%s\",\"name\":", line->changed.uid);
    json_write_string(out, line->name);
    buf_addf(out, ",\"rv\":\"%lld\"}\n", (long long)line->changed.version);
}

static void add_refusal(struct buf *out, int number, const char *message)
{
    const char *name = strerrorname_np(number);
    buf_addf(out, "{\"error\":\"%s\",\"message\":", name != NULL ? name : "EIO");
    json_write_string(out, str_of(message));
    buf_add_text(out, "}\n");
}

static void add_cancellation(struct buf *out)
{
    add_refusal(out, ECANCELED, "another line of this atomic bulk was refused");
}

/* The line goes to the handle, for the descriptor to be read: into memory that outlives fsd, so that whoever
 * has to repeat the answer has it, and that is not moved once it is large. Of more than fit into a block
 * (64 MiB) the rest is left out. */
static void give_result(struct call *call, struct bulk *bulk, struct str line)
{
    struct arena *arena = call->fsd->memory->arena;
    struct handle_record *handle = handle_of_number(call->fsd->handles, call->file.fh, NULL);
    if (handle == NULL || bulk->full)
        return;
    if (handle->results.length + line.length > SMALL_RESULTS)
        (void)arena_bytes_reserve(arena, &handle->results, BULK_LIMIT);
    bulk->full = arena_bytes_write(arena, &handle->results, handle->results.length, line) < 0;
}

static void drop_results(struct call *call)
{
    struct handle_record *handle = handle_of_number(call->fsd->handles, call->file.fh, NULL);
    if (handle != NULL)
        handle->results.length = 0;
}

/* People are told in their errors, too: a shell doesn't read the results. */
static void say_refusal(struct call *call, size_t number, const char *message)
{
    if (call->asker.identity != IDENTITY_NONE)
        return;
    autobuf struct buf path = {0};
    uint32_t node = call_node(call);
    if (node != 0)
        place_path(call->fsd, node, &path);
    buf_addf(&path, " line %zu", number);
    errors_add(call->fsd->memory, call->asker.uid, clock_wall_ms(), buf_str(&path), message);
    tell_errors(call->fsd, call->asker.uid);
}

/* The first line may say that all are to be carried out or none. Those that change something meanwhile wait:
 * what is taken back must not have changes of others among it. */
static bool begins_atomic(const struct bulk_line *line, const struct bulk *bulk)
{
    return bulk->line == 1 && str_is(member(line, "op"), "atomic");
}

static void begin_atomic(struct call *call, struct bulk *bulk)
{
    exclusive_begin(call);
    bulk->atomic = true;
    bulk->mark = txn_mark(call->fsd);
}

/* The first refusal of an atomic bulk has to wait: those before it turn out to be canceled. */
static void begin_to_cancel(struct call *call, struct bulk *bulk, struct buf *refusal)
{
    drop_results(call);
    bulk->full = false;
    bulk->canceled = bulk->results;
    bulk->refusal = *refusal;
    *refusal = (struct buf){0};
}

/* False when there was not the time for all. */
static bool go_on_canceling(struct call *call, struct bulk *bulk, int64_t end_us)
{
    if (bulk->refusal.length == 0)
        return true;
    autobuf struct buf text = {0};
    add_cancellation(&text);
    for (; bulk->canceled > 0 && clock_us() < end_us; bulk->canceled--)
        give_result(call, bulk, buf_str(&text));
    if (bulk->canceled > 0)
        return false;
    give_result(call, bulk, buf_str(&bulk->refusal));
    buf_free(&bulk->refusal);
    return true;
}

static void add_outcome(struct call *call, struct bulk *bulk, const struct bulk_line *line, int status,
                        const struct error *err)
{
    autobuf struct buf text = {0};
    if (status < 0) {
        add_refusal(&text, -status, error_message(err));
        say_refusal(call, bulk->line, error_message(err));
    } else if (bulk->failed && bulk->atomic) {
        add_cancellation(&text);
    } else {
        add_result(&text, line);
    }
    if (status < 0 && bulk->atomic && !bulk->failed)
        begin_to_cancel(call, bulk, &text);
    else
        give_result(call, bulk, buf_str(&text));
    bulk->failed |= status < 0;
    bulk->results++;
}

/* False when the worker has it, and the line has to be run again. */
static bool run_line(struct call *call, struct bulk *bulk, struct str text)
{
    struct bulk_line line = {
        .call = call, .place = &bulk->place, .weight = text.length, .made_name = &bulk->made_name};
    autoerror struct error *err = NULL;
    struct doc *doc;
    int status = heavy_parse_line(call, text, &doc, &err);
    if (status == 0) {
        line.request = doc_root(doc);
        if (begins_atomic(&line, bulk)) {
            begin_atomic(call, bulk);
            return true;
        }
        status = run_operation(&line, &err);
    }
    if (status == -EINPROGRESS)
        return false;
    add_outcome(call, bulk, &line, status, err);
    buf_free(&bulk->made_name);
    return true;
}

/* ---- everything ---- */

static struct bulk *begin(struct call *call, const struct place *place)
{
    struct bulk *bulk = memory_zeroed(1, sizeof(*bulk));
    bulk->place = *place;
    bulk->failures = txn_failures(call->fsd);
    txn_hold(call->fsd);
    drop_results(call);
    call->work = bulk;
    return bulk;
}

/* What was done before the store failed is gone with it. */
static bool is_lost(const struct call *call, const struct bulk *bulk)
{
    return bulk->failures != txn_failures(call->fsd);
}

/* All or none. False when there was not the time for all. */
static bool settle_atomic(struct call *call, struct bulk *bulk, int64_t end_us)
{
    if (!bulk->settled)
        bulk->settled = (bulk->failed ? txn_undo_some : txn_keep_some)(call->fsd, bulk->mark, end_us);
    return bulk->settled;
}

static int end(struct call *call, struct bulk *bulk, struct error **err)
{
    bool lost = is_lost(call, bulk);
    if (bulk->atomic)
        exclusive_end(call);
    txn_release(call->fsd);
    buf_free(&bulk->made_name);
    buf_free(&bulk->refusal);
    free(bulk);
    call->work = NULL;
    return lost ? error_make(err, EIO,
                             "the store failed while the bulk was carried out; nothing of it was done")
                : 0;
}

/* 0 when all lines have been run. */
static int run_lines(struct call *call, struct bulk *bulk, struct str bytes, int64_t end_us)
{
    for (;;) {
        if (clock_us() > end_us || !go_on_canceling(call, bulk, end_us))
            return CALL_WAITING;
        if (bulk->done >= bytes.length || is_lost(call, bulk))
            return 0;
        struct str rest = {bytes.at + bulk->done, bytes.length - bulk->done}, text;
        (void)str_split(&rest, '\n', &text);
        bulk->line++;
        if (str_trim(text).length != 0 && !run_line(call, bulk, text)) {
            bulk->line--;
            return -EINPROGRESS;
        }
        heavy_forget(call);
        bulk->done += text.length + 1;
    }
}

int bulk_write(struct call *call, const struct place *place, uint32_t node, struct str bytes,
               struct error **err)
{
    (void)node;
    struct bulk *bulk = call->work != NULL ? call->work : begin(call, place);
    int64_t end_us = clock_us() + SLICE_US;
    int status = run_lines(call, bulk, bytes, end_us);
    if (status != 0)
        return status;
    if (bulk->atomic && !is_lost(call, bulk) && !settle_atomic(call, bulk, end_us))
        return CALL_WAITING;
    return end(call, bulk, err);
}
