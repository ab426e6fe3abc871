/* The beginning and the end of txn: what the store had becomes the set of objects. */
#include "fsd/txn_private.h"

#include "fsd/custom.h"
#include "fsd/digest.h"
#include "fsd/quotas.h"
#include "fsd/tell.h"
#include "fsd/vacancy.h"
#include "lib/clock.h"
#include "lib/log.h"
#include <stdio.h>

/* More versions than are given between two batches that are stored. */
#define VERSION_LEAP 100000

struct loading {
    struct fsd *fsd;
    struct history_queue history;
    size_t skipped;
};

static struct object *load_object(struct loading *loading, int64_t id, struct str resource,
                                  struct str namespace, struct str name, struct str uid,
                                  struct version *(*make)(const struct kind *, const void *), const void *row)
{
    struct fsd *fsd = loading->fsd;
    const struct kind *kind = kinds_by_directory(fsd->kinds, resource);
    if (kind == NULL) {
        loading->skipped++;
        return NULL;
    }
    return object_load(fsd->objects, id, kind, namespace, name, uid, make(kind, row));
}

static struct version *version_of_row(const struct kind *kind, const void *row)
{
    return version_from_record(kind, row);
}

static struct version *tombstone_of_row(const struct kind *kind, const void *row)
{
    const struct tombstone *tombstone = row;
    return version_tombstone(kind, tombstone->document, tombstone->version, clock_wall_ms());
}

static void load_record(void *context, const struct record *row)
{
    struct fsd *fsd = ((struct loading *)context)->fsd;
    const struct kind *kind = kinds_by_directory(fsd->kinds, row->resource);
    autobuf struct buf opened = {0};
    struct record record = *row;
    if (kind != NULL)
        record.document = secrets_load(fsd->secrets, kind, row, &opened);
    const struct object *object = load_object(context, record.id, record.resource, record.namespace,
                                              record.name, record.uid, version_of_row, &record);
    if (object != NULL && kind->defines)
        custom_load(fsd, object);
}

static void load_tombstone(void *context, const struct tombstone *row)
{
    load_object(context, row->id, row->resource, row->namespace, row->name, row->uid, tombstone_of_row, row);
}

static void load_line(void *context, const struct stream_line *line)
{
    struct loading *loading = context;
    struct str rest = line->text, time;
    txn_take_line(loading->fsd, line);
    if (line->object == ALL_OBJECTS && str_split(&rest, ' ', &time))
        clock_parse(time, &loading->fsd->events_time_ms);
}

static void load_outbox(void *context, const struct outbox_row *row)
{
    struct loading *loading = context;
    struct object *object = object_by_id(loading->fsd->objects, row->id);
    bool current = object != NULL && object->committed->number == row->version;
    if (row->person && !row->deleted && current)
        object->history_version = row->version;
    /* A component's, and the object has changed since: a later row says what it is now. This one's own
     * document has not been kept, and the one of today would show it ahead of what persons did in between. */
    if (!row->person && !row->deleted && !current)
        return;
    queue_add(&loading->history, history_entry_of_row(row));
}

static void load_outcome(void *context, const struct outcome *outcome)
{
    struct loading *loading = context;
    struct txn *txn = loading->fsd->txn;
    if (outcome->slot >= MEMORY_SLOTS || outcome->mount != loading->fsd->memory->header->mount)
        return;
    txn->outcomes[outcome->slot] = *outcome;
}

/* What was given to objects that lived in a predecessor's memory is known on this mount; after the end of a
 * mount a leap takes its place. Those objects are gone without a tombstone: who followed them must list anew.
 */
static void take_over_numbers(struct fsd *fsd, const struct store_position *position)
{
    struct txn *txn = fsd->txn;
    struct given_numbers *given = txn->given = &fsd->memory->header->given;
    int64_t stored = position->version + (fsd->memory->fresh && position->version != 0 ? VERSION_LEAP : 0);
    store_raise(&given->version, stored);
    store_raise(&given->id, position->id);
    store_raise(&given->line, position->line);
    txn->published = ++given->version;
    for (size_t k = 0; k < kinds_count(fsd->kinds); k++)
        if (kinds_at(fsd->kinds, k)->memory_only)
            objects_forget(fsd->objects, kinds_at(fsd->kinds, k), given->version);
}

static void load_promise(void *context, const struct promise *promise)
{
    struct loading *loading = context;
    vacancy_inherit(loading->fsd, promise);
}

