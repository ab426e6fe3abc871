/* The magic files: a table, a row a file. */
#ifndef PODTREE_SPECIAL_H
#define PODTREE_SPECIAL_H

#include "fsd/part.h"
#include "fsd/place.h"

struct fsd;
struct call;

/* How far a list has been rendered: a name or a number, never a pointer. Zeroed: at the beginning. */
struct list_cursor {
    bool started;
    bool measured;  /* a table: its first pass is over */
    int64_t number; /* a version, or whatever the list counts; a table: the moment of its ages */
    int64_t mark;   /* of names: the node at which the walk stopped; .since, of everything: the version when
                     * it began */
    struct buf name;
    struct buf widths;      /* of a table's columns */
    struct version *wanted; /* a large one (heavy.h): the walk goes on when its document is at hand */
    /* What comes behind the part, and has been passed: a large object, as the worker shows it, without so
     * many bytes at its end. */
    const struct object *item;
    enum part_form item_form;
    size_t item_cut;
};

enum special_class {
    SPECIAL_TEXT,    /* a document of known size, in the page cache: README, manifest.yaml */
    SPECIAL_STREAM,  /* grows at its end: status, events, errors */
    SPECIAL_LIST,    /* rendered as it is read, size 0: .json, .since/… */
    SPECIAL_COMMAND, /* one write is one command: ctl */
    SPECIAL_COLLECT, /* collected until close: apply, .bulk (and manifest.yaml when written) */
    SPECIAL_LOG,     /* a container's log: read elsewhere (logs.h) */
    SPECIAL_LINK     /* a symbolic link */
};

struct special {
    const char *name;
    unsigned where; /* bits 1 << PLACE_…: directories that have it */
    enum special_class class;
    bool listed;
    bool writable;
    /* The whole text (TEXT, STREAM, COMMAND, and COLLECT where it can be read). */
    void (*text)(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out);
    /* Its size and when it changed, where that is known without the text. */
    void (*measure)(struct fsd *fsd, const struct place *place, uint32_t node, size_t *size,
                    int64_t *time_ms);
    /* LIST: adds the next part to out and moves the cursor; false at the end. */
    bool (*more)(struct fsd *fsd, const struct place *place, uint32_t node, struct list_cursor *cursor,
                 struct buf *out);
    /* COMMAND, COLLECT: carries out what was written, within a call. 0: nothing to wait for, CALL_PARKED,
     * CALL_WAITING (.bulk only: there is more to be done), or a negative errno and *err; -EINPROGRESS: the
     * worker has it, and the call is run again. */
    int (*write)(struct call *call, const struct place *place, uint32_t node, struct str bytes,
                 struct error **err);
    /* What it shows is its directory's part of an object. */
    enum part_form form;
};

/* The row of that name in that directory, or NULL. */
const struct special *special_find(const struct place *directory, struct str name);
/* All rows: special_at(0), … until NULL. */
const struct special *special_at(size_t index);
bool special_is_here(const struct special *special, const struct place *directory);
/* .since/<version>[.meta] */
extern const struct special special_since, special_since_meta, special_errors_of_user;

#endif
