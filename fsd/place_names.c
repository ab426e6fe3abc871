/* The names below a directory.
 *
 * Each type of directory has some sorts of names, which come one sort after the other: a row of the table at
 * the end. Of most sorts there are few, and they come at once. Objects, links to them, keys of a map and
 * nodes may be many: these are walked through in an order that doesn't depend on what else is there, so that
 * the walk can stop at any name and go on behind it, and misses nothing that stays. */
#include "fsd/place.h"

#include "fsd/discovery.h"
#include "fsd/documents.h"
#include "fsd/fsd.h"
#include "fsd/logs.h"
#include "fsd/scope.h"
#include "fsd/special.h"
#include "lib/clock.h"

#define PART_US         250
#define NAMES_PER_CLOCK 16 /* looked at between two looks at the clock */

struct walk {
    struct fsd *fsd;
    const struct place *place;
    uint32_t node;
    struct list_cursor
        *cursor; /* number: the sort; name: of the last one that was looked at; object: a node */
    place_visit *visit;
    void *context;
    int64_t end_us;
    unsigned looked_at;
};

/* Names of one sort, from the cursor on. False: the time is up, and there may be more. */
typedef bool list_names(struct walk *walk);

static bool is_time_up(struct walk *walk)
{
    return ++walk->looked_at % NAMES_PER_CLOCK == 0 && clock_us() > walk->end_us;
}

/* The walk stands behind this name. */
static void stop_behind(struct walk *walk, struct str name)
{
    buf_clear(&walk->cursor->name);
    buf_add_str(&walk->cursor->name, name);
}

/* ---- few ---- */

static bool list_specials(struct walk *walk)
{
    const struct special *special;
    for (size_t i = 0; (special = special_at(i)) != NULL; i++)
        if (special->listed && special_is_here(special, walk->place))
            walk->visit(walk->context, str_of(special->name), false, special->class == SPECIAL_LINK);
    return true;
}

static bool list_views(struct walk *walk)
{
    walk->visit(walk->context, STR("all"), true, false);
    walk->visit(walk->context, STR("api"), true, false);
    return true;
}

static bool list_kinds(struct walk *walk)
{
    const struct kinds *kinds = walk->fsd->kinds;
    enum place_type type = walk->place->type;
    for (size_t i = 0; i < kinds_count(kinds); i++) {
        const struct kind *kind = kinds_at(kinds, i);
        bool link = type == PLACE_ROOT ? kind->namespaced : !kind->namespaced;
        if (type != PLACE_OBJECT || kind->namespaced)
            walk->visit(walk->context, kind->directory, true, type != PLACE_OBJECT && link);
    }
    return true;
}

static bool list_discovered(struct walk *walk)
{
    discovery_list(walk->fsd, walk->place, walk->visit, walk->context);
    return true;
}

/* What an object's directory has beside its fields. */
static bool list_relations(struct walk *walk)
{
    const struct kinds *kinds = walk->fsd->kinds;
    const struct object *object = object_by_id(walk->fsd->objects, walk->place->object);
    if (object == NULL || !object_is_visible(object))
        return true;
    walk->visit(walk->context, STR("owned"), true, false);
    if (kind_is(walk->place->kind, "", "Namespace"))
        list_kinds(walk);
    for (size_t i = 0; i < kinds_count(kinds) && kind_is(walk->place->kind, "", "Node"); i++)
        if (kinds_at(kinds, i)->node_field.length != 0)
            walk->visit(walk->context, kinds_at(kinds, i)->directory, true, false);
    return true;
}

static bool list_logs(struct walk *walk)
{
    logs_list(walk->fsd, walk->place, walk->node, walk->visit, walk->context);
    return true;
}

/* ---- many ---- */

static bool list_objects(struct walk *walk)
{
    const struct place *place = walk->place;
    const struct collection *collection =
        objects_collection(walk->fsd->objects, place->kind, str_of(place->namespace));
    struct str after = buf_str(&walk->cursor->name);
    size_t i = collection != NULL && after.length != 0 ? collection_place(collection, after) : 0;
    if (after.length != 0 && collection != NULL && i < collection->count &&
        str_is(after, collection->objects[i]->name))
        i++;
    for (; collection != NULL && i < collection->count; i++) {
        const struct object *object = collection_visible(collection, i);
        if (object != NULL && (place->type == PLACE_KIND || place_is_linked(object)))
            walk->visit(walk->context, str_of(object->name), true, place->type == PLACE_ALL_NAMESPACE);
        if (is_time_up(walk)) {
            stop_behind(walk, str_of(collection->objects[i]->name));
            return false;
        }
    }
    return true;
}

static bool list_namespaces(struct walk *walk)
{
    size_t count;
    struct collection *const *collections =
        objects_collections(walk->fsd->objects, walk->place->kind, &count);
    struct str after = buf_str(&walk->cursor->name);
    for (size_t i = 0; i < count; i++) {
        struct str namespace = str_of(collections[i]->namespace);
        if (after.length != 0 && str_compare(namespace, after) <= 0)
            continue;
        if (place_has_linked(collections[i]))
            walk->visit(walk->context, namespace, true, false);
        if (is_time_up(walk)) {
            stop_behind(walk, namespace);
            return false;
        }
    }
    return true;
}

