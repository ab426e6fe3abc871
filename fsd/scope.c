#include "fsd/scope.h"

#include "fsd/fsd.h"

struct scope scope_of_directory(struct fsd *fsd, const struct place *directory)
{
    struct scope scope = {.kind = directory->kind, .namespace = directory->namespace};
    if (directory->type != PLACE_BOUND && directory->type != PLACE_OWNED)
        return scope;
    const struct object *holder = object_by_id(fsd->objects, directory->object);
    scope.nothing = holder == NULL;
    scope.namespace = NULL;
    if (directory->type == PLACE_BOUND) {
        scope.bound_to = holder;
    } else if (holder != NULL) {
        scope.kind = NULL;
        scope.owned_by = holder;
        scope.namespace = holder->namespace;
    }
    return scope;
}

struct scope scope_of_file(struct fsd *fsd, const struct place *file, uint32_t node)
{
    struct place directory;
    if (place_of_node(fsd, node_record(fsd->nodes, node)->parent, &directory) == 0)
        return scope_of_directory(fsd, &directory);
    return (struct scope){.kind = file->kind, .namespace = file->namespace};
}

/* Is the collection one of the scope's? What an object owns is beside it, or in no namespace. */
static bool reaches(const struct scope *scope, const struct collection *collection)
{
    return scope->namespace == NULL || scope->namespace == collection->namespace ||
           (scope->owned_by != NULL && collection->namespace[0] == '\0');
}

static struct object *next_of_kind(struct fsd *fsd, const struct scope *scope, const struct kind *kind,
                                   struct str namespace, struct str name)
{
    size_t count;
    struct collection *const *collections = objects_collections(fsd->objects, kind, &count);
    for (size_t c = 0; c < count; c++) {
        const struct collection *collection = collections[c];
        if (!reaches(scope, collection))
            continue;
        int order = name.at != NULL ? str_compare(str_of(collection->namespace), namespace) : 1;
        if (order < 0)
            continue;
        size_t i = order == 0 ? collection_place(collection, name) : 0;
        if (order == 0 && i < collection->count && str_is(name, collection->objects[i]->name))
            i++;
        for (; i < collection->count; i++) {
            struct object *object = collection_visible(collection, i);
            if (object != NULL && (object->committed->flags & VERSION_DRAFT) == 0)
                return object;
        }
    }
    return NULL;
}

/* Where the walk over all kinds stands; at the beginning for NULL. */
static size_t place_of_kind(const struct fsd *fsd, const struct kind *kind)
{
    size_t place = 0;
    while (kind != NULL && kinds_at(fsd->kinds, place) != kind)
        place++;
    return place;
}

/* The cursor's name is directory/namespace/name. */
struct object *scope_next(struct fsd *fsd, const struct scope *scope, const struct list_cursor *cursor)
{
    struct str rest = buf_str(&cursor->name), directory = STR_NONE, namespace = STR_NONE;
    const struct kind *reached = NULL;
    struct object *object = NULL;
    if (scope->nothing)
        return NULL;
    if (rest.length != 0) {
        str_split(&rest, '/', &directory);
        str_split(&rest, '/', &namespace);
        reached = kinds_by_directory(fsd->kinds, directory);
    }
    for (size_t k = place_of_kind(fsd, reached); k < kinds_count(fsd->kinds) && object == NULL; k++) {
        const struct kind *kind = kinds_at(fsd->kinds, k);
        if (scope->kind == NULL || kind == scope->kind)
            object = next_of_kind(fsd, scope, kind, namespace, kind == reached ? rest : STR_NONE);
    }
    return object;
}

bool scope_has(const struct scope *scope, const struct object *object)
{
    if (scope->bound_to != NULL)
        return str_is(object->committed->node, scope->bound_to->name);
    for (size_t i = 0; scope->owned_by != NULL && i < object->committed->owner_count; i++)
        if (str_is(object->committed->owners[i], scope->owned_by->uid))
            return true;
    return scope->owned_by == NULL;
}

void scope_pass(struct list_cursor *cursor, const struct object *object)
{
    buf_clear(&cursor->name);
    buf_addf(&cursor->name, STR_FORMAT "/%s/%s", STR_ARGS(object->kind->directory), object->namespace,
             object->name);
}