static void note_newest(void *context, const struct object *object, const struct version *before,
                        const struct version *after)
{
    struct fsd *fsd = context;
    policies_note(&fsd->policies, object, after);
    quotas_note(fsd, object, before, after);
}

int txn_open(struct fsd *fsd, const char *state, int wake_fd, struct error **err)
{
    struct txn *txn = fsd->txn = memory_zeroed(1, sizeof(*txn));
    struct loading loading = {.fsd = fsd};
    txn->filling = batch_new();
    fsd->secrets = secrets_new(state);
    fsd->policies = policies_new();
    fsd->quotas = quotas_new();
    objects_observe(fsd->objects, note_newest, fsd);
    struct store *store;
    int result = store_open(state, &store, err);
    if (result < 0)
        return result;
    const struct store_reader reader = {CUSTOM_DEFINITIONS, load_record,  load_tombstone, load_line,
                                        load_outbox,        load_outcome, load_promise};
    struct store_position position;
    result = store_load(store, &reader, &loading, &position, err);
    if (result < 0)
        return error_wrap(err, "cannot read the store");
    secrets_loaded(fsd->secrets, fsd->memory);
    if (!secrets_are_open(fsd->secrets))
        fsd->memory->header->told = 0;
    if (loading.skipped > 0)
        log_warning("%zu objects are of kinds that are not known; they are kept in the store",
                    loading.skipped);
    take_over_numbers(fsd, &position);
    txn->published_ms = clock_wall_ms();

    autofree char *repository = NULL;
    if (asprintf(&repository, "%s/history.git", state) < 0)
        abort();
    result = historian_start(repository, wake_fd, &txn->historian, err);
    if (result < 0)
        return result;
    historian_push(txn->historian, &loading.history);
    return committer_start(store, wake_fd, &txn->committer, err);
}

static void free_all(struct batch *first)
{
    for (struct batch *batch = first, *next; batch != NULL; batch = next) {
        next = batch->next;
        batch_free(batch);
    }
}

void txn_close(struct fsd *fsd)
{
    struct txn *txn = fsd->txn;
    if (txn == NULL)
        return;
    if (txn->committer != NULL)
        committer_stop(txn->committer);
    if (txn->historian != NULL)
        historian_stop(txn->historian);
    while (txn->recorded.count > 0) {
        struct history_entry *entry = queue_take(&txn->recorded);
        entry->release(entry);
    }
    objects_observe(fsd->objects, NULL, NULL);
    policies_drop(take_pointer(fsd->policies));
    quotas_free(take_pointer(fsd->quotas));
    batch_free(txn->filling);
    batch_free(txn->publishing);
    free_all(txn->ended);
    free_all(txn->failing);
    error_free(txn->failure);
    free(txn->trims);
    free(txn);
    fsd->txn = NULL;
    secrets_free(take_pointer(fsd->secrets));
}

const struct outcome *txn_outcome(const struct fsd *fsd, int slot, uint64_t unique)
{
    const struct outcome *outcome = &fsd->txn->outcomes[slot];
    return outcome->mount != 0 && outcome->unique == unique ? outcome : NULL;
}

static void trim_lines(struct txn *txn, const struct stream_line *line, int64_t oldest)
{
    array_grow(txn->trims, txn->trim_count, txn->trim_capacity);
    txn->trims[txn->trim_count++] =
        (struct stream_line){.number = oldest, .object = line->object, .stream = line->stream};
}

bool txn_take_line(struct fsd *fsd, const struct stream_line *line)
{
    struct object *object = object_by_id(fsd->objects, line->object);
    bool all = line->object == ALL_OBJECTS;
    if (!all && (object == NULL || !object_is_visible(object)))
        return false;
    struct stream *stream = all ? &fsd->events : &object->streams[line->stream];
    bool full = stream->text.length + line->text.length >= STREAM_FULL;
    bool followed = full && tell_is_followed(fsd, object, line->stream);
    int64_t oldest = stream_add(stream, line->number, line->text, followed ? STREAM_FOLLOWED : STREAM_FULL);
    if (oldest != 0)
        trim_lines(fsd->txn, line, oldest);
    return true;
}

void txn_add_trims(struct txn *txn, struct batch *batch)
{
    /* The batch takes the array over; if it fails the lines stay in the store until the next trimming of the
     * stream. */
    batch->trims = take_pointer(txn->trims);
    batch->stored.line_trims = batch->trims;
    batch->stored.line_trim_count = txn->trim_count;
    txn->trim_count = txn->trim_capacity = 0;
}
