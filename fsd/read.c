/* Reading files. */
#include "fsd/heavy.h"
#include "fsd/leaf.h"
#include "fsd/lists.h"
#include "fsd/logs.h"
#include "fsd/operations.h"
#include "fsd/reply.h"
#include "fsd/snapshot.h"
#include "fsd/window.h"
#include "lib/fault.h"
#include <errno.h>

#define ENOUGH_BYTES (64u << 10)

static int reply_cut(struct call *call, struct str text)
{
    reply_bytes(call, str_cut(text, (size_t)call->offset, call->size));
    return CALL_SILENT;
}

/* All reads of a handle come from one version. What the first one doesn't give whole is copied with it; else
 * readers_keep() does that when the object changes, and here if it may be changed through this handle itself.
 * If the object has changed by a later read, an older page goes into the kernel's cache: the next open has to
 * drop it. */
static int read_text(struct call *call, const struct leaf *leaf, struct handle_record *handle)
{
    struct fsd *fsd = call->fsd;
    const struct object *object =
        leaf->place.object != 0 ? object_by_id(fsd->objects, leaf->place.object) : NULL;
    int64_t version = object != NULL && object->committed != NULL ? object->committed->number : 0;
    node_record(fsd->nodes, leaf->node)->flags |= NODE_CACHED;
    int status = snapshot_take(call, leaf, handle);
    if (status < 0)
        return status;
    if ((handle->flags & HANDLE_FILLED) == 0) {
        autobuf struct buf made = {0};
        bool lasting;
        struct str text = leaf_whole(fsd, leaf, &made, &lasting);
        bool collects = leaf->writes == WRITE_COLLECT && (handle->flags & HANDLE_WRITE) != 0;
        /* Of a large object nothing is kept for a reader when it changes (readers.h): he gets it now. */
        bool large = object != NULL && object->committed != NULL && object->committed->length > HEAVY_BYTES;
        if (lasting || (text.length <= call->size && call->offset == 0 && !collects && !large))
            return reply_cut(call, text);
        if (arena_bytes_write(fsd->memory->arena, &handle->bytes, 0, text) < 0)
            return -ENOMEM;
        handle->version = version;
        handle->flags |= HANDLE_FILLED;
    } else if (handle->version != version) {
        node_record(fsd->nodes, leaf->node)->flags |= NODE_TAINTED;
    }
    return reply_cut(call, arena_bytes_str(fsd->memory->arena, &handle->bytes));
}

static int read_stream(struct call *call, const struct leaf *leaf)
{
    autobuf struct buf text = {0};
    leaf_text(call->fsd, leaf, &text);
    return reply_cut(call, buf_str(&text));
}

/* ---- lists ---- */

/* The large object that comes behind the part: brought by the worker, for this window. */
static int bring_item(struct call *call, const struct list_cursor *cursor, struct list_window *window)
{
    arena_bytes_free(call->fsd->memory->arena, &window->item);
    if (cursor->item == NULL)
        return 0;
    int status = snapshot_of_version(call, cursor->item->kind, cursor->item->committed, cursor->item_form,
                                     &window->item);
    if (status == 0)
        window->item.length -= cursor->item_cut;
    return status;
}

/* The window's successor: what lies before the latest READ is left out, the next part is added. */
static int advance(struct call *call, const struct leaf *leaf, struct handle_record *handle)
{
    struct fsd *fsd = call->fsd;
    struct arena *arena = fsd->memory->arena;
    const struct list_window *now = &handle->windows[handle->window];
    struct list_window *next = &handle->windows[1 - handle->window];
    size_t read = handle->reading > now->base ? handle->reading - now->base : 0;
    if (read > window_length(now))
        read = window_length(now);
    struct str kept[2];
    struct list_cursor cursor;
    autobuf struct buf part = {0};
    window_load(arena, now, &cursor);
    window_cut(arena, now, read, SIZE_MAX, kept);
    buf_reserve(&part, kept[0].length + kept[1].length + LIST_PART + HEAVY_BYTES);
    buf_add_str(&part, kept[0]);
    buf_add_str(&part, kept[1]);
    next->ended = !leaf->place.special->more(fsd, &leaf->place, leaf->node, &cursor, &part);
    next->base = now->base + read;
    next->bytes.length = 0;
    int status = bring_item(call, &cursor, next);
    fault_point("window");
    if (status == 0)
        status = arena_bytes_write(arena, &next->bytes, 0, buf_str(&part));
    if (status == 0)
        status = window_store(arena, next, &cursor);
    buf_free(&cursor.name);
    buf_free(&cursor.widths);
    if (status < 0)
        return status;
    handle->window = 1 - handle->window;
    return cursor.wanted != NULL ? heavy_document(call, cursor.wanted, false) : 0;
}

