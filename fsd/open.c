/* Opening and creating files. */
#include "fsd/announce.h"
#include "fsd/documents.h"
#include "fsd/leaf.h"
#include "fsd/logs.h"
#include "fsd/operations.h"
#include "fsd/readers.h"
#include "fsd/removal.h"
#include "fsd/reply.h"
#include "fsd/vacancy.h"
#include "lib/clock.h"
#include <errno.h>

#define SETTLED_MS 1000

/* May it be opened so, and for what? */
static int check_open(struct call *call, const struct leaf *leaf, struct error **err)
{
    bool writes = (call->file.flags & O_ACCMODE) != O_RDONLY || (call->file.flags & O_TRUNC) != 0;
    int status = call_authorize(call, writes ? "update" : "get", err);
    if (status < 0)
        return status;
    bool others = leaf->place.type == PLACE_FILE && leaf->place.special == &special_errors_of_user &&
                  (uid_t)leaf->place.number != call->asker.uid && call->asker.uid != 0;
    if (others)
        return error_make(err, EACCES, "these are another user's errors");
    if (!writes)
        return 0;
    if (leaf->writes == WRITE_NOT)
        return error_make(err, EPERM, "this file is made by the server and can't be written");
    if (leaf->server_managed && call->asker.identity == IDENTITY_NONE)
        return error_make(err, EPERM, "this field is managed by the server and can't be written");
    return 0;
}

/* Opening with O_TRUNC sets the size to 0 in the kernel, until somebody asks for the size that the file still
 * has; and what is asked while another change is told is not believed. A reader in that moment would see an
 * empty value, which never was. So what is being written, or was a moment ago, is read from here. */
static bool is_settled(struct fsd *fsd, const struct leaf *leaf)
{
    const struct node_record *node = node_record(fsd->nodes, leaf->node);
    const struct object *object =
        leaf->place.object != 0 ? object_by_id(fsd->objects, leaf->place.object) : NULL;
    int64_t changed_ms = leaf->place.type == PLACE_FIELD || object == NULL || object->committed == NULL
                             ? node->time_ms
                             : object->committed->time_ms;
    return node->writers == 0 && clock_wall_ms() - changed_ms > SETTLED_MS &&
           !readers_are_behind(fsd, leaf->node);
}

/* How the kernel is to treat what it reads through this handle. Contents that it may cache are kept from open
 * to open; it is told what changes. Where an older version may have got into the cache behind that, it is
 * dropped now. */
static void set_caching(struct call *call, const struct leaf *leaf)
{
    struct node_record *node = node_record(call->fsd->nodes, leaf->node);
    bool writes = (call->file.flags & O_ACCMODE) != O_RDONLY;
    call->file.direct_io = writes || leaf->reads == LEAF_STREAM || leaf->reads == LEAF_LIST ||
                           leaf->reads == LEAF_LOG ||
                           (leaf->reads == LEAF_TEXT && !is_settled(call->fsd, leaf));
    call->file.keep_cache = !call->file.direct_io && (node->flags & NODE_TAINTED) == 0;
    call->file.noflush = !writes || leaf->writes == WRITE_SCALAR; /* nothing is left to be said at a close */
    if (!call->file.keep_cache)
        node->flags &= ~(uint32_t)NODE_TAINTED;
}

static void begin_handle(struct call *call, const struct leaf *leaf, uint32_t handle, bool emptied)
{
    struct fsd *fsd = call->fsd;
    struct handle_record *record = handle_record(fsd->handles, handle);
    const struct object *object =
        leaf->place.object != 0 ? object_by_id(fsd->objects, leaf->place.object) : NULL;
    record->version = object != NULL && object->committed != NULL ? object->committed->number : 0;
    readers_add(fsd, handle, leaf);
    /* What is collected takes effect when its opener closes it; whoever forms a field sees it. */
    bool forming = (node_record(fsd->nodes, leaf->node)->flags & NODE_FORMING) != 0;
    if ((record->flags & HANDLE_WRITE) != 0 && (leaf->writes == WRITE_COLLECT || forming))
        record->opener = (uint32_t)call_process(call);
    if (!emptied)
        return;
    record->flags |= HANDLE_EMPTIED | HANDLE_FILLED;
    if (leaf->writes == WRITE_SCRATCH)
        arena_bytes_resize(fsd->memory->arena, &node_record(fsd->nodes, leaf->node)->content, 0);
}

static int open_file(struct call *call, struct error **err)
{
    struct leaf leaf;
    int status = leaf_of_node(call->fsd, call_node(call), &leaf);
    if (status < 0)
        return status;
    status = check_open(call, &leaf, err);
    if (status < 0)
        return status;
    uint32_t handle = leaf_open_handle(call, leaf.node);
    if (handle == 0)
        return -ENFILE;
    begin_handle(call, &leaf, handle, (call->file.flags & O_TRUNC) != 0);
    if (leaf.reads == LEAF_LOG)
        logs_opened(call, handle);
    set_caching(call, &leaf);
    leaf_handle_given(call, fuse_reply_open(call->request, &call->file));
    call_free(call);
    return CALL_SILENT;
}

