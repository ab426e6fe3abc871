/* The durable current state: one SQLite file. One thread uses a store at a time: fsd's start, then the
 * committer.
 *
 * A batch is one transaction. What a batch costs is decided here (mechanisms: an fdatasync and little more):
 * the document is written once, WAL with synchronous=FULL, exclusive locking, checkpoints when nothing waits.
 */
#ifndef PODTREE_STORE_H
#define PODTREE_STORE_H

#include "lib/error.h"
#include "lib/str.h"

struct store;

/* An object as it is kept. `id` is the object's number for life (never used again), `resource` "pods" or
 * "deployments.apps" (plural and, unless it is the core group, group). */
struct record {
    int64_t id;
    int64_t version; /* resourceVersion of this state */
    struct str resource, namespace, name, uid;
    struct str document; /* JSON */
    bool draft;
};

/* What is left of a deleted object, for .since. No two have the same version; the last 100000 are kept. */
struct tombstone {
    int64_t id;
    int64_t version; /* of the deletion */
    struct str resource, namespace, name, uid;
    struct str document; /* JSON with the metadata only; STR_NONE: nothing is to be left of it */
};

enum stream_kind { STREAM_STATUS, STREAM_EVENTS };

/* A line of an object's status or events, or of the events of all of them, which outlive the objects. Numbers
 * rise over the whole store. */
#define ALL_OBJECTS 0
struct stream_line {
    int64_t number;
    int64_t object; /* id, or ALL_OBJECTS */
    enum stream_kind stream;
    struct str text; /* without newline */
};

/* How a request ended, so that a repetition of it can be answered without doing it again. One row per slot,
 * each overwriting the last. */
struct outcome {
    uint32_t slot;
    uint64_t mount;  /* which mount: numbers of requests begin again with each */
    uint64_t unique; /* the kernel's number of the request */
    int32_t result;  /* 0 or more, or a negative errno */
};

/* A change on its way to the history. No two have the same version. The document is the record's current one
 * unless `document` is given: see keep. */
struct outbox_row {
    int64_t version;
    int64_t id;
    int64_t time_ms;   /* wall clock */
    struct str path;   /* of the file in the repository, without .yaml: namespaces/default/deployments/web */
    struct str author; /* "alice", "uid 1234", "scheduler" */
    struct str subject;
    struct str document; /* set when read back at start; in a batch: only with keep */
    bool person;         /* one commit for itself, if it can be */
    bool deleted;
};

/* An outbox row whose document is about to be overwritten by a newer version: the old text moves into the
 * row. */
struct outbox_keep {
    int64_t version;
    struct str document;
};

/* The removal of a field that has been acknowledged and is carried out a little later (vacancy.h). */
struct promise {
    int64_t object; /* id */
    struct str path;
    uint32_t uid, gid; /* whose it is */
    bool redeemed;     /* in a batch: it has been kept, or there is nothing left to keep */
};

struct store_batch {
    struct record *records; /* inserted or replaced, by id */
    size_t record_count;
    struct tombstone *tombstones; /* objects that go; their records and lines are deleted */
    size_t tombstone_count;
    struct stream_line *lines;
    size_t line_count;
    struct stream_line *line_trims; /* per (object, stream): delete lines below `number` */
    size_t line_trim_count;
    struct outcome *outcomes;
    size_t outcome_count;
    struct outbox_row *outbox;
    size_t outbox_count;
    struct outbox_keep *keeps;
    size_t keep_count;
    struct promise *promises; /* made, or redeemed */
    size_t promise_count;
    int64_t outbox_done; /* rows up to this version are in the history, and go at some time; 0: nothing */
};

/* Opens or makes DIRECTORY/state.db (0600). EBUSY while another process has it open. */
int store_open(const char *directory, struct store **store, struct error **err);
void store_close(struct store *store);

/* What is handed over at start, each row once; the strings live during the call. */
struct store_reader {
    const char *first; /* records of this resource come before everything else; "": none do */
    void (*record)(void *context, const struct record *record); /* in the order of versions */
    void (*tombstone)(void *context, const struct tombstone *tombstone);
    void (*line)(void *context, const struct stream_line *line); /* in the order of numbers */
    void (*outbox)(void *context,
                   const struct outbox_row *row); /* in the order of versions, with documents */
    void (*outcome)(void *context, const struct outcome *outcome);
    void (*promise)(void *context, const struct promise *promise);
};
struct store_position {
    int64_t version; /* the newest resourceVersion ever given */
    int64_t id;      /* the largest object number ever given */
    int64_t line;    /* the largest line number ever given */
};
/* For the largest of many. */
static inline void store_raise(int64_t *mark, int64_t number)
{
    if (number > *mark)
        *mark = number;
}

int store_load(struct store *store, const struct store_reader *reader, void *context,
               struct store_position *position, struct error **err);

/* All of the batch, durably, or nothing. The errno is the disk's (ENOSPC, EROFS, EIO). After a failure the
 * store goes on: the next commit works when the disk does. store_load must have been called before. */
int store_commit(struct store *store, const struct store_batch *batch, struct error **err);

/* Called when the end of a commit has been told, so that nobody waits for it: moves the WAL into the database
 * if it has become large, or, with `idle` (nothing else is waiting either), if that is worth it. */
void store_settle(struct store *store, bool idle);

#endif
