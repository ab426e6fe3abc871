/* Renaming: how editors, sed -i, rsync and mv put a new content in place.
 *
 *     scratch over a field or manifest    writes it
 *     scratch to scratch                  renames it
 *     field or manifest to scratch        gives a copy (a backup) and changes nothing
 *     key to key of one map               renames it
 *
 * The kernel keeps the inode of the old name under the new one: the node goes with it. */
#include "fsd/bulk.h"
#include "fsd/leaf.h"
#include "fsd/operations.h"
#include "fsd/removal.h"
#include "fsd/reply.h"
#include "fsd/snapshot.h"
#include "fsd/txn.h"
#include "fsd/vacancy.h"
#include "lib/clock.h"
#include <errno.h>
#include <stdio.h>

struct renaming {
    uint32_t parent, new_parent;
    struct place place, new_place; /* of the directories */
    uint32_t node;                 /* what is renamed */
    struct place source;
    struct place target;
    bool target_exists;
    bool removed; /* the target is a manifest that the process has unlinked (removal.h) */
};

static int find(struct call *call, struct renaming *renaming, struct error **err)
{
    struct fsd *fsd = call->fsd;
    int status = call_authorize(call, "update", err);
    if (status < 0)
        return status;
    renaming->parent = call_node(call);
    renaming->new_parent = node_of_number(fsd->nodes, call->new_parent);
    if (renaming->parent == 0 || renaming->new_parent == 0)
        return -ENOENT;
    status = place_of_node(fsd, renaming->parent, &renaming->place);
    if (status == 0)
        status = place_of_node(fsd, renaming->new_parent, &renaming->new_place);
    if (status < 0)
        return status;
    int number = ENOENT;
    renaming->node = node_of_child(fsd, renaming->parent, str_of(call->name), &number);
    if (renaming->node == 0)
        return -number;
    status = place_of_node(fsd, renaming->node, &renaming->source);
    if (status < 0)
        return status;
    renaming->removed = renaming->new_place.type == PLACE_OBJECT &&
                        strcmp(call->new_name, "manifest.yaml") == 0 &&
                        removal_is_open(call, renaming->new_place.object);
    renaming->target_exists = place_child(fsd, &renaming->new_place, renaming->new_parent,
                                          str_of(call->new_name), &renaming->target) == 0;
    bool vacant = vacancy_hides(call, renaming->new_parent, str_of(call->new_name));
    if (renaming->target_exists && !renaming->removed && !vacant && (call->flags & RENAME_NOREPLACE) != 0)
        return -EEXIST;
    if ((call->flags & ~(unsigned)RENAME_NOREPLACE) != 0)
        return error_make(err, EINVAL, "names can't be exchanged: write what each one is to hold");
    return 0;
}

/* A file at a name that may not be there yet, for what a scratch file's content is to become. */
static int target_file(struct call *call, const struct renaming *renaming, struct leaf *leaf,
                       struct buf *path, struct error **err)
{
    struct fsd *fsd = call->fsd;
    *leaf = (struct leaf){.node = renaming->node, .place = renaming->target};
    if (renaming->target_exists && renaming->target.type == PLACE_FILE) {
        if (!renaming->target.special->writable || renaming->target.special->class == SPECIAL_COMMAND)
            return error_make(err, EPERM, "this file is made by the server and can't be written");
        if (renaming->target.special->write == bulk_write)
            return error_make(err, EPERM, "requests are written to .bulk, where their results are read");
        return 0;
    }
    if (renaming->target_exists && renaming->target.type != PLACE_FIELD)
        return error_make(err, EPERM, "this belongs to the tree and can't be replaced");
    if (renaming->new_place.type != PLACE_OBJECT && renaming->new_place.type != PLACE_FIELD)
        return error_make(err, EPERM, "no file can be made here");
    place_field_path(fsd, renaming->new_parent, path);
    if (path->length != 0)
        buf_add_char(path, '/');
    buf_add_text(path, call->new_name);
    leaf->place.type = PLACE_FIELD;
    return 0;
}

static int write_over(struct call *call, const struct renaming *renaming, struct error **err)
{
    struct fsd *fsd = call->fsd;
    struct leaf leaf;
    autobuf struct buf path = {0};
    call->tells_target = true;
    int status = target_file(call, renaming, &leaf, &path, err);
    if (status < 0)
        return status;
    struct str bytes = arena_bytes_str(fsd->memory->arena, &node_record(fsd->nodes, renaming->node)->content);
    call->lends_scratch = renaming->node;
    if (leaf.place.type == PLACE_FILE) {
        status = leaf.place.special->write(call, &leaf.place, renaming->node, bytes, err);
        return status < 0 ? status : CALL_PARKED;
    }
    struct object *object = object_by_id(fsd->objects, renaming->new_place.object);
    if (object == NULL || !object_is_visible(object))
        return -ENOENT;
    struct change change = {.kind = object->kind,
                            .namespace = str_of(object->namespace),
                            .name = str_of(object->name),
                            .edit = {.type = EDIT_FIELD_WRITE, .path = buf_str(&path), .bytes = bytes},
                            .call = call,
                            .must_exist = true};
    status = txn_change(fsd, &call->asker, &change, NULL, err);
    if (status < 0)
        return status;
    vacancy_fill(fsd, object->id, buf_str(&path));
    return CALL_PARKED;
}