/* Is what the call asks for in the window, or enough of it? A READ may give less than was asked for; and what
 * waits for its end is copied with each part that comes. */
static bool is_rendered(const struct call *call, const struct handle_record *handle)
{
    const struct list_window *window = &handle->windows[handle->window];
    size_t offset = (size_t)call->offset, enough = call->size < ENOUGH_BYTES ? call->size : ENOUGH_BYTES;
    return offset >= window->base &&
           (window->ended || window->base + window_length(window) >= offset + enough);
}

/* A list is rendered as far as it is read, a part in a turn. What lies between the latest READ and the
 * window's end is kept, so that a reader that reads forward, at whatever sizes, gets each part once. Two that
 * read in different places start it anew for each other, but only when they come or go back, never while they
 * wait: both come to their end. */
static int read_list(struct call *call, const struct leaf *leaf, struct handle_record *handle)
{
    int status = snapshot_take(call, leaf, handle);
    if (status < 0)
        return status;
    if ((handle->flags & HANDLE_FILLED) != 0)
        return reply_cut(call, arena_bytes_str(call->fsd->memory->arena, &handle->bytes));
    bool comes = call->work == NULL;
    bool goes_back = (size_t)call->offset < handle->windows[handle->window].base;
    call->work = handle;
    if (goes_back)
        window_restart(handle);
    if (comes || goes_back)
        handle->reading = (size_t)call->offset;
    status = is_rendered(call, handle) ? 0 : advance(call, leaf, handle);
    if (status < 0)
        return status == -EINPROGRESS ? status : -ENOMEM;
    if (!is_rendered(call, handle))
        return CALL_WAITING;
    const struct list_window *window = &handle->windows[handle->window];
    struct str pieces[2];
    window_cut(call->fsd->memory->arena, window, (size_t)call->offset - window->base, call->size, pieces);
    reply_pieces(call, pieces);
    return CALL_SILENT;
}

/* What has been taken into the handle. */
static struct str taken(struct fsd *fsd, const struct handle_record *handle)
{
    bool results = (handle->flags & HANDLE_RESULTS) != 0;
    return arena_bytes_str(fsd->memory->arena, results ? &handle->results : &handle->bytes);
}

/* What was there when the file was opened, or at the first READ, can be read on when it is gone. */
static int read_gone(struct call *call, const struct handle_record *handle)
{
    int status = snapshot_finish(call, call->file.fh);
    if (status < 0)
        return status;
    return (handle->flags & HANDLE_FILLED) != 0 ? reply_cut(call, taken(call->fsd, handle)) : -ENOENT;
}

static int read_file(struct call *call, struct error **err)
{
    (void)err;
    struct leaf leaf;
    struct handle_record *handle;
    int status = leaf_of_call(call, &leaf, &handle, NULL);
    if (handle != NULL && (handle->flags & HANDLE_LOG) != 0)
        return logs_read(call);
    if (status == -ENOENT && handle != NULL)
        return read_gone(call, handle);
    if (status < 0)
        return status;
    if ((handle->flags & HANDLE_RESULTS) != 0)
        return reply_cut(call, taken(call->fsd, handle));
    switch (leaf.reads) {
    case LEAF_TEXT:
        return read_text(call, &leaf, handle);
    case LEAF_LIST:
        return read_list(call, &leaf, handle);
    case LEAF_STREAM:
    case LEAF_SCRATCH:
        return read_stream(call, &leaf);
    default:
        return -EINVAL;
    }
}

const struct operation op_read = {"read", read_file, NULL, REGARDS_NOTHING, false};