const struct operation op_open = {"open", open_file, NULL, GOES_ON, false};

/* ---- creating ---- */

enum creation { CREATE_NOT, CREATE_SCRATCH, CREATE_FIELD, CREATE_MANIFEST };

/* What a new name in a directory becomes (tree.md 4). */
static int creation_of(struct call *call, const struct place *place, uint32_t parent, enum creation *creation,
                       struct error **err)
{
    struct fsd *fsd = call->fsd;
    struct str name = str_of(call->name);
    struct object *object = place->object != 0 ? object_by_id(fsd->objects, place->object) : NULL;
    *creation = CREATE_SCRATCH;
    if (place_is_scratch_name(name))
        return 0;
    if ((place->type != PLACE_OBJECT && place->type != PLACE_FIELD) || object == NULL)
        return error_make(err, EPERM, "no file can be created here");
    *creation = CREATE_MANIFEST;
    if (place->type == PLACE_OBJECT && strcmp(call->name, "manifest.yaml") == 0)
        return 0;
    autobuf struct buf path = {0}, scratch = {0}, key = {0};
    place_field_path(fsd, parent, &path);
    struct field directory = place_field(fsd, object, buf_str(&path), &scratch);
    struct field field = field_child(&directory, name, &key);
    *creation = field.type == FIELD_NONE ? CREATE_SCRATCH : CREATE_FIELD;
    if (field.type == FIELD_DIRECTORY)
        return error_make(err, EISDIR, "%s is a directory: mkdir makes it", call->name);
    if (field.type != FIELD_NONE && field.server_managed && call->asker.identity == IDENTITY_NONE)
        return error_make(err, EPERM, "%s is managed by the server and can't be written", call->name);
    if (directory.schema == NULL || directory.schema->type != SCHEMA_MAP)
        return 0;
    buf_addf(&path, "/%s", call->name);
    return field_check_name(object->kind, document_of(fsd->documents, object->committed), buf_str(&path),
                            err);
}

static uint32_t make_node(struct call *call, const struct place *parent_place, uint32_t parent,
                          enum creation creation)
{
    struct fsd *fsd = call->fsd;
    if (creation == CREATE_MANIFEST) {
        int number;
        removal_close(fsd, parent_place->object);
        return node_of_child(fsd, parent, str_of(call->name), &number);
    }
    uint32_t node = node_make(fsd->nodes, parent, str_of(call->name));
    if (node == 0)
        return 0;
    struct node_record *record = node_record(fsd->nodes, node);
    struct place place = *parent_place;
    place.type = creation == CREATE_SCRATCH ? PLACE_SCRATCH : PLACE_FIELD;
    record->flags |= creation == CREATE_SCRATCH ? NODE_SCRATCH : NODE_FORMING;
    record->mode = call->mode & 0777;
    record->time_ms = clock_wall_ms();
    node_set_place(fsd->nodes, node, &place);
    return node;
}

static int create_file(struct call *call, struct error **err)
{
    struct fsd *fsd = call->fsd;
    uint32_t parent = call_node(call);
    struct place place;
    int status = call_authorize(call, "update", err);
    if (status == 0)
        status = parent != 0 ? place_of_node(fsd, parent, &place) : -ENOENT;
    if (status < 0)
        return status;
    /* It may have come into being since the kernel looked, or, for a repeated request, by its first try. */
    int number;
    uint32_t node = node_find(fsd->nodes, parent, str_of(call->name));
    bool forming = node != 0 && (node_record(fsd->nodes, node)->flags & (NODE_FORMING | NODE_SCRATCH)) != 0;
    bool vacant = vacancy_hides(call, parent, str_of(call->name));
    if (!forming && !vacant && !removal_is_open(call, place.object))
        node = node_of_child(fsd, parent, str_of(call->name), &number);
    else if (!forming)
        node = 0;
    if (node != 0 && (call->file.flags & O_EXCL) != 0 && !call->repeated)
        return -EEXIST;
    bool is_new = node == 0 || call->repeated;
    if (node == 0) {
        enum creation creation;
        status = creation_of(call, &place, parent, &creation, err);
        if (status < 0)
            return status;
        node = make_node(call, &place, parent, creation);
        if (node == 0)
            return -ENOMEM;
        vacancy_create(call, parent);
    }
    struct leaf leaf;
    status = leaf_of_node(fsd, node, &leaf);
    if (status == 0)
        status = check_open(call, &leaf, err);
    if (status < 0) {
        node_release_if_idle(fsd->nodes, node);
        return status;
    }
    uint32_t handle = leaf_open_handle(call, node);
    if (handle == 0)
        return -ENFILE;
    node_record(fsd->nodes, node)->creator = call->asker.uid;
    is_new |= (node_record(fsd->nodes, node)->flags & NODE_FORMING) != 0;
    begin_handle(call, &leaf, handle, is_new || (call->file.flags & O_TRUNC) != 0);
    call->file.direct_io = 1;
    reply_node(call, node, &call->file);
    return CALL_SILENT;
}

const struct operation op_create = {"create", create_file, NULL, GOES_ON, false};
