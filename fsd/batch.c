#include "fsd/batch.h"

#include "fsd/digest.h"
#include "lib/clock.h"
#include "lib/large.h"

#define FILE_NAME_BYTES 250 /* 255, and .yaml */

/* The memory behind a store_batch. */
struct store_arrays {
    struct record *records;
    struct tombstone *tombstones;
    struct stream_line *lines;
    struct outcome *outcomes;
    struct outbox_row *outbox;
    struct outbox_keep *keeps;
    struct promise *promises;
};

struct batch *batch_new(void)
{
    static uint64_t last_number;
    struct batch *batch = memory_zeroed(1, sizeof(*batch));
    batch->number = ++last_number;
    batch->arrays = memory_zeroed(1, sizeof(*batch->arrays));
    return batch;
}

static void drop_change(struct batch_change *change)
{
    version_drop(change->version);
    free(change->path);
    free(change->author);
    free(change->subject);
}

/* ---- for the historian ---- */

struct held_entry {
    struct history_entry entry;
    struct version *version;
    char *path, *author, *email, *subject;
    char *document; /* where there is no version */
};

/* "alice" becomes alice@podtree, "uid 1234" 1234@podtree: git wants something of the kind, one for each. */
static char *history_email(const char *author)
{
    struct str rest = str_of(author), word = STR_NONE, number = STR_NONE;
    str_split(&rest, ' ', &word);
    if (str_is(word, "uid") && str_split(&rest, ' ', &number))
        word = number;
    struct buf email = {0};
    buf_addf(&email, STR_FORMAT "@" HISTORY_DOMAIN, STR_ARGS(word));
    return buf_take(&email);
}

static void release_entry(struct history_entry *entry)
{
    struct held_entry *held = (struct held_entry *)entry;
    version_drop(held->version);
    free(held->path);
    free(held->author);
    free(held->email);
    free(held->subject);
    free(held->document);
    free(held);
}

/* The strings are taken over. */
static struct held_entry *hold_entry(char *path, char *author, char *subject)
{
    struct held_entry *held = memory_zeroed(1, sizeof(*held));
    held->path = path;
    held->author = author;
    held->subject = subject;
    held->email = history_email(author);
    held->entry = (struct history_entry){.path = str_of(held->path),
                                         .author = str_of(held->author),
                                         .email = str_of(held->email),
                                         .subject = str_of(held->subject),
                                         .release = release_entry};
    return held;
}

/* ---- a batch ---- */

static void free_arrays(struct store_arrays *arrays)
{
    free(arrays->records);
    free(arrays->tombstones);
    free(arrays->lines);
    free(arrays->outcomes);
    free(arrays->outbox);
    free(arrays->keeps);
    free(arrays->promises);
    free(arrays);
}

/* One of the many things in it; false when there are none. */
static bool drop_one(struct batch *batch)
{
    if (batch->entry_count > 0)
        version_drop(batch->entries[--batch->entry_count].version);
    else if (batch->line_count > 0)
        free(batch->lines[--batch->line_count].text);
    else if (batch->change_count > 0)
        drop_change(&batch->changes[--batch->change_count]);
    else if (batch->promise_count > 0)
        free(batch->promises[--batch->promise_count].path);
    else if (batch->undo_count > 0)
        version_drop(batch->undo[--batch->undo_count].pending);
    else if (batch->history.count > 0)
        release_entry(queue_take(&batch->history));
    else
        return false;
    return true;
}

bool batch_free_some(struct batch *batch, int64_t end_us)
{
    while (drop_one(batch))
        if (clock_us() > end_us)
            return false;
    large_free(batch->entries, batch->entry_capacity);
    large_free(batch->lines, batch->line_capacity);
    large_free(batch->changes, batch->change_capacity);
    large_free(batch->promises, batch->promise_capacity);
    large_free(batch->undo, batch->undo_capacity);
    free(batch->trims);
    free_arrays(batch->arrays);
    free(batch);
    return true;
}

void batch_free(struct batch *batch)
{
    if (batch != NULL)
        (void)batch_free_some(batch, INT64_MAX);
}

/* With its ".yaml" a name may be too long for a file: of such ones the end gives way to a hash. */
static void add_file_name(struct buf *path, struct str name)
{
    if (name.length <= FILE_NAME_BYTES) {
        buf_add_str(path, name);
        return;
    }
    uint64_t hash = str_hash(name);
    name.length = FILE_NAME_BYTES - 17;
    buf_addf(path, STR_FORMAT "~%016llx", STR_ARGS(name), (unsigned long long)hash);
}

