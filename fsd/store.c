/* The store on SQLite.
 *
 * What a commit costs is the number of pages that it touches (each is written to the WAL once, 4 KiB and a
 * header) and one fdatasync. So:
 *
 * - Each table is one b-tree, without further indexes. Objects are found by their number, which main knows;
 *   lines lie beside the other lines of their object; outbox and tombstones are appended at one end and
 *   deleted at the other. A change of one object touches four pages: its own, one with its lines, one of the
 *   outbox, one of the outcomes. What an index would be good for (records in the order of versions) is needed
 *   once, at start, and sorted then.
 * - The largest numbers ever given are seen from the rows that carry them. They are written down (table
 * marks) only in transactions that delete rows.
 * - fdatasync is fast when it has only data to write. The WAL is therefore filled with zeros once, and then
 *   used over and over: after a checkpoint SQLite begins again at its start. Closing leaves it in place.
 * - Checkpoints happen between commits, when nobody waits (store_settle).
 *
 * A commit that failed must not come back. When the write to the WAL fails, its last frame, which would make
 * it valid, is not there. When only fdatasync fails, it is: a process that died before its next commit would
 * find the refused batch. So its first frame is overwritten at once.
 */
#include "fsd/store_private.h"

#include "fsd/gather.h"
#include "lib/log.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define PAGE_BYTES        4096
#define WAL_HEADER        32
#define FRAME_HEADER      24
#define FRAME_BYTES       (FRAME_HEADER + PAGE_BYTES)
#define WAL_BYTES         (8 << 20) /* made at the beginning */
#define FRAMES_FULL       ((16 << 20) / FRAME_BYTES)
#define FRAMES_WORTHWHILE ((1 << 20) / FRAME_BYTES)
#define OUTBOX_STEP       256 /* versions: rows that are done go many at a time */
#define TOMBSTONES_KEPT   100000

/* The script at index i leads from schema version i to i + 1. They are never changed, only added to. */
static const char *const migrations[] = {
    "CREATE TABLE object (id INTEGER PRIMARY KEY, version INTEGER, resource TEXT, namespace TEXT, name TEXT,"
    "                     uid TEXT, draft INTEGER, document TEXT);"
    "CREATE TABLE tombstone (version INTEGER PRIMARY KEY, id INTEGER, resource TEXT, namespace TEXT, name "
    "TEXT,"
    "                        uid TEXT, document TEXT);"
    "CREATE TABLE line (object INTEGER, stream INTEGER, number INTEGER, text TEXT,"
    "                   PRIMARY KEY (object, stream, number)) WITHOUT ROWID;"
    "CREATE TABLE outcome (slot INTEGER PRIMARY KEY, mount INTEGER, number INTEGER, result INTEGER, payload "
    "BLOB);"
    "CREATE TABLE outbox (version INTEGER PRIMARY KEY, id INTEGER, time_ms INTEGER, path TEXT, author TEXT,"
    "                     subject TEXT, document TEXT, person INTEGER, deleted INTEGER);"
    "CREATE TABLE marks (only INTEGER PRIMARY KEY, version INTEGER, id INTEGER, line INTEGER);"
    "INSERT INTO marks VALUES (1, 0, 0, 0);",

    "CREATE TABLE promise (object INTEGER, path TEXT, uid INTEGER, gid INTEGER, PRIMARY KEY (object, path))"
    "    WITHOUT ROWID;",

    "ALTER TABLE outcome DROP COLUMN payload;",
};
#define SCHEMA_VERSION ((int)COUNT(migrations))

