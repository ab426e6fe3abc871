#include "lib/cache.h"

#include "lib/map.h"
#include <errno.h>
#include <stdio.h>

/* Each kind has a slot, each object in it an entry that stays while the object is there; its view is replaced
 * with each version. An index is a map of buckets, a bucket a list of links, and an entry holds a link for
 * each bucket in which it is. When a new version says the same to an index, its link stays where it is and
 * only the sums change: nothing here costs more when there are more objects.
 *
 * Versions are numbers of one counter for the whole store. So what is read after a version has been seen
 * anywhere has reached that version, even if nothing of this kind has changed since. */

struct bucket {
    struct map_node by_value;
    struct link *first, *last;
    size_t count;
    struct amounts totals;
};

struct link {
    struct link *sibling; /* the entry's next */
    struct index *index;
    size_t n; /* it is the entry's n-th value there */
    struct bucket *bucket;
    struct entry *entry;
    struct link *previous, *next; /* in the bucket */
};

struct index {
    const struct cache_index *declared;
    struct map buckets;
};

struct entry {
    struct map_node by_key; /* "namespace/name" */
    struct entry *previous, *next;
    void *object;
    uint64_t listing; /* the number of the reading that saw it last */
    struct link *links;
};

struct slot {
    const struct view *view;
    struct map entries;
    struct entry *first, *last;
    struct index *indexes[8];
    size_t index_count;
    int64_t version; /* what to ask for next */
    int64_t reached;
    /* the reading under way */
    uint64_t listing;
    bool listed;  /* what doesn't come is gone */
    bool resumed; /* the tree has begun anew: its word counts, whatever the versions */
    int64_t begun_at;
};

struct cache {
    struct slot **slots;
    size_t slot_count, slot_capacity;
    int64_t newest; /* the highest version that was seen anywhere */
    cache_changed_fn *changed;
    void *context;
};

/* ---- finding one's way ---- */

static struct slot *slot_of(const struct cache *cache, const struct view *view)
{
    for (size_t i = 0; i < cache->slot_count; i++)
        if (cache->slots[i]->view == view)
            return cache->slots[i];
    return NULL;
}

static struct index *index_of(const struct cache *cache, const struct cache_index *declared)
{
    const struct slot *slot = slot_of(cache, declared->view);
    for (size_t i = 0; slot != NULL && i < slot->index_count; i++)
        if (slot->indexes[i]->declared == declared)
            return slot->indexes[i];
    return NULL;
}

/* Names are short (63 and 253 bytes at most); longer ones can't be in the cache. */
static struct entry *entry_find(const struct slot *slot, struct key key)
{
    char text[512];
    int length =
        snprintf(text, sizeof(text), STR_FORMAT "/" STR_FORMAT, STR_ARGS(key.namespace), STR_ARGS(key.name));
    if (length < 0 || (size_t)length >= sizeof(text))
        return NULL;
    struct str whole = {text, (size_t)length};
    return map_entry(map_find(&slot->entries, whole), struct entry, by_key);
}

/* ---- indexes ---- */

static void link_count_amounts(const struct link *link, int sign)
{
    if (link->index->declared->amounts != NULL)
        amounts_add(&link->bucket->totals, link->index->declared->amounts(link->entry->object), sign);
}

static struct bucket *bucket_for(struct index *index, struct str value)
{
    struct bucket *bucket = map_entry(map_find(&index->buckets, value), struct bucket, by_value);
    if (bucket == NULL) {
        bucket = memory_zeroed(1, sizeof(*bucket));
        bucket->by_value.key = (struct str){str_dup(value), value.length};
        map_insert(&index->buckets, &bucket->by_value);
    }
    return bucket;
}

static void bucket_free(struct index *index, struct bucket *bucket)
{
    map_remove(&index->buckets, &bucket->by_value);
    free((char *)bucket->by_value.key.at);
    amounts_clear(&bucket->totals);
    free(bucket);
}

