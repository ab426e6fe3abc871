/* The cache: a picture of some kinds of objects, brought up to date by .since and never going back.
 *
 * It holds a view of each object (lib/view.h), finds them by name, by indexes and by walking over them, and
 * tells a listener of every change with what was there before and what is there now. What it hands out lives
 * until the next cache_read().
 */
#ifndef PODTREE_CACHE_H
#define PODTREE_CACHE_H

#include "lib/tree.h"
#include "lib/view.h"

/* Names an object among those of its kind. */
struct key {
    struct str namespace, name; /* namespace "" where there is none */
};
static inline struct key key_of(const void *object)
{
    return (struct key){meta_of(object)->namespace, meta_of(object)->name};
}

/* The objects of a kind by something that they say. Every bucket may keep sums over its objects. */
struct cache_index {
    const struct view *view;
    /* The n-th value (from 0) under which the object is found; STR_NONE when there are no more. */
    struct str (*value)(const void *object, size_t n);
    /* What the object adds to its buckets' sums; may be NULL. */
    const struct amounts *(*amounts)(const void *object);
};

struct cache;

/* A change of one object; `before` is NULL when it is new, `now` when it is gone. */
typedef void cache_changed_fn(void *context, const void *before, const void *now);

struct cache *cache_new(void);
void cache_free(struct cache *cache);
static inline void cleanup_cache(struct cache **cache)
{
    cache_free(*cache);
}
#define autocache cleanup(cleanup_cache)

/* Before anything is read: what shall be in it. Adding the same again is fine. */
void cache_add_view(struct cache *cache, const struct view *view);
void cache_add_index(struct cache *cache, const struct cache_index *index);
void cache_listen(struct cache *cache, cache_changed_fn *changed, void *context);

/* Reads what has changed; with `everything`, a list, and what is not in it is gone. An error leaves what has
 * been read so far: read again. */
int cache_read(struct cache *cache, const struct view *view, struct tree *tree, bool everything,
               struct error **err);
/* The same from one line of an answer; returns 1 after the last one (for tests: cache_read does it). */
int cache_take_line(struct cache *cache, const struct view *view, struct str line, struct error **err);

/* All changes of the kind up to this version are in the cache (0: it has not been read yet). */
int64_t cache_reached(const struct cache *cache, const struct view *view);
/* There is this version in the tree: whatever is read from now on has reached it. */
void cache_note_version(struct cache *cache, int64_t version);

const void *cache_get(const struct cache *cache, const struct view *view, struct key key);
/* All objects of a kind, one after another: the first for NULL, NULL after the last. */
const void *cache_next(const struct cache *cache, const struct view *view, const void *previous);
size_t cache_count(const struct cache *cache, const struct view *view);

/* Those that an index has under a value, in the order in which they came there. */
const void *cache_find(const struct cache *cache, const struct cache_index *index, struct str value,
                       const void *previous);
size_t cache_found(const struct cache *cache, const struct cache_index *index, struct str value);
/* The sums of a bucket; nothing where there is none. */
const struct amounts *cache_totals(const struct cache *cache, const struct cache_index *index,
                                   struct str value);

#endif
