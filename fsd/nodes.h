/* Nodes: the files and directories that the kernel knows.
 *
 * A node is a name below a parent. What it means (an object, a field, a magic file) is its place (place.h),
 * which is derived from the names and kept beside the node; only the object that a directory stands for is
 * recorded, so that a directory whose object is gone never becomes its namesake.
 *
 * A node lives while the kernel holds references to it. Its 64-bit number is never given twice, because the
 * kernel remembers that a removed directory is dead: whatever takes its name must be another node.
 */
#ifndef PODTREE_NODES_H
#define PODTREE_NODES_H

#include "fsd/memory.h"
#include "fsd/place.h"
#include <sys/types.h>

#define NODE_ROOT 1u

enum {
    NODE_USED = 1,
    NODE_DETACHED = 2, /* has no name any more; lookups don't find it */
    NODE_SCRATCH = 4,  /* an editor's file, in memory only */
    NODE_FORMING = 8,  /* created, but nothing written: the field behind it is not set */
    NODE_MOVING = 32,  /* it is being renamed: its old name goes, and it stays */
    NODE_TAINTED = 16, /* the page cache may hold an older version: drop it at the next open */
    NODE_CACHED = 64,  /* the kernel may have attributes or contents of it in its caches */
    NODE_TOLD = 128,   /* of a scratch file: its user has been told that it is no field (strays.h) */
    NODE_ECHO =
        256 /* the kernel has it of the notifier alone: nobody has looked at it, so nobody watches it */
};

struct node_record {
    uint32_t generation; /* the upper half of the number */
    uint32_t flags;
    uint64_t lookups; /* the kernel's references */
    int64_t object;   /* for an object's directory: its id, else 0 */
    arena_ref name;
    uint32_t name_length;
    uint32_t parent;
    struct arena_bytes content; /* of a scratch file */
    int64_t time_ms;            /* wall clock: when a scratch file or a field changed, as far as known */
    uint32_t mode;              /* of a scratch file: permission bits */
    uid_t creator;              /* who has created it; of a field or document, if that was lately */
    uint32_t handles, writers;  /* not trusted across a takeover: counted anew */
};

struct nodes;

struct nodes *nodes_new(struct memory *memory);
void nodes_free(struct nodes *nodes);

/* The kernel's number of a node, and back: 0 when there is no such node (it is forgotten, or never was). */
uint64_t node_number(const struct nodes *nodes, uint32_t node);
uint32_t node_of_number(const struct nodes *nodes, uint64_t number);

/* In the shared memory; it stays where it is for as long as the node is there. */
struct node_record *node_record(const struct nodes *nodes, uint32_t node);
/* The last one, where it has been taken away (node_detach). */
struct str node_name(const struct nodes *nodes, uint32_t node);
/* The child of that name, 0 if the kernel knows none. */
uint32_t node_find(const struct nodes *nodes, uint32_t parent, struct str name);
/* Makes a child, without any reference yet; 0 when memory is full. */
uint32_t node_make(struct nodes *nodes, uint32_t parent, struct str name);
/* Children that have a name, in no order: for (n = node_first(p); n; n = node_next(n)). */
uint32_t node_first(const struct nodes *nodes, uint32_t parent);
uint32_t node_next(const struct nodes *nodes, uint32_t node);

/* The kernel gets a reference with every answer that names a node … */
void node_grant(struct nodes *nodes, uint32_t node);
/* … and gives back `count`. */
void node_forget(struct nodes *nodes, uint32_t node, uint64_t count);
/* A handle on it, counted for as long as it is open. */
void node_opened(struct nodes *nodes, uint32_t node, bool writes);
void node_closed(struct nodes *nodes, uint32_t node, bool writes);
/* Frees the node if nothing holds it: no references, no handles, no children, no scratch content under a
 * name. */
void node_release_if_idle(struct nodes *nodes, uint32_t node);

/* Its content is lent to the worker (heavy.h), which reads it: until it has been given back, as often as it
 * was lent, nobody may change the content, and the node stays. */
void node_lend(struct nodes *nodes, uint32_t node);
void node_give_back(struct nodes *nodes, uint32_t node);
bool node_is_lent(const struct nodes *nodes, uint32_t node);

/* Takes the name away; nodes below stay where they are, out of reach, and keep this one for their paths. */
void node_detach(struct nodes *nodes, uint32_t node);
/* Another name, perhaps below another parent; a node that has it is detached. With it, all at once, the node
 * loses `flags_off` (NODE_SCRATCH where the name is a field's). 0 or -ENOSPC. */
int node_rename(struct nodes *nodes, uint32_t node, uint32_t parent, struct str name, uint32_t flags_off);

/* The place kept beside the node; NULL when it has not been set (after a takeover, or since
 * node_drop_place). node_set_place copies it. */
const struct place *node_place_cached(const struct nodes *nodes, uint32_t node);
void node_set_place(struct nodes *nodes, uint32_t node, const struct place *place);
void node_drop_place(struct nodes *nodes, uint32_t node);

/* After a takeover, when what a predecessor owed has been done: frees what it made and nobody ever got, and
 * what was created, never written and closed while nobody was there. */
void nodes_sweep(struct nodes *nodes);

/* Scratch files that have not changed since `before_ms` lose their names. Looks at some thousand nodes, and
 * at the next ones the next time. */
void nodes_drop_scratch(struct nodes *nodes, int64_t before_ms, void (*dropped)(void *context, uint32_t node),
                        void *context);

#endif