static void link_enter(struct link *link, struct str value)
{
    struct bucket *bucket = bucket_for(link->index, value);
    link->bucket = bucket;
    link->previous = bucket->last;
    link->next = NULL;
    *(bucket->last != NULL ? &bucket->last->next : &bucket->first) = link;
    bucket->last = link;
    bucket->count++;
}

static void link_leave(struct link *link)
{
    struct bucket *bucket = link->bucket;
    *(link->previous != NULL ? &link->previous->next : &bucket->first) = link->next;
    *(link->next != NULL ? &link->next->previous : &bucket->last) = link->previous;
    if (--bucket->count == 0)
        bucket_free(link->index, bucket);
    link->bucket = NULL;
}

static struct link **link_find(struct entry *entry, const struct index *index, size_t n)
{
    struct link **link = &entry->links;
    while (*link != NULL && ((*link)->index != index || (*link)->n != n))
        link = &(*link)->sibling;
    return link;
}

/* Puts the entry where the object that it has now belongs in this index; its old sums are already taken out.
 */
static void index_entry(struct index *index, struct entry *entry)
{
    size_t n = 0;
    struct str value;
    for (; (value = index->declared->value(entry->object, n)).at != NULL; n++) {
        struct link *link = *link_find(entry, index, n);
        if (link == NULL) {
            link = memory_zeroed(1, sizeof(*link));
            *link = (struct link){.sibling = entry->links, .index = index, .n = n, .entry = entry};
            entry->links = link;
            link_enter(link, value);
        } else if (!str_equal(link->bucket->by_value.key, value)) {
            link_leave(link);
            link_enter(link, value);
        }
        link_count_amounts(link, 1);
    }
    for (struct link **extra; *(extra = link_find(entry, index, n)) != NULL; n++) {
        struct link *gone = *extra;
        *extra = gone->sibling;
        link_leave(gone);
        free(gone);
    }
}

static void unlink_all(struct entry *entry)
{
    struct link *sibling;
    for (struct link *link = entry->links; link != NULL; link = sibling) {
        sibling = link->sibling;
        link_count_amounts(link, -1);
        link_leave(link);
        free(link);
    }
    entry->links = NULL;
}

/* ---- changes ---- */

static void tell(const struct cache *cache, const void *before, const void *now)
{
    if (cache->changed != NULL)
        cache->changed(cache->context, before, now);
}

static struct entry *entry_new(struct slot *slot, const struct meta *meta)
{
    struct entry *entry = memory_zeroed(1, sizeof(*entry));
    struct buf text = {0};
    buf_add_str(&text, meta->namespace);
    buf_add_char(&text, '/');
    buf_add_str(&text, meta->name);
    entry->by_key.key.length = text.length;
    entry->by_key.key.at = buf_take(&text);
    map_insert(&slot->entries, &entry->by_key);
    entry->previous = slot->last;
    *(slot->last != NULL ? &slot->last->next : &slot->first) = entry;
    slot->last = entry;
    return entry;
}

/* Takes the object over. */
static void put(struct cache *cache, struct slot *slot, struct entry *entry, void *object)
{
    void *before = entry != NULL ? entry->object : NULL;
    if (entry == NULL)
        entry = entry_new(slot, object);
    for (struct link *link = entry->links; link != NULL; link = link->sibling)
        link_count_amounts(link, -1);
    entry->object = object;
    ((struct meta *)object)->entry = entry;
    entry->listing = slot->listing;
    for (size_t i = 0; i < slot->index_count; i++)
        index_entry(slot->indexes[i], entry);
    tell(cache, before, object);
    view_free(before);
}

static void take_out(struct slot *slot, struct entry *entry)
{
    unlink_all(entry);
    map_remove(&slot->entries, &entry->by_key);
    *(entry->previous != NULL ? &entry->previous->next : &slot->first) = entry->next;
    *(entry->next != NULL ? &entry->next->previous : &slot->last) = entry->previous;
    free((char *)entry->by_key.key.at);
}