static int rename_key(struct call *call, const struct renaming *renaming, struct error **err)
{
    struct fsd *fsd = call->fsd;
    struct object *object = object_by_id(fsd->objects, renaming->place.object);
    if (object == NULL || !object_is_visible(object) || renaming->new_parent != renaming->parent)
        return error_make(err, EPERM, "fields can't be moved; copy what they hold");
    autobuf struct buf path = {0}, new_path = {0};
    place_field_path(fsd, renaming->parent, &path);
    if (path.length != 0)
        buf_add_char(&path, '/');
    buf_add_str(&new_path, buf_str(&path));
    buf_add_text(&path, call->name);
    buf_add_text(&new_path, call->new_name);
    struct change change = {
        .kind = object->kind,
        .namespace = str_of(object->namespace),
        .name = str_of(object->name),
        .edit = {.type = EDIT_FIELD_RENAME, .path = buf_str(&path), .to_path = buf_str(&new_path)},
        .call = call,
        .must_exist = true};
    int status = txn_change(fsd, &call->asker, &change, NULL, err);
    if (status < 0)
        return status;
    node_record(fsd->nodes, renaming->node)->flags |= NODE_MOVING;
    vacancy_fill(fsd, object->id, buf_str(&new_path));
    return CALL_PARKED;
}

/* The node takes a copy of the content along under its scratch name; the field gets a fresh node when it is
 * looked up. */
static int copy_away(struct call *call, const struct renaming *renaming)
{
    struct fsd *fsd = call->fsd;
    struct leaf leaf;
    int status = leaf_of_node(fsd, renaming->node, &leaf);
    if (status < 0)
        return status;
    if (leaf.reads != LEAF_TEXT)
        return -EPERM;
    struct arena_bytes content = {0};
    status = snapshot_of_leaf(call, &leaf, &content);
    if (status < 0)
        return status;
    autobuf struct buf text = {0};
    if (content.ref == 0)
        leaf_text(fsd, &leaf, &text);
    struct node_record *record = node_record(fsd->nodes, renaming->node);
    if (arena_bytes_write(fsd->memory->arena, &content, content.length, buf_str(&text)) < 0)
        return -ENOSPC;
    arena_bytes_free(fsd->memory->arena, &record->content);
    record->content = content;
    record->mode = 0644;
    record->time_ms = clock_wall_ms();
    record->flags |= NODE_SCRATCH;
    vacancy_leave(call, renaming->parent);
    return 0;
}

/* An editor's file, or what would be one? */
static bool is_scratch(struct fsd *fsd, const struct place *directory, uint32_t node, const char *name)
{
    struct place child;
    if (place_child(fsd, directory, node, str_of(name), &child) == 0)
        return child.type == PLACE_SCRATCH;
    return place_makes_scratch(fsd, directory, node, str_of(name));
}

static int carry_out(struct call *call, const struct renaming *renaming, struct error **err)
{
    bool to_scratch = is_scratch(call->fsd, &renaming->new_place, renaming->new_parent, call->new_name);
    if (renaming->source.type == PLACE_SCRATCH)
        return to_scratch ? 0 : write_over(call, renaming, err);
    bool file = renaming->source.type == PLACE_FIELD || renaming->source.type == PLACE_FILE;
    if (file && to_scratch)
        return copy_away(call, renaming);
    if (renaming->source.type == PLACE_FIELD)
        return rename_key(call, renaming, err);
    return error_make(err, EPERM, "what is in the tree can't be renamed; make it anew under the other name");
}

/* The manifest is there again for the process that has unlinked it: when it is, since this may be run again.
 */
static int start_rename(struct call *call, struct error **err)
{
    struct renaming renaming;
    int status = find(call, &renaming, err);
    if (status < 0)
        return status;
    status = carry_out(call, &renaming, err);
    if (renaming.removed && status != -EINPROGRESS)
        removal_close(call->fsd, renaming.new_place.object);
    return status;
}

static void finish_rename(struct call *call, int result)
{
    struct fsd *fsd = call->fsd;
    snapshot_forget(call);
    uint32_t parent = call_node(call), new_parent = node_of_number(fsd->nodes, call->new_parent);
    uint32_t node = parent != 0 ? node_find(fsd->nodes, parent, str_of(call->name)) : 0;
    if (node != 0)
        node_record(fsd->nodes, node)->flags &= ~(uint32_t)NODE_MOVING;
    if (node != 0 && new_parent != 0 && result >= 0) {
        struct node_record *record = node_record(fsd->nodes, node);
        struct place new_place;
        bool stays_scratch = place_of_node(fsd, new_parent, &new_place) == 0 &&
                             is_scratch(fsd, &new_place, new_parent, call->new_name);
        /* All at once: a repetition no longer finds it under the old name, and has nothing left to do. */
        node_drop_place(fsd->nodes, node);
        if (node_rename(fsd->nodes, node, new_parent, str_of(call->new_name),
                        stays_scratch ? 0 : NODE_SCRATCH) < 0)
            node_detach(fsd->nodes, node);
        else if (!stays_scratch)
            arena_bytes_free(fsd->memory->arena, &record->content);
        vacancy_filled(fsd, node);
    }
    reply_error(call, result < 0 ? -result : 0);
}

const struct operation op_rename = {"rename", start_rename, finish_rename, GOES_ON, true};
