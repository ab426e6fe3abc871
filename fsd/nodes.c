#include "fsd/nodes.h"
#include "lib/fault.h"

#include "lib/large.h"
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

/* What is derived for each node; lies in ordinary memory. Links are node indexes, 0 ends. */
struct side {
    uint32_t first_child;
    uint32_t next_sibling, previous_sibling;
    uint32_t next_in_bucket;
    uint32_t below; /* nodes that have it as parent, with or without a name: their paths lead over it */
    uint32_t lent;  /* how often its content is */
    bool has_place;
    struct place place;
};

#define SCRATCH_SLICE 8192 /* nodes looked at in one go */
#define FIRST_BUCKETS 1024u

/* No request may pay for the growth of everything: sides and buckets have addresses for all nodes that there
 * can be, and memory is taken as they are touched. The table of names grows by one bucket with each node
 * (linear hashing): the names of one bucket are divided between it and the new one. */
struct nodes {
    struct memory *memory;
    struct side *sides; /* MEMORY_NODES */
    uint32_t *free;
    size_t free_count, free_capacity;
    uint32_t used_end;     /* one above the highest index ever used */
    uint32_t *buckets;     /* MEMORY_NODES */
    uint32_t bucket_count; /* in use: as many as nodes, at least FIRST_BUCKETS */
    uint32_t count;
    uint32_t scratch_next; /* where the search for old scratch files goes on */
};

struct node_record *node_record(const struct nodes *nodes, uint32_t node)
{
    return &nodes->memory->nodes[node];
}

struct str node_name(const struct nodes *nodes, uint32_t node)
{
    const struct node_record *record = node_record(nodes, node);
    return (struct str){arena_at(nodes->memory->arena, record->name), record->name_length};
}

static void *addresses(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        abort();
    (void)madvise(at, size, MADV_DONTDUMP);
    (void)madvise(at, size, MADV_NOHUGEPAGE); /* one takes milliseconds to be cleared */
    return at;
}

/* By as many bits as number the buckets; those that aren't there yet are still in the one from which they
 * will be divided. */
static uint32_t bucket_of(const struct nodes *nodes, uint32_t parent, struct str name)
{
    uint32_t hash = (uint32_t)(str_hash(name) ^ parent * 0x9e3779b97f4a7c15u);
    uint32_t bits = UINT32_MAX >> __builtin_clz(nodes->bucket_count - 1);
    uint32_t bucket = hash & bits;
    return bucket < nodes->bucket_count ? bucket : hash & (bits >> 1);
}

static void bucket_insert(struct nodes *nodes, uint32_t node)
{
    uint32_t *head =
        &nodes->buckets[bucket_of(nodes, node_record(nodes, node)->parent, node_name(nodes, node))];
    nodes->sides[node].next_in_bucket = *head;
    *head = node;
}

static void add_bucket(struct nodes *nodes)
{
    uint32_t added = nodes->bucket_count++;
    uint32_t divided = added & (UINT32_MAX >> __builtin_clz(added) >> 1); /* without its highest bit */
    uint32_t node = nodes->buckets[divided];
    nodes->buckets[divided] = 0;
    for (uint32_t next; node != 0; node = next) {
        next = nodes->sides[node].next_in_bucket;
        bucket_insert(nodes, node);
    }
}

/* Makes the node findable, and a child of its parent. */
static void link_node(struct nodes *nodes, uint32_t node)
{
    bucket_insert(nodes, node);
    struct side *side = &nodes->sides[node];
    struct side *parent = &nodes->sides[node_record(nodes, node)->parent];
    side->previous_sibling = 0;
    side->next_sibling = parent->first_child;
    if (parent->first_child != 0)
        nodes->sides[parent->first_child].previous_sibling = node;
    parent->first_child = node;
}

static void unlink_node(struct nodes *nodes, uint32_t node)
{
    struct node_record *record = node_record(nodes, node);
    uint32_t *link = &nodes->buckets[bucket_of(nodes, record->parent, node_name(nodes, node))];
    while (*link != node)
        link = &nodes->sides[*link].next_in_bucket;
    *link = nodes->sides[node].next_in_bucket;
    struct side *side = &nodes->sides[node];
    if (side->next_sibling != 0)
        nodes->sides[side->next_sibling].previous_sibling = side->previous_sibling;
    if (side->previous_sibling != 0)
        nodes->sides[side->previous_sibling].next_sibling = side->next_sibling;
    else
        nodes->sides[record->parent].first_child = side->next_sibling;
    side->next_sibling = side->previous_sibling = side->next_in_bucket = 0;
}

/* A move that has been noted is carried out, by a successor if need be. */
static void end_move(struct memory *memory)
{
    struct node_move *move = &memory->header->move;
    if (move->node == 0)
        return;
    struct node_record *record = &memory->nodes[move->node];
    atomic_signal_fence(memory_order_seq_cst);
    record->name = move->name;
    fault_point("moving");
    record->name_length = move->name_length;
    record->parent = move->parent;
    record->flags &= ~(move->flags_off | NODE_DETACHED);
    atomic_signal_fence(memory_order_seq_cst);
    move->node = 0;
}

