#include "fsd/place.h"

#include "fsd/discovery.h"
#include "fsd/documents.h"
#include "fsd/fsd.h"
#include "fsd/logs.h"
#include "fsd/special.h"
#include <errno.h>
#include <fnmatch.h>

/* ---- names ---- */

/* What editors and tools call the files that they put beside a file and rename over it. */
static const char *const scratch_patterns[] = {
    "sed??????", /* sed -i */
    ".*.sw?",    /* vim */
    ".*.sw?x",
    "4913",             /* vim: may I create files here? */
    "*~",               /* backups of vim and emacs */
    ".#*",              /* emacs: locks */
    "#*#",              /* emacs: unsaved work */
    ".*.??????",        /* rsync */
    ".goutputstream-*", /* glib */
    "*.bak",
    "*.orig", /* sed -i.bak, patch */
    "*.rej",
    "*.swp",
    ".nfs*",
    ".fuse_hidden*",
    "tmp.??????????", /* mktemp */
};

bool place_is_scratch_name(struct str name)
{
    autofree char *text = str_dup(name);
    for (size_t i = 0; i < COUNT(scratch_patterns); i++)
        if (fnmatch(scratch_patterns[i], text, 0) == 0)
            return true;
    return false;
}

bool place_makes_scratch(struct fsd *fsd, const struct place *directory, uint32_t node, struct str name)
{
    if (place_is_scratch_name(name))
        return true;
    const struct object *object = object_by_id(fsd->objects, directory->object);
    struct place child;
    if ((directory->type != PLACE_OBJECT && directory->type != PLACE_FIELD) || object == NULL ||
        !object_is_visible(object) || place_child(fsd, directory, node, name, &child) == 0)
        return false;
    autobuf struct buf path = {0}, scratch = {0}, key = {0};
    place_field_path(fsd, node, &path);
    struct field field = place_field(fsd, object, buf_str(&path), &scratch);
    return field_child(&field, name, &key).type == FIELD_NONE &&
           (field.schema == NULL || field.schema->type != SCHEMA_MAP);
}

/* "deployments.apps" names the kind whose plural is "deployments". */
static bool is_qualified(const struct kind *kind, struct str name)
{
    return !str_equal(kind->directory, name);
}

/* ---- from a directory to its child ---- */

static int child_of_root(struct fsd *fsd, struct str name, struct place *child)
{
    if (str_starts(name, STR(PLACE_OWN_ERRORS))) { /* no name that the kernel could ask for */
        struct str uid = {name.at + strlen(PLACE_OWN_ERRORS), name.length - strlen(PLACE_OWN_ERRORS)};
        *child = (struct place){.type = PLACE_LINK,
                                .special = special_find(&(struct place){.type = PLACE_ROOT}, STR("errors"))};
        return str_to_int64(uid, &child->number) ? 0 : -ENOENT;
    }
    if (str_is(name, ".errors")) {
        child->type = PLACE_ERRORS;
        return 0;
    }
    if (str_is(name, "all") || str_is(name, "api")) {
        child->type = str_is(name, "all") ? PLACE_ALL : PLACE_API;
        return 0;
    }
    const struct kind *kind = kinds_by_directory(fsd->kinds, name);
    if (kind == NULL)
        return -ENOENT;
    child->kind = kind;
    child->namespace = objects_intern(fsd->objects, kind->namespaced ? STR("default") : STR(""));
    child->type = kind->namespaced || is_qualified(kind, name) ? PLACE_LINK : PLACE_KIND;
    return 0;
}

static int child_of_errors(struct str name, struct place *child)
{
    int64_t uid;
    if (!str_to_int64(name, &uid) || uid < 0 || uid >= UINT32_MAX)
        return -ENOENT;
    *child = (struct place){.type = PLACE_FILE, .special = &special_errors_of_user, .number = uid};
    return 0;
}

