/* Hash maps from strings to structs that carry their own node: no allocation per entry, and a struct may be
 * in several maps. The map doesn't own what is in it.
 *
 *     struct user { struct map_node by_name; … };
 *     user->by_name.key = name;                      (bytes that live as long as the user)
 *     map_insert(&users, &user->by_name);
 *     struct user *found = map_entry(map_find(&users, STR("ann")), struct user, by_name);
 */
#ifndef PODTREE_MAP_H
#define PODTREE_MAP_H

#include "lib/str.h"

struct map_node {
    struct map_node *next;
    uint64_t hash;
    struct str key;
};

/* Zero-initialised is empty. There is a bucket for each node: the table grows by one with each of them, so
 * that nobody pays for the growth of all (linear hashing). */
struct map {
    struct map_node **buckets;
    size_t bucket_count, bucket_capacity;
    size_t half; /* a power of two: more buckets than that, or as many, and at most twice as many */
    size_t count;
};

/* The node with this key, or NULL. */
struct map_node *map_find(const struct map *map, struct str key);
/* Puts in a node whose key is set and not in the map yet. */
void map_insert(struct map *map, struct map_node *node);
/* Takes out a node that is in the map. */
void map_remove(struct map *map, struct map_node *node);
/* All nodes, in no order: the first for NULL, NULL after the last. The map may not be changed meanwhile, but
 * for removing a node after its successor has been asked for. */
struct map_node *map_next(const struct map *map, const struct map_node *previous);
/* Frees the table, not what was in it. */
void map_free(struct map *map);

/* The struct around a node; NULL for NULL. */
#define map_entry(node, type, member)                                                    \
    ({                                                                                   \
        struct map_node *node_ = (node);                                                 \
        node_ != NULL ? (type *)(void *)((char *)node_ - offsetof(type, member)) : NULL; \
    })

#endif
