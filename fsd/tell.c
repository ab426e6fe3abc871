#include "fsd/tell.h"

#include "fsd/announce.h"
#include "fsd/documents.h"
#include "fsd/heavy.h"
#include "fsd/invalidator.h"
#include "fsd/reply.h"
#include "fsd/special.h"
#include "fsd/txn.h"
#include "lib/clock.h"
#include <stdio.h>

#define NODES_PER_CLOCK 64 /* looked at between two looks at the clock */

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
static void stale_leaf(struct fsd *fsd, uint32_t node)
{
    stale_attributes(fsd, node);
    const struct node_record *record = node_record(fsd->nodes, node);
    if (is_held(fsd, node))
        invalidate_deleted(fsd->invalidator, node_number(fsd->nodes, record->parent),
                           node_number(fsd->nodes, node), node_name(fsd->nodes, node));
    node_detach(fsd->nodes, node);
}

/* What lies deepest goes first; where the kernel had only that, the node goes with it. False: the time is up,
 * and there is more. */
static bool stale_some(struct fsd *fsd, uint32_t node, int64_t end_us)
{
    const uint64_t number = node_number(fsd->nodes, node);
    for (size_t gone = 1; node_of_number(fsd->nodes, number) == node; gone++) {
        uint32_t deepest = node;
        for (uint32_t child; (child = node_first(fsd->nodes, deepest)) != 0;)
            deepest = child;
        stale_leaf(fsd, deepest);
        if (deepest == node)
            return true;
        if (gone % NODES_PER_CLOCK == 0 && clock_us() >= end_us)
            return false;
    }
    return true;
}

static void stale_name(struct fsd *fsd, uint32_t node)
{
    (void)stale_some(fsd, node, INT64_MAX);
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

/* 80 and "80" are the same text. Whatever else is not equal counts as changed, without being rendered: to be
 * told of it once too often harms nobody. */
static bool same_text(const struct both *both)
{
    return value_equal(both->before.value, both->now.value) ||
           (both->now.type == FIELD_SCALAR &&
            str_equal(value_str(both->before.value), value_str(both->now.value)));
}

/* A change of an object, as far as its fields have been compared: directories whose known children are still
 * to be looked at. Small objects are done with at once. A large one may have very many: its telling waits in
 * fsd->tellings, and goes on with the turns of main. Nodes are kept by number, because the kernel may let
 * them go meanwhile. */
struct telling {
    const struct kind *kind;
    struct version *before, *now; /* held */
    uint64_t *directories;
    size_t count, capacity;
    uint64_t child; /* of the last of them: the one that was looked at last; 0: none yet */
    bool gone;      /* the object is: the only directory is its own, and goes with everything in it */
    int64_t end_us;
    struct telling *next;
};

static void tell_field(struct fsd *fsd, struct telling *telling, uint32_t node, const struct both *both)
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
        array_grow(telling->directories, telling->count, telling->capacity);
        telling->directories[telling->count++] = node_number(fsd->nodes, node);
    } else if (is_held(fsd, node)) {
        stale_contents(fsd, node);
        announce_node(fsd->announcer, node);
    }
}

/* A known child of a directory below an object. */
static void tell_child(struct fsd *fsd, struct telling *telling, uint32_t child, const struct both *both)
{
    struct place place;
    if (place_of_node(fsd, child, &place) < 0) {
        stale_name(fsd, child);
    } else if (place.type == PLACE_FILE && place.special->class == SPECIAL_TEXT) {
        if (is_held(fsd, child)) {
            stale_contents(fsd, child);
            announce_node(fsd->announcer, child);
        }
    } else if (place.type == PLACE_FIELD) {
        autobuf struct buf key_before = {0}, key_now = {0};
        struct str name = node_name(fsd->nodes, child);
        struct both below = {field_child(&both->before, name, &key_before),
                             field_child(&both->now, name, &key_now)};
        tell_field(fsd, telling, child, &below);
    }
}

/* The directory before and now. */
static struct both both_of(struct fsd *fsd, const struct telling *telling, uint32_t directory,
                           struct buf keys[2])
{
    autobuf struct buf path = {0};
    place_field_path(fsd, directory, &path);
    return (struct both){
        field_at(telling->kind, document_of(fsd->documents, telling->before), buf_str(&path), &keys[0]),
        field_at(telling->kind, document_of(fsd->documents, telling->now), buf_str(&path), &keys[1])};
}

/* The children of the last directory, from where it stopped: new ones come first, and know what is now. When
 * the child at which it stopped has gone it begins again: what has been told has no effect the second time.
 * False: the time is up. */
