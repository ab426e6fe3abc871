#include "lib/map.h"

#include "lib/large.h"

#define FIRST_BUCKETS 16 /* a power of two */

/* By as many bits of the hash as it takes to name them all; by one less where there is no such bucket yet. */
static size_t place_of(const struct map *map, uint64_t hash)
{
    size_t place = hash & (map->half * 2 - 1);
    return place < map->bucket_count ? place : place - map->half;
}

static struct map_node **bucket_of(const struct map *map, uint64_t hash)
{
    return &map->buckets[place_of(map, hash)];
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

static void add_bucket(struct map *map)
{
    large_grow(map->buckets, map->bucket_count, map->bucket_capacity);
    map->buckets[map->bucket_count++] = NULL;
}

/* The new bucket takes over what the one that it halves has for it. */
static void grow(struct map *map)
{
    if (map->bucket_count == map->half * 2)
        map->half *= 2;
    add_bucket(map);
    struct map_node **to = &map->buckets[map->bucket_count - 1], **link = to - map->half;
    for (struct map_node *node; (node = *link) != NULL;) {
        if (bucket_of(map, node->hash) != to) {
            link = &node->next;
            continue;
        }
        *link = node->next;
        node->next = *to;
        *to = node;
    }
}

static void begin(struct map *map)
{
    while (map->bucket_count < FIRST_BUCKETS)
        add_bucket(map);
    map->half = FIRST_BUCKETS;
}

void map_insert(struct map *map, struct map_node *node)
{
    if (map->bucket_count == 0)
        begin(map);
    else if (map->count >= map->bucket_count)
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
    size_t i = previous != NULL ? place_of(map, previous->hash) + 1 : 0;
    while (i < map->bucket_count && map->buckets[i] == NULL)
        i++;
    return i < map->bucket_count ? map->buckets[i] : NULL;
}

void map_free(struct map *map)
{
    large_free(map->buckets, map->bucket_capacity);
    *map = (struct map){0};
}