/* The links of owned/ are named <plural>.<name>, those of nodes/<n>/pods/ <namespace>.<name>. */
static bool list_links(struct walk *walk)
{
    const struct scope scope = scope_of_directory(walk->fsd, walk->place);
    autobuf struct buf name = {0};
    struct object *object;
    while ((object = scope_next(walk->fsd, &scope, walk->cursor)) != NULL) {
        if (scope_has(&scope, object)) {
            buf_clear(&name);
            if (walk->place->type == PLACE_OWNED)
                buf_add_str(&name, object->kind->directory);
            else
                buf_add_text(&name, object->namespace);
            buf_addf(&name, ".%s", object->name);
            walk->visit(walk->context, buf_str(&name), true, true);
        }
        scope_pass(walk->cursor, object);
        if (is_time_up(walk))
            return false;
    }
    return true;
}

static bool visit_field(void *context, struct str name, enum field_type type)
{
    struct walk *walk = context;
    walk->visit(walk->context, name, type == FIELD_DIRECTORY, false);
    if (!is_time_up(walk))
        return true;
    stop_behind(walk, name);
    return false;
}

static bool list_fields(struct walk *walk)
{
    struct fsd *fsd = walk->fsd;
    const struct object *object = object_by_id(fsd->objects, walk->place->object);
    if (object == NULL || !object_is_visible(object))
        return true;
    autobuf struct buf path = {0}, scratch = {0}, after = {0};
    buf_add_str(&after, buf_str(&walk->cursor->name));
    place_field_path(fsd, walk->node, &path);
    struct field directory = place_field(fsd, object, buf_str(&path), &scratch);
    return field_list(&directory, buf_str(&after), visit_field, walk);
}

/* The children of a node are in the order in which they came, the newest first: what stays is found behind
 * the node at which the walk stopped. Should that one have gone, nothing is known of the rest, and an
 * editor's file is not shown. */
static bool list_scratch(struct walk *walk)
{
    const struct nodes *nodes = walk->fsd->nodes;
    uint32_t child = node_first(nodes, walk->node);
    if (walk->cursor->mark != 0) {
        uint32_t last = node_of_number(nodes, (uint64_t)walk->cursor->mark);
        bool there = last != 0 && node_record(nodes, last)->parent == walk->node &&
                     (node_record(nodes, last)->flags & NODE_DETACHED) == 0;
        child = there ? node_next(nodes, last) : 0;
    }
    for (; child != 0; child = node_next(nodes, child)) {
        if ((node_record(nodes, child)->flags & NODE_SCRATCH) != 0)
            walk->visit(walk->context, node_name(nodes, child), false, false);
        if (is_time_up(walk)) {
            walk->cursor->mark = (int64_t)node_number(nodes, child);
            return false;
        }
    }
    return true;
}

/* ---- which of them, and in which order ---- */

#define SORTS 4

static list_names *const sorts_of[PLACE_SCRATCH + 1][SORTS] = {
    [PLACE_ROOT] = {list_specials, list_views, list_kinds, list_scratch},
    [PLACE_API] = {list_specials, list_discovered, list_scratch},
    [PLACE_API_GROUP] = {list_specials, list_discovered, list_scratch},
    [PLACE_API_VERSION] = {list_specials, list_discovered, list_scratch},
    [PLACE_API_KIND] = {list_specials, list_scratch},
    [PLACE_ERRORS] = {list_scratch},
    [PLACE_ALL] = {list_specials, list_kinds, list_scratch},
    [PLACE_ALL_KIND] = {list_specials, list_namespaces, list_scratch},
    [PLACE_ALL_NAMESPACE] = {list_specials, list_objects, list_scratch},
    [PLACE_KIND] = {list_specials, list_objects, list_scratch},
    [PLACE_SINCE] = {list_scratch},
    [PLACE_OBJECT] = {list_specials, list_relations, list_fields, list_scratch},
    [PLACE_OWNED] = {list_specials, list_links, list_scratch},
    [PLACE_BOUND] = {list_specials, list_links, list_scratch},
    [PLACE_FIELD] = {list_specials, list_logs, list_fields, list_scratch},
};

bool place_list(struct fsd *fsd, const struct place *place, uint32_t node, struct list_cursor *cursor,
                place_visit *visit, void *context)
{
    struct walk walk = {.fsd = fsd,
                        .place = place,
                        .node = node,
                        .cursor = cursor,
                        .visit = visit,
                        .context = context,
                        .end_us = clock_us() + PART_US};
    while (cursor->number < SORTS && sorts_of[place->type][cursor->number] != NULL) {
        if (!sorts_of[place->type][cursor->number](&walk))
            return true;
        buf_clear(&cursor->name);
        cursor->mark = 0;
        cursor->number++;
        if (clock_us() > walk.end_us)
            return true;
    }
    return false;
}
