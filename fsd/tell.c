#include "fsd/tell.h"

#include "fsd/announce.h"
#include "fsd/documents.h"
#include "fsd/invalidator.h"
#include "fsd/reply.h"
#include "fsd/special.h"
#include "fsd/txn.h"
#include <stdio.h>

/* ---- finding what the kernel knows ---- */

/* The node at a path of names, 0 where the kernel's knowledge ends. */
static uint32_t known(struct fsd *fsd, uint32_t from, struct str path)
{
    struct str name;
    while (from != 0 && str_split(&path, '/', &name))
        if (name.length != 0)
            from = node_find(fsd->nodes, from, name);
    return from;
}

static uint32_t known_directory(struct fsd *fsd, const struct object *object)
{
    uint32_t node = NODE_ROOT;
    if (object->kind->namespaced) {
        node = node_find(fsd->nodes, node, STR("namespaces"));
        node = node != 0 ? node_find(fsd->nodes, node, str_of(object->namespace)) : 0;
    }
    return node != 0 ? node_find(fsd->nodes, node, object->kind->directory) : 0;
}

static uint32_t known_object(struct fsd *fsd, const struct object *object)
{
    uint32_t directory = known_directory(fsd, object);
    uint32_t node = directory != 0 ? node_find(fsd->nodes, directory, str_of(object->name)) : 0;
    return node != 0 && node_record(fsd->nodes, node)->object == object->id ? node : 0;
}

static bool is_held(struct fsd *fsd, uint32_t node)
{
    return node != 0 && node_record(fsd->nodes, node)->lookups != 0;
}

/* ---- what is out of date ---- */

/* Has the kernel anything of it to be dropped? Not any more then: what it gets from now on is new. */
static bool drops_cached(struct fsd *fsd, uint32_t node)
{
    if (!is_held(fsd, node))
        return false;
    struct node_record *record = node_record(fsd->nodes, node);
    bool cached = (record->flags & NODE_CACHED) != 0;
    record->flags &= ~(uint32_t)NODE_CACHED;
    return cached;
}

static void stale_contents(struct fsd *fsd, uint32_t node)
{
    if (drops_cached(fsd, node))
        invalidate_node(fsd->invalidator, node_number(fsd->nodes, node), false);
}

/* Size and times only: for directories, and for files that aren't in the page cache. */
static void stale_attributes(struct fsd *fsd, uint32_t node)
{
    if (drops_cached(fsd, node))
        invalidate_node(fsd->invalidator, node_number(fsd->nodes, node), true);
}

/* The name is gone, and everything below it. Taking a name out of the kernel's cache needs locks, which it
 * may hold for a request whose answer waits for this change; forgetting attributes needs none. So those are
 * what the answer waits for: whoever finds the name after it has to ask what it is, and hears that there is
 * nothing. */
static void stale_name(struct fsd *fsd, uint32_t node)
{
    for (uint32_t child = node_first(fsd->nodes, node), next; child != 0; child = next) {
        next = node_next(fsd->nodes, child);
        stale_name(fsd, child);
    }
    stale_attributes(fsd, node);
    const struct node_record *record = node_record(fsd->nodes, node);
    if (is_held(fsd, node))
        invalidate_deleted(fsd->invalidator, node_number(fsd->nodes, record->parent),
                           node_number(fsd->nodes, node), node_name(fsd->nodes, node));
    node_detach(fsd->nodes, node);
}

static void stale_link(struct fsd *fsd, uint32_t directory, const char *name)
{
    uint32_t node = directory != 0 ? node_find(fsd->nodes, directory, str_of(name)) : 0;
    if (node != 0)
        stale_name(fsd, node);
}

/* ---- changes of an object ---- */

struct both {
    struct field before, now;
};

static bool same_text(const struct both *both)
{
    if (value_equal(both->before.value, both->now.value))
        return true;
    autobuf struct buf a = {0}, b = {0};
    field_read(&both->before, &a);
    field_read(&both->now, &b);
    return str_equal(buf_str(&a), buf_str(&b));
}

static void tell_fields(struct fsd *fsd, uint32_t directory, const struct both *both);

