/* Writing files: scalars at once, everything else when it is whole. */
#include "fsd/bulk.h"
#include "fsd/leaf.h"
#include "fsd/operations.h"
#include "fsd/reply.h"
#include "fsd/snapshot.h"
#include "fsd/strays.h"
#include "fsd/txn.h"
#include "fsd/vacancy.h"
#include "lib/clock.h"
#include "lib/fault.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

#define SCALAR_LIMIT 4096
#define ROOM_BYTES   (32u << 10)

/* call->flags of a release, and of a flush or fsync, that carries something out */
#define RELEASE_CHANGES 1
#define FLUSH_CHANGES   1

/* ---- write ---- */

/* Where the bytes go. An append goes to the end of what there is; a repeated one to where it went first,
 * which the slot remembers. */
static size_t place_of_append(struct call *call, size_t end)
{
    uint64_t *note = call_note(call);
    if (*note == 0)
        *note = end + 1;
    return *note - 1;
}

static void reply_written(struct call *call)
{
    fuse_reply_write(call->request, call->size);
    call_free(call);
}

static int too_long(const struct leaf *leaf, struct error **err)
{
    return error_make(err, EFBIG, "more than %zu bytes can't be written here", leaf->limit);
}

/* What is large may become as large as it may be: there is place for that at once, so that it is never moved.
 * Memory is taken as it is touched. */
static int put(struct arena *arena, const struct leaf *leaf, struct arena_bytes *bytes, size_t offset,
               struct str data)
{
    if (offset + data.length > ROOM_BYTES && arena_bytes_reserve(arena, bytes, leaf->limit) < 0)
        return -ENOSPC;
    return arena_bytes_write(arena, bytes, offset, data);
}

static int write_scratch(struct call *call, const struct leaf *leaf, const struct handle_record *handle,
                         struct error **err)
{
    struct node_record *node = node_record(call->fsd->nodes, leaf->node);
    if (node_is_lent(call->fsd->nodes, leaf->node))
        return CALL_WAITING;
    bool append = (handle->flags & HANDLE_APPEND) != 0;
    size_t offset = append ? place_of_append(call, node->content.length) : (size_t)call->offset;
    if (offset + call->data.length > leaf->limit)
        return too_long(leaf, err);
    if (put(call->fsd->memory->arena, leaf, &node->content, offset, call->data) < 0)
        return -ENOSPC;
    node->time_ms = clock_wall_ms();
    reply_written(call);
    return CALL_SILENT;
}

/* What is there is what a writer without O_TRUNC begins with. */
static int fill(struct call *call, const struct leaf *leaf, struct handle_record *handle)
{
    struct fsd *fsd = call->fsd;
    if ((handle->flags & (HANDLE_FILLED | HANDLE_APPEND)) != 0)
        return 0;
    int status = snapshot_take(call, leaf, handle);
    if (status < 0 || (handle->flags & HANDLE_FILLED) != 0)
        return status;
    autobuf struct buf text = {0};
    if (leaf->place.type != PLACE_FILE || leaf->place.special->class == SPECIAL_TEXT)
        leaf_text(fsd, leaf, &text);
    if (arena_bytes_write(fsd->memory->arena, &handle->bytes, 0, buf_str(&text)) < 0)
        return -ENOSPC;
    handle->flags |= HANDLE_FILLED;
    return 0;
}

/* What has been collected lacks a piece from now on: neither close nor fsync may carry it out. */
static int spoil(struct handle_record *handle, int refusal)
{
    handle->refused = (uint32_t)-refusal;
    handle->flags |= HANDLE_SPOILED | HANDLE_REFUSED | HANDLE_DIRTY;
    return refusal;
}

