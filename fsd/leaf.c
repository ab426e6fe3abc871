#include "fsd/leaf.h"

#include "fsd/bulk.h"
#include "fsd/discovery.h"
#include "fsd/edit.h"
#include "fsd/txn.h"
#include "fsd/vacancy.h"
#include <errno.h>

static void of_special(const struct special *special, struct leaf *leaf)
{
    static const enum leaf_class reads[] = {
        [SPECIAL_TEXT] = LEAF_TEXT,      [SPECIAL_STREAM] = LEAF_STREAM,  [SPECIAL_LIST] = LEAF_LIST,
        [SPECIAL_COMMAND] = LEAF_STREAM, [SPECIAL_COLLECT] = LEAF_STREAM, [SPECIAL_LOG] = LEAF_LOG,
        [SPECIAL_LINK] = LEAF_NONE};
    leaf->reads = reads[special->class];
    leaf->writes = !special->writable                  ? WRITE_NOT
                   : special->class == SPECIAL_COMMAND ? WRITE_SCALAR
                                                       : WRITE_COLLECT;
    leaf->limit = special->class == SPECIAL_COLLECT ? BULK_LIMIT : OBJECT_LIMIT;
}

static int of_field(struct fsd *fsd, struct leaf *leaf)
{
    struct object *object = object_by_id(fsd->objects, leaf->place.object);
    if (object == NULL || !object_is_visible(object))
        return -ENOENT;
    autobuf struct buf path = {0}, scratch = {0};
    place_field_path(fsd, leaf->node, &path);
    struct field field = place_field(fsd, object, buf_str(&path), &scratch);
    bool forming = (node_record(fsd->nodes, leaf->node)->flags & NODE_FORMING) != 0;
    if (field.type == FIELD_NONE || (!field.set && !forming))
        return -ENOENT;
    if (field.type == FIELD_DIRECTORY)
        return -EISDIR;
    leaf->reads = LEAF_TEXT;
    leaf->writes = field.type == FIELD_SCALAR ? WRITE_SCALAR : WRITE_COLLECT;
    leaf->content = field.type != FIELD_SCALAR || forming;
    leaf->server_managed = field.server_managed;
    leaf->limit = OBJECT_LIMIT;
    return 0;
}

int leaf_of_node(struct fsd *fsd, uint32_t node, struct leaf *leaf)
{
    *leaf = (struct leaf){.node = node};
    int status = node != 0 ? place_of_node(fsd, node, &leaf->place) : -ENOENT;
    if (status < 0)
        return status;
    switch (leaf->place.type) {
    case PLACE_FILE:
        of_special(leaf->place.special, leaf);
        return 0;
    case PLACE_FIELD:
        return of_field(fsd, leaf);
    case PLACE_SCRATCH:
        leaf->reads = LEAF_SCRATCH;
        leaf->writes = WRITE_SCRATCH;
        leaf->limit = OBJECT_LIMIT * 2;
        return 0;
    default:
        return -EISDIR;
    }
}

enum part_form leaf_part(struct fsd *fsd, const struct leaf *leaf, struct buf *path)
{
    if (leaf->place.type == PLACE_FIELD) {
        place_field_path(fsd, leaf->node, path);
        return PART_FIELD;
    }
    if (leaf->place.type != PLACE_FILE || leaf->place.special->form == PART_NONE)
        return PART_NONE;
    place_field_path(fsd, node_record(fsd->nodes, leaf->node)->parent, path);
    return leaf->place.special->form;
}

void leaf_text(struct fsd *fsd, const struct leaf *leaf, struct buf *out)
{
    if (leaf->place.type == PLACE_FILE) {
        if (leaf->place.special->text != NULL)
            leaf->place.special->text(fsd, &leaf->place, leaf->node, out);
        return;
    }
    if (leaf->place.type == PLACE_SCRATCH) {
        buf_add_str(out, arena_bytes_str(fsd->memory->arena, &node_record(fsd->nodes, leaf->node)->content));
        return;
    }
    struct object *object = object_by_id(fsd->objects, leaf->place.object);
    if (object == NULL || !object_is_visible(object))
        return;
    autobuf struct buf path = {0}, scratch = {0};
    place_field_path(fsd, leaf->node, &path);
    struct field field = place_field(fsd, object, buf_str(&path), &scratch);
    if (field.set)
        field_read(&field, out);
}