static int child_of_all(struct fsd *fsd, struct str name, struct place *child)
{
    const struct kind *kind = kinds_by_directory(fsd->kinds, name);
    if (kind == NULL)
        return -ENOENT;
    child->kind = kind;
    child->type = is_qualified(kind, name) || !kind->namespaced ? PLACE_LINK : PLACE_ALL_KIND;
    child->namespace = child->type == PLACE_LINK ? objects_intern(fsd->objects, STR("")) : NULL;
    return 0;
}

bool place_is_linked(const struct object *object)
{
    return object != NULL && version_is_live(object->committed);
}

bool place_has_linked(const struct collection *collection)
{
    return collection != NULL && collection->live > 0;
}

static int child_of_all_kind(struct fsd *fsd, const struct place *parent, struct str name,
                             struct place *child)
{
    const struct collection *collection = objects_collection(fsd->objects, parent->kind, name);
    if (!place_has_linked(collection))
        return -ENOENT;
    *child =
        (struct place){.type = PLACE_ALL_NAMESPACE, .kind = parent->kind, .namespace = collection->namespace};
    return 0;
}

static int child_of_kind(struct fsd *fsd, const struct place *parent, struct str name, struct place *child)
{
    const struct object *object = object_visible(fsd->objects, parent->kind, str_of(parent->namespace), name);
    if (object == NULL || (parent->type != PLACE_KIND && !place_is_linked(object)))
        return -ENOENT;
    *child = (struct place){.type = parent->type == PLACE_KIND ? PLACE_OBJECT : PLACE_LINK,
                            .kind = object->kind,
                            .namespace = object->namespace,
                            .object = object->id};
    return 0;
}

static int child_of_since(const struct place *parent, struct str name, struct place *child)
{
    *child = *parent;
    child->type = PLACE_FILE;
    child->special = &special_since;
    if (str_ends(name, STR(".meta"))) {
        child->special = &special_since_meta;
        name.length -= 5;
    }
    return str_to_int64(name, &child->number) && child->number >= 0 ? 0 : -ENOENT;
}

/* The links of owned/ are named <plural>.<name>, those of nodes/<n>/pods/ <namespace>.<name>. */
static int child_of_links(struct fsd *fsd, const struct place *parent, struct str name, struct place *child)
{
    struct str first, rest = name;
    if (!str_split(&rest, '.', &first) || rest.at == NULL)
        return -ENOENT;
    const struct object *owner = object_by_id(fsd->objects, parent->object);
    if (owner == NULL || !object_is_visible(owner))
        return -ENOENT;
    const struct object *object = NULL;
    if (parent->type == PLACE_BOUND) {
        object = object_visible(fsd->objects, parent->kind, first, rest);
        if (object != NULL && !str_is(object->committed->node, owner->name))
            object = NULL;
    } else {
        const struct kind *kind = kinds_by_directory(fsd->kinds, first);
        if (kind != NULL)
            object = object_visible(fsd->objects, kind, kind->namespaced ? str_of(owner->namespace) : STR(""),
                                    rest);
        bool owned = false;
        for (size_t i = 0; object != NULL && i < object->committed->owner_count; i++)
            owned = owned || str_is(object->committed->owners[i], owner->uid);
        if (!owned)
            object = NULL;
    }
    if (!place_is_linked(object))
        return -ENOENT;
    *child = (struct place){
        .type = PLACE_LINK, .kind = object->kind, .namespace = object->namespace, .object = object->id};
    return 0;
}

/* The kind whose objects are bound to nodes, if the directory of a node lists them under this name. */
static const struct kind *bound_kind(struct fsd *fsd, const struct place *parent, struct str name)
{
    if (!kind_is(parent->kind, "", "Node"))
        return NULL;
    const struct kind *kind = kinds_by_directory(fsd->kinds, name);
    return kind != NULL && kind->node_field.length != 0 ? kind : NULL;
}

static const struct kind *namespaced_kind(struct fsd *fsd, const struct place *parent, struct str name)
{
    if (!kind_is(parent->kind, "", "Namespace"))
        return NULL;
    const struct kind *kind = kinds_by_directory(fsd->kinds, name);
    return kind != NULL && kind->namespaced ? kind : NULL;
}