static int collect(struct call *call, const struct leaf *leaf, struct handle_record *handle,
                   struct error **err)
{
    struct arena *arena = call->fsd->memory->arena;
    if (handle->lent != 0)
        return CALL_WAITING;
    if ((handle->flags & HANDLE_SPOILED) != 0) {
        call->quiet = true; /* it has been said */
        return -(int)handle->refused;
    }
    if ((handle->flags & HANDLE_RESULTS) != 0) { /* another bulk on the same descriptor */
        arena_bytes_resize(arena, &handle->bytes, 0);
        handle->flags &= ~(uint32_t)HANDLE_RESULTS;
    }
    int status = fill(call, leaf, handle);
    if (status < 0)
        return status == -EINPROGRESS ? status : spoil(handle, -ENOSPC);
    bool append = (handle->flags & HANDLE_APPEND) != 0;
    size_t offset = append ? place_of_append(call, handle->bytes.length) : (size_t)call->offset;
    if (offset + call->data.length > leaf->limit)
        return spoil(handle, too_long(leaf, err));
    if (put(arena, leaf, &handle->bytes, offset, call->data) < 0)
        return spoil(handle, -ENOSPC);
    handle->flags =
        (handle->flags | HANDLE_DIRTY) & ~(uint32_t)(HANDLE_CHECKED | HANDLE_REFUSED | HANDLE_TRIED);
    reply_written(call);
    return CALL_SILENT;
}

/* Some programs try again at close what was refused: that is said once. */
static int refuse_scalar(struct call *call, struct handle_record *handle, int refusal)
{
    uint64_t hash = str_hash(call->data);
    call->quiet = (handle->flags & HANDLE_REFUSED) != 0 && handle->refused == (uint32_t)-refusal &&
                  handle->refused_hash == hash;
    handle->refused = (uint32_t)-refusal;
    handle->refused_hash = hash;
    handle->flags |= HANDLE_REFUSED;
    return refusal;
}

/* One write is one change. A write behind what this handle has written continues the value. */
static int write_scalar(struct call *call, const struct leaf *leaf, const struct handle_record *handle,
                        struct error **err)
{
    size_t offset = (size_t)call->offset;
    if ((handle->flags & HANDLE_APPEND) != 0)
        return error_make(err, EINVAL, "a value can't be appended to: write it with >");
    if (offset != 0 && offset != handle->bytes.length)
        return error_make(err, EINVAL, "a value is written at its beginning, not at offset %zu", offset);
    if (offset + call->size > SCALAR_LIMIT)
        return error_make(err, EINVAL, "a value has at most %d bytes", SCALAR_LIMIT);
    autobuf struct buf value = {0};
    if (offset != 0)
        buf_add_str(&value, arena_bytes_str(call->fsd->memory->arena, &handle->bytes));
    buf_add_str(&value, call->data);
    int status = leaf_write(call, leaf, buf_str(&value), false, err);
    if (status < 0)
        return status;
    return status == CALL_DURABLE ? 0 : CALL_PARKED;
}

static int start_write(struct call *call, struct error **err)
{
    struct leaf leaf;
    struct handle_record *handle;
    int status = leaf_of_call(call, &leaf, &handle, NULL);
    if (status < 0)
        return status;
    switch (leaf.writes) {
    case WRITE_SCRATCH:
        return write_scratch(call, &leaf, handle, err);
    case WRITE_COLLECT:
        return collect(call, &leaf, handle, err);
    case WRITE_SCALAR:
        handle->flags &= ~(uint32_t)HANDLE_EMPTIED; /* accepted or refused: it was not meant to be empty */
        status = write_scalar(call, &leaf, handle, err);
        return status < 0 && status != -EINPROGRESS ? refuse_scalar(call, handle, status) : status;
    case WRITE_NOT:
        break;
    }
    return -EPERM;
}

/* Is the field there, now that it has been written? What is written to stringData goes to data: then the file
 * was there for its writer only, and goes when he closes it. */
static bool is_there(struct fsd *fsd, uint32_t node)
{
    struct place place;
    if (place_of_node(fsd, node, &place) < 0 || place.type != PLACE_FIELD)
        return true;
    struct object *object = object_by_id(fsd->objects, place.object);
    if (object == NULL || !object_is_visible(object))
        return true;
    autobuf struct buf path = {0}, scratch = {0};
    place_field_path(fsd, node, &path);
    struct field field = place_field(fsd, object, buf_str(&path), &scratch);
    return field.set || !field.map_entry;
}

static void is_set_now(struct fsd *fsd, uint32_t node)
{
    if ((node_record(fsd->nodes, node)->flags & NODE_FORMING) != 0 && !is_there(fsd, node))
        return;
    node_record(fsd->nodes, node)->flags &= ~(uint32_t)NODE_FORMING;
    vacancy_filled(fsd, node);
}

