/* The memory that outlives fsd.
 *
 * The supervisor keeps a memfd open, and every fsd maps it. In it lies all that a successor needs and that is
 * not in the store: requests that have not been answered (slots.h), the kernel's nodes (nodes.h), open
 * handles with what has been read or collected through them (handles.h), the callers' last errors, and the
 * arena in which their bytes lie.
 *
 * Everything in it is written so that a kill between any two instructions leaves something usable: a
 * reference is one aligned 64-bit store, made after the bytes it refers to, and whoever counts errs on the
 * side of keeping something too long. What can be derived (hash tables, free lists, children) lives in
 * ordinary memory and is made anew at start.
 */
#ifndef PODTREE_MEMORY_H
#define PODTREE_MEMORY_H

#include "lib/error.h"
#include "lib/str.h"

#define MEMORY_SLOTS      1024
#define MEMORY_SLOT_BYTES (33 * 4096) /* max_write (128 KiB) and a page for the headers */
#define MEMORY_NODES      (8u << 20)
#define MEMORY_HANDLES    (64u << 10)
#define MEMORY_ERRORS     256 /* users whose last errors are kept */
#define MEMORY_INIT_BYTES 512

/* Bytes in the arena: place and size class in one word; 0 is none. */
typedef uint64_t arena_ref;

/* A growing run of bytes in the arena, as it lies in records. */
struct arena_bytes {
    arena_ref ref;
    uint64_t length; /* stored after the bytes */
};

/* rm -r in progress: see removal.h. */
struct removal_record {
    uint32_t process; /* 0: free */
    uint32_t uid;
    int64_t object;
    int64_t deadline_ms; /* wall clock */
};
#define MEMORY_REMOVALS 64

/* A field that a process has taken away: see vacancy.h. */
struct vacancy_record {
    uint32_t process; /* 0: free */
    uint32_t flags;
    uint32_t uid, gid;
    int64_t object;
    int64_t deadline_ms; /* wall clock; 0: none */
    struct arena_bytes path;
};
#define MEMORY_VACANCIES 256

/* A file whose name is no field's: see strays.h. */
struct stray_record {
    uint64_t node;       /* its number; 0: free */
    int64_t deadline_ms; /* wall clock */
    uint32_t uid;
};
#define MEMORY_STRAYS 64

/* The highest numbers that have been given: those of objects that live in memory only are not in the store,
 * and none may be given twice. */
struct given_numbers {
    int64_t version, id, line;
};

/* The name is complete when `node` is not 0. */
struct node_move {
    uint32_t node, parent;
    uint64_t name; /* arena_ref */
    uint32_t name_length;
    uint32_t flags_off; /* what it no longer is */
};

struct memory_header {
    uint64_t magic;     /* written last when the memory is made */
    uint64_t layout;    /* of these structures; another one can't be taken over */
    uint64_t mount;     /* random: which mount this is */
    uint64_t announced; /* changes up to this version have been announced */
    uint64_t told;      /* the kernel's caches are right up to this version */
    struct given_numbers given;
    struct node_move move; /* a node that is getting another name: see nodes.h */
    uint64_t init_length;  /* of the FUSE_INIT request below; 0: not read yet */
    char init[MEMORY_INIT_BYTES];
    struct removal_record removals[MEMORY_REMOVALS];
    struct vacancy_record vacancies[MEMORY_VACANCIES];
    struct stray_record strays[MEMORY_STRAYS];
};

struct slot_record;
struct node_record;
struct handle_record;
struct errors_record;

struct memory {
    struct memory_header *header;
    struct slot_record *slots; /* MEMORY_SLOTS */
    char *slot_bytes;          /* MEMORY_SLOTS × MEMORY_SLOT_BYTES, aligned to pages */
    struct node_record *nodes; /* MEMORY_NODES; 0 is never used, 1 is the root */
    struct handle_record *handles;
    struct errors_record *errors;
    bool fresh; /* just made: there is nothing to take over */
    struct arena *arena;
};

/* Maps the memfd; makes the layout where it is empty. EPROTO when another version made it. */
int memory_attach(int fd, struct memory **memory, struct error **err);
void memory_detach(struct memory *memory);

/* ---- the arena: blocks of 32 bytes to 64 MiB in powers of two ---- */

/* After a takeover: every living reference is marked once, then arena_ready() makes the free lists. Before
 * that nothing may be allocated. */
void arena_mark(struct arena *arena, arena_ref ref);
void arena_ready(struct arena *arena);

/* A block for `size` bytes, or 0 when size is over 64 MiB or the arena is full. Its bytes are not cleared. */
arena_ref arena_new(struct arena *arena, size_t size);
/* The block goes back; 0 is allowed. Whoever referred to it must have stopped before. A large one gives
 * its memory back to the host (returns.h), unless it is had again before. */
void arena_free(struct arena *arena, arena_ref ref);
char *arena_at(const struct arena *arena, arena_ref ref); /* NULL for 0 */
size_t arena_capacity(arena_ref ref);

/* Memory of large free blocks, a piece of one. */
struct arena_piece {
    arena_ref ref; /* 0: there is none to be given back */
    size_t offset, length;
};
/* What is to be given back next. Until arena_returned() nobody else gets its block. */
struct arena_piece arena_next_return(struct arena *arena);
/* Gives back as much of it as takes a millisecond, and says how much in piece->length; in any thread. */
void arena_return(const struct arena *arena, struct arena_piece *piece);
void arena_returned(struct arena *arena, const struct arena_piece *piece);

/* Makes room for `capacity` bytes, keeping what is there. ENOSPC. */
int arena_bytes_reserve(struct arena *arena, struct arena_bytes *bytes, size_t capacity);
/* Writes at `offset`; a gap before it is filled with NULs. ENOSPC. */
int arena_bytes_write(struct arena *arena, struct arena_bytes *bytes, size_t offset, struct str data);
/* Cuts or fills with NULs. */
int arena_bytes_resize(struct arena *arena, struct arena_bytes *bytes, size_t length);
/* Takes `length` bytes off the front. */
void arena_bytes_drop(struct arena *arena, struct arena_bytes *bytes, size_t length);
void arena_bytes_free(struct arena *arena, struct arena_bytes *bytes);
struct str arena_bytes_str(const struct arena *arena, const struct arena_bytes *bytes);

#endif
