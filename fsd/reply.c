#include "fsd/reply.h"

#include "fsd/leaf.h"
#include "fsd/logs.h"
#include "fsd/readers.h"
#include "fsd/snapshot.h"
#include "fsd/special.h"
#include "fsd/txn.h"
#include "fsd/vacancy.h"
#include <errno.h>
#include <stdio.h>

/* The kernel may keep names and attributes for ever: it is told when they change. */
#define FOREVER 86400.0

void reply_error(struct call *call, int number)
{
    fuse_reply_err(call->request, number);
    call_free(call);
}

void reply_bytes(struct call *call, struct str bytes)
{
    fuse_reply_buf(call->request, bytes.at, bytes.length);
    call_free(call);
}

void reply_pieces(struct call *call, const struct str pieces[2])
{
    const struct iovec parts[] = {{(void *)pieces[0].at, pieces[0].length},
                                  {(void *)pieces[1].at, pieces[1].length}};
    fuse_reply_iov(call->request, parts, 2);
    call_free(call);
}

/* ---- attributes ---- */

static void set_time(struct stat *attributes, int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    attributes->st_mtim = attributes->st_ctim = attributes->st_atim = time;
}

static void as_directory(struct stat *attributes)
{
    attributes->st_mode = S_IFDIR | 0755;
    attributes->st_nlink = 2;
}

static void as_file(struct stat *attributes, mode_t mode, size_t size)
{
    attributes->st_mode = S_IFREG | mode;
    attributes->st_nlink = 1;
    attributes->st_size = (off_t)size;
    attributes->st_blocks = (blkcnt_t)((size + 511) / 512);
}

/* Of what has secrets the mode says that not everybody may read it. (Whether somebody may is decided when he
 * opens it; but tools give their copies the mode that they see.) */
#define NOT_FOR_OTHERS 0770u

static bool shows_secrets(const struct special *special, const struct place *place)
{
    bool shows_values = special->form != PART_NONE || special->class == SPECIAL_LIST;
    return shows_values && place->kind != NULL && kind_form(place->kind)->schema->secrets;
}

static int special_attributes(struct fsd *fsd, uint32_t node, const struct place *place,
                              struct stat *attributes)
{
    const struct special *special = place->special;
    size_t size = 0;
    int64_t time_ms = txn_time_ms(fsd);
    if (place->object != 0) {
        struct object *object = object_by_id(fsd->objects, place->object);
        if (object == NULL || !object_is_visible(object))
            return -ENOENT;
        time_ms = object->committed->time_ms;
    }
    if (special->measure != NULL) {
        special->measure(fsd, place, node, &size, &time_ms);
    } else if (special->text != NULL) {
        autobuf struct buf text = {0};
        special->text(fsd, place, node, &text);
        size = text.length;
    }
    bool readable = special->text != NULL || special->more != NULL || special->write != NULL ||
                    special->class == SPECIAL_LOG;
    as_file(attributes, (readable ? 0444 : 0) | (special->writable ? 0200 : 0), size);
    if (shows_secrets(special, place))
        attributes->st_mode &= S_IFMT | NOT_FOR_OTHERS;
    if (special == &special_errors_of_user) {
        attributes->st_uid = (uid_t)place->number;
        attributes->st_mode = S_IFREG | 0400;
    }
    set_time(attributes, time_ms);
    return 0;
}

