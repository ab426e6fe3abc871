/* A batch: the changes that become durable together, and the calls that wait for them. Used by txn only.
 *
 * A batch may be large, so there is nothing that main does for all of it at once: what the store and the
 * history get is made by the committer's thread while the batch is with it (batch_prepare), what readers see
 * is published in slices, and it is freed in slices. While it is with the committer nothing is published, so
 * what that thread looks at stays as it is: the entries, and of their objects all but what is pending. */
#ifndef PODTREE_BATCH_H
#define PODTREE_BATCH_H

#include "fsd/announce.h"
#include "fsd/call.h"
#include "fsd/historian.h"
#include "fsd/secrets.h"

/* Objects are named by number: one that was made and removed without anybody having seen it is freed when its
 * batch ends. */

/* One object's part: only its newest version is written. */
struct batch_entry {
    int64_t object;
    const struct object *before; /* as it is until the batch is published */
    struct version *version;     /* held */
    size_t change;               /* 1 + the index of its last one for the history; 0: none */
    int64_t history_version;     /* what the object's is when it is published */
};

struct batch_line {
    int64_t object; /* ALL_OBJECTS: it belongs to none of them */
    size_t entry;   /* 1 + the index of the object's; 0: it was not in the batch */
    bool stored;    /* unless the object is gone by the end */
    enum stream_kind stream;
    int64_t number;
    char *text;
};

/* A change for the history; several of one object where persons made them. */
struct batch_change {
    size_t entry;            /* index */
    struct version *version; /* held; VERSION_GONE: a removal */
    char *path, *author, *subject;
    int64_t time_ms;
    bool person;
};

struct batch_promise {
    int64_t object;
    char *path;
    uint32_t uid, gid;
    bool redeemed;
};

/* How to take one change back. */
struct batch_undo {
    int64_t object;
    struct version *pending; /* what was pending before; held, may be NULL */
    bool replaced;           /* the entry had an older version, which is `pending` */
    bool added_change;
    size_t change; /* the entry's before */
};

struct batch {
    uint64_t number; /* no two have the same */
    struct batch_entry *entries;
    size_t entry_count, entry_capacity;
    struct batch_line *lines;
    size_t line_count, line_capacity;
    struct batch_change *changes;
    size_t change_count, change_capacity;
    struct batch_promise *promises;
    size_t promise_count, promise_capacity;
    struct batch_undo *undo; /* since batch_mark */
    size_t undo_count, undo_capacity;
    unsigned marked; /* how many marks there are */
    struct call_queue calls;
    struct store_batch stored; /* made by batch_prepare */
    struct store_arrays *arrays;
    struct history_queue history; /* made by batch_prepare */
    struct stream_line *trims;    /* goes with the batch */
    int64_t version;              /* the highest in it */
    /* What batch_prepare has to know. */
    const struct secrets *secrets; /* NULL only where no kind has any */
    uint64_t mount;
    int64_t done; /* the version up to which the history is written */
    struct batch *next;
};

struct batch *batch_new(void);
/* Frees it, but not its calls. batch_free_some is false when the time has come before it was done: then it
 * has to be called again. */
void batch_free(struct batch *batch);
bool batch_free_some(struct batch *batch, int64_t end_us);
static inline bool batch_is_empty(const struct batch *batch)
{
    return batch->entry_count == 0 && batch->line_count == 0 && call_queue_is_empty(&batch->calls);
}

/* What the history shall say of a change; NULL strings: nothing. The strings are taken over. */
struct batch_story {
    char *author, *subject;
    bool person;
};
/* The object's newest version (held here too). `was_pending` is what was pending before (taken over). A
 * component's change of an object that is in the batch already joins the one that is there. */
void batch_add(struct batch *batch, struct object *object, struct version *version,
               struct version *was_pending, struct batch_story story);
/* `object`: NULL for all. The text is taken over. */
void batch_add_line(struct batch *batch, const struct object *object, enum stream_kind stream, int64_t number,
                    char *text);
/* The removal of a field has been promised, or the promise kept (store.h). The path is taken over. */
void batch_add_promise(struct batch *batch, struct batch_promise promise);

/* batch_undo takes back everything that has been added since the mark, batch_keep lets it stand; one of them
 * ends each mark. Marks nest. False when the time (clock_us()) has come before it was done: then it has to be
 * called again, and nothing may be added before that. */
struct txn_mark {
    size_t undo_count, line_count, promise_count;
};
struct txn_mark batch_mark(struct batch *batch);
bool batch_undo(struct batch *batch, struct objects *objects, struct txn_mark mark, int64_t end_us);
bool batch_keep(struct batch *batch, struct txn_mark mark, int64_t end_us);

/* In the committer's thread, once: fills batch->stored and batch->history, and puts the entries in the order
 * of their versions, for them to become visible one after the other. False: there is nothing to store. */
bool batch_prepare(struct batch *batch);
/* The entry's version is durable: readers see it from now on. The object, or NULL when nobody has ever seen
 * it and it is gone. */
struct object *batch_publish_entry(struct objects *objects, const struct batch_entry *entry);

/* An entry read back from the store at start. */
struct history_entry *history_entry_of_row(const struct outbox_row *row);

#endif