static void drop(struct cache *cache, struct slot *slot, struct entry *entry)
{
    take_out(slot, entry);
    tell(cache, entry->object, NULL);
    view_free(entry->object);
    free(entry);
}

/* ---- reading ---- */

static void see_version(struct cache *cache, int64_t version)
{
    if (version > cache->newest)
        cache->newest = version;
}

/* An object that was deleted and made again under its name is two objects: the listeners hear both. */
static int take_object(struct cache *cache, struct slot *slot, struct value line, struct error **err)
{
    void *object;
    int result = view_make(slot->view, line, &object, err);
    if (result < 0)
        return result;
    const struct meta *meta = meta_of(object);
    see_version(cache, meta->version);
    bool deleted = value_true(value_get(line, STR("deleted")));
    struct entry *entry = entry_find(slot, key_of(object));
    const struct meta *known = entry != NULL ? meta_of(entry->object) : NULL;
    if (known != NULL && !slot->resumed && known->version >= meta->version) {
        entry->listing = slot->listing;
        view_free(object);
        return 0;
    }
    if (known != NULL && (deleted || !str_equal(known->uid, meta->uid))) {
        /* A tombstone of an earlier object of that name has a lower version, and was passed over above. */
        drop(cache, slot, entry);
        entry = NULL;
    }
    if (deleted)
        view_free(object);
    else
        put(cache, slot, entry, object);
    return 0;
}

static void finish_reading(struct cache *cache, struct slot *slot, int64_t version)
{
    struct entry *next;
    for (struct entry *entry = slot->first; slot->listed && entry != NULL; entry = next) {
        next = entry->next;
        if (entry->listing != slot->listing)
            drop(cache, slot, entry);
    }
    see_version(cache, version);
    slot->version = version;
    slot->reached = version > slot->begun_at ? version : slot->begun_at;
}

static void begin_reading(const struct cache *cache, struct slot *slot, bool everything)
{
    slot->listing++;
    slot->listed = everything || slot->version == 0;
    slot->resumed = false;
    slot->begun_at = cache->newest;
}

static int take_line(struct cache *cache, struct slot *slot, struct str line, struct error **err)
{
    autodoc struct doc *doc = doc_parse(line, err);
    if (doc == NULL)
        return -EPROTO;
    struct value root = doc_root(doc);
    if (value_exists(value_get(root, STR("metadata"))))
        return take_object(cache, slot, root, err);
    if (value_true(value_get(root, STR("reset")))) {
        slot->listed = slot->resumed = true;
        return 0;
    }
    int64_t version;
    if (!tree_is_reached(root, &version))
        return error_make(err, EPROTO, "a line is neither an object nor a version");
    finish_reading(cache, slot, version);
    return 1;
}

struct reading {
    struct cache *cache;
    struct slot *slot;
};

static int read_line(void *context, struct str line, struct error **err)
{
    struct reading *reading = context;
    return take_line(reading->cache, reading->slot, line, err);
}

int cache_read(struct cache *cache, const struct view *view, struct tree *tree, bool everything,
               struct error **err)
{
    struct slot *slot = slot_of(cache, view);
    begin_reading(cache, slot, everything);
    struct reading reading = {cache, slot};
    return tree_since(tree, view->resource, everything ? 0 : slot->version, view->metadata_only, read_line,
                      &reading, err);
}

int cache_take_line(struct cache *cache, const struct view *view, struct str line, struct error **err)
{
    return take_line(cache, slot_of(cache, view), line, err);
}

/* ---- making ---- */

struct cache *cache_new(void)
{
    return memory_zeroed(1, sizeof(struct cache));
}