static int field_attributes(struct fsd *fsd, uint32_t node, const struct place *place,
                            struct stat *attributes)
{
    struct object *object = object_by_id(fsd->objects, place->object);
    if (object == NULL || !object_is_visible(object))
        return -ENOENT;
    autobuf struct buf path = {0}, scratch = {0};
    place_field_path(fsd, node, &path);
    struct field field = place_field(fsd, object, buf_str(&path), &scratch);
    bool forming = (node_record(fsd->nodes, node)->flags & NODE_FORMING) != 0;
    if (field.type == FIELD_NONE || (!field.set && !forming))
        return -ENOENT;
    if (field.type == FIELD_DIRECTORY)
        as_directory(attributes);
    else
        as_file(attributes, field.server_managed ? 0444 : 0644, field.set ? field_size(&field) : 0);
    if (field.type != FIELD_DIRECTORY && field.schema != NULL && field.schema->secrets)
        attributes->st_mode &= S_IFMT | NOT_FOR_OTHERS;
    /* When this field changed, so that an editor isn't told of a change of another one. */
    set_time(attributes, node_record(fsd->nodes, node)->time_ms);
    return 0;
}

static int object_attributes(struct fsd *fsd, const struct place *place, struct stat *attributes)
{
    struct object *object = object_by_id(fsd->objects, place->object);
    as_directory(attributes);
    if (object == NULL || !object_is_visible(object)) {
        if (place->type != PLACE_OBJECT)
            return -ENOENT;
        attributes->st_nlink = 0; /* dead, and seen by the notifier only */
        return 0;
    }
    set_time(attributes, object->committed->time_ms);
    return 0;
}

/* Of a directory of objects: when a name came or went, not when an object changed. A tool that looks twice
 * would else see it change under its hands with each heartbeat. */
static int64_t directory_ms(struct fsd *fsd, const struct place *place)
{
    int64_t names_ms =
        place->kind != NULL ? objects_names_ms(fsd->objects, place->kind, place->namespace) : 0;
    return names_ms != 0 ? names_ms : fsd->started_ms;
}

/* The kernel lets only an owner do some of what tools do to a file that they have made (ACLs). So it belongs
 * to its creator as long as it is an editor's, or is being written. */
static bool is_creators(const struct node_record *record)
{
    return record->creator != 0 && ((record->flags & NODE_SCRATCH) != 0 || record->writers != 0);
}

/* What is so for a while only must not be kept: the kernel would not be told when it ends. */
static bool may_be_kept(struct fsd *fsd, uint32_t node)
{
    return !is_creators(node_record(fsd->nodes, node)) && !readers_are_behind(fsd, node);
}

int attributes_of(struct fsd *fsd, uint32_t node, const struct place *place, struct stat *attributes)
{
    *attributes = (struct stat){.st_ino = node_number(fsd->nodes, node), .st_blksize = 4096};
    attributes->st_gid = fsd->group != (gid_t)-1 ? fsd->group : 0;
    const struct node_record *record = node_record(fsd->nodes, node);
    attributes->st_uid = is_creators(record) ? record->creator : 0;
    set_time(attributes, directory_ms(fsd, place));
    switch (place->type) {
    case PLACE_FILE:
        return special_attributes(fsd, node, place, attributes);
    case PLACE_FIELD:
        return field_attributes(fsd, node, place, attributes);
    case PLACE_OBJECT:
    case PLACE_OWNED:
    case PLACE_BOUND:
        return object_attributes(fsd, place, attributes);
    case PLACE_SCRATCH:
        as_file(attributes, record->mode, record->content.length);
        set_time(attributes, record->time_ms);
        return 0;
    case PLACE_LINK: {
        autobuf struct buf target = {0};
        place_link_target(fsd, place, node, &target);
        attributes->st_mode = S_IFLNK | 0777;
        attributes->st_nlink = 1;
        attributes->st_size = (off_t)target.length;
        return 0;
    }
    case PLACE_ALL_NAMESPACE: {
        const struct collection *links =
            objects_collection(fsd->objects, place->kind, str_of(place->namespace));
        as_directory(attributes);
        attributes->st_nlink = place_has_linked(links) ? attributes->st_nlink : 0; /* dead, like an object */
        return 0;
    }
    case PLACE_NONE:
        return -ENOENT;
    default:
        as_directory(attributes);
        return 0;
    }
}