struct nodes *nodes_new(struct memory *memory)
{
    end_move(memory);
    struct nodes *nodes = memory_zeroed(1, sizeof(*nodes));
    nodes->memory = memory;
    nodes->sides = addresses(MEMORY_NODES * sizeof(*nodes->sides));
    nodes->buckets = addresses(MEMORY_NODES * sizeof(*nodes->buckets));
    struct node_record *root = node_record(nodes, NODE_ROOT);
    root->flags = NODE_USED;
    root->lookups = 1;

    /* The records are used from the bottom; a generation that is 0 has never been used, and nothing above it
     * has. */
    nodes->used_end = NODE_ROOT + 1;
    while (nodes->used_end < MEMORY_NODES && node_record(nodes, nodes->used_end)->generation != 0) {
        uint32_t node = nodes->used_end++;
        struct node_record *record = node_record(nodes, node);
        if ((record->flags & NODE_USED) == 0) {
            large_grow(nodes->free, nodes->free_count, nodes->free_capacity);
            nodes->free[nodes->free_count++] = node;
            continue;
        }
        nodes->count++;
        record->handles = record->writers = 0;
        arena_mark(memory->arena, record->name);
        arena_mark(memory->arena, record->content.ref);
    }
    nodes->bucket_count = nodes->count > FIRST_BUCKETS ? nodes->count : FIRST_BUCKETS;
    for (uint32_t node = NODE_ROOT + 1; node < nodes->used_end; node++) {
        const struct node_record *record = node_record(nodes, node);
        if ((record->flags & NODE_USED) != 0)
            nodes->sides[record->parent].below++;
        if ((record->flags & (NODE_USED | NODE_DETACHED)) == NODE_USED)
            link_node(nodes, node);
    }
    return nodes;
}

void nodes_free(struct nodes *nodes)
{
    if (nodes == NULL)
        return;
    munmap(nodes->sides, MEMORY_NODES * sizeof(*nodes->sides));
    munmap(nodes->buckets, MEMORY_NODES * sizeof(*nodes->buckets));
    large_free(nodes->free, nodes->free_capacity);
    free(nodes);
}

uint64_t node_number(const struct nodes *nodes, uint32_t node)
{
    return (uint64_t)node_record(nodes, node)->generation << 32 | node;
}

uint32_t node_of_number(const struct nodes *nodes, uint64_t number)
{
    uint32_t node = (uint32_t)number;
    if (node == 0 || node >= nodes->used_end)
        return 0;
    const struct node_record *record = node_record(nodes, node);
    return (record->flags & NODE_USED) != 0 && record->generation == number >> 32 ? node : 0;
}

uint32_t node_find(const struct nodes *nodes, uint32_t parent, struct str name)
{
    uint32_t node = nodes->buckets[bucket_of(nodes, parent, name)];
    while (node != 0 &&
           (node_record(nodes, node)->parent != parent || !str_equal(node_name(nodes, node), name)))
        node = nodes->sides[node].next_in_bucket;
    return node;
}

uint32_t node_make(struct nodes *nodes, uint32_t parent, struct str name)
{
    uint32_t node;
    if (nodes->count >= nodes->bucket_count)
        add_bucket(nodes);
    if (nodes->free_count > 0)
        node = nodes->free[nodes->free_count - 1];
    else if (nodes->used_end < MEMORY_NODES)
        node = nodes->used_end;
    else
        return 0;
    arena_ref text = arena_new(nodes->memory->arena, name.length);
    if (text == 0)
        return 0;
    memcpy(arena_at(nodes->memory->arena, text), name.at, name.length);
    if (node == nodes->used_end)
        nodes->used_end++;
    else
        nodes->free_count--;
    nodes->sides[node] = (struct side){0};
    struct node_record *record = node_record(nodes, node);
    /* The generation is never 0 again, and never an older one: what comes behind it is cleared. */
    record->generation++;
    memset(&record->flags, 0, sizeof(*record) - offsetof(struct node_record, flags));
    record->name = text;
    record->name_length = (uint32_t)name.length;
    record->parent = parent;
    atomic_signal_fence(memory_order_seq_cst);
    record->flags = NODE_USED;
    nodes->count++;
    nodes->sides[parent].below++;
    link_node(nodes, node);
    return node;
}

uint32_t node_first(const struct nodes *nodes, uint32_t parent)
{
    return nodes->sides[parent].first_child;
}

uint32_t node_next(const struct nodes *nodes, uint32_t node)
{
    return nodes->sides[node].next_sibling;
}

void node_opened(struct nodes *nodes, uint32_t node, bool writes)
{
    node_record(nodes, node)->handles++;
    node_record(nodes, node)->writers += writes;
}

void node_closed(struct nodes *nodes, uint32_t node, bool writes)
{
    node_record(nodes, node)->handles--;
    node_record(nodes, node)->writers -= writes;
}

void node_grant(struct nodes *nodes, uint32_t node)
{
    struct node_record *record = node_record(nodes, node);
    record->lookups++;
    record->flags &= ~(uint32_t)NODE_ECHO;
}