/* A scalar has been written. */
static void finish_write(struct call *call, int result)
{
    (void)result;
    struct fsd *fsd = call->fsd;
    struct handle_record *handle = handle_of_number(fsd->handles, call->file.fh, NULL);
    if (handle != NULL) {
        is_set_now(fsd, handle->node);
        handle->flags &= ~(uint32_t)HANDLE_REFUSED;
        if (arena_bytes_resize(fsd->memory->arena, &handle->bytes, (size_t)call->offset) == 0)
            (void)arena_bytes_write(fsd->memory->arena, &handle->bytes, (size_t)call->offset, call->data);
    }
    reply_written(call);
}

const struct operation op_write = {"write", start_write, finish_write, REGARDS_NOTHING, false};

/* ---- flush, fsync, release: what has been collected takes effect ---- */

static int tried(struct handle_record *handle, int status)
{
    if (status == -EINPROGRESS)
        return status;
    if (status < 0) {
        handle->flags |= HANDLE_REFUSED;
        handle->refused = (uint32_t)-status;
        return status;
    }
    return status == CALL_WAITING ? CALL_WAITING : status == CALL_DURABLE ? 0 : CALL_PARKED;
}

static int carry_out(struct call *call, const struct leaf *leaf, struct handle_record *handle,
                     struct error **err)
{
    struct str bytes = arena_bytes_str(call->fsd->memory->arena, &handle->bytes);
    bool append = (handle->flags & HANDLE_APPEND) != 0 && (handle->flags & HANDLE_EMPTIED) == 0;
    handle->flags |= HANDLE_TRIED;
    call->lends = true;
    return tried(handle, leaf_write(call, leaf, bytes, append, err));
}

/* A bulk that has begun goes on to its end, whatever becomes of its file and the directory meanwhile. */
static int go_on(struct call *call, struct handle_record *handle, struct error **err)
{
    struct str bytes = arena_bytes_str(call->fsd->memory->arena, &handle->bytes);
    call->lends = true;
    return tried(handle, bulk_write(call, NULL, 0, bytes, err));
}

/* Closing by a child of the opener (a program in a shell's redirection) is no end: what has been written so
 * far may be the first half. It is checked, so that the child hears what is wrong, and carried out when the
 * opener closes. */
static bool is_end(struct call *call, const struct leaf *leaf, const struct handle_record *handle)
{
    if (leaf->place.type == PLACE_FILE && leaf->place.special->class == SPECIAL_COLLECT &&
        leaf->place.special->text == NULL)
        return true; /* .bulk: its lines are independent, and its writer waits for the results */
    pid_t process = call_process(call);
    if (process == 0 || (uint32_t)process == handle->opener || handle->opener == 0)
        return true;
    return kill((pid_t)handle->opener, 0) < 0 && errno == ESRCH;
}

static int check_only(struct call *call, const struct leaf *leaf, struct handle_record *handle,
                      struct error **err)
{
    struct txn_mark mark = txn_mark(call->fsd);
    int status = carry_out(call, leaf, handle, err);
    txn_undo(call->fsd, mark);
    if (status < 0)
        return status;
    handle->flags = (handle->flags | HANDLE_CHECKED) & ~(uint32_t)HANDLE_TRIED;
    return 0;
}

static int end_of_writing(struct call *call, bool asked_for, struct error **err)
{
    struct leaf leaf;
    struct handle_record *handle;
    int status = leaf_of_call(call, &leaf, &handle, NULL);
    if (status < 0 && handle == NULL)
        return call->repeated ? 0 : status;
    if (call->work != NULL)
        return go_on(call, handle, err);
    if ((handle->flags & HANDLE_DIRTY) == 0)
        return 0;
    if (status < 0)
        return error_make(err, -status, "the object is gone, and what was written with it");
    if ((handle->flags & HANDLE_REFUSED) !=
        0) { /* said before: close() after a failed fsync, or a second descriptor */
        call->quiet = true;
        return -(int)handle->refused;
    }
    /* What several processes have open may be closed by one while it is being carried out for another:
     * children of a writer close at their beginning what they were not to have. They wait, and find that it
     * is done. */
    if ((handle->flags & HANDLE_TRYING) != 0 && call->flags != FLUSH_CHANGES)
        return CALL_WAITING;
    if (!asked_for && !is_end(call, &leaf, handle))
        return (handle->flags & HANDLE_CHECKED) != 0 ? 0 : check_only(call, &leaf, handle, err);
    call->flags = FLUSH_CHANGES;
    handle->flags |= HANDLE_TRYING;
    return carry_out(call, &leaf, handle, err);
}