static int child_of_object(struct fsd *fsd, const struct place *parent, uint32_t parent_node, struct str name,
                           struct place *child)
{
    struct object *object = object_by_id(fsd->objects, parent->object);
    if (object == NULL || !object_is_visible(object))
        return -ENOENT;
    *child = *parent;
    const struct kind *kind;
    if (parent->type == PLACE_OBJECT && str_is(name, "owned")) {
        child->type = PLACE_OWNED;
        return 0;
    }
    if (parent->type == PLACE_OBJECT && (kind = namespaced_kind(fsd, parent, name)) != NULL) {
        *child = (struct place){.type = is_qualified(kind, name) ? PLACE_LINK : PLACE_KIND,
                                .kind = kind,
                                .namespace = objects_intern(fsd->objects, str_of(object->name))};
        return 0;
    }
    if (parent->type == PLACE_OBJECT && (kind = bound_kind(fsd, parent, name)) != NULL) {
        child->type = PLACE_BOUND;
        child->kind = kind;
        if (is_qualified(kind, name))
            *child = (struct place){
                .type = PLACE_LINK, .kind = kind, .namespace = objects_intern(fsd->objects, STR(""))};
        return 0;
    }
    autobuf struct buf path = {0}, scratch = {0};
    place_field_path(fsd, parent_node, &path);
    struct field directory = place_field(fsd, object, buf_str(&path), &scratch);
    autobuf struct buf key = {0};
    struct field field = field_child(&directory, name, &key);
    if (field.type == FIELD_NONE || !field.set)
        return -ENOENT;
    child->type = PLACE_FIELD;
    return 0;
}

int place_child(struct fsd *fsd, const struct place *parent, uint32_t parent_node, struct str name,
                struct place *child)
{
    uint32_t node = node_find(fsd->nodes, parent_node, name);
    if (node != 0 && (node_record(fsd->nodes, node)->flags & NODE_SCRATCH) != 0) {
        *child = *parent;
        child->type = PLACE_SCRATCH;
        return 0;
    }
    const struct special *special = special_find(parent, name);
    if (special == NULL)
        special = logs_child(fsd, parent, parent_node, name);
    if (special != NULL) {
        *child = *parent;
        child->type = special->class == SPECIAL_LINK ? PLACE_LINK : PLACE_FILE;
        child->special = special;
        return 0;
    }
    *child = (struct place){0};
    if ((parent->type == PLACE_KIND || parent->type == PLACE_ALL_KIND) && str_is(name, ".since")) {
        *child = *parent;
        child->type = PLACE_SINCE;
        return 0;
    }
    switch (parent->type) {
    case PLACE_ROOT:
        return child_of_root(fsd, name, child);
    case PLACE_ERRORS:
        return child_of_errors(name, child);
    case PLACE_API:
    case PLACE_API_GROUP:
    case PLACE_API_VERSION:
        return discovery_child(fsd, parent, name, child);
    case PLACE_ALL:
        return child_of_all(fsd, name, child);
    case PLACE_ALL_KIND:
        return child_of_all_kind(fsd, parent, name, child);
    case PLACE_KIND:
    case PLACE_ALL_NAMESPACE:
        return child_of_kind(fsd, parent, name, child);
    case PLACE_SINCE:
        return child_of_since(parent, name, child);
    case PLACE_OWNED:
    case PLACE_BOUND:
        return child_of_links(fsd, parent, name, child);
    case PLACE_OBJECT:
    case PLACE_FIELD:
        return child_of_object(fsd, parent, parent_node, name, child);
    case PLACE_API_KIND:
        return -ENOENT;
    case PLACE_NONE:
    case PLACE_FILE:
    case PLACE_LINK:
    case PLACE_SCRATCH:
        return -ENOTDIR;
    }
    return -ENOENT;
}