static const char *const statement_texts[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [PUT_OBJECT] = "REPLACE INTO object VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [DROP_OBJECT] = "DELETE FROM object WHERE id = ?",
    [PUT_TOMBSTONE] = "INSERT INTO tombstone VALUES (?, ?, ?, ?, ?, ?, ?)",
    [DROP_OLDEST_TOMBSTONES] = "DELETE FROM tombstone WHERE version IN"
                               " (SELECT version FROM tombstone ORDER BY version LIMIT ?)",
    [PUT_LINE] = "INSERT INTO line VALUES (?, ?, ?, ?)",
    [TRIM_LINES] = "DELETE FROM line WHERE object = ? AND stream = ? AND number < ?",
    [DROP_LINES] = "DELETE FROM line WHERE object = ?",
    [PUT_OUTCOME] = "REPLACE INTO outcome VALUES (?, ?, ?, ?)",
    [PUT_PROMISE] = "REPLACE INTO promise VALUES (?, ?, ?, ?)",
    [DROP_PROMISE] = "DELETE FROM promise WHERE object = ? AND path = ?",
    [DROP_PROMISES] = "DELETE FROM promise WHERE object = ?",
    [PUT_OUTBOX] = "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [KEEP_DOCUMENT] = "UPDATE outbox SET document = ?2 WHERE version = ?1",
    [DROP_OUTBOX] = "DELETE FROM outbox WHERE version <= ?",
    [PUT_MARKS] = "UPDATE marks SET version = ?, id = ?, line = ?",
};

/* ---- errors ---- */

static int errno_of(sqlite3 *db, int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return ENOSPC;
    case SQLITE_READONLY:
        return EROFS;
    case SQLITE_BUSY:
        return EBUSY;
    case SQLITE_NOMEM:
        return ENOMEM;
    case SQLITE_TOOBIG:
        return EFBIG;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        switch (sqlite3_system_errno(db)) {
        case ENOSPC:
        case EDQUOT:
            return ENOSPC;
        case EROFS:
            return EROFS;
        case EACCES:
            return EACCES;
        default:
            return EIO;
        }
    case SQLITE_CONSTRAINT:
    case SQLITE_MISUSE:
        return EINVAL;
    default:
        return EIO;
    }
}

int store_error(sqlite3 *db, int code, struct error **err)
{
    if ((code & 0xff) == SQLITE_BUSY)
        return error_make(err, EBUSY, "another process has it open");
    return error_make(err, errno_of(db, code), "%s", sqlite3_errmsg(db));
}

/* ---- statements ---- */

struct bind {
    bool number;
    bool bytes;
    int64_t value;
    struct str text;
};
#define NUMBER(n)                             \
    {                                         \
        .number = true, .value = (int64_t)(n) \
    }
#define TEXT(s)     \
    {               \
        .text = (s) \
    }
#define BYTES(s)                   \
    {                              \
        .bytes = true, .text = (s) \
    }

static int bind_one(sqlite3_stmt *statement, int place, const struct bind *bind)
{
    if (bind->number)
        return sqlite3_bind_int64(statement, place, bind->value);
    if (bind->text.at == NULL)
        return sqlite3_bind_null(statement, place);
    if (bind->bytes)
        return sqlite3_bind_blob64(statement, place, bind->text.at, bind->text.length, SQLITE_STATIC);
    return sqlite3_bind_text64(statement, place, bind->text.at, bind->text.length, SQLITE_STATIC,
                               SQLITE_UTF8);
}

static int run_bound(struct store *store, enum statement which, const struct bind *binds, int count)
{
    sqlite3_stmt *statement = store->statements[which];
    int code = SQLITE_OK;
    for (int i = 0; i < count && code == SQLITE_OK; i++)
        code = bind_one(statement, i + 1, &binds[i]);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

#define run(store, which, ...)                                      \
    run_bound((store), (which), (const struct bind[]){__VA_ARGS__}, \
              (int)(sizeof((const struct bind[]){__VA_ARGS__}) / sizeof(struct bind)))

static int run_plain(struct store *store, enum statement which)
{
    return run_bound(store, which, NULL, 0);
}

/* ---- one batch ---- */

static int put_outbox(struct store *store, const struct store_batch *batch)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < batch->outbox_count && code == SQLITE_OK; i++) {
        const struct outbox_row *row = &batch->outbox[i];
        code = run(store, PUT_OUTBOX, NUMBER(row->version), NUMBER(row->id), NUMBER(row->time_ms),
                   TEXT(row->path), TEXT(row->author), TEXT(row->subject), TEXT(row->document),
                   NUMBER(row->person), NUMBER(row->deleted));
    }
    return code;
}

static int keep_documents(struct store *store, const struct store_batch *batch)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < batch->keep_count && code == SQLITE_OK; i++)
        code = run(store, KEEP_DOCUMENT, NUMBER(batch->keeps[i].version), TEXT(batch->keeps[i].document));
    return code;
}