static void tell_field(struct fsd *fsd, uint32_t node, const struct both *both)
{
    if (both->now.type == FIELD_NONE || !both->now.set) {
        if ((node_record(fsd->nodes, node)->flags & (NODE_FORMING | NODE_MOVING)) == 0)
            stale_name(fsd, node);
        return;
    }
    bool same = both->before.type == both->now.type && both->before.set &&
                (both->now.type == FIELD_DIRECTORY ? value_equal(both->before.value, both->now.value)
                                                   : same_text(both));
    if (same)
        return;
    node_record(fsd->nodes, node)->time_ms = txn_time_ms(fsd);
    if (both->now.type == FIELD_DIRECTORY) {
        stale_attributes(fsd, node);
        tell_fields(fsd, node, both);
    } else if (is_held(fsd, node)) {
        stale_contents(fsd, node);
        announce_node(fsd->announcer, node);
    }
}

/* The known children of a directory below an object. */
static void tell_fields(struct fsd *fsd, uint32_t directory, const struct both *both)
{
    for (uint32_t child = node_first(fsd->nodes, directory), next; child != 0; child = next) {
        next = node_next(fsd->nodes, child);
        const struct place *place = node_place_cached(fsd->nodes, child);
        if (place == NULL) {
            struct place found;
            if (place_of_node(fsd, child, &found) < 0) {
                stale_name(fsd, child);
                continue;
            }
            place = node_place_cached(fsd->nodes, child);
        }
        if (place->type == PLACE_FILE && place->special->class == SPECIAL_TEXT) {
            if (is_held(fsd, child)) {
                stale_contents(fsd, child);
                announce_node(fsd->announcer, child);
            }
        } else if (place->type == PLACE_FIELD) {
            autobuf struct buf key_before = {0}, key_now = {0};
            struct str name = node_name(fsd->nodes, child);
            struct both below = {field_child(&both->before, name, &key_before),
                                 field_child(&both->now, name, &key_now)};
            tell_field(fsd, child, &below);
        }
    }
}

static void tell_links(struct fsd *fsd, const struct object *object, const struct version *before,
                       const struct version *now)
{
    bool gone = (now->flags & VERSION_GONE) != 0;
    if (gone) {
        uint32_t all = known(fsd, NODE_ROOT, STR("all"));
        all = all != 0 ? node_find(fsd->nodes, all, object->kind->directory) : 0;
        all = all != 0 ? node_find(fsd->nodes, all, str_of(object->namespace)) : 0;
        stale_link(fsd, all, object->name);
    }
    announce_bound(fsd->announcer, object, before, now);
}

void tell_version(struct fsd *fsd, const struct object *object)
{
    uint32_t all = known(fsd, NODE_ROOT, STR("all"));
    uint32_t directories[] = {all != 0 ? node_find(fsd->nodes, all, object->kind->directory) : 0,
                              known_directory(fsd, object)};
    for (size_t i = 0; i < 2; i++) {
        uint32_t file = directories[i] != 0 ? node_find(fsd->nodes, directories[i], STR(".version")) : 0;
        if (!is_held(fsd, file))
            continue;
        stale_attributes(fsd, file);
        announce_node(fsd->announcer, file);
    }
}

void tell_object(struct fsd *fsd, struct object *object, struct version *before, struct version *now)
{
    bool gone = (now->flags & VERSION_GONE) != 0;
    uint32_t directory = known_directory(fsd, object);
    uint32_t node = known_object(fsd, object);
    tell_links(fsd, object, before, now);
    if (directory == 0)
        return;
    if (before == NULL || gone)
        stale_attributes(fsd, directory);
    if (node != 0 && gone) {
        stale_name(fsd, node);
    } else if (node != 0 && before != NULL) {
        struct both both = {field_root(object->kind, document_of(fsd->documents, before)),
                            field_root(object->kind, document_of(fsd->documents, now))};
        stale_attributes(fsd, node);
        tell_fields(fsd, node, &both);
    }
    announce_object(fsd->announcer, object,
                    gone             ? ANNOUNCE_GONE
                    : before == NULL ? ANNOUNCE_CREATED
                                     : ANNOUNCE_CHANGED);
}

static uint32_t known_stream(struct fsd *fsd, const struct object *object, enum stream_kind stream)
{
    uint32_t directory = object != NULL ? known_object(fsd, object) : NODE_ROOT;
    struct str name = stream == STREAM_STATUS ? STR("status") : STR("events");
    return directory != 0 ? node_find(fsd->nodes, directory, name) : 0;
}