void cache_add_view(struct cache *cache, const struct view *view)
{
    if (slot_of(cache, view) != NULL)
        return;
    array_grow(cache->slots, cache->slot_count, cache->slot_capacity);
    struct slot *slot = memory_zeroed(1, sizeof(*slot));
    slot->view = view;
    cache->slots[cache->slot_count++] = slot;
}

void cache_add_index(struct cache *cache, const struct cache_index *declared)
{
    cache_add_view(cache, declared->view);
    struct slot *slot = slot_of(cache, declared->view);
    if (index_of(cache, declared) != NULL)
        return;
    if (slot->index_count == COUNT(slot->indexes) || slot->first != NULL)
        abort(); /* a mistake in a controller's table */
    struct index *index = memory_zeroed(1, sizeof(*index));
    index->declared = declared;
    slot->indexes[slot->index_count++] = index;
}

void cache_listen(struct cache *cache, cache_changed_fn *changed, void *context)
{
    cache->changed = changed;
    cache->context = context;
}

static void slot_free(struct slot *slot)
{
    while (slot->first != NULL) {
        struct entry *entry = slot->first;
        take_out(slot, entry);
        view_free(entry->object);
        free(entry);
    }
    for (size_t i = 0; i < slot->index_count; i++) {
        map_free(&slot->indexes[i]->buckets);
        free(slot->indexes[i]);
    }
    map_free(&slot->entries);
    free(slot);
}

void cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < cache->slot_count; i++)
        slot_free(cache->slots[i]);
    free(cache->slots);
    free(cache);
}

/* ---- asking ---- */

int64_t cache_reached(const struct cache *cache, const struct view *view)
{
    const struct slot *slot = slot_of(cache, view);
    return slot != NULL ? slot->reached : 0;
}

void cache_note_version(struct cache *cache, int64_t version)
{
    see_version(cache, version);
}

const void *cache_get(const struct cache *cache, const struct view *view, struct key key)
{
    const struct slot *slot = slot_of(cache, view);
    const struct entry *entry = slot != NULL ? entry_find(slot, key) : NULL;
    return entry != NULL ? entry->object : NULL;
}

const void *cache_next(const struct cache *cache, const struct view *view, const void *previous)
{
    const struct slot *slot = slot_of(cache, view);
    const struct entry *entry = slot != NULL ? slot->first : NULL;
    if (previous != NULL)
        entry = ((const struct entry *)meta_of(previous)->entry)->next;
    return entry != NULL ? entry->object : NULL;
}

size_t cache_count(const struct cache *cache, const struct view *view)
{
    const struct slot *slot = slot_of(cache, view);
    return slot != NULL ? slot->entries.count : 0;
}

static const struct bucket *bucket_find(const struct cache *cache, const struct cache_index *declared,
                                        struct str value)
{
    const struct index *index = index_of(cache, declared);
    return index != NULL ? map_entry(map_find(&index->buckets, value), struct bucket, by_value) : NULL;
}

const void *cache_find(const struct cache *cache, const struct cache_index *declared, struct str value,
                       const void *previous)
{
    if (previous == NULL) {
        const struct bucket *bucket = bucket_find(cache, declared, value);
        return bucket != NULL ? bucket->first->entry->object : NULL;
    }
    const struct entry *entry = meta_of(previous)->entry;
    for (const struct link *link = entry->links; link != NULL; link = link->sibling)
        if (link->index->declared == declared && str_equal(link->bucket->by_value.key, value))
            return link->next != NULL ? link->next->entry->object : NULL;
    return NULL;
}

size_t cache_found(const struct cache *cache, const struct cache_index *declared, struct str value)
{
    const struct bucket *bucket = bucket_find(cache, declared, value);
    return bucket != NULL ? bucket->count : 0;
}

const struct amounts *cache_totals(const struct cache *cache, const struct cache_index *declared,
                                   struct str value)
{
    static const struct amounts nothing;
    const struct bucket *bucket = bucket_find(cache, declared, value);
    return bucket != NULL ? &bucket->totals : &nothing;
}