static int drop_outbox(struct store *store, const struct store_batch *batch)
{
    if (batch->outbox_done - store->outbox_dropped < OUTBOX_STEP)
        return SQLITE_OK;
    return run(store, DROP_OUTBOX, NUMBER(batch->outbox_done));
}

static int put_records(struct store *store, const struct store_batch *batch)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < batch->record_count && code == SQLITE_OK; i++) {
        const struct record *record = &batch->records[i];
        code = run(store, PUT_OBJECT, NUMBER(record->id), NUMBER(record->version), TEXT(record->resource),
                   TEXT(record->namespace), TEXT(record->name), TEXT(record->uid), NUMBER(record->draft),
                   TEXT(record->document));
    }
    return code;
}

static int put_lines(struct store *store, const struct store_batch *batch)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < batch->line_count && code == SQLITE_OK; i++) {
        const struct stream_line *line = &batch->lines[i];
        code = run(store, PUT_LINE, NUMBER(line->object), NUMBER(line->stream), NUMBER(line->number),
                   TEXT(line->text));
    }
    return code;
}

static int trim_lines(struct store *store, const struct store_batch *batch)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < batch->line_trim_count && code == SQLITE_OK; i++) {
        const struct stream_line *below = &batch->line_trims[i];
        code = run(store, TRIM_LINES, NUMBER(below->object), NUMBER(below->stream), NUMBER(below->number));
    }
    return code;
}

static int bury(struct store *store, const struct tombstone *tombstone)
{
    int code = run(store, DROP_OBJECT, NUMBER(tombstone->id));
    if (code == SQLITE_OK)
        code = run(store, DROP_LINES, NUMBER(tombstone->id));
    if (code == SQLITE_OK)
        code = run(store, DROP_PROMISES, NUMBER(tombstone->id));
    if (code == SQLITE_OK && tombstone->document.at != NULL)
        code = run(store, PUT_TOMBSTONE, NUMBER(tombstone->version), NUMBER(tombstone->id),
                   TEXT(tombstone->resource), TEXT(tombstone->namespace), TEXT(tombstone->name),
                   TEXT(tombstone->uid), TEXT(tombstone->document));
    return code;
}

static int put_tombstones(struct store *store, const struct store_batch *batch)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < batch->tombstone_count && code == SQLITE_OK; i++)
        code = bury(store, &batch->tombstones[i]);
    int64_t excess = store->tombstones + (int64_t)batch->tombstone_count - TOMBSTONES_KEPT;
    if (code == SQLITE_OK && batch->tombstone_count != 0 && excess > 0)
        code = run(store, DROP_OLDEST_TOMBSTONES, NUMBER(excess));
    return code;
}

static int put_outcomes(struct store *store, const struct store_batch *batch)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < batch->outcome_count && code == SQLITE_OK; i++) {
        const struct outcome *outcome = &batch->outcomes[i];
        code = run(store, PUT_OUTCOME, NUMBER(outcome->slot), NUMBER(outcome->mount), NUMBER(outcome->unique),
                   NUMBER(outcome->result));
    }
    return code;
}

static int put_promises(struct store *store, const struct store_batch *batch)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < batch->promise_count && code == SQLITE_OK; i++) {
        const struct promise *promise = &batch->promises[i];
        code = promise->redeemed ? run(store, DROP_PROMISE, NUMBER(promise->object), TEXT(promise->path))
                                 : run(store, PUT_PROMISE, NUMBER(promise->object), TEXT(promise->path),
                                       NUMBER(promise->uid), NUMBER(promise->gid));
    }
    return code;
}

/* The largest numbers once this batch is there. */
static struct store_position position_after(const struct store *store, const struct store_batch *batch)
{
    struct store_position position = store->position;
    for (size_t i = 0; i < batch->record_count; i++) {
        store_raise(&position.version, batch->records[i].version);
        store_raise(&position.id, batch->records[i].id);
    }
    for (size_t i = 0; i < batch->tombstone_count; i++) {
        store_raise(&position.version, batch->tombstones[i].version);
        store_raise(&position.id, batch->tombstones[i].id);
    }
    for (size_t i = 0; i < batch->outbox_count; i++)
        store_raise(&position.version, batch->outbox[i].version);
    for (size_t i = 0; i < batch->line_count; i++)
        store_raise(&position.line, batch->lines[i].number);
    return position;
}