/* The path of an object's file in the history, without .yaml: namespaces/default/pods/7c/web-1. */
static char *history_path(const struct object *object)
{
    struct buf path = {0};
    if (object->kind->namespaced)
        buf_addf(&path, "namespaces/%s/", object->namespace);
    buf_add_str(&path, object->kind->directory);
    buf_add_char(&path, '/');
    if (object->kind->spread)
        buf_addf(&path, "%02x/", (unsigned)(str_hash(str_of(object->name)) & 0x3f));
    add_file_name(&path, str_of(object->name));
    return buf_take(&path);
}

/* 1 + the index of the object's entry; 0: it is not in the batch. */
static size_t place_in(const struct batch *batch, const struct object *object)
{
    return object->batch == batch->number ? object->batch_place : 0;
}

/* A component's change of the object waits in the batch, for another one to join. */
static bool can_join(const struct batch *batch, const struct batch_entry *entry)
{
    return entry->change != 0 && !batch->marked && !batch->changes[entry->change - 1].person;
}

static void add_change(struct batch *batch, const struct object *object, struct version *version,
                       struct batch_story story)
{
    struct batch_entry *entry = &batch->entries[object->batch_place - 1];
    if (!story.person && can_join(batch, entry)) {
        drop_change(&batch->changes[entry->change - 1]);
    } else {
        large_grow(batch->changes, batch->change_count, batch->change_capacity);
        entry->change = ++batch->change_count;
    }
    batch->changes[entry->change - 1] = (struct batch_change){.entry = object->batch_place - 1,
                                                              .version = version_hold(version),
                                                              .path = history_path(object),
                                                              .author = story.author,
                                                              .subject = story.subject,
                                                              .time_ms = version->time_ms,
                                                              .person = story.person};
}

static struct batch_entry *entry_for(struct batch *batch, struct object *object)
{
    if (place_in(batch, object) == 0) {
        large_grow(batch->entries, batch->entry_count, batch->entry_capacity);
        batch->entries[batch->entry_count++] = (struct batch_entry){.object = object->id, .before = object};
        object->batch = batch->number;
        object->batch_place = batch->entry_count;
    }
    return &batch->entries[object->batch_place - 1];
}

void batch_add(struct batch *batch, struct object *object, struct version *version,
               struct version *was_pending, struct batch_story story)
{
    struct batch_entry *entry = entry_for(batch, object);
    struct batch_undo undo = {.object = object->id,
                              .pending = was_pending,
                              .replaced = entry->version != NULL,
                              .change = entry->change};
    version_drop(entry->version);
    entry->version = version_hold(version);
    batch->version = version->number;
    if (story.author != NULL) {
        size_t before = batch->change_count;
        add_change(batch, object, version, story);
        undo.added_change = batch->change_count != before;
    } else {
        free(story.subject);
    }
    if (!batch->marked) {
        version_drop(was_pending);
        return;
    }
    large_grow(batch->undo, batch->undo_count, batch->undo_capacity);
    batch->undo[batch->undo_count++] = undo;
}

struct txn_mark batch_mark(struct batch *batch)
{
    batch->marked++;
    return (struct txn_mark){batch->undo_count, batch->line_count, batch->promise_count};
}

bool batch_keep(struct batch *batch, struct txn_mark mark, int64_t end_us)
{
    (void)mark;
    while (batch->marked == 1 && batch->undo_count > 0) {
        version_drop(batch->undo[--batch->undo_count].pending);
        if (clock_us() > end_us)
            return false;
    }
    batch->marked--;
    return true;
}

/* What was pending before may have become durable meanwhile. */
static bool is_published(const struct object *object, const struct version *version)
{
    return object->committed != NULL && object->committed->number >= version->number;
}

static void take_back(struct batch *batch, struct objects *objects, struct batch_undo *undo)
{
    struct object *object = object_by_id(objects, undo->object);
    struct batch_entry *entry = &batch->entries[object->batch_place - 1];
    version_drop(entry->version);
    if (undo->added_change)
        drop_change(&batch->changes[--batch->change_count]);
    if (undo->replaced) {
        entry->version = version_hold(undo->pending);
        entry->change = undo->change;
    } else {
        batch->entry_count--; /* they were added in this order */
        object->batch_place = 0;
    }
    if (undo->pending != NULL && !is_published(object, undo->pending)) {
        object_change(objects, object, undo->pending);
    } else {
        version_drop(undo->pending);
        object_discard(objects, object);
    }
}

