#include "fsd/txn.h"

#include "fsd/audit.h"
#include "fsd/authorize.h"
#include "fsd/batch.h"
#include "fsd/custom.h"
#include "fsd/digest.h"
#include "fsd/documents.h"
#include "fsd/drafts.h"
#include "fsd/exclusive.h"
#include "fsd/heavy.h"
#include "fsd/invalidator.h"
#include "fsd/quotas.h"
#include "fsd/readers.h"
#include "fsd/tell.h"
#include "fsd/txn_private.h"
#include "fsd/validate.h"
#include "lib/clock.h"
#include "lib/fault.h"
#include "lib/log.h"
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#define TOMBSTONES_KEPT   100000
#define PUBLISHED_AT_ONCE 16
#define SLICE_US          250 /* of publishing, and of answering, in a turn */
#define FREEING_US        100 /* what has been freed costs the next that asks for memory as much again */

int64_t txn_version(const struct fsd *fsd)
{
    return fsd->txn->published;
}

int64_t txn_time_ms(const struct fsd *fsd)
{
    return fsd->txn->published_ms;
}

/* ---- computing a change ---- */

/* Random numbers for uids: a kilobyte of them at a time. */
static void make_uid(struct txn *txn, char out[37])
{
    if (txn->random_left < 16) {
        if (getrandom(txn->random, sizeof(txn->random), 0) != sizeof(txn->random))
            abort(); /* cannot happen for 256 bytes once the pool is ready */
        txn->random_left = sizeof(txn->random);
    }
    txn->random_left -= 16;
    unsigned char *b = txn->random + txn->random_left;
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* The namespace must be there, and not on its way out, for something to be made in it. */
static int check_namespace(struct fsd *fsd, const struct change *change, struct error **err)
{
    if (!change->kind->namespaced)
        return 0;
    const struct kind *kind = kinds_by_directory(fsd->kinds, STR("namespaces"));
    const struct object *namespace =
        kind != NULL ? object_newest(fsd->objects, kind, STR(""), change->namespace) : NULL;
    if (namespace == NULL)
        return error_make(err, ENOENT, "namespace " STR_FORMAT " does not exist",
                          STR_ARGS(change->namespace));
    if ((object_newest_version(namespace)->flags & VERSION_TERMINATING) != 0)
        return error_make(err, EBUSY, "namespace " STR_FORMAT " is being deleted",
                          STR_ARGS(change->namespace));
    return 0;
}

static int check_existence(struct fsd *fsd, const struct change *change, const struct object *object,
                           struct error **err)
{
    if (object != NULL && change->create_only)
        return error_make(err, EEXIST, STR_FORMAT "/" STR_FORMAT " exists already",
                          STR_ARGS(change->kind->plural), STR_ARGS(change->name));
    if (object == NULL && change->must_exist)
        return error_make(err, ENOENT, STR_FORMAT "/" STR_FORMAT " does not exist",
                          STR_ARGS(change->kind->plural), STR_ARGS(change->name));
    if (object == NULL && change->kind->ending)
        return error_make(err, EBUSY, STR_FORMAT " is being deleted, and all its objects with it",
                          STR_ARGS(change->kind->qualified));
    return object == NULL ? check_namespace(fsd, change, err) : 0;
}

static void add_status_line(struct fsd *fsd, struct object *object, const char *status, int64_t now_ms)
{
    char time[CLOCK_TEXT];
    clock_format(now_ms, time);
    struct buf line = {0};
    buf_addf(&line, "%s %s", time, status);
    batch_add_line(fsd->txn->filling, object, STREAM_STATUS, ++fsd->txn->given->line, buf_take(&line));
}

/* What has just been computed is what readers, and the next change, will ask for. */
static void keep_document(struct fsd *fsd, struct version *version, struct edit_result *result)
{
    struct value metadata = value_get(doc_root(result->document), STR("metadata"));
    char number[24];
    int digits = snprintf(number, sizeof(number), "%lld", (long long)version->number);
    value_set_str(metadata, STR("resourceVersion"), str_of(number));
    value_sort(metadata);
    document_keep(fsd->documents, version, take_pointer(result->document));
    if (result->manifest_size != 0)
        version->manifest_size = result->manifest_size + (size_t)digits;
}

/* The computed result becomes the object's pending version. */
static struct object *apply(struct fsd *fsd, const struct asker *asker, const struct change *change,
                            struct object *object, struct str new_uid, struct edit_result *result,
                            int64_t now_ms)
{
    struct txn *txn = fsd->txn;
    struct str before = {result->text.at, result->split};
    struct str after = {result->text.at + result->split, result->text.length - result->split};
    struct version *version;
    int64_t number = ++txn->given->version;
    if (version_renumber(result->version, result->split, number, now_ms))
        version = version_hold(result->version);
    else
        version = version_new(change->kind, before, number, after, doc_root(result->document), now_ms,
                              result->flags | (result->gone ? VERSION_GONE : 0), result->status);
    if (result->document != NULL && !result->gone)
        keep_document(fsd, version, result);
    version->defines = take_pointer(result->defines);
    if (change->edit.type == EDIT_STATUS)
        version->desired = object_newest_version(object)->desired;
    struct version *was_pending = object != NULL ? version_hold(object->pending) : NULL;
    bool drafts_go = drafts_end(change->kind, object != NULL ? object_newest_version(object) : NULL, version);
    if (object == NULL)
        object = object_create(fsd->objects, ++txn->given->id, change->kind, change->namespace, change->name,
                               new_uid, version);
    else
        object_change(fsd->objects, object, version);
    struct batch_story story = {.person = asker->identity == IDENTITY_NONE};
    if ((result->flags & VERSION_DRAFT) == 0 && !change->kind->memory_only && result->subject != NULL) {
        story.author = strdup(asker_name(asker));
        story.subject = take_pointer(result->subject);
    }
    batch_add(txn->filling, object, version, was_pending, story);
    if (result->status_new)
        add_status_line(fsd, object, result->status, now_ms);
    custom_say(fsd, object, version->defines);
    if (drafts_go)
        drafts_drop(fsd, asker, change->name);
    return object;
}

int txn_change(struct fsd *fsd, const struct asker *asker, const struct change *change,
               struct changed *changed, struct error **err)
{
    struct txn *txn = fsd->txn;
    char uid[37];
    struct object *object = object_newest(fsd->objects, change->kind, change->namespace, change->name);
    int status = check_existence(fsd, change, object, err);
    if (status < 0)
        return status;
    if (object == NULL)
        make_uid(txn, uid);
    struct edit edit = change->edit;
    edit.server = edit.server || asker->identity != IDENTITY_NONE;
    struct edit_base base = {.kind = change->kind,
                             .namespace = change->namespace,
                             .name = change->name,
                             .before = object != NULL ? object_newest_version(object) : NULL,
                             .new_uid = object == NULL ? str_of(uid) : STR_NONE,
                             .policies = fsd->policies};
    if (object != NULL && base.before->length <= HEAVY_BYTES)
        base.document = document_of(fsd->documents, (struct version *)base.before);
    int64_t now_ms = clock_wall_ms();
    autoresult struct edit_result result = {0};
    status = object == NULL ? object_check_name(change->kind, change->name, err) : 0;
    if (status == 0)
        status = heavy_compute(change->call, &base, &edit, now_ms, &result, err);
    if (status == 0 && !result.unchanged)
        status = admit(fsd, asker, change->kind, base.before, &result, err);
    if (status == 0)
        status = custom_admit(fsd, result.defines, err);
    if (status == 0 && !result.unchanged)
        status = quotas_check(fsd, change->kind, change->namespace, base.before, &result, err);
    if (status < 0 || change->rehearsal)
        return status;
    if (!result.unchanged)
        object = apply(fsd, asker, change, object, base.new_uid, &result, now_ms);
    if (changed != NULL) {
        *changed = (struct changed){.uid = object->uid,
                                    .version = object_newest_version(object)->number,
                                    .durable = result.unchanged && object->pending == NULL,
                                    .object = result.gone ? NULL : object};
    }
    return 0;
}

static void add_event(struct fsd *fsd, const struct object *object, struct buf *line)
{
    for (size_t i = 0; i < line->length; i++)
        if (line->at[i] == '\n')
            line->at[i] = ' ';
    batch_add_line(fsd->txn->filling, object, STREAM_EVENTS, ++fsd->txn->given->line, buf_take(line));
}

/* Twice: the object's own lines go with it, and those of all are in the order in which they came, with the
 * object behind the time. */
int txn_event(struct fsd *fsd, const struct asker *asker, const struct object *object, const char *type,
              struct str reason, struct str message, struct error **err)
{
    if (reason.length == 0 || reason.length > 128 || message.length > 1024)
        return error_make(err, EINVAL,
                          "an event has a reason of 1 to 128 bytes and a message of at most 1024");
    char time[CLOCK_TEXT];
    clock_format(clock_wall_ms(), time);
    autobuf struct buf what = {0};
    buf_addf(&what, "%s " STR_FORMAT " %s: " STR_FORMAT, type, STR_ARGS(reason), asker_name(asker),
             STR_ARGS(message));
    struct buf own = {0}, all = {0};
    buf_addf(&own, "%s " STR_FORMAT, time, STR_ARGS(buf_str(&what)));
    buf_addf(&all, "%s " STR_FORMAT "/%s", time, STR_ARGS(object->kind->plural), object->name);
    if (object->kind->namespaced && strcmp(object->namespace, "default") != 0)
        buf_addf(&all, " in %s", object->namespace);
    buf_addf(&all, " " STR_FORMAT, STR_ARGS(buf_str(&what)));
    add_event(fsd, object, &own);
    add_event(fsd, NULL, &all);
    return 0;
}

void txn_status_line(struct fsd *fsd, struct object *object, const char *status)
{
    add_status_line(fsd, object, status, clock_wall_ms());
}

void txn_promise(struct fsd *fsd, const struct promise *promise)
{
    batch_add_promise(fsd->txn->filling, (struct batch_promise){.object = promise->object,
                                                                .path = str_dup(promise->path),
                                                                .uid = promise->uid,
                                                                .gid = promise->gid,
                                                                .redeemed = promise->redeemed});
}

struct txn_mark txn_mark(struct fsd *fsd)
{
    return batch_mark(fsd->txn->filling);
}

void txn_keep(struct fsd *fsd, struct txn_mark mark)
{
    (void)batch_keep(fsd->txn->filling, mark, INT64_MAX);
}

void txn_undo(struct fsd *fsd, struct txn_mark mark)
{
    (void)batch_undo(fsd->txn->filling, fsd->objects, mark, INT64_MAX);
}

bool txn_keep_some(struct fsd *fsd, struct txn_mark mark, int64_t end_us)
{
    return batch_keep(fsd->txn->filling, mark, end_us);
}

bool txn_undo_some(struct fsd *fsd, struct txn_mark mark, int64_t end_us)
{
    return batch_undo(fsd->txn->filling, fsd->objects, mark, end_us);
}

void txn_park(struct call *call)
{
    call_queue_add(&call->fsd->txn->filling->calls, call);
}

void txn_answer_made(struct call *call)
{
    struct batch *batch = batch_new();
    call_queue_add(&batch->calls, call);
    invalidate_fence(call->fsd->invalidator, batch);
}

void txn_hold(struct fsd *fsd)
{
    fsd->txn->held++;
}

void txn_release(struct fsd *fsd)
{
    fsd->txn->held--;
}

/* ---- when a batch has ended ---- */

static void publish_line(struct fsd *fsd, const struct batch_line *line)
{
    struct stream_line durable = {line->number, line->object, line->stream, str_of(line->text)};
    if (line->object == ALL_OBJECTS)
        fsd->events_time_ms = fsd->txn->published_ms;
    if (txn_take_line(fsd, &durable))
        tell_lines(fsd, object_by_id(fsd->objects, line->object), line->stream);
}

/* What is durable becomes visible, and the kernel and the notifier are told: of a large batch some entries in
 * a turn, in the order of their versions, so that every reader finds all up to txn_version() and nothing
 * else. A kind's .version is told first: whoever waits for it is to wake early. */
static void publish_some(struct fsd *fsd, struct batch *batch, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if ((batch->entries[i].version->flags & VERSION_DRAFT) == 0)
            tell_version(fsd, object_by_id(fsd->objects, batch->entries[i].object));
    for (size_t i = from; i < to; i++) {
        struct batch_entry *entry = &batch->entries[i];
        struct object *object = object_by_id(fsd->objects, entry->object);
        struct version *before = version_hold(object->committed);
        fault_point("publishing");
        if (before != NULL)
            readers_keep(fsd, object);
        object = batch_publish_entry(fsd->objects, entry);
        fsd->txn->published = entry->version->number;
        if (object != NULL)
            tell_object(fsd, object, before, entry->version);
        if (object != NULL)
            audit_object(fsd, object);
        if (object != NULL && object->kind->defines)
            custom_published(fsd, object, before);
        version_drop(before);
    }
    objects_trim_tombstones(fsd->objects, TOMBSTONES_KEPT);
}

/* False: there is more of the batch, and no time. */
static bool publish(struct fsd *fsd, struct batch *batch, int64_t end_us)
{
    struct txn *txn = fsd->txn;
    txn->published_ms = clock_wall_ms();
    while (txn->published_entries < batch->entry_count) {
        size_t left = batch->entry_count - txn->published_entries;
        size_t to = txn->published_entries + (left < PUBLISHED_AT_ONCE ? left : PUBLISHED_AT_ONCE);
        publish_some(fsd, batch, txn->published_entries, to);
        txn->published_entries = to;
        if (clock_us() > end_us)
            return false;
    }
    if (!tell_turn(fsd, end_us))
        return false;
    while (txn->published_lines < batch->line_count) {
        publish_line(fsd, &batch->lines[txn->published_lines++]);
        if (clock_us() > end_us)
            return false;
    }
    if (batch->version > txn->published)
        txn->published = batch->version;
    return true;
}

static void answer_later(struct txn *txn, struct batch *batch)
{
    batch->next = NULL;
    if (txn->ended == NULL)
        txn->ended_end = &txn->ended;
    *txn->ended_end = batch;
    txn->ended_end = &batch->next;
}

/* False when there was not the time for all. */
static bool answer(struct batch *batch, const struct error *failure, int64_t end_us)
{
    struct call *call;
    while ((call = call_queue_take(&batch->calls)) != NULL) {
        fault_point("finishing");
        call_finish(call, failure);
        if (clock_us() > end_us)
            return false;
    }
    return true;
}

/* What has ended well is answered, one call after the other, and freed. */
static void answer_some(struct txn *txn, int64_t end_us)
{
    struct batch *batch;
    while ((batch = txn->ended) != NULL) {
        struct batch *next = batch->next;
        if (!answer(batch, NULL, end_us) || !batch_free_some(batch, clock_us() + FREEING_US))
            return;
        txn->ended = next;
    }
}

static void free_recorded(struct txn *txn)
{
    int64_t end_us = clock_us() + FREEING_US;
    historian_take_back(txn->historian, &txn->recorded);
    while (txn->recorded.count > 0 && clock_us() < end_us) {
        struct history_entry *entry = queue_take(&txn->recorded);
        entry->release(entry);
    }
}

/* The batch, and what has been computed upon it meanwhile, fall together. Until they have been taken back
 * nobody may change anything. Takes the failure. */
static void fail(struct fsd *fsd, struct batch *batch, struct error *failure)
{
    struct txn *txn = fsd->txn;
    log_error("a change could not be stored: %s", error_message(failure));
    txn->failures++;
    txn->failing = batch;
    batch->next = txn->filling;
    batch->next->next = NULL;
    txn->discarded = 0;
    txn->failure = failure;
    txn->filling = batch_new();
    exclusive_close(fsd);
}

/* What is pending of an object falls, whichever of the batches it is in. */
static bool discard(struct fsd *fsd, struct batch *batch, int64_t end_us)
{
    while (fsd->txn->discarded < batch->entry_count) {
        struct object *object = object_by_id(fsd->objects, batch->entries[fsd->txn->discarded++].object);
        if (object != NULL)
            object_discard(fsd->objects, object);
        if (clock_us() > end_us)
            return false;
    }
    return true;
}

static void go_on_failing(struct fsd *fsd, int64_t end_us)
{
    struct txn *txn = fsd->txn;
    while (txn->failing != NULL) {
        struct batch *batch = txn->failing, *next = batch->next;
        if (!discard(fsd, batch, end_us) || !answer(batch, txn->failure, end_us) ||
            !batch_free_some(batch, end_us))
            return;
        txn->failing = next;
        txn->discarded = 0;
        if (next == NULL) {
            error_free(take_pointer(txn->failure));
            exclusive_open(fsd);
        }
    }
}

static void begin_to_publish(struct txn *txn, struct batch *batch)
{
    txn->publishing = batch;
    txn->published_entries = txn->published_lines = 0;
}

/* All of it is visible. Readers must not find the old contents in the kernel's caches once the writer knows
 * that it is done: the answers wait for the invalidator where it has something to do, be it from an earlier
 * change: a node from which that one drops everything has nothing left to be dropped. */
static void end_of_publishing(struct fsd *fsd)
{
    struct batch *batch = take_pointer(fsd->txn->publishing);
    historian_push(fsd->txn->historian, &batch->history);
    if (call_queue_is_empty(&batch->calls) || invalidator_is_idle(fsd->invalidator)) {
        answer_later(fsd->txn, batch);
    } else {
        invalidate_fence(fsd->invalidator, batch);
        invalidator_turn(fsd->invalidator);
    }
}

static void take_ended(struct fsd *fsd)
{
    struct txn *txn = fsd->txn;
    struct error *failure = NULL;
    struct batch *batch = committer_ended(txn->committer, &failure);
    if (batch == NULL)
        return;
    txn->writing = NULL;
    if (failure == NULL)
        begin_to_publish(txn, batch);
    else
        fail(fsd, batch, failure);
}

static const struct store_batch *prepare(void *context)
{
    struct batch *batch = context;
    return batch_prepare(batch) ? &batch->stored : NULL;
}

/* What a batch makes of the store depends on what the one before it has made of the objects. True: quotas
 * have more to do. */
static bool submit(struct fsd *fsd, int64_t end_us)
{
    struct txn *txn = fsd->txn;
    bool busy = txn->writing != NULL || txn->publishing != NULL || txn->failing != NULL || txn->held != 0;
    if (busy)
        return false;
    bool more = !exclusive_is_held(fsd) && quotas_turn(fsd, end_us);
    if (batch_is_empty(txn->filling))
        return more;
    struct batch *batch = txn->writing = txn->filling;
    txn->filling = batch_new();
    batch->mount = fsd->memory->header->mount;
    batch->done = historian_done(txn->historian);
    batch->secrets = fsd->secrets;
    txn_add_trims(txn, batch);
    committer_submit(txn->committer, prepare, batch);
    return more;
}

bool txn_turn(struct fsd *fsd)
{
    struct txn *txn = fsd->txn;
    int64_t end_us = clock_us() + SLICE_US;
    bool quotas_wait;
    do {
        if (txn->publishing == NULL)
            take_ended(fsd);
        if (txn->publishing != NULL && publish(fsd, txn->publishing, end_us))
            end_of_publishing(fsd);
        quotas_wait = submit(fsd, end_us);
    } while (txn->publishing != NULL && clock_us() < end_us);
    struct batch *batch;
    while ((batch = invalidator_reached(fsd->invalidator)) != NULL)
        answer_later(txn, batch);
    go_on_failing(fsd, end_us);
    answer_some(txn, clock_us() + SLICE_US);
    free_recorded(txn);
    if (fsd->tellings == NULL && invalidator_is_idle(fsd->invalidator))
        fsd->memory->header->told = secrets_are_open(fsd->secrets) ? (uint64_t)txn->published : 0;
    return quotas_wait || txn->publishing != NULL || txn->ended != NULL || txn->failing != NULL ||
           txn->recorded.count > 0;
}

bool txn_is_busy(const struct fsd *fsd)
{
    const struct txn *txn = fsd->txn;
    return txn->writing != NULL || txn->publishing != NULL || txn->failing != NULL ||
           !batch_is_empty(txn->filling);
}

uint64_t txn_failures(const struct fsd *fsd)
{
    return fsd->txn->failures;
}