struct str leaf_whole(struct fsd *fsd, const struct leaf *leaf, struct buf *made, bool *lasting)
{
    struct str text;
    *lasting = false;
    if (discovery_whole(fsd, &leaf->place, &text)) {
        *lasting = !leaf->place.kind->custom;
        return text;
    }
    leaf_text(fsd, leaf, made);
    return buf_str(made);
}

int leaf_of_call(struct call *call, struct leaf *leaf, struct handle_record **handle, uint32_t *index)
{
    struct fsd *fsd = call->fsd;
    *handle = handle_of_number(fsd->handles, call->file.fh, index);
    if (*handle == NULL)
        return -EBADF;
    return leaf_of_node(fsd, (*handle)->node, leaf);
}

/* The edit, of the field that the leaf is. */
static int edit_field(struct call *call, const struct leaf *leaf, struct edit edit, struct error **err)
{
    struct fsd *fsd = call->fsd;
    struct object *object = object_by_id(fsd->objects, leaf->place.object);
    if (object == NULL || !object_is_visible(object))
        return error_make(err, ENOENT, "the object is gone");
    autobuf struct buf path = {0};
    place_field_path(fsd, leaf->node, &path);
    edit.path = buf_str(&path);
    struct change change = {
        .kind = object->kind,
        .namespace = str_of(object->namespace),
        .name = str_of(object->name),
        .call = call,
        .edit = edit,
        .must_exist = true,
    };
    struct changed changed;
    int status = txn_change(fsd, &call->asker, &change, &changed, err);
    if (status < 0)
        return status;
    vacancy_fill(fsd, object->id, buf_str(&path));
    return changed.durable ? CALL_DURABLE : 0;
}

int leaf_cut(struct call *call, const struct leaf *leaf, size_t size, struct error **err)
{
    return edit_field(call, leaf, (struct edit){.type = EDIT_FIELD_CUT, .size = size}, err);
}

int leaf_write(struct call *call, const struct leaf *leaf, struct str bytes, bool append, struct error **err)
{
    if (leaf->place.type == PLACE_FIELD)
        return edit_field(
            call, leaf, (struct edit){.type = append ? EDIT_FIELD_APPEND : EDIT_FIELD_WRITE, .bytes = bytes},
            err);
    if (append && leaf->place.special->class == SPECIAL_TEXT)
        return error_make(err, EINVAL, "a document can't be appended to: write it whole");
    return leaf->place.special->write(call, &leaf->place, leaf->node, bytes, err);
}

bool leaf_is_writer(const struct call *call, uint32_t node)
{
    struct handles *handles = call->fsd->handles;
    uint32_t process = (uint32_t)call_process(call);
    for (uint32_t h = handles_next(handles, 0); h != 0 && process != 0; h = handles_next(handles, h)) {
        const struct handle_record *handle = handle_record(handles, h);
        if (handle->node == node && handle->opener == process && (handle->flags & HANDLE_WRITE) != 0)
            return true;
    }
    return false;
}

uint32_t leaf_open_handle(struct call *call, uint32_t node)
{
    struct fsd *fsd = call->fsd;
    uint64_t *note = call_note(call);
    uint32_t handle;
    bool opened = call->repeated && handle_of_number(fsd->handles, *note, &handle) != NULL;
    if (!opened)
        handle = handle_open(fsd->handles, node, note);
    if (handle == 0)
        return 0;
    struct handle_record *record = handle_record(fsd->handles, handle);
    int access = call->file.flags & O_ACCMODE;
    record->flags = (access != O_WRONLY ? HANDLE_READ : 0) | (access != O_RDONLY ? HANDLE_WRITE : 0) |
                    ((call->file.flags & O_APPEND) != 0 ? HANDLE_APPEND : 0);
    record->uid = call->asker.uid;
    record->gid = call->asker.gid;
    if (!opened)
        node_opened(fsd->nodes, node, access != O_RDONLY);
    call->file.fh = handle_number(fsd->handles, handle);
    return handle;
}

/* A repeated request that the kernel no longer waits for has been answered before: the handle is in use. */
void leaf_handle_given(const struct call *call, int result)
{
    struct fsd *fsd = call->fsd;
    uint32_t handle;
    if (result == 0 || call->repeated || handle_of_number(fsd->handles, call->file.fh, &handle) == NULL)
        return;
    uint32_t node = handle_record(fsd->handles, handle)->node;
    bool writes = (handle_record(fsd->handles, handle)->flags & HANDLE_WRITE) != 0;
    handle_close(fsd->handles, handle);
    node_closed(fsd->nodes, node, writes);
    node_release_if_idle(fsd->nodes, node);
}