bool batch_undo(struct batch *batch, struct objects *objects, struct txn_mark mark, int64_t end_us)
{
    while (batch->line_count > mark.line_count)
        free(batch->lines[--batch->line_count].text);
    while (batch->promise_count > mark.promise_count)
        free(batch->promises[--batch->promise_count].path);
    while (batch->undo_count > mark.undo_count) {
        take_back(batch, objects, &batch->undo[--batch->undo_count]);
        if (clock_us() > end_us)
            return false;
    }
    batch->marked--;
    return true;
}

void batch_add_line(struct batch *batch, const struct object *object, enum stream_kind stream, int64_t number,
                    char *text)
{
    large_grow(batch->lines, batch->line_count, batch->line_capacity);
    batch->lines[batch->line_count++] =
        (struct batch_line){.object = object != NULL ? object->id : ALL_OBJECTS,
                            .entry = object != NULL ? place_in(batch, object) : 0,
                            .stored = object == NULL || !object->kind->memory_only,
                            .stream = stream,
                            .number = number,
                            .text = text};
}

void batch_add_promise(struct batch *batch, struct batch_promise promise)
{
    large_grow(batch->promises, batch->promise_count, batch->promise_capacity);
    batch->promises[batch->promise_count++] = promise;
}

/* ---- what the history gets, in the committer's thread ---- */

static struct str stored_text(const struct batch *batch, const struct object *object, struct version *version)
{
    return secrets_stored_text(batch->secrets, object->kind, version);
}

/* What the changes hold goes over to the entries; the rows for the store point to it. */
static void make_history(struct batch *batch)
{
    int64_t now_ms = clock_ms();
    for (size_t i = 0; i < batch->change_count; i++) {
        struct batch_change *change = &batch->changes[i];
        struct held_entry *held = hold_entry(take_pointer(change->path), take_pointer(change->author),
                                             take_pointer(change->subject));
        held->version = take_pointer(change->version);
        held->entry.version = held->version->number;
        held->entry.arrived_ms = now_ms;
        held->entry.time_ms = change->time_ms;
        held->entry.person = change->person;
        if ((held->version->flags & VERSION_GONE) == 0)
            held->entry.document = stored_text(batch, batch->entries[change->entry].before, held->version);
        queue_add(&batch->history, &held->entry);
    }
}

struct history_entry *history_entry_of_row(const struct outbox_row *row)
{
    struct held_entry *held = hold_entry(str_dup(row->path), str_dup(row->author), str_dup(row->subject));
    held->entry.version = row->version;
    held->entry.arrived_ms = 1; /* long ago: it has waited for a predecessor */
    held->entry.time_ms = row->time_ms;
    held->entry.person = row->person;
    if (!row->deleted) {
        held->document = str_dup(row->document);
        held->entry.document = (struct str){held->document, row->document.length};
    }
    return &held->entry;
}

/* ---- what the store gets, in the committer's thread ---- */

static void prepare_entries(struct batch *batch)
{
    struct store_batch *stored = &batch->stored;
    for (size_t i = 0; i < batch->entry_count; i++) {
        const struct object *object = batch->entries[i].before;
        struct version *version = batch->entries[i].version;
        if (object->kind->memory_only)
            continue;
        if ((version->flags & VERSION_GONE) == 0)
            batch->arrays->records[stored->record_count++] = (struct record){
                .id = object->id,
                .version = version->number,
                .resource = object->kind->resource,
                .namespace = str_of(object->namespace),
                .name = str_of(object->name),
                .uid = str_of(object->uid),
                .document = stored_text(batch, object, version),
                .draft = (version->flags & VERSION_DRAFT) != 0,
            };
        else if (object->committed != NULL)
            batch->arrays->tombstones[stored->tombstone_count++] = (struct tombstone){
                .id = object->id,
                .version = version->number,
                .resource = object->kind->resource,
                .namespace = str_of(object->namespace),
                .name = str_of(object->name),
                .uid = str_of(object->uid),
                /* Of a draft nobody has been told. */
                .document =
                    (object->committed->flags & VERSION_DRAFT) == 0 ? version_text(version) : STR_NONE,
            };
    }
}

/* What becomes of its lines becomes of the object, where it came with this batch; else its tombstone takes
 * them with it. Those of all stay. */
static bool line_is_kept(const struct batch *batch, const struct batch_line *line)
{
    return line->stored &&
           (line->entry == 0 || (batch->entries[line->entry - 1].version->flags & VERSION_GONE) == 0);
}

static void prepare_lines(struct batch *batch)
{
    for (size_t i = 0; i < batch->line_count; i++) {
        const struct batch_line *line = &batch->lines[i];
        if (line_is_kept(batch, line))
            batch->arrays->lines[batch->stored.line_count++] =
                (struct stream_line){line->number, line->object, line->stream, str_of(line->text)};
    }
}