static bool tell_children(struct fsd *fsd, struct telling *telling)
{
    struct nodes *nodes = fsd->nodes;
    uint32_t directory = node_of_number(nodes, telling->directories[telling->count - 1]);
    uint32_t last = telling->child != 0 ? node_of_number(nodes, telling->child) : 0;
    telling->child = 0;
    telling->count--; /* it comes back, on top of what is found below it, when the time is up */
    if (directory == 0)
        return true;
    struct buf keys[2] = {{0}, {0}};
    const struct both both = both_of(fsd, telling, directory, keys);
    bool there = last != 0 && node_record(nodes, last)->parent == directory &&
                 (node_record(nodes, last)->flags & NODE_DETACHED) == 0;
    uint32_t child = there ? node_next(nodes, last) : node_first(nodes, directory), looked_at = 0, next;
    for (; child != 0; child = next) {
        next = node_next(nodes, child);
        uint64_t number = node_number(nodes, child);
        tell_child(fsd, telling, child, &both);
        if (++looked_at % NODES_PER_CLOCK != 0 || next == 0 || clock_us() < telling->end_us)
            continue;
        array_grow(telling->directories, telling->count, telling->capacity);
        telling->directories[telling->count++] = node_number(nodes, directory);
        telling->child = number;
        break;
    }
    buf_free(&keys[0]);
    buf_free(&keys[1]);
    return child == 0;
}

/* False: the time is up. */
static bool tell_fields(struct fsd *fsd, struct telling *telling, int64_t end_us)
{
    telling->end_us = end_us;
    uint32_t going = telling->gone ? node_of_number(fsd->nodes, telling->directories[0]) : 0;
    if (telling->gone)
        return going == 0 || stale_some(fsd, going, end_us);
    while (telling->count > 0)
        if (!tell_children(fsd, telling))
            return false;
    return true;
}

static void telling_free(struct telling *telling)
{
    version_drop(telling->before);
    version_drop(telling->now);
    free(telling->directories);
    free(telling);
}

static void begin_telling(struct fsd *fsd, const struct object *object, uint32_t node, struct version *before,
                          struct version *now)
{
    struct telling *telling = memory_zeroed(1, sizeof(*telling));
    *telling = (struct telling){.kind = object->kind,
                                .before = version_hold(before),
                                .now = version_hold(now),
                                .gone = (now->flags & VERSION_GONE) != 0};
    array_grow(telling->directories, telling->count, telling->capacity);
    telling->directories[telling->count++] = node_number(fsd->nodes, node);
    if (before->length + now->length <= HEAVY_BYTES) {
        tell_fields(fsd, telling, INT64_MAX);
        telling_free(telling);
        return;
    }
    struct telling **end = &fsd->tellings;
    while (*end != NULL)
        end = &(*end)->next;
    *end = telling;
}

bool tell_turn(struct fsd *fsd, int64_t end_us)
{
    while (fsd->tellings != NULL) {
        struct telling *telling = fsd->tellings;
        if (!tell_fields(fsd, telling, end_us))
            return false;
        fsd->tellings = telling->next;
        telling_free(telling);
    }
    return true;
}

void tell_end(struct fsd *fsd)
{
    for (struct telling *telling = fsd->tellings, *next; telling != NULL; telling = next) {
        next = telling->next;
        telling_free(telling);
    }
    fsd->tellings = NULL;
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
        if (is_held(fsd, all)) /* with its last link it has gone, too */
            stale_attributes(fsd, all);
    }
    announce_links(fsd->announcer, object, before, now);
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
    if (node != 0 && !gone && before != NULL)
        stale_attributes(fsd, node);
    if (node != 0 && before != NULL)
        begin_telling(fsd, object, node, before, now);
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

void tell_name(struct fsd *fsd, uint32_t directory, struct str name, bool link, bool gone)
{
    uint32_t node = gone ? node_find(fsd->nodes, directory, name) : 0;
    if (node != 0)
        stale_name(fsd, node);
    stale_attributes(fsd, directory);
    announce_name(fsd->announcer, directory, name, link, gone);
}

void tell_text(struct fsd *fsd, uint32_t directory, struct str name)
{
    uint32_t node = node_find(fsd->nodes, directory, name);
    if (!is_held(fsd, node))
        return;
    node_record(fsd->nodes, node)->time_ms = txn_time_ms(fsd);
    stale_contents(fsd, node);
    announce_node(fsd->announcer, node);
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