int place_of_node(struct fsd *fsd, uint32_t node, struct place *place)
{
    const struct place *cached = node_place_cached(fsd->nodes, node);
    if (cached != NULL) {
        *place = *cached;
        return 0;
    }
    if (node == NODE_ROOT) {
        *place = (struct place){.type = PLACE_ROOT};
        return 0;
    }
    const struct node_record *record = node_record(fsd->nodes, node);
    struct place parent;
    int result = place_of_node(fsd, record->parent, &parent);
    if (result < 0)
        return result;
    if ((record->flags & NODE_SCRATCH) != 0) {
        *place = parent;
        place->type = PLACE_SCRATCH;
    } else if ((record->flags & NODE_FORMING) != 0) {
        *place = parent;
        place->type = PLACE_FIELD;
    } else if (record->object != 0 && parent.type == PLACE_KIND) {
        /* By number, not by name: its namesake is another object. */
        *place = parent;
        place->type = PLACE_OBJECT;
        place->object = record->object;
    } else {
        result = place_child(fsd, &parent, record->parent, node_name(fsd->nodes, node), place);
        if (result < 0)
            return result;
    }
    node_set_place(fsd->nodes, node, place);
    return 0;
}

/* ---- links ---- */

static size_t depth_of(struct fsd *fsd, uint32_t node)
{
    size_t depth = 0;
    for (; node != NODE_ROOT; node = node_record(fsd->nodes, node)->parent)
        depth++;
    return depth;
}

void place_link_target(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    if (place->special != NULL) {
        buf_addf(out, ".errors/%lld", (long long)place->number);
        return;
    }
    if (place->version != NULL) {
        discovery_link(place, out);
        return;
    }
    if (place->object < 0) /* dead, and seen by the notifier only */
        return;
    struct str name = node_name(fsd->nodes, node);
    if (place->object == 0 &&
        !str_equal(name, place->kind->directory)) { /* deployments.apps -> deployments */
        buf_add_str(out, place->kind->directory);
        return;
    }
    for (size_t depth = depth_of(fsd, node_record(fsd->nodes, node)->parent); depth > 0; depth--)
        buf_add_text(out, "../");
    autobuf struct buf path = {0};
    const struct object *object = place->object != 0 ? object_by_id(fsd->objects, place->object) : NULL;
    if (object != NULL)
        place_object_path(object, &path);
    else if (place->kind->namespaced)
        buf_addf(&path, "/namespaces/%s/" STR_FORMAT, place->namespace, STR_ARGS(place->kind->directory));
    else
        buf_addf(&path, "/" STR_FORMAT, STR_ARGS(place->kind->directory));
    buf_add(out, path.at + 1, path.length - 1);
}

/* ---- paths ---- */

static void add_path_up_to(struct fsd *fsd, uint32_t node, bool within_object, struct buf *path)
{
    if (node == NODE_ROOT)
        return;
    const struct node_record *record = node_record(fsd->nodes, node);
    if (within_object && record->object != 0)
        return;
    add_path_up_to(fsd, record->parent, within_object, path);
    if (!within_object || path->length != 0)
        buf_add_char(path, '/');
    buf_add_str(path, node_name(fsd->nodes, node));
}

void place_field_path(struct fsd *fsd, uint32_t node, struct buf *path)
{
    add_path_up_to(fsd, node, true, path);
}

void place_path(struct fsd *fsd, uint32_t node, struct buf *path)
{
    if (node == NODE_ROOT)
        buf_add_char(path, '/');
    else
        add_path_up_to(fsd, node, false, path);
}

void place_object_path(const struct object *object, struct buf *path)
{
    if (object->kind->namespaced)
        buf_addf(path, "/namespaces/%s", object->namespace);
    buf_addf(path, "/" STR_FORMAT "/%s", STR_ARGS(object->kind->directory), object->name);
}

struct field place_field(struct fsd *fsd, const struct object *object, struct str path, struct buf *scratch)
{
    return field_at(object->kind, document_of(fsd->documents, object->committed), path, scratch);
}