/* The document of a row is the record's own, unless a newer version of the same batch takes the record's
 * place; and an older row of a person, whose document was the record's until now, keeps it. */
static void prepare_history(struct batch *batch)
{
    struct store_batch *stored = &batch->stored;
    for (size_t i = 0; i < batch->change_count; i++) {
        struct batch_change *change = &batch->changes[i];
        struct batch_entry *entry = &batch->entries[change->entry];
        const struct object *before = entry->before;
        bool gone = (change->version->flags & VERSION_GONE) != 0;
        bool newest = entry->version == change->version;
        batch->arrays->outbox[stored->outbox_count++] = (struct outbox_row){
            .version = change->version->number,
            .id = before->id,
            .time_ms = change->time_ms,
            .path = str_of(change->path),
            .author = str_of(change->author),
            .subject = str_of(change->subject),
            .document =
                change->person && !gone && !newest ? stored_text(batch, before, change->version) : STR_NONE,
            .person = change->person,
            .deleted = gone,
        };
        if (before->history_version > batch->done && before->committed != NULL &&
            before->committed->number == before->history_version)
            batch->arrays->keeps[stored->keep_count++] =
                (struct outbox_keep){before->history_version, stored_text(batch, before, before->committed)};
        entry->history_version = change->person && newest && !gone ? change->version->number : 0;
    }
}

static void prepare_promises(struct batch *batch)
{
    for (size_t i = 0; i < batch->promise_count; i++) {
        const struct batch_promise *promise = &batch->promises[i];
        batch->arrays->promises[batch->stored.promise_count++] =
            (struct promise){.object = promise->object,
                             .path = str_of(promise->path),
                             .uid = promise->uid,
                             .gid = promise->gid,
                             .redeemed = promise->redeemed};
    }
}

/* Nobody asks for the outcome of a call that no request has made. */
static void prepare_outcomes(struct batch *batch)
{
    for (struct call *call = batch->calls.first; call != NULL; call = call->next)
        if (call->request != NULL)
            batch->arrays->outcomes[batch->stored.outcome_count++] =
                (struct outcome){(uint32_t)call->slot, batch->mount, call->unique, call->result};
}

static void make_arrays(struct batch *batch)
{
    size_t calls = 0;
    for (struct call *call = batch->calls.first; call != NULL; call = call->next)
        calls++;
    struct store_arrays *arrays = batch->arrays;
    struct store_batch *stored = &batch->stored;
    stored->records = arrays->records = memory_zeroed(batch->entry_count, sizeof(*arrays->records));
    stored->tombstones = arrays->tombstones = memory_zeroed(batch->entry_count, sizeof(*arrays->tombstones));
    stored->lines = arrays->lines = memory_zeroed(batch->line_count, sizeof(*arrays->lines));
    stored->outbox = arrays->outbox = memory_zeroed(batch->change_count, sizeof(*arrays->outbox));
    stored->keeps = arrays->keeps = memory_zeroed(batch->change_count, sizeof(*arrays->keeps));
    stored->promises = arrays->promises = memory_zeroed(batch->promise_count, sizeof(*arrays->promises));
    stored->outcomes = arrays->outcomes = memory_zeroed(calls, sizeof(*arrays->outcomes));
}

static int by_version(const void *a, const void *b)
{
    int64_t first = ((const struct batch_entry *)a)->version->number;
    int64_t second = ((const struct batch_entry *)b)->version->number;
    return (first > second) - (first < second);
}

/* They are where their objects' first changes were made: nearly always in order. */
static void sort_entries(struct batch *batch)
{
    for (size_t i = 1; i < batch->entry_count; i++)
        if (by_version(&batch->entries[i - 1], &batch->entries[i]) > 0) {
            qsort(batch->entries, batch->entry_count, sizeof(*batch->entries), by_version);
            return;
        }
}

bool batch_prepare(struct batch *batch)
{
    make_arrays(batch);
    prepare_entries(batch);
    prepare_lines(batch);
    prepare_history(batch);
    prepare_promises(batch);
    make_history(batch);
    sort_entries(batch);
    struct store_batch *stored = &batch->stored;
    if (stored->record_count + stored->tombstone_count + stored->line_count + stored->line_trim_count +
            stored->outbox_count + stored->promise_count ==
        0)
        return false;
    prepare_outcomes(batch);
    stored->outbox_done = batch->done;
    return true;
}

/* ---- when it is durable ---- */

struct object *batch_publish_entry(struct objects *objects, const struct batch_entry *entry)
{
    struct object *object = object_by_id(objects, entry->object);
    object->history_version = entry->history_version;
    object_publish(objects, object, entry->version);
    return object_by_id(objects, entry->object);
}