/* The reader of an older version whose file the call asks for: `there` says whether others find it. fstat(2)
 * comes without a handle, so whoever asks for a file that is gone may have it open, if anybody has. NULL: the
 * call comes from nobody of that kind. */
static const struct handle_record *reader_of(const struct call *call, uint32_t node, bool there,
                                             uint64_t *number)
{
    struct fsd *fsd = call->fsd;
    uint32_t last = there || call->has_file ? 0 : readers_last(fsd, node);
    *number = last != 0 ? handle_number(fsd->handles, last) : call->file.fh;
    const struct handle_record *handle = handle_of_number(fsd->handles, *number, NULL);
    return handle != NULL && reader_is_behind(fsd, handle) ? handle : NULL;
}

/* What the file is to it. */
static struct stat attributes_behind(struct fsd *fsd, const struct handle_record *handle, bool there)
{
    struct stat attributes = {.st_ino = node_number(fsd->nodes, handle->node), .st_blksize = 4096};
    as_file(&attributes, 0444, handle->bytes.length);
    attributes.st_nlink = there ? 1 : 0;
    set_time(&attributes, node_record(fsd->nodes, handle->node)->time_ms);
    return attributes;
}

int reply_prepare(struct call *call, uint32_t node)
{
    struct place place;
    struct stat attributes;
    uint64_t number;
    if (node == 0 || node_record(call->fsd->nodes, node)->handles == 0)
        return 0;
    bool there = place_of_node(call->fsd, node, &place) == 0 &&
                 attributes_of(call->fsd, node, &place, &attributes) == 0;
    return reader_of(call, node, there, &number) != NULL ? snapshot_finish(call, number) : 0;
}

void reply_attributes(struct call *call, uint32_t node)
{
    struct place place = {0};
    struct stat attributes;
    int result = node != 0 ? place_of_node(call->fsd, node, &place) : -ENOENT;
    if (result == 0)
        result = attributes_of(call->fsd, node, &place, &attributes);
    uint64_t number;
    const struct handle_record *behind = node != 0 ? reader_of(call, node, result == 0, &number) : NULL;
    if (behind != NULL) {
        attributes = attributes_behind(call->fsd, behind, result == 0);
        result = 0;
    }
    bool of_log = logs_has(&place);
    if (result < 0 && node != 0 && logs_attributes(call->fsd, node, &attributes)) {
        of_log = true;
        result = 0;
    }
    /* A name that the kernel still has may lead here: only the notifier is shown what is dead. */
    if (result == 0 && S_ISDIR(attributes.st_mode) && attributes.st_nlink == 0 &&
        call->asker.identity != IDENTITY_NOTIFIER)
        result = -ENOENT;
    if (result < 0) {
        reply_error(call, -result);
        return;
    }
    /* The notifier's touches are for others to hear: it keeps nothing, so that the next change needs no word
     * to the kernel. */
    bool kept = call->asker.identity != IDENTITY_NOTIFIER && behind == NULL && !of_log &&
                !readers_are_behind(call->fsd, node);
    if (kept)
        node_record(call->fsd->nodes, node)->flags |= NODE_CACHED;
    fuse_reply_attr(call->request, &attributes, kept ? FOREVER : 0);
    call_free(call);
}

/* ---- entries ---- */

struct str own_name(const struct call *call, uint32_t parent, struct str name, char own[OWN_NAME_BYTES])
{
    if (parent != NODE_ROOT || !str_is(name, "errors"))
        return name;
    snprintf(own, OWN_NAME_BYTES, PLACE_OWN_ERRORS "%u", (unsigned)call->asker.uid);
    return str_of(own);
}

