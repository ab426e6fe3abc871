/* Reading directories. The names are taken when the directory is opened: what a reader gets is one moment's,
 * and its cookies (places in that list) stay good whatever is removed meanwhile. */
#include "fsd/leaf.h"
#include "fsd/operations.h"
#include "fsd/reply.h"
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
    place_list(fsd, &place, node, add_name, &names);
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

const struct operation op_opendir = {"opendir", open_directory, NULL, false};

/* ".", ".." and names without a node have no attributes here: the kernel asks for them when it wants them. */
static void entry_attributes(struct call *call, uint32_t parent, struct str name, bool plus,
                             struct fuse_entry_param *entry)
{
    static const mode_t modes[] = {['d'] = S_IFDIR, ['f'] = S_IFREG, ['l'] = S_IFLNK};
    *entry = (struct fuse_entry_param){.attr.st_mode = modes[(unsigned char)name.at[-2]],
                                       .attr.st_ino = 0xffffffff};
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
        *entry = (struct fuse_entry_param){.attr.st_mode = modes[(unsigned char)name.at[-2]],
                                           .attr.st_ino = 0xffffffff};
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
    while (at + 2 < names.length && grants < 4096) {
        char name[256];
        size_t length = (unsigned char)names.at[at + 1];
        memcpy(name, names.at + at + 2, length);
        name[length] = '\0';
        struct fuse_entry_param entry;
        entry_attributes(call, parent, (struct str){names.at + at + 2, length}, plus, &entry);
        size_t next = at + 2 + length;
        size_t size = add_entry(call, plus, out + used, call->size - used, name, &entry, (off_t)next);
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
        at = next;
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

const struct operation op_readdir = {"readdir", read_directory, NULL, false};
const struct operation op_readdirplus = {"readdirplus", read_directory_plus, NULL, false};

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
    node_record(fsd->nodes, node)->handles--;
    node_release_if_idle(fsd->nodes, node);
    return 0;
}

const struct operation op_releasedir = {"releasedir", release_directory, NULL, false};
