/* Reading directories. The names are taken in slices, as they are asked for, and stay with the handle:
 * cookies are good whatever is removed meanwhile. What is in the directory from the beginning to the end
 * comes once; what comes or goes in between may be among them or not. */
#include "fsd/leaf.h"
#include "fsd/listing.h"
#include "fsd/operations.h"
#include "fsd/reply.h"
#include "fsd/vacancy.h"
#include "fsd/window.h"
#include "lib/clock.h"
#include "lib/fault.h"
#include <errno.h>

#define PART_US         250
#define ENTRIES_AT_ONCE 4096

/* ---- taking the names ---- */

/* A slice of the names on its way into the handle. */
struct taking {
    const struct call *call;
    struct handle_record *record;
    uint32_t directory;
    uint64_t end;
    int status;
};

static void take(struct taking *taking, struct str name, enum listed_type type)
{
    if (taking->status == 0)
        taking->status =
            listing_add(taking->call->fsd->memory->arena, &taking->record->names, &taking->end, name, type);
}

/* What its own process has taken away isn't there for it, and a key longer than a file's name can be is in
 * the documents only. */
static void take_visible(void *context, struct str name, bool directory, bool link)
{
    struct taking *taking = context;
    if (name.length != 0 && name.length <= LISTING_NAME &&
        !vacancy_hides(taking->call, taking->directory, name))
        take(taking, name, link ? LISTED_LINK : directory ? LISTED_DIRECTORY : LISTED_FILE);
}

/* The next slice: of a directory that is gone nothing more comes. */
static int take_some(struct call *call, struct handle_record *record, uint32_t directory)
{
    struct fsd *fsd = call->fsd;
    struct arena *arena = fsd->memory->arena;
    const struct list_window *now = &record->windows[record->window];
    struct list_window *next = &record->windows[1 - record->window];
    struct taking taking = {
        .call = call, .record = record, .directory = directory, .end = now->started ? now->base : 0};
    struct place place;
    struct list_cursor cursor;
    window_load(arena, now, &cursor);
    if (!cursor.started) {
        take(&taking, STR("."), LISTED_DIRECTORY);
        take(&taking, STR(".."), LISTED_DIRECTORY);
    }
    next->ended = place_of_node(fsd, directory, &place) < 0 ||
                  !place_list(fsd, &place, directory, &cursor, take_visible, &taking);
    next->base = taking.end;
    fault_point("window");
    int status = taking.status < 0 ? taking.status : window_store(arena, next, &cursor);
    buf_free(&cursor.name);
    buf_free(&cursor.widths);
    if (status < 0)
        return status;
    record->window = 1 - record->window;
    return 0;
}

/* ---- opening ---- */

static int open_directory(struct call *call, struct error **err)
{
    struct fsd *fsd = call->fsd;
    uint32_t node = call_node(call);
    struct place place;
    int status = call_authorize(call, "list", err);
    if (status == 0)
        status = node != 0 ? place_of_node(fsd, node, &place) : -ENOENT;
    if (status < 0)
        return status;
    uint32_t handle = leaf_open_handle(call, node);
    if (handle == 0)
        return -ENFILE;
    struct handle_record *record = handle_record(fsd->handles, handle);
    record->opener = (uint32_t)call->asker.thread;
    record->flags = HANDLE_DIRECTORY;
    leaf_handle_given(call, fuse_reply_open(call->request, &call->file));
    call_free(call);
    return CALL_SILENT;
}

const struct operation op_opendir = {"opendir", open_directory, NULL, LOOKS, false};

/* ---- giving them ---- */

static mode_t mode_of(enum listed_type type)
{
    return type == LISTED_DIRECTORY ? S_IFDIR : type == LISTED_FILE ? S_IFREG : S_IFLNK;
}

/* ".", ".." and names without a node have no attributes here: the kernel asks for them when it wants them. */
static void entry_attributes(struct call *call, uint32_t parent, const struct listed *listed, bool plus,
                             struct fuse_entry_param *entry)
{
    const struct fuse_entry_param unknown = {.attr.st_mode = mode_of(listed->type),
                                             .attr.st_ino = 0xffffffff};
    char own[OWN_NAME_BYTES];
    struct str name = own_name(call, parent, listed->name, own);
    *entry = unknown;
    bool dots = str_is(name, ".") || str_is(name, "..");
    uint32_t node = 0;
    int number;
    if (plus && !dots)
        node = node_of_child(call->fsd, parent, name, &number);
    else if (!dots)
        node = node_find(call->fsd->nodes, parent, name);
    if (node != 0 && plus)
        entry_of_node(call->fsd, node, entry);
    else if (node != 0)
        entry->attr.st_ino = node_number(call->fsd->nodes, node);
    if (plus && node != 0 && entry->ino == 0)
        *entry = unknown;
}