static int start_flush(struct call *call, struct error **err)
{
    return end_of_writing(call, false, err);
}

static int start_fsync(struct call *call, struct error **err)
{
    return end_of_writing(call, true, err);
}

/* The results of a bulk come back on the descriptor. They lie beside the requests until one store of the
 * flags says which of the two counts: a repetition finds either. */
static void finish_collected(struct call *call)
{
    struct fsd *fsd = call->fsd;
    struct handle_record *handle = handle_of_number(fsd->handles, call->file.fh, NULL);
    if (handle == NULL || (handle->flags & HANDLE_TRIED) == 0)
        return;
    is_set_now(fsd, handle->node);
    uint32_t flags =
        handle->flags & ~(uint32_t)(HANDLE_DIRTY | HANDLE_CHECKED | HANDLE_TRIED | HANDLE_EMPTIED);
    if (handle->results.length != 0)
        flags |= HANDLE_RESULTS | HANDLE_FILLED;
    atomic_signal_fence(memory_order_seq_cst);
    fault_point("results");
    handle->flags = flags;
}

static void finish_flush(struct call *call, int result)
{
    struct handle_record *handle = handle_of_number(call->fsd->handles, call->file.fh, NULL);
    if (result >= 0)
        finish_collected(call);
    if (handle != NULL && call->flags == FLUSH_CHANGES)
        handle->flags &= ~(uint32_t)HANDLE_TRYING;
    reply_error(call, result < 0 ? -result : 0);
}

const struct operation op_flush = {"flush", start_flush, finish_flush, REGARDS_NOTHING, true};
const struct operation op_fsync = {"fsync", start_fsync, finish_flush, REGARDS_NOTHING, true};

/* A release comes from nobody in particular. */
static struct asker asker_of_handle(const struct handle_record *handle)
{
    return (struct asker){
        .uid = handle->uid, .gid = handle->gid, .identity = identity_of(handle->uid, handle->gid)};
}

/* Opened with O_TRUNC, or created, and nothing written: only now, because > file is opened, flushed by the
 * shell that moves the descriptor, and then written. What has been removed meanwhile stays so. */
static bool stays_empty(const struct call *call, const struct leaf *leaf, const struct handle_record *handle)
{
    return (handle->flags & (HANDLE_EMPTIED | HANDLE_DIRTY)) == HANDLE_EMPTIED && leaf->content &&
           (node_record(call->fsd->nodes, leaf->node)->flags & NODE_DETACHED) == 0;
}

/* Nobody hears what release says: what is refused here is said in errors. Its closer goes on, and sees what
 * it did: whoever looks waits until it is over. */
static int start_release(struct call *call, struct error **err)
{
    struct leaf leaf;
    struct handle_record *handle;
    int status = leaf_of_call(call, &leaf, &handle, NULL);
    if (call->work != NULL)
        return go_on(call, handle, err);
    if (status < 0 || (handle->flags & (HANDLE_WRITE | HANDLE_REFUSED)) != HANDLE_WRITE)
        return 0;
    bool left = leaf.writes == WRITE_COLLECT && (handle->flags & HANDLE_DIRTY) != 0 &&
                ((handle->flags & HANDLE_TRIED) == 0 || *call_note(call) == NOTE_TRYING);
    if (!left && !stays_empty(call, &leaf, handle))
        return 0;
    if (call->flags != RELEASE_CHANGES)
        call->fsd->closing++;
    call->flags = RELEASE_CHANGES;
    call->asker = asker_of_handle(handle);
    *call_note(call) = NOTE_TRYING;
    return carry_out(call, &leaf, handle, err);
}

static void close_handle(struct call *call)
{
    struct fsd *fsd = call->fsd;
    uint32_t index;
    struct handle_record *handle = handle_of_number(fsd->handles, call->file.fh, &index);
    if (handle == NULL)
        return;
    uint32_t node = handle->node;
    bool writes = (handle->flags & HANDLE_WRITE) != 0;
    const struct asker closer = asker_of_handle(handle);
    snapshot_drop(fsd, call->file.fh);
    handle_close(fsd->handles, index);
    node_closed(fsd->nodes, node, writes);
    if (writes)
        stray_closed(fsd, node, &closer);
    const struct node_record *record = node_record(fsd->nodes, node);
    /* Created, never written, and not something that can be empty: there was nothing. */
    if ((record->flags & NODE_FORMING) != 0 && record->handles == 0) {
        vacancy_abandon(fsd, node);
        node_detach(fsd->nodes, node);
    } else {
        node_release_if_idle(fsd->nodes, node);
    }
}

