#include "fsd/objects.h"

#include "fsd/order.h"
#include "lib/large.h"

/* What belongs to one kind. */
struct of_kind {
    struct collection **collections; /* by namespace */
    size_t count, capacity;
    struct order order; /* of committed versions, drafts' excepted */
    int64_t newest_version;
    int64_t names_ms;
    int64_t forgotten; /* version */
};

struct interned {
    char **texts; /* open addressing */
    size_t count, capacity;
};

struct objects {
    struct of_kind *of_kind; /* by kind->index */
    size_t kind_count;
    struct interned interned;
    struct map by_id;
    struct object *oldest_grave, *newest_grave; /* tombstones in the order of versions, linked by `older` */
    size_t tombstones;
    newest_changed *changed; /* NULL: nobody wants to know */
    void *observer;
};

/* ---- interned texts and numbers ---- */

static size_t intern_place(const struct interned *interned, struct str text)
{
    size_t place = str_hash(text) & (interned->capacity - 1);
    while (interned->texts[place] != NULL && !str_is(text, interned->texts[place]))
        place = (place + 1) & (interned->capacity - 1);
    return place;
}

const char *objects_intern(struct objects *objects, struct str text)
{
    struct interned *interned = &objects->interned;
    if (interned->count * 2 >= interned->capacity) {
        struct interned larger = {.capacity = interned->capacity != 0 ? interned->capacity * 2 : 64};
        larger.texts = memory_zeroed(larger.capacity, sizeof(*larger.texts));
        for (size_t i = 0; i < interned->capacity; i++)
            if (interned->texts[i] != NULL)
                larger.texts[intern_place(&larger, str_of(interned->texts[i]))] = interned->texts[i];
        larger.count = interned->count;
        free(interned->texts);
        *interned = larger;
    }
    size_t place = intern_place(interned, text);
    if (interned->texts[place] == NULL) {
        interned->texts[place] = str_dup(text);
        interned->count++;
    }
    return interned->texts[place];
}

struct object *object_by_id(struct objects *objects, int64_t id)
{
    return map_entry(map_find(&objects->by_id, (struct str){(const char *)&id, sizeof(id)}), struct object,
                     by_id);
}

/* ---- the set ---- */

struct objects *objects_new(const struct kinds *kinds)
{
    struct objects *objects = memory_zeroed(1, sizeof(*objects));
    objects->kind_count = kinds_numbers(kinds);
    objects->of_kind = memory_zeroed(objects->kind_count, sizeof(*objects->of_kind));
    return objects;
}

void objects_add_kind(struct objects *objects, const struct kind *kind)
{
    if (kind->index < objects->kind_count)
        return;
    struct of_kind *larger = memory_zeroed(kind->index + 1, sizeof(*larger));
    memcpy(larger, objects->of_kind, objects->kind_count * sizeof(*larger));
    free(objects->of_kind);
    objects->of_kind = larger;
    objects->kind_count = kind->index + 1;
}

static void free_streams(struct object *object)
{
    for (int i = 0; i < 2; i++) {
        buf_free(&object->streams[i].text);
        buf_free(&object->streams[i].numbers);
    }
}

static void object_free(struct object *object)
{
    version_drop(object->committed);
    version_drop(object->pending);
    free_streams(object);
    free(object->name);
    free(object->uid);
    free(object);
}

void objects_free(struct objects *objects)
{
    if (objects == NULL)
        return;
    struct map_node *next;
    for (struct map_node *node = map_next(&objects->by_id, NULL); node != NULL; node = next) {
        next = map_next(&objects->by_id, node);
        object_free(map_entry(node, struct object, by_id));
    }
    for (size_t k = 0; k < objects->kind_count; k++) {
        for (size_t c = 0; c < objects->of_kind[k].count; c++) {
            large_free(objects->of_kind[k].collections[c]->objects,
                       objects->of_kind[k].collections[c]->capacity);
            free(objects->of_kind[k].collections[c]);
        }
        free(objects->of_kind[k].collections);
        order_free(&objects->of_kind[k].order);
    }
    for (size_t i = 0; i < objects->interned.capacity; i++)
        free(objects->interned.texts[i]);
    free(objects->interned.texts);
    free(objects->of_kind);
    map_free(&objects->by_id);
    free(objects);
}

