/* What the two halves of the store share: store.c (opening, committing) and store_load.c (reading at start).
 */
#ifndef PODTREE_STORE_PRIVATE_H
#define PODTREE_STORE_PRIVATE_H

#include "fsd/store.h"
#include <sqlite3.h>

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    PUT_OBJECT,
    DROP_OBJECT,
    PUT_TOMBSTONE,
    DROP_OLDEST_TOMBSTONES,
    PUT_LINE,
    TRIM_LINES,
    DROP_LINES,
    PUT_OUTCOME,
    PUT_PROMISE,
    DROP_PROMISE,
    DROP_PROMISES,
    PUT_OUTBOX,
    KEEP_DOCUMENT,
    DROP_OUTBOX,
    PUT_MARKS,
    STATEMENT_COUNT
};

struct store {
    sqlite3 *db;
    bool opened; /* to the end: it is ours */
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct store_position position;
    int64_t tombstones;
    int64_t outbox_dropped; /* rows up to this version have been deleted */
    int frames;             /* of the WAL that are in use; -1: not known */
    int64_t warned;         /* when it was last said that the WAL can't be moved */
};

/* What SQLite said, as errno and sentence. */
int store_error(sqlite3 *db, int code, struct error **err);

#endif