void tell_lines(struct fsd *fsd, const struct object *object, enum stream_kind stream)
{
    uint32_t file = known_stream(fsd, object, stream);
    if (!is_held(fsd, file))
        return;
    stale_attributes(fsd, file);
    announce_node(fsd->announcer, file);
}

bool tell_is_followed(struct fsd *fsd, const struct object *object, enum stream_kind stream)
{
    uint32_t file = known_stream(fsd, object, stream);
    return file != 0 && node_record(fsd->nodes, file)->handles != 0;
}

void tell_errors(struct fsd *fsd, uid_t uid)
{
    char path[32];
    snprintf(path, sizeof(path), ".errors/%u", (unsigned)uid);
    uint32_t node = known(fsd, NODE_ROOT, str_of(path));
    if (!is_held(fsd, node))
        return;
    stale_attributes(fsd, node);
    announce_node(fsd->announcer, node);
}

void tell_reborn(struct fsd *fsd, struct object *object)
{
    announce_object(fsd->announcer, object, ANNOUNCE_CREATED);
}

/* ---- after a takeover ---- */

/* A predecessor may have noted that the kernel has nothing of a node, and ended before it told the kernel. */
static void doubt(struct fsd *fsd, uint32_t node)
{
    node_record(fsd->nodes, node)->flags |= NODE_CACHED;
}

static void tell_again(struct fsd *fsd, uint32_t node, bool changed);

static void tell_children_again(struct fsd *fsd, uint32_t node, bool changed)
{
    for (uint32_t child = node_first(fsd->nodes, node), next; child != 0; child = next) {
        next = node_next(fsd->nodes, child);
        tell_again(fsd, child, changed);
    }
}

static void tell_file_again(struct fsd *fsd, uint32_t node, bool cached, bool changed)
{
    if (!is_held(fsd, node) || (cached && !changed))
        return;
    doubt(fsd, node);
    if (cached)
        stale_contents(fsd, node);
    else
        stale_attributes(fsd, node);
    announce_node(fsd->announcer, node);
}

/* The object's directory, if what was told last is what it is now, is only looked through for its streams:
 * lines have no versions. */
static void tell_object_again(struct fsd *fsd, uint32_t node, int64_t id)
{
    const struct object *object = object_by_id(fsd->objects, id);
    if (object == NULL || !object_is_visible(object)) {
        stale_name(fsd, node);
    } else if ((uint64_t)object->committed->number > fsd->memory->header->told ||
               kind_is(object->kind, "", "Namespace")) {
        doubt(fsd, node);
        stale_attributes(fsd, node);
        tell_children_again(fsd, node, (uint64_t)object->committed->number > fsd->memory->header->told);
    } else {
        tell_file_again(fsd, node_find(fsd->nodes, node, STR("status")), false, false);
        tell_file_again(fsd, node_find(fsd->nodes, node, STR("events")), false, false);
    }
}

static void tell_again(struct fsd *fsd, uint32_t node, bool changed)
{
    const struct node_record *record = node_record(fsd->nodes, node);
    struct place place;
    if ((record->flags & (NODE_FORMING | NODE_SCRATCH)) != 0)
        return;
    if (record->object != 0) {
        tell_object_again(fsd, node, record->object);
    } else if (place_of_node(fsd, node, &place) < 0) {
        stale_name(fsd, node);
    } else if (place.type == PLACE_FILE) {
        tell_file_again(fsd, node, place.special->class == SPECIAL_TEXT, changed);
    } else {
        struct stat attributes;
        bool there = attributes_of(fsd, node, &place, &attributes) == 0;
        if (!there)
            stale_name(fsd, node);
        else if (S_ISREG(attributes.st_mode))
            tell_file_again(fsd, node, true, changed);
        else if (S_ISDIR(attributes.st_mode)) {
            doubt(fsd, node);
            stale_attributes(fsd, node);
            tell_children_again(fsd, node, changed);
        }
    }
}

void tell_take_over(struct fsd *fsd)
{
    if (!fsd->memory->fresh)
        tell_children_again(fsd, NODE_ROOT, false);
}