static size_t namespace_place(const struct of_kind *of, struct str namespace)
{
    return sorted_place(of->count, i, str_compare(str_of(of->collections[i]->namespace), namespace) >= 0);
}

struct collection *objects_collection(struct objects *objects, const struct kind *kind, struct str namespace)
{
    struct of_kind *of = &objects->of_kind[kind->index];
    size_t place = namespace_place(of, namespace);
    return place < of->count && str_is(namespace, of->collections[place]->namespace) ? of->collections[place]
                                                                                     : NULL;
}

static struct collection *ensure_collection(struct objects *objects, const struct kind *kind,
                                            struct str namespace)
{
    struct collection *collection = objects_collection(objects, kind, namespace);
    if (collection != NULL)
        return collection;
    struct of_kind *of = &objects->of_kind[kind->index];
    array_grow(of->collections, of->count, of->capacity);
    size_t place = namespace_place(of, namespace);
    memmove(of->collections + place + 1, of->collections + place,
            (of->count - place) * sizeof(*of->collections));
    of->count++;
    collection = memory_zeroed(1, sizeof(*collection));
    collection->namespace = objects_intern(objects, namespace);
    of->collections[place] = collection;
    return collection;
}

struct collection *const *objects_collections(struct objects *objects, const struct kind *kind, size_t *count)
{
    *count = objects->of_kind[kind->index].count;
    return objects->of_kind[kind->index].collections;
}

size_t collection_place(const struct collection *collection, struct str name)
{
    return sorted_place(collection->count, i, str_compare(str_of(collection->objects[i]->name), name) >= 0);
}

static struct object *at_name(struct objects *objects, const struct kind *kind, struct str namespace,
                              struct str name)
{
    struct collection *collection = objects_collection(objects, kind, namespace);
    if (collection == NULL)
        return NULL;
    size_t place = collection_place(collection, name);
    if (place == collection->count || !str_is(name, collection->objects[place]->name))
        return NULL;
    return collection->objects[place];
}

const struct version *object_newest_version(const struct object *object)
{
    return object->pending != NULL ? object->pending : object->committed;
}

struct object *object_newest(struct objects *objects, const struct kind *kind, struct str namespace,
                             struct str name)
{
    struct object *object = at_name(objects, kind, namespace, name);
    if (object == NULL || (object_newest_version(object)->flags & VERSION_GONE) != 0)
        return NULL;
    return object;
}

bool object_is_visible(const struct object *object)
{
    return object->committed != NULL && (object->committed->flags & VERSION_GONE) == 0;
}

static struct object *visible_of_name(struct object *object)
{
    while (object != NULL && !object_is_visible(object))
        object = object->older;
    return object;
}

struct object *object_visible(struct objects *objects, const struct kind *kind, struct str namespace,
                              struct str name)
{
    return visible_of_name(at_name(objects, kind, namespace, name));
}

struct object *collection_visible(const struct collection *collection, size_t place)
{
    return visible_of_name(collection->objects[place]);
}

/* ---- the order of versions ---- */

struct object *objects_after(struct objects *objects, const struct kind *kind, int64_t version)
{
    return order_after(&objects->of_kind[kind->index].order, version);
}

int64_t objects_newest(const struct objects *objects, const struct kind *kind, const char *namespace)
{
    if (namespace == NULL)
        return objects->of_kind[kind->index].newest_version;
    struct collection *collection = objects_collection((struct objects *)objects, kind, str_of(namespace));
    return collection != NULL ? collection->newest : 0;
}