static size_t add_entry(struct call *call, bool plus, char *to, size_t room, const char *name,
                        const struct fuse_entry_param *entry, off_t cookie)
{
    if (plus)
        return fuse_add_direntry_plus(call->request, to, room, name, entry, cookie);
    return fuse_add_direntry(call->request, to, room, name, &entry->attr, cookie);
}

/* Answers with the names from the cookie on, as many as there is room and time for: at least one, if there is
 * one. */
static int give_entries(struct call *call, const struct handle_record *record, uint32_t parent, bool plus,
                        int64_t end_us)
{
    struct fsd *fsd = call->fsd;
    uint64_t names_end = record->windows[record->window].base;
    autofree char *out = memory_new(call->size);
    uint32_t granted[ENTRIES_AT_ONCE];
    size_t used = 0, grants = 0;
    uint64_t at = (uint64_t)call->offset;
    struct listed listed;
    while (grants < ENTRIES_AT_ONCE &&
           listing_at(fsd->memory->arena, &record->names, names_end, at, &listed)) {
        char name[LISTING_NAME + 1];
        memcpy(name, listed.name.at, listed.name.length);
        name[listed.name.length] = '\0';
        struct fuse_entry_param entry;
        entry_attributes(call, parent, &listed, plus, &entry);
        size_t size = add_entry(call, plus, out + used, call->size - used, name, &entry, (off_t)listed.next);
        if (size > call->size - used) {
            if (entry.ino != 0)
                node_release_if_idle(fsd->nodes, node_of_number(fsd->nodes, entry.ino));
            break;
        }
        if (entry.ino != 0) {
            uint32_t node = node_of_number(fsd->nodes, entry.ino);
            node_grant(fsd->nodes, node);
            granted[grants++] = node;
        }
        used += size;
        at = listed.next;
        if (clock_us() > end_us)
            break;
    }
    if (fuse_reply_buf(call->request, out, used) < 0)
        for (size_t i = 0; i < grants; i++)
            node_forget(fsd->nodes, granted[i], 1);
    call_free(call);
    return CALL_SILENT;
}

/* rewinddir() asks for what is there now. A repeated request may have been answered, with cookies that are in
 * use. */
static bool begins_anew(const struct call *call, const struct handle_record *record)
{
    return call->offset == 0 && call->work == NULL && !call->repeated &&
           record->windows[record->window].started;
}

static int read_entries(struct call *call, bool plus)
{
    struct handle_record *record = handle_of_number(call->fsd->handles, call->file.fh, NULL);
    uint32_t parent = call_node(call);
    if (record == NULL || parent == 0)
        return -EBADF;
    int64_t end_us = clock_us() + PART_US;
    if (begins_anew(call, record))
        window_restart(record);
    call->work = record; /* it has begun */
    const struct list_window *window = &record->windows[record->window];
    bool taken = window->started && (window->ended || (uint64_t)call->offset < window->base);
    int status = taken ? 0 : take_some(call, record, parent);
    if (status < 0)
        return status;
    window = &record->windows[record->window];
    bool waits = !window->ended && (uint64_t)call->offset >= window->base;
    if (waits || clock_us() > end_us)
        return CALL_WAITING;
    return give_entries(call, record, parent, plus, end_us);
}

static int read_directory(struct call *call, struct error **err)
{
    (void)err;
    return read_entries(call, false);
}

static int read_directory_plus(struct call *call, struct error **err)
{
    (void)err;
    return read_entries(call, true);
}

const struct operation op_readdir = {"readdir", read_directory, NULL, REGARDS_NOTHING, false};
const struct operation op_readdirplus = {"readdirplus", read_directory_plus, NULL, REGARDS_NOTHING, false};

static int release_directory(struct call *call, struct error **err)
{
    (void)err;
    struct fsd *fsd = call->fsd;
    uint32_t handle;
    struct handle_record *record = handle_of_number(fsd->handles, call->file.fh, &handle);
    if (record == NULL)
        return 0; /* released by a predecessor */
    uint32_t node = record->node;
    handle_close(fsd->handles, handle);
    node_closed(fsd->nodes, node, false);
    node_release_if_idle(fsd->nodes, node);
    return 0;
}

const struct operation op_releasedir = {"releasedir", release_directory, NULL, REGARDS_NOTHING, false};