static int put_marks(struct store *store, const struct store_batch *batch)
{
    if (batch->tombstone_count == 0 && batch->line_trim_count == 0)
        return SQLITE_OK;
    struct store_position position = position_after(store, batch);
    return run(store, PUT_MARKS, NUMBER(position.version), NUMBER(position.id), NUMBER(position.line));
}

/* In this order: an outbox row may be kept or done, a line dropped, by the batch that brings it. */
static int (*const steps[])(struct store *, const struct store_batch *) = {
    put_outbox, keep_documents, drop_outbox,    put_records,  put_lines,
    trim_lines, put_promises,   put_tombstones, put_outcomes, put_marks,
};

static sqlite3_file *wal_of(struct store *store)
{
    sqlite3_file *wal = NULL;
    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    return wal != NULL && wal->pMethods != NULL ? wal : NULL;
}

/* See the head: nobody may find a refused batch in the WAL. When even this can't be written there is nothing
 * left to do; the disk is gone. */
static void forget_refused(struct store *store)
{
    static const char nothing[FRAME_HEADER];
    sqlite3_file *wal = wal_of(store);
    if (wal == NULL || store->frames < 0)
        return;
    sqlite3_int64 end = WAL_HEADER + (sqlite3_int64)store->frames * FRAME_BYTES;
    if (wal->pMethods->xWrite(wal, nothing, sizeof(nothing), end) != SQLITE_OK ||
        wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY) != SQLITE_OK)
        log_error("store: a change that was refused could not be wiped from the disk");
}

int store_commit(struct store *store, const struct store_batch *batch, struct error **err)
{
    int code = run_plain(store, BEGIN);
    for (size_t i = 0; i < COUNT(steps) && code == SQLITE_OK; i++)
        code = steps[i](store, batch);
    if (code == SQLITE_OK)
        code = run_plain(store, COMMIT);
    if (code != SQLITE_OK) {
        int result = store_error(store->db, code, err);
        if (!sqlite3_get_autocommit(store->db))
            run_plain(store, ROLLBACK);
        forget_refused(store);
        error_wrap(err, "cannot write to the store");
        return result;
    }
    store->position = position_after(store, batch);
    if (batch->outbox_done - store->outbox_dropped >= OUTBOX_STEP)
        store->outbox_dropped = batch->outbox_done;
    store->tombstones += (int64_t)batch->tombstone_count;
    if (store->tombstones > TOMBSTONES_KEPT)
        store->tombstones = TOMBSTONES_KEPT;
    return 0;
}

/* ---- the WAL ---- */

static int count_frames(void *context, sqlite3 *db, const char *database, int frames)
{
    (void)db, (void)database;
    ((struct store *)context)->frames = frames;
    return SQLITE_OK;
}

/* Afterwards the next commit begins again at the start of the WAL. */
static void move_wal(struct store *store)
{
    int in_wal, moved;
    int code = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_wal, &moved);
    if (code == SQLITE_OK && moved == in_wal)
        store->frames = 0;
    else if (code != SQLITE_OK && log_due(&store->warned, 60))
        log_warning("store: cannot move the log into the database: %s", sqlite3_errmsg(store->db));
}

void store_settle(struct store *store, bool idle)
{
    if (store->frames >= (idle ? FRAMES_WORTHWHILE : FRAMES_FULL))
        move_wal(store);
}

/* Only a matter of speed: a disk without room for it says so when it matters. */
static void fill_wal(struct store *store)
{
    sqlite3_int64 size = WAL_BYTES;
    sqlite3_file *wal = wal_of(store);
    if (wal == NULL || wal->pMethods->xFileSize(wal, &size) != SQLITE_OK)
        return;
    static const char zeros[64 << 10];
    int code = SQLITE_OK;
    while (size < WAL_BYTES && code == SQLITE_OK) {
        sqlite3_int64 left = WAL_BYTES - size;
        int length = left < (sqlite3_int64)sizeof(zeros) ? (int)left : (int)sizeof(zeros);
        code = wal->pMethods->xWrite(wal, zeros, length, size);
        size += length;
    }
    wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
}

/* The file stays, for its blocks, but without its header it holds nothing: what is in the database alone may
 * be copied or put back. */