void node_forget(struct nodes *nodes, uint32_t node, uint64_t count)
{
    struct node_record *record = node_record(nodes, node);
    if (node == NODE_ROOT)
        return;
    record->lookups = record->lookups > count ? record->lookups - count : 0;
    node_release_if_idle(nodes, node);
}

void node_release_if_idle(struct nodes *nodes, uint32_t node)
{
    while (node > NODE_ROOT) {
        struct node_record *record = node_record(nodes, node);
        bool named = (record->flags & NODE_DETACHED) == 0;
        bool kept_scratch = (record->flags & NODE_SCRATCH) != 0 && named;
        if (record->lookups != 0 || record->handles != 0 || nodes->sides[node].below != 0 ||
            nodes->sides[node].lent != 0 || kept_scratch)
            return;
        uint32_t parent = record->parent;
        if (named)
            unlink_node(nodes, node);
        record->flags = 0;
        atomic_signal_fence(memory_order_seq_cst);
        arena_free(nodes->memory->arena, record->name);
        arena_bytes_free(nodes->memory->arena, &record->content);
        record->name = 0;
        nodes->count--;
        large_grow(nodes->free, nodes->free_count, nodes->free_capacity);
        nodes->free[nodes->free_count++] = node;
        /* A parent that waited only for its children goes with them. */
        nodes->sides[parent].below--;
        node = parent;
    }
}

void node_lend(struct nodes *nodes, uint32_t node)
{
    nodes->sides[node].lent++;
}

void node_give_back(struct nodes *nodes, uint32_t node)
{
    nodes->sides[node].lent--;
    node_release_if_idle(nodes, node);
}

bool node_is_lent(const struct nodes *nodes, uint32_t node)
{
    return nodes->sides[node].lent != 0;
}

void node_detach(struct nodes *nodes, uint32_t node)
{
    struct node_record *record = node_record(nodes, node);
    if (node == NODE_ROOT || (record->flags & NODE_DETACHED) != 0)
        return;
    unlink_node(nodes, node);
    record->flags |= NODE_DETACHED;
    fault_point("detached");
    node_release_if_idle(nodes, node);
}

int node_rename(struct nodes *nodes, uint32_t node, uint32_t parent, struct str name, uint32_t flags_off)
{
    arena_ref text = arena_new(nodes->memory->arena, name.length);
    if (text == 0)
        return -ENOSPC;
    memcpy(arena_at(nodes->memory->arena, text), name.at, name.length);
    uint32_t there = node_find(nodes, parent, name);
    if (there != 0 && there != node)
        node_detach(nodes, there);
    struct node_record *record = node_record(nodes, node);
    if ((record->flags & NODE_DETACHED) == 0)
        unlink_node(nodes, node);
    arena_ref old = record->name;
    uint32_t old_parent = record->parent;
    struct node_move *move = &nodes->memory->header->move;
    move->parent = parent;
    move->name = text;
    move->name_length = (uint32_t)name.length;
    move->flags_off = flags_off;
    atomic_signal_fence(memory_order_seq_cst);
    move->node = node;
    end_move(nodes->memory);
    arena_free(nodes->memory->arena, old);
    nodes->sides[old_parent].below--;
    nodes->sides[parent].below++;
    link_node(nodes, node);
    nodes->sides[node].has_place = false;
    node_release_if_idle(nodes, old_parent);
    return 0;
}

const struct place *node_place_cached(const struct nodes *nodes, uint32_t node)
{
    return nodes->sides[node].has_place ? &nodes->sides[node].place : NULL;
}

void node_set_place(struct nodes *nodes, uint32_t node, const struct place *place)
{
    nodes->sides[node].place = *place;
    nodes->sides[node].has_place = true;
}

void node_drop_place(struct nodes *nodes, uint32_t node)
{
    nodes->sides[node].has_place = false;
}

void nodes_drop_scratch(struct nodes *nodes, int64_t before_ms, void (*dropped)(void *context, uint32_t node),
                        void *context)
{
    for (int i = 0; i < SCRATCH_SLICE && i < (int)nodes->used_end; i++) {
        uint32_t node = nodes->scratch_next < nodes->used_end ? nodes->scratch_next : NODE_ROOT + 1;
        nodes->scratch_next = node + 1;
        const struct node_record *record = node_record(nodes, node);
        bool named_scratch =
            (record->flags & (NODE_USED | NODE_SCRATCH | NODE_DETACHED)) == (NODE_USED | NODE_SCRATCH);
        if (named_scratch && record->handles == 0 && record->time_ms < before_ms) {
            dropped(context, node);
            node_detach(nodes, node);
        }
    }
}

void nodes_sweep(struct nodes *nodes)
{
    for (uint32_t node = NODE_ROOT + 1; node < nodes->used_end; node++) {
        const struct node_record *record = node_record(nodes, node);
        if ((record->flags & NODE_USED) == 0)
            continue;
        if ((record->flags & NODE_FORMING) != 0 && record->handles == 0)
            node_detach(nodes, node);
        else
            node_release_if_idle(nodes, node);
    }
}
