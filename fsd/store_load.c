/* Reading the store at start: each table once, from one end to the other.
 *
 * Records are wanted in the order of versions and lie in the order of their numbers. SQLite would sort them
 * with their documents; so versions and numbers are read and sorted first, and then the records one by one.
 */
#include "fsd/store_private.h"

struct loading {
    struct store *store;
    const struct store_reader *reader;
    void *context;
    struct store_position position;
    struct {
        int64_t version, id;
    } * order; /* of the records */
    size_t count, capacity;
};

static struct str text_at(sqlite3_stmt *row, int column)
{
    const char *at = sqlite3_column_blob(row, column);
    return (struct str){at, at != NULL ? (size_t)sqlite3_column_bytes(row, column) : 0};
}

static void load_marks(struct loading *loading, sqlite3_stmt *row)
{
    loading->position.version = sqlite3_column_int64(row, 0);
    loading->position.id = sqlite3_column_int64(row, 1);
    loading->position.line = sqlite3_column_int64(row, 2);
}

static void load_tombstone(struct loading *loading, sqlite3_stmt *row)
{
    struct tombstone tombstone = {
        .version = sqlite3_column_int64(row, 0),
        .id = sqlite3_column_int64(row, 1),
        .resource = text_at(row, 2),
        .namespace = text_at(row, 3),
        .name = text_at(row, 4),
        .uid = text_at(row, 5),
        .document = text_at(row, 6),
    };
    store_raise(&loading->position.version, tombstone.version);
    store_raise(&loading->position.id, tombstone.id);
    loading->store->tombstones++;
    loading->reader->tombstone(loading->context, &tombstone);
}

static void load_order(struct loading *loading, sqlite3_stmt *row)
{
    array_grow(loading->order, loading->count, loading->capacity);
    loading->order[loading->count].version = sqlite3_column_int64(row, 0);
    loading->order[loading->count].id = sqlite3_column_int64(row, 1);
    store_raise(&loading->position.version, loading->order[loading->count].version);
    store_raise(&loading->position.id, loading->order[loading->count].id);
    loading->count++;
}

static void load_record(struct loading *loading, sqlite3_stmt *row)
{
    struct record record = {
        .id = sqlite3_column_int64(row, 0),
        .version = sqlite3_column_int64(row, 1),
        .resource = text_at(row, 2),
        .namespace = text_at(row, 3),
        .name = text_at(row, 4),
        .uid = text_at(row, 5),
        .draft = sqlite3_column_int(row, 6) != 0,
        .document = text_at(row, 7),
    };
    loading->reader->record(loading->context, &record);
}

static void load_line(struct loading *loading, sqlite3_stmt *row)
{
    struct stream_line line = {
        .object = sqlite3_column_int64(row, 0),
        .stream = (enum stream_kind)sqlite3_column_int(row, 1),
        .number = sqlite3_column_int64(row, 2),
        .text = text_at(row, 3),
    };
    store_raise(&loading->position.line, line.number);
    loading->reader->line(loading->context, &line);
}

static void load_outbox(struct loading *loading, sqlite3_stmt *row)
{
    struct outbox_row outbox = {
        .version = sqlite3_column_int64(row, 0),
        .id = sqlite3_column_int64(row, 1),
        .time_ms = sqlite3_column_int64(row, 2),
        .path = text_at(row, 3),
        .author = text_at(row, 4),
        .subject = text_at(row, 5),
        .document = text_at(row, 6),
        .person = sqlite3_column_int(row, 7) != 0,
        .deleted = sqlite3_column_int(row, 8) != 0,
    };
    store_raise(&loading->position.version, outbox.version);
    store_raise(&loading->position.id, outbox.id);
    loading->reader->outbox(loading->context, &outbox);
}

static void load_outcome(struct loading *loading, sqlite3_stmt *row)
{
    struct outcome outcome = {
        .slot = (uint32_t)sqlite3_column_int64(row, 0),
        .mount = (uint64_t)sqlite3_column_int64(row, 1),
        .unique = (uint64_t)sqlite3_column_int64(row, 2),
        .result = sqlite3_column_int(row, 3),
    };
    loading->reader->outcome(loading->context, &outcome);
}

static void load_promise(struct loading *loading, sqlite3_stmt *row)
{
    struct promise promise = {
        .object = sqlite3_column_int64(row, 0),
        .path = text_at(row, 1),
        .uid = (uint32_t)sqlite3_column_int64(row, 2),
        .gid = (uint32_t)sqlite3_column_int64(row, 3),
    };
    loading->reader->promise(loading->context, &promise);
}