static void empty_wal(struct store *store)
{
    static const char nothing[WAL_HEADER];
    sqlite3_file *wal = wal_of(store);
    move_wal(store);
    if (wal != NULL && store->frames == 0 &&
        wal->pMethods->xWrite(wal, nothing, sizeof(nothing), 0) != SQLITE_OK)
        log_warning("store: the log could not be emptied");
}

/* ---- opening ---- */

static const char settings[] =
    "PRAGMA page_size = 4096;"
    "PRAGMA locking_mode = EXCLUSIVE;" /* before the WAL is first used: no -shm file */
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA wal_autocheckpoint = 0;"
    "PRAGMA journal_size_limit = 33554432;" /* after an uncommonly large batch */
    "PRAGMA cache_size = -16384;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA secure_delete = OFF;"; /* Debian's default writes zeros over all that goes */

static int execute(sqlite3 *db, const char *text, struct error **err)
{
    int code = sqlite3_exec(db, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : store_error(db, code, err);
}

static int number_of(sqlite3 *db, const char *query, int64_t *number, struct error **err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, query, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    int result = code == SQLITE_ROW ? 0 : store_error(db, code, err);
    if (result == 0)
        *number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return result;
}

static int migrate(sqlite3 *db, struct error **err)
{
    int64_t version;
    int result = number_of(db, "PRAGMA user_version", &version, err);
    if (result == 0 && (version < 0 || version > SCHEMA_VERSION))
        return error_make(err, EINVAL,
                          "it has been written by a newer podtree (schema %lld, known are up to %d)",
                          (long long)version, SCHEMA_VERSION);
    for (; result == 0 && version < SCHEMA_VERSION; version++) {
        autobuf struct buf script = {0};
        buf_addf(&script, "BEGIN IMMEDIATE; %s PRAGMA user_version = %lld; COMMIT", migrations[version],
                 (long long)version + 1);
        result = execute(db, script.at, err);
    }
    return result;
}

static int prepare(struct store *store, struct error **err)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < STATEMENT_COUNT && code == SQLITE_OK; i++)
        code = sqlite3_prepare_v3(store->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &store->statements[i], NULL);
    return code == SQLITE_OK ? 0 : store_error(store->db, code, err);
}

static int open_database(struct store *store, const char *path, struct error **err)
{
    int code = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, gather_vfs());
    if (store->db == NULL)
        return error_make(err, ENOMEM, "out of memory");
    if (code != SQLITE_OK)
        return store_error(store->db, code, err);
    int result = execute(store->db, settings, err);
    if (result == 0)
        result = migrate(store->db, err);
    if (result == 0)
        result = prepare(store, err);
    if (result != 0)
        return result;
    sqlite3_wal_hook(store->db, count_frames, store);
    int keep = 1;
    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    store->frames = -1; /* not known: another process may have left some */
    move_wal(store);
    fill_wal(store);
    store->opened = true;
    return 0;
}

/* SQLite gives its other files the mode of this one. One that is there is left alone: opening and closing it
 * would release the locks of a store that this process has open. */
static int make_file(const char *directory, const char *path, struct error **err)
{
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return error_errno(err, errno, "cannot make %s", directory);
    autoclose int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST)
        return error_errno(err, errno, "cannot make %s", path);
    autoclose int folder = fd >= 0 ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0 && (folder < 0 || fsync(folder) != 0))
        return error_errno(err, errno, "cannot write %s", directory);
    return 0;
}

int store_open(const char *directory, struct store **store, struct error **err)
{
    autobuf struct buf path = {0};
    buf_addf(&path, "%s/state.db", directory);
    int result = make_file(directory, path.at, err);
    if (result != 0)
        return result;
    struct store *made = memory_zeroed(1, sizeof(*made));
    result = open_database(made, path.at, err);
    if (result != 0) {
        store_close(made);
        error_wrap(err, "cannot open %s", path.at);
        return result;
    }
    *store = made;
    return 0;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    if (store->opened) {
        /* No limit: closing would cut the WAL to nothing. */
        sqlite3_exec(store->db, "PRAGMA journal_size_limit = -1", NULL, NULL, NULL);
        empty_wal(store);
    }
    sqlite3_close(store->db);
    free(store);
}