static void finish_release(struct call *call, int result)
{
    if (call->flags == RELEASE_CHANGES)
        call->fsd->closing--;
    if (result >= 0)
        finish_collected(call);
    close_handle(call);
    reply_error(call, 0);
}

const struct operation op_release = {"release", start_release, finish_release, REGARDS_NOTHING, true};

/* ---- setattr ---- */

static int resize_handle(struct call *call, const struct leaf *leaf, struct handle_record *handle,
                         struct error **err)
{
    size_t size = (size_t)call->attributes.st_size;
    if (leaf->writes != WRITE_COLLECT)
        return 0; /* truncating a value is no change: the write that follows is */
    if (handle->lent != 0)
        return CALL_WAITING;
    if (size > leaf->limit)
        return too_long(leaf, err);
    if (size != 0 && (handle->flags & HANDLE_SPOILED) != 0) {
        call->quiet = true;
        return -(int)handle->refused;
    }
    int status = fill(call, leaf, handle);
    if (status == -EINPROGRESS)
        return status;
    if (status < 0 || arena_bytes_resize(call->fsd->memory->arena, &handle->bytes, size) < 0)
        return -ENOSPC;
    handle->flags |= size == 0 ? HANDLE_EMPTIED | HANDLE_FILLED : HANDLE_DIRTY | HANDLE_FILLED;
    handle->flags &= ~(uint32_t)(HANDLE_CHECKED | HANDLE_REFUSED | HANDLE_TRIED | HANDLE_SPOILED);
    return 0;
}

static int resize_file(struct call *call, const struct leaf *leaf, struct error **err)
{
    size_t size = (size_t)call->attributes.st_size;
    if (leaf->writes != WRITE_COLLECT || !leaf->content)
        return 0;
    if (size > leaf->limit)
        return too_long(leaf, err);
    int status = leaf_cut(call, leaf, size, err);
    return status < 0 ? status : status == CALL_DURABLE ? 0 : CALL_PARKED;
}

static int resize(struct call *call, const struct leaf *leaf, struct error **err)
{
    struct fsd *fsd = call->fsd;
    if (leaf->writes == WRITE_NOT || (leaf->server_managed && call->asker.identity == IDENTITY_NONE))
        return error_make(err, EPERM, "this file is made by the server and can't be written");
    if (leaf->writes == WRITE_SCRATCH) {
        size_t size = (size_t)call->attributes.st_size;
        struct node_record *node = node_record(fsd->nodes, leaf->node);
        if (node_is_lent(fsd->nodes, leaf->node))
            return CALL_WAITING;
        return size > leaf->limit ? too_long(leaf, err)
                                  : arena_bytes_resize(fsd->memory->arena, &node->content, size);
    }
    struct handle_record *handle =
        call->has_file ? handle_of_number(fsd->handles, call->file.fh, NULL) : NULL;
    return handle != NULL ? resize_handle(call, leaf, handle, err) : resize_file(call, leaf, err);
}

/* chmod, chown and utimens succeed without effect: tools need them to. */
static int start_setattr(struct call *call, struct error **err)
{
    struct leaf leaf;
    uint32_t node = call_node(call);
    int status = call_authorize(call, "update", err);
    if (status < 0)
        return status;
    if (node == 0)
        return -ENOENT;
    status = leaf_of_node(call->fsd, node, &leaf);
    if (status < 0 && status != -EISDIR)
        return status;
    if (status == 0 && leaf.writes == WRITE_SCRATCH && (call->set & FUSE_SET_ATTR_MODE) != 0)
        node_record(call->fsd->nodes, node)->mode = call->attributes.st_mode & 0777;
    return (call->set & FUSE_SET_ATTR_SIZE) != 0 ? resize(call, &leaf, err) : 0;
}

static void finish_setattr(struct call *call, int result)
{
    (void)result;
    reply_attributes(call, call_node(call));
}

const struct operation op_setattr = {"setattr", start_setattr, finish_setattr, GOES_ON, false};