uint32_t node_of_child(struct fsd *fsd, uint32_t parent, struct str name, int *number)
{
    struct place place, child;
    int result = place_of_node(fsd, parent, &place);
    if (result == 0)
        result = place_child(fsd, &place, parent, name, &child);
    if (result < 0) {
        *number = -result;
        return 0;
    }
    uint32_t node = node_find(fsd->nodes, parent, name);
    /* A node that stands for another object of this name, one that is gone, must not become this one's. */
    if (node != 0 && child.type == PLACE_OBJECT && node_record(fsd->nodes, node)->object != child.object) {
        node_detach(fsd->nodes, node);
        node = 0;
    }
    if (node == 0)
        node = node_make(fsd->nodes, parent, name);
    if (node == 0) {
        *number = ENOMEM;
        return 0;
    }
    if (child.type == PLACE_OBJECT)
        node_record(fsd->nodes, node)->object = child.object;
    if (child.type == PLACE_FIELD && node_record(fsd->nodes, node)->time_ms == 0)
        node_record(fsd->nodes, node)->time_ms = object_by_id(fsd->objects, child.object)->committed->time_ms;
    node_set_place(fsd->nodes, node, &child);
    return node;
}

void entry_of_node(struct fsd *fsd, uint32_t node, struct fuse_entry_param *entry)
{
    struct place place;
    *entry = (struct fuse_entry_param){
        .ino = node_number(fsd->nodes, node), .attr_timeout = FOREVER, .entry_timeout = FOREVER};
    int result = place_of_node(fsd, node, &place);
    if (result == 0)
        result = attributes_of(fsd, node, &place, &entry->attr);
    if (result < 0)
        entry->ino = 0;
    /* Until something is written into it, only its creator has it. */
    bool forming = (node_record(fsd->nodes, node)->flags & NODE_FORMING) != 0;
    /* What the notifier is about to remove is there for nobody else, and its name may be given again. */
    bool dead = result == 0 && place.object < 0;
    /* The kernel must not tell whoever has taken it away that it is there. */
    bool vacant = vacancy_is_at(fsd, node);
    if (forming || dead || vacant)
        entry->entry_timeout = entry->attr_timeout = 0;
    /* It grows by itself, and its name may mean another file tomorrow. */
    if (result == 0 && logs_has(&place))
        entry->entry_timeout = entry->attr_timeout = 0;
    /* Another user has another one. */
    if (result == 0 && place.type == PLACE_LINK && place.special != NULL)
        entry->entry_timeout = 0;
    if (!may_be_kept(fsd, node))
        entry->attr_timeout = 0;
    if (entry->attr_timeout > 0)
        node_record(fsd->nodes, node)->flags |= NODE_CACHED;
}

/* What only the notifier has been told of: whoever else comes has to ask, so that it is known that he has. */
static bool is_echo(const struct call *call, uint32_t node)
{
    const struct node_record *record = node_record(call->fsd->nodes, node);
    return call->asker.identity == IDENTITY_NOTIFIER &&
           (record->lookups == 0 || (record->flags & NODE_ECHO) != 0);
}

void reply_node(struct call *call, uint32_t node, struct fuse_file_info *file)
{
    struct fsd *fsd = call->fsd;
    struct fuse_entry_param entry;
    entry_of_node(fsd, node, &entry);
    if (entry.ino == 0) {
        node_release_if_idle(fsd->nodes, node);
        reply_error(call, ENOENT);
        return;
    }
    bool echo = is_echo(call, node);
    node_grant(fsd->nodes, node);
    if (echo) {
        entry.entry_timeout = 0;
        node_record(fsd->nodes, node)->flags |= NODE_ECHO;
    }
    int result = file != NULL ? fuse_reply_create(call->request, &entry, file)
                              : fuse_reply_entry(call->request, &entry);
    if (file != NULL)
        leaf_handle_given(call, result);
    if (result < 0) /* the kernel has forgotten the request, and so has no reference */
        node_forget(fsd->nodes, node, 1);
    call_free(call);
}

void reply_entry(struct call *call, uint32_t parent, struct str name)
{
    int number;
    uint32_t node = node_of_child(call->fsd, parent, name, &number);
    if (node == 0)
        reply_error(call, number);
    else
        reply_node(call, node, NULL);
}