int64_t objects_names_ms(const struct objects *objects, const struct kind *kind, const char *namespace)
{
    if (namespace == NULL)
        return objects->of_kind[kind->index].names_ms;
    struct collection *collection = objects_collection((struct objects *)objects, kind, str_of(namespace));
    return collection != NULL ? collection->names_ms : 0;
}

int64_t objects_forgotten(const struct objects *objects, const struct kind *kind)
{
    return objects->of_kind[kind->index].forgotten;
}

void objects_forget(struct objects *objects, const struct kind *kind, int64_t version)
{
    objects->of_kind[kind->index].forgotten = version;
}

/* ---- changing ---- */

void objects_observe(struct objects *objects, newest_changed *changed, void *context)
{
    objects->changed = changed;
    objects->observer = context;
}

static void tell_newest(const struct objects *objects, const struct object *object,
                        const struct version *before, const struct version *after)
{
    if (objects->changed != NULL && before != after)
        objects->changed(objects->observer, object, before, after);
}

static struct object *make_object(struct objects *objects, int64_t id, const struct kind *kind,
                                  struct str namespace, struct str name, struct str uid)
{
    struct object *object = memory_zeroed(1, sizeof(*object));
    object->id = id;
    object->kind = kind;
    object->namespace = objects_intern(objects, namespace);
    object->name = str_dup(name);
    object->uid = str_dup(uid);
    object->by_id.key = (struct str){(const char *)&object->id, sizeof(object->id)};
    map_insert(&objects->by_id, &object->by_id);
    return object;
}

/* Puts the object in its collection, before one of the same name that is on its way out. */
static void collect(struct objects *objects, struct object *object)
{
    struct collection *collection = ensure_collection(objects, object->kind, str_of(object->namespace));
    size_t place = collection_place(collection, str_of(object->name));
    if (place < collection->count && strcmp(collection->objects[place]->name, object->name) == 0) {
        object->older = collection->objects[place];
        collection->objects[place] = object;
        return;
    }
    large_grow(collection->objects, collection->count, collection->capacity);
    memmove(collection->objects + place + 1, collection->objects + place,
            (collection->count - place) * sizeof(*collection->objects));
    collection->objects[place] = object;
    collection->count++;
}

static void uncollect(struct objects *objects, struct object *object)
{
    struct collection *collection = objects_collection(objects, object->kind, str_of(object->namespace));
    size_t place = collection_place(collection, str_of(object->name));
    struct object **link = &collection->objects[place];
    while (*link != object)
        link = &(*link)->older;
    *link = object->older;
    object->older = NULL;
    if (collection->objects[place] != NULL)
        return;
    collection->count--;
    memmove(collection->objects + place, collection->objects + place + 1,
            (collection->count - place) * sizeof(*collection->objects));
}

struct object *object_create(struct objects *objects, int64_t id, const struct kind *kind,
                             struct str namespace, struct str name, struct str uid, struct version *pending)
{
    struct object *object = make_object(objects, id, kind, namespace, name, uid);
    object->pending = pending;
    collect(objects, object);
    tell_newest(objects, object, NULL, pending);
    return object;
}

void object_change(struct objects *objects, struct object *object, struct version *pending)
{
    struct version *was_pending = object->pending;
    tell_newest(objects, object, object_newest_version(object), pending);
    object->pending = pending;
    version_drop(was_pending);
}

static void note_version(struct objects *objects, struct object *object)
{
    struct of_kind *of = &objects->of_kind[object->kind->index];
    int64_t number = object->committed->number;
    if ((object->committed->flags & VERSION_DRAFT) != 0)
        return;
    order_add(&of->order, number, object);
    if (number > of->newest_version)
        of->newest_version = number;
    struct collection *collection = ensure_collection(objects, object->kind, str_of(object->namespace));
    if (number > collection->newest)
        collection->newest = number;
}

static void note_name(struct objects *objects, const struct object *object)
{
    int64_t time_ms = object->committed->time_ms;
    objects->of_kind[object->kind->index].names_ms = time_ms;
    ensure_collection(objects, object->kind, str_of(object->namespace))->names_ms = time_ms;
}