typedef void load_row(struct loading *loading, sqlite3_stmt *row);

static int each_row(struct loading *loading, sqlite3_stmt *statement, load_row *load, struct error **err)
{
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        load(loading, statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? 0 : store_error(loading->store->db, code, err);
}

static int load_query(struct loading *loading, const char *query, load_row *load, struct error **err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(loading->store->db, query, -1, &statement, NULL);
    int result = code == SQLITE_OK ? each_row(loading, statement, load, err)
                                   : store_error(loading->store->db, code, err);
    sqlite3_finalize(statement);
    return result;
}

static int by_version(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int read_order(struct loading *loading, const char *query, struct error **err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(loading->store->db, query, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(statement, 1, loading->reader->first, -1, SQLITE_STATIC);
    loading->count = 0;
    int result = code == SQLITE_OK ? each_row(loading, statement, load_order, err)
                                   : store_error(loading->store->db, code, err);
    sqlite3_finalize(statement);
    if (result == 0 && loading->count != 0)
        qsort(loading->order, loading->count, sizeof(*loading->order), by_version);
    return result;
}

static int load_records(struct loading *loading, const char *which, struct error **err)
{
    int result = read_order(loading, which, err);
    if (result != 0)
        return result;
    static const char query[] =
        "SELECT id, version, resource, namespace, name, uid, draft, document FROM object WHERE id = ?";
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(loading->store->db, query, -1, &statement, NULL);
    if (code != SQLITE_OK)
        result = store_error(loading->store->db, code, err);
    for (size_t i = 0; i < loading->count && result == 0; i++) {
        sqlite3_bind_int64(statement, 1, loading->order[i].id);
        result = each_row(loading, statement, load_record, err);
    }
    sqlite3_finalize(statement);
    return result;
}

/* The document that was current when the change was made; else the one that has come since: it is what is
 * left of a change whose own document nobody kept. */
static const char outbox_query[] =
    "SELECT outbox.version, outbox.id, time_ms, path, author, subject,"
    "       CASE WHEN deleted THEN NULL ELSE coalesce(outbox.document, object.document) END, person, deleted"
    " FROM outbox LEFT JOIN object ON object.id = outbox.id ORDER BY outbox.version";

static int load_all(struct loading *loading, struct error **err)
{
    static const struct {
        const char *query;
        load_row *load;
    } before[] =
        {
            {"SELECT version, id, line FROM marks", load_marks},
            {"SELECT version, id, resource, namespace, name, uid, document FROM tombstone ORDER BY version",
             load_tombstone},
        },
      after[] = {
          {"SELECT object, stream, number, text FROM line ORDER BY number", load_line},
          {outbox_query, load_outbox},
          {"SELECT slot, mount, number, result FROM outcome", load_outcome},
          {"SELECT object, path, uid, gid FROM promise", load_promise},
      };
    int result = load_records(loading, "SELECT version, id FROM object WHERE resource = ?", err);
    for (size_t i = 0; i < COUNT(before) && result == 0; i++)
        result = load_query(loading, before[i].query, before[i].load, err);
    if (result == 0)
        result = load_records(loading, "SELECT version, id FROM object WHERE resource <> ?", err);
    for (size_t i = 0; i < COUNT(after) && result == 0; i++)
        result = load_query(loading, after[i].query, after[i].load, err);
    return result;
}

/* In one transaction: SQLite looks at its files when one begins. */
static int load_in_transaction(struct loading *loading, struct error **err)
{
    sqlite3 *db = loading->store->db;
    int code = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    int result = code == SQLITE_OK ? load_all(loading, err) : store_error(db, code, err);
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

/* A page is read once: to keep all of them would take fresh memory for each. */
static void keep_pages(struct store *store, const char *setting)
{
    sqlite3_exec(store->db, setting, NULL, NULL, NULL);
}

int store_load(struct store *store, const struct store_reader *reader, void *context,
               struct store_position *position, struct error **err)
{
    struct loading loading = {.store = store, .reader = reader, .context = context};
    store->tombstones = 0;
    keep_pages(store, "PRAGMA cache_size = -256");
    int result = load_in_transaction(&loading, err);
    free(loading.order);
    keep_pages(store, "PRAGMA cache_size = -16384");
    if (result != 0) {
        error_wrap(err, "cannot read the store");
        return result;
    }
    store->position = loading.position;
    *position = loading.position;
    return 0;
}
