/* Handles: files and directories that somebody has open, with what has been collected from a writer or
 * rendered for a reader. They lie in the shared memory: a half-written manifest, and a reader in the middle
 * of a list, live on when fsd is killed. */
#ifndef PODTREE_HANDLES_H
#define PODTREE_HANDLES_H

#include "fsd/memory.h"
#include <sys/types.h>

enum {
    HANDLE_READ = 1,
    HANDLE_WRITE = 2,
    HANDLE_APPEND = 4,
    HANDLE_FILLED = 8,   /* bytes hold the file's content: snapshot, or collected so far */
    HANDLE_DIRTY = 16,   /* collected bytes that have not been carried out */
    HANDLE_CHECKED = 32, /* they have been found good, and wait for the opener's close */
    HANDLE_EMPTIED =
        64, /* opened with O_TRUNC, or created: an empty content is meant if nothing is written */
    HANDLE_RESULTS = 128, /* .bulk: reading gives the results */
    HANDLE_DIRECTORY = 256,
    HANDLE_REFUSED = 512, /* the refusal of the last flush has been said: a repetition is not said again */
    HANDLE_TRIED = 1024,  /* what has been collected was handed on; it must not happen again by itself */
    HANDLE_SPOILED =
        2048,           /* a write was refused: what has been collected is not whole, and never carried out */
    HANDLE_HELD = 4096, /* this fsd holds the version that it shows: snapshot.h */
    HANDLE_LOG = 8192,  /* of a container's log: the current window says where its bytes are (logs.c) */
    HANDLE_TRYING = 16384 /* a request of this fsd is carrying out what has been collected */
};

/* How far a list that is rendered as it is read has been rendered, and what of it lies ready; or how far a
 * directory has been read. There are two, of which one is current: the next state is made in the other one,
 * and takes its place by one store. */
struct list_window {
    uint64_t base; /* the file offset at which bytes begin; of a directory: where its names end */
    int64_t number, mark;
    uint32_t started, measured, ended;
    struct arena_bytes bytes;
    struct arena_bytes item; /* behind bytes: of a list, a large object that comes next */
    struct arena_bytes name, widths;
};

struct handle_record {
    uint32_t used;
    uint32_t generation;
    uint32_t node;
    uint32_t flags;
    uint32_t opener; /* the process (tgid); of a directory the thread */
    uid_t uid;
    gid_t gid;
    uint32_t refused;      /* errno of the last refusal */
    uint64_t refused_hash; /* of the value that was refused */
    uint32_t window;       /* the current one */
    uint32_t lent;         /* how often the worker reads bytes: they stay as they are until it is 0 */
    uint64_t reading;      /* of a list: where the latest READ begins; what lies before is not kept */
    int64_t object;        /* whose text it shows to a reader; 0: none's */
    int64_t version;       /* of the object that bytes show */
    struct arena_bytes bytes;
    struct arena_bytes results;
    struct arena_bytes names; /* of a directory: see listing.h */
    struct list_window windows[2];
};

struct handles;

struct handles *handles_new(struct memory *memory);
void handles_free(struct handles *handles);

/* A new handle on the node: its index, or 0 when there are too many (ENFILE). Its number is noted before it
 * is open, so that whoever finds the note finds the handle. */
uint32_t handle_open(struct handles *handles, uint32_t node, uint64_t *note);
/* With all that was collected or rendered in it. */
void handle_close(struct handles *handles, uint32_t handle);
/* The number given to the kernel, and back: NULL when it is not open (any more). */
uint64_t handle_number(const struct handles *handles, uint32_t handle);
struct handle_record *handle_of_number(const struct handles *handles, uint64_t number, uint32_t *index);
/* Of an open one; in the shared memory. */
struct handle_record *handle_record(const struct handles *handles, uint32_t handle);
/* The handle shows a text of the object, until it is closed … */
void handle_shows(struct handles *handles, uint32_t handle, int64_t object);
/* … and is one of these: for (h = handles_showing(hs, id, 0); h; h = handles_showing(hs, id, h)). */
uint32_t handles_showing(const struct handles *handles, int64_t object, uint32_t after);
/* Goes over all open handles: for (h = handles_next(hs, 0); h; h = handles_next(hs, h)). */
uint32_t handles_next(const struct handles *handles, uint32_t after);

#endif