static void count_live(struct objects *objects, const struct object *object, const struct version *before)
{
    struct collection *collection = ensure_collection(objects, object->kind, str_of(object->namespace));
    collection->live += (size_t)version_is_live(object->committed) - (size_t)version_is_live(before);
}

static void bury(struct objects *objects, struct object *object)
{
    *(objects->newest_grave != NULL ? &objects->newest_grave->older : &objects->oldest_grave) = object;
    objects->newest_grave = object;
    objects->tombstones++;
}

void object_publish(struct objects *objects, struct object *object, struct version *version)
{
    struct of_kind *of = &objects->of_kind[object->kind->index];
    if (object->committed != NULL)
        order_remove(&of->order, object->committed->number);
    bool was_draft = object->committed == NULL || (object->committed->flags & VERSION_DRAFT) != 0;
    struct version *old = object->committed;
    object->committed = version_hold(version);
    if (old == NULL || (version->flags & VERSION_GONE) != 0)
        note_name(objects, object);
    count_live(objects, object, old);
    version_drop(old);
    if (object->pending == version) {
        version_drop(object->pending);
        object->pending = NULL;
    }
    if ((version->flags & VERSION_GONE) == 0) {
        note_version(objects, object);
        return;
    }
    uncollect(objects, object);
    free_streams(object);
    if (was_draft) { /* nobody has been told of it */
        map_remove(&objects->by_id, &object->by_id);
        object_free(object);
        return;
    }
    note_version(objects, object);
    bury(objects, object);
}

void object_discard(struct objects *objects, struct object *object)
{
    tell_newest(objects, object, object_newest_version(object), object->committed);
    version_drop(object->pending);
    object->pending = NULL;
    if (object->committed != NULL)
        return;
    uncollect(objects, object);
    map_remove(&objects->by_id, &object->by_id);
    object_free(object);
}

struct object *object_load(struct objects *objects, int64_t id, const struct kind *kind, struct str namespace,
                           struct str name, struct str uid, struct version *committed)
{
    struct object *object = make_object(objects, id, kind, namespace, name, uid);
    object->committed = committed;
    if ((committed->flags & VERSION_GONE) == 0)
        collect(objects, object);
    else
        bury(objects, object);
    count_live(objects, object, NULL);
    note_version(objects, object);
    tell_newest(objects, object, NULL, committed);
    return object;
}

void objects_trim_tombstones(struct objects *objects, size_t keep)
{
    while (objects->tombstones > keep) {
        struct object *object = objects->oldest_grave;
        struct of_kind *of = &objects->of_kind[object->kind->index];
        objects->oldest_grave = object->older;
        if (objects->oldest_grave == NULL)
            objects->newest_grave = NULL;
        /* Of one batch they need not be in order. */
        if (object->committed->number > of->forgotten)
            of->forgotten = object->committed->number;
        order_remove(&of->order, object->committed->number);
        map_remove(&objects->by_id, &object->by_id);
        object_free(object);
        objects->tombstones--;
    }
}

/* ---- streams ---- */

int64_t stream_add(struct stream *stream, int64_t number, struct str text, size_t limit)
{
    buf_add(&stream->numbers, &number, sizeof(number));
    buf_add_str(&stream->text, text);
    buf_add_char(&stream->text, '\n');
    if (stream->text.length <= limit)
        return 0;
    /* Much goes at once, so that it does not happen with every line. */
    size_t cut = 0, lines = 0;
    for (;;) {
        const char *end = memchr(stream->text.at + cut, '\n', stream->text.length - cut);
        size_t next = (size_t)(end + 1 - stream->text.at);
        if (stream->text.length - next < STREAM_KEPT)
            break;
        cut = next;
        lines++;
    }
    if (lines == 0)
        return 0; /* the first one is very long */
    buf_drop(&stream->text, cut);
    buf_drop(&stream->numbers, lines * sizeof(number));
    memcpy(&number, stream->numbers.at, sizeof(number));
    return number;
}
