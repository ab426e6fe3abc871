#include "fsd/file.h"

#include "fsd/edit.h"
#include "fsd/txn.h"
#include <errno.h>

#define BULK_LIMIT (64u << 20)

static void of_special(const struct special *special, struct file *file)
{
    static const enum file_class reads[] = {
        [SPECIAL_TEXT] = FILE_TEXT,      [SPECIAL_STREAM] = FILE_STREAM,  [SPECIAL_LIST] = FILE_LIST,
        [SPECIAL_COMMAND] = FILE_STREAM, [SPECIAL_COLLECT] = FILE_STREAM, [SPECIAL_LINK] = FILE_NONE};
    file->reads = reads[special->class];
    file->writes = !special->writable                  ? WRITE_NOT
                   : special->class == SPECIAL_COMMAND ? WRITE_SCALAR
                                                       : WRITE_COLLECT;
    file->limit = special->class == SPECIAL_COLLECT ? BULK_LIMIT : OBJECT_LIMIT;
}

static int of_field(struct fsd *fsd, struct file *file)
{
    struct object *object = object_by_id(fsd->objects, file->place.object);
    if (object == NULL || !object_is_visible(object))
        return -ENOENT;
    autobuf struct buf path = {0}, scratch = {0};
    place_field_path(fsd, file->node, &path);
    struct field field = place_field(fsd, object, buf_str(&path), &scratch);
    bool forming = (node_record(fsd->nodes, file->node)->flags & NODE_FORMING) != 0;
    if (field.type == FIELD_NONE || (!field.set && !forming))
        return -ENOENT;
    if (field.type == FIELD_DIRECTORY)
        return -EISDIR;
    file->reads = FILE_TEXT;
    file->writes = field.type == FIELD_SCALAR ? WRITE_SCALAR : WRITE_COLLECT;
    file->content = field.type != FIELD_SCALAR;
    file->server_managed = field.server_managed;
    file->limit = OBJECT_LIMIT;
    return 0;
}

int file_of_node(struct fsd *fsd, uint32_t node, struct file *file)
{
    *file = (struct file){.node = node};
    int status = node != 0 ? place_of_node(fsd, node, &file->place) : -ENOENT;
    if (status < 0)
        return status;
    switch (file->place.type) {
    case PLACE_FILE:
        of_special(file->place.special, file);
        return 0;
    case PLACE_FIELD:
        return of_field(fsd, file);
    case PLACE_SCRATCH:
        file->reads = FILE_SCRATCH;
        file->writes = WRITE_SCRATCH;
        file->limit = OBJECT_LIMIT * 2;
        return 0;
    default:
        return -EISDIR;
    }
}

void file_text(struct fsd *fsd, const struct file *file, struct buf *out)
{
    if (file->place.type == PLACE_FILE) {
        if (file->place.special->text != NULL)
            file->place.special->text(fsd, &file->place, file->node, out);
        return;
    }
    if (file->place.type == PLACE_SCRATCH) {
        buf_add_str(out, arena_bytes_str(fsd->memory->arena, &node_record(fsd->nodes, file->node)->content));
        return;
    }
    struct object *object = object_by_id(fsd->objects, file->place.object);
    if (object == NULL || !object_is_visible(object))
        return;
    autobuf struct buf path = {0}, scratch = {0};
    place_field_path(fsd, file->node, &path);
    struct field field = place_field(fsd, object, buf_str(&path), &scratch);
    if (field.set)
        field_read(&field, out);
}

int file_of_call(struct call *call, struct file *file, struct handle_record **handle, uint32_t *index)
{
    struct fsd *fsd = call->fsd;
    *handle = handle_of_number(fsd->handles, call->file.fh, index);
    if (*handle == NULL)
        return -EBADF;
    return file_of_node(fsd, (*handle)->node, file);
}

static int write_field(struct call *call, const struct file *file, struct str bytes, bool append,
                       struct error **err)
{
    struct fsd *fsd = call->fsd;
    struct object *object = object_by_id(fsd->objects, file->place.object);
    if (object == NULL || !object_is_visible(object))
        return error_make(err, ENOENT, "the object is gone");
    autobuf struct buf path = {0};
    place_field_path(fsd, file->node, &path);
    struct change change = {
        .kind = object->kind,
        .namespace = str_of(object->namespace),
        .name = str_of(object->name),
        .edit = {.type = append ? EDIT_FIELD_APPEND : EDIT_FIELD_WRITE,
                 .path = buf_str(&path),
                 .bytes = bytes},
        .must_exist = true,
    };
    struct changed changed;
    int status = txn_change(fsd, &call->asker, &change, &changed, err);
    return status < 0 ? status : changed.durable ? CALL_DURABLE : 0;
}

int file_write(struct call *call, const struct file *file, struct str bytes, bool append, struct error **err)
{
    if (file->place.type == PLACE_FIELD)
        return write_field(call, file, bytes, append, err);
    if (append && file->content)
        return error_make(err, EINVAL, "a document can't be appended to: write it whole");
    return file->place.special->write(call, &file->place, file->node, bytes, err);
}

uint32_t file_open_handle(struct call *call, uint32_t node)
{
    struct fsd *fsd = call->fsd;
    uint32_t handle = handle_open(fsd->handles, node);
    if (handle == 0)
        return 0;
    struct handle_record *record = handle_record(fsd->handles, handle);
    int access = call->file.flags & O_ACCMODE;
    record->flags = (access != O_WRONLY ? HANDLE_READ : 0) | (access != O_RDONLY ? HANDLE_WRITE : 0) |
                    ((call->file.flags & O_APPEND) != 0 ? HANDLE_APPEND : 0);
    record->uid = call->asker.uid;
    record->gid = call->asker.gid;
    if (access != O_RDONLY)
        record->opener = (uint32_t)call_process(call);
    node_record(fsd->nodes, node)->handles++;
    call->file.fh = handle_number(fsd->handles, handle);
    return handle;
}
