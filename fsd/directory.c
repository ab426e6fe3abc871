/* Reading directories. The names are taken when the directory is opened: what a reader gets is one moment's,
 * and its cookies (places in that list) stay good whatever is removed meanwhile. */
#include "fsd/leaf.h"
#include "fsd/operations.h"
#include "fsd/reply.h"
#include "fsd/vacancy.h"
#include <errno.h>

/* In the handle's bytes, for each name: type, length, name. */
enum entry_type { ENTRY_DIRECTORY = 'd', ENTRY_FILE = 'f', ENTRY_LINK = 'l' };

static void add_name(void *context, struct str name, bool directory, bool link)
{
    struct buf *names = context;
    if (name.length == 0 || name.length > 255)
        return; /* a key longer than a file's name can be: it is in the documents */
    buf_add_char(names, link ? ENTRY_LINK : directory ? ENTRY_DIRECTORY : ENTRY_FILE);
    buf_add_char(names, (char)name.length);
    buf_add_str(names, name);
}

/* What its own process has taken away isn't there for it. */
struct listing {
    const struct call *call;
    uint32_t directory;
    struct buf *names;
};

static void add_visible_name(void *context, struct str name, bool directory, bool link)
{
    const struct listing *listing = context;
    if (!vacancy_hides(listing->call, listing->directory, name))
        add_name(listing->names, name, directory, link);
}

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
    autobuf struct buf names = {0};
    add_name(&names, STR("."), true, false);
    add_name(&names, STR(".."), true, false);
    struct listing listing = {call, node, &names};
    place_list(fsd, &place, node, add_visible_name, &listing);
    record->opener = (uint32_t)call->asker.thread;
    record->flags = HANDLE_DIRECTORY;
    record->bytes.length = 0;
    if (arena_bytes_write(fsd->memory->arena, &record->bytes, 0, buf_str(&names)) < 0) {
        leaf_handle_given(call, -ENOMEM);
        return -ENOMEM;
    }
    leaf_handle_given(call, fuse_reply_open(call->request, &call->file));
    call_free(call);
    return CALL_SILENT;
}

const struct operation op_opendir = {"opendir", open_directory, NULL, LOOKS, false};

struct listed {
    struct str name;
    mode_t mode;
    size_t next; /* the cookie behind it */
};

/* The entry at a cookie. False at the end, and for a cookie that nobody has given: seekdir takes any number.
 */
static bool listed_at(struct str names, size_t at, struct listed *listed)
{
    if (at >= names.length || names.length - at < 2)
        return false;
    char type = names.at[at];
    size_t length = (unsigned char)names.at[at + 1];
    if (names.length - at - 2 < length || length == 0)
        return false;
    listed->mode = type == ENTRY_DIRECTORY ? S_IFDIR
                   : type == ENTRY_FILE    ? S_IFREG
                   : type == ENTRY_LINK    ? S_IFLNK
                                           : 0;
    listed->name = (struct str){names.at + at + 2, length};
    listed->next = at + 2 + length;
    return listed->mode != 0 && memchr(listed->name.at, '/', length) == NULL;
}

/* ".", ".." and names without a node have no attributes here: the kernel asks for them when it wants them. */
static void entry_attributes(struct call *call, uint32_t parent, const struct listed *listed, bool plus,
                             struct fuse_entry_param *entry)
{
    const struct fuse_entry_param unknown = {.attr.st_mode = listed->mode, .attr.st_ino = 0xffffffff};
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

static int read_entries(struct call *call, bool plus)
{
    struct fsd *fsd = call->fsd;
    struct handle_record *record = handle_of_number(fsd->handles, call->file.fh, NULL);
    uint32_t parent = call_node(call);
    if (record == NULL || parent == 0)
        return -EBADF;
    struct str names = arena_bytes_str(fsd->memory->arena, &record->bytes);
    autofree char *out = memory_new(call->size);
    uint32_t granted[4096];
    size_t used = 0, grants = 0;
    /* A cookie is where the next entry begins in the list of names. */
    size_t at = (size_t)call->offset;
    struct listed listed;
    while (grants < 4096 && listed_at(names, at, &listed)) {
        char name[256];
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
    }
    if (fuse_reply_buf(call->request, out, used) < 0)
        for (size_t i = 0; i < grants; i++)
            node_forget(fsd->nodes, granted[i], 1);
    call_free(call);
    return CALL_SILENT;
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
