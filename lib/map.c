#include "lib/map.h"

static struct map_node **bucket_of(const struct map *map, uint64_t hash)
{
    return &map->buckets[hash & (map->bucket_count - 1)];
}

struct map_node *map_find(const struct map *map, struct str key)
{
    if (map->count == 0)
        return NULL;
    uint64_t hash = str_hash(key);
    struct map_node *node = *bucket_of(map, hash);
    while (node != NULL && (node->hash != hash || !str_equal(node->key, key)))
        node = node->next;
    return node;
}

/* On average one node a bucket at most; the doubling costs each node one move on average. */
static void grow(struct map *map)
{
    struct map larger = {.bucket_count = map->bucket_count != 0 ? map->bucket_count * 2 : 16};
    larger.buckets = memory_zeroed(larger.bucket_count, sizeof(*larger.buckets));
    for (size_t i = 0; i < map->bucket_count; i++) {
        struct map_node *next;
        for (struct map_node *node = map->buckets[i]; node != NULL; node = next) {
            next = node->next;
            struct map_node **bucket = bucket_of(&larger, node->hash);
            node->next = *bucket;
            *bucket = node;
        }
    }
    free(map->buckets);
    map->buckets = larger.buckets;
    map->bucket_count = larger.bucket_count;
}

void map_insert(struct map *map, struct map_node *node)
{
    if (map->count >= map->bucket_count)
        grow(map);
    node->hash = str_hash(node->key);
    struct map_node **bucket = bucket_of(map, node->hash);
    node->next = *bucket;
    *bucket = node;
    map->count++;
}

void map_remove(struct map *map, struct map_node *node)
{
    struct map_node **link = bucket_of(map, node->hash);
    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    map->count--;
}

struct map_node *map_next(const struct map *map, const struct map_node *previous)
{
    if (previous != NULL && previous->next != NULL)
        return previous->next;
    size_t i = previous != NULL ? (previous->hash & (map->bucket_count - 1)) + 1 : 0;
    while (i < map->bucket_count && map->buckets[i] == NULL)
        i++;
    return i < map->bucket_count ? map->buckets[i] : NULL;
}

void map_free(struct map *map)
{
    free(map->buckets);
    *map = (struct map){0};
}
