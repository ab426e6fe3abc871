/* The store: what comes back is what was committed, all of it or nothing, whatever ends the process or fills
 * the disk. */
#include "fsd/store.h"
#include "lib/file.h"
#include "tests/unit/fsd/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

/* ---- a disk that fails ---- SQLite calls what stands here instead of the C library's */

static int failing_sync; /* the errno of the next fdatasync */
static bool
    unsynced; /* nobody waits for the disk: for many commits of which it doesn't matter what is on it */

int fdatasync(int fd)
{
    if (unsynced)
        return 0;
    if (failing_sync != 0) {
        errno = failing_sync;
        failing_sync = 0;
        return -1;
    }
    return fsync(fd);
}

/* ---- what is in a store, as text that can be compared ---- */

static void see_record(void *context, const struct record *r)
{
    buf_addf(context, "record %d v%d %.*s %.*s/%.*s %.*s%s %.*s\n", (int)r->id, (int)r->version,
             STR_ARGS(r->resource), STR_ARGS(r->namespace), STR_ARGS(r->name), STR_ARGS(r->uid),
             r->draft ? " draft" : "", STR_ARGS(r->document));
}

static void see_tombstone(void *context, const struct tombstone *t)
{
    buf_addf(context, "tombstone %d v%d %.*s %.*s/%.*s %.*s %.*s\n", (int)t->id, (int)t->version,
             STR_ARGS(t->resource), STR_ARGS(t->namespace), STR_ARGS(t->name), STR_ARGS(t->uid),
             STR_ARGS(t->document));
}

static void see_line(void *context, const struct stream_line *l)
{
    buf_addf(context, "line %d of %d in %s: %.*s\n", (int)l->number, (int)l->object,
             l->stream == STREAM_STATUS ? "status" : "events", STR_ARGS(l->text));
}

static void see_outbox(void *context, const struct outbox_row *o)
{
    buf_addf(context, "outbox v%d of %d at %d %.*s by %.*s: %.*s%s%s %.*s\n", (int)o->version, (int)o->id,
             (int)o->time_ms, STR_ARGS(o->path), STR_ARGS(o->author), STR_ARGS(o->subject),
             o->person ? " person" : "", o->deleted ? " deleted" : "", STR_ARGS(o->document));
}

static void see_outcome(void *context, const struct outcome *o)
{
    buf_addf(context, "outcome %u of %llx %llx: %d", o->slot, (unsigned long long)o->mount,
             (unsigned long long)o->unique, o->result);
}

static void see_promise(void *context, const struct promise *p)
{
    buf_addf(context, "promise %lld " STR_FORMAT " of %u:%u\n", (long long)p->object, STR_ARGS(p->path),
             p->uid, p->gid);
}

static const struct store_reader reader = {"",         see_record,  see_tombstone, see_line,
                                           see_outbox, see_outcome, see_promise};

static struct store *open_store(const char *directory, struct buf *content, struct store_position *position)
{
    struct store *store = NULL;
    autoerror struct error *err = NULL;
    struct store_position unused;
    if (store_open(directory, &store, &err) != 0 ||
        store_load(store, &reader, content, position != NULL ? position : &unused, &err) != 0)
        fail_msg("%s", error_message(err));
    return store;
}

/* One whose content doesn't matter. */
static struct store *open_any(const char *directory)
{
    autobuf struct buf content = {0};
    return open_store(directory, &content, NULL);
}

static void commit(struct store *store, const struct store_batch *batch)
{
    autoerror struct error *err = NULL;
    if (store_commit(store, batch, &err) != 0)
        fail_msg("%s", error_message(err));
}

static void expect_content(const char *directory, const char *expected)
{
    autobuf struct buf content = {0};
    buf_add_text(&content, "");
    store_close(open_store(directory, &content, NULL));
    assert_string_equal(content.at, expected);
}

/* ---- */

static void what_was_committed_comes_back(void **state)
{
    const char *directory = *state;
    struct store *store = open_any(directory);
    struct record records[] = {
        {2, 12, STR("pods"), STR("default"), STR("web"), STR("u2"), STR("{\"b\":1}"), false},
        {1, 11, STR("nodes"), STR_NONE, STR("n1"), STR("u1"), STR("{\"a\":\"\xc3\xa4\"}"), true},
    };
    struct stream_line lines[] = {{8, 2, STREAM_EVENTS, STR("pulled")},
                                  {7, 2, STREAM_STATUS, STR("Running")}};
    struct outcome outcomes[] = {{3, UINT64_MAX, 1ull << 63, -EINVAL}};
    struct outbox_row outbox[] = {
        {.version = 11,
         .id = 1,
         .time_ms = 5,
         .path = STR("nodes/n1"),
         .author = STR("root"),
         .subject = STR("new")},
        {.version = 12,
         .id = 2,
         .time_ms = 6,
         .path = STR("pods/web"),
         .author = STR("alice"),
         .subject = STR("made"),
         .person = true},
    };
    commit(store, &(struct store_batch){records, 2, NULL, 0, lines, 2, NULL, 0, outcomes, 1, outbox, 2, NULL,
                                        0, NULL, 0, 0});
    store_close(store);

    autobuf struct buf content = {0};
    struct store_position position;
    store_close(open_store(directory, &content, &position));
    const char expected[] = "record 1 v11 nodes /n1 u1 draft {\"a\":\"\xc3\xa4\"}\n"
                            "record 2 v12 pods default/web u2 {\"b\":1}\n"
                            "line 7 of 2 in status: Running\n"
                            "line 8 of 2 in events: pulled\n"
                            "outbox v11 of 1 at 5 nodes/n1 by root: new {\"a\":\"\xc3\xa4\"}\n"
                            "outbox v12 of 2 at 6 pods/web by alice: made person {\"b\":1}\n"
                            "outcome 3 of ffffffffffffffff 8000000000000000: -22";
    assert_memory_equal(content.at, expected, sizeof(expected));
    assert_int_equal(position.version, 12);
    assert_int_equal(position.id, 2);
    assert_int_equal(position.line, 8);
}

static void a_deletion_takes_record_and_lines_and_leaves_a_tombstone(void **state)
{
    struct store *store = open_any(*state);
    struct record record = {1, 5, STR("pods"), STR("a"), STR("b"), STR("u"), STR("{}"), false};
    struct stream_line line = {9, 1, STREAM_STATUS, STR("x")};
    commit(store,
           &(struct store_batch){.records = &record, .record_count = 1, .lines = &line, .line_count = 1});
    struct tombstone tombstone = {1, 6, STR("pods"), STR("a"), STR("b"), STR("u"), STR("{\"m\":1}")};
    struct stream_line last = {10, 1, STREAM_STATUS, STR("gone")};
    struct outbox_row outbox = {.version = 6, .id = 1, .path = STR("p"), .deleted = true};
    commit(store, &(struct store_batch){.tombstones = &tombstone,
                                        .tombstone_count = 1,
                                        .lines = &last,
                                        .line_count = 1,
                                        .outbox = &outbox,
                                        .outbox_count = 1});
    store_close(store);
    autobuf struct buf content = {0};
    struct store_position position;
    store_close(open_store(*state, &content, &position));
    assert_string_equal(content.at,
                        "tombstone 1 v6 pods a/b u {\"m\":1}\noutbox v6 of 1 at 0 p by :  deleted \n");
    assert_int_equal(position.id, 1);
    assert_int_equal(position.version, 6);
    assert_int_equal(position.line, 10); /* though no line is left */
}

static void trimmed_lines_go_and_the_others_stay(void **state)
{
    struct store *store = open_any(*state);
    struct stream_line lines[] = {{1, 1, STREAM_STATUS, STR("a")},
                                  {2, 1, STREAM_STATUS, STR("b")},
                                  {3, 1, STREAM_EVENTS, STR("c")},
                                  {4, 2, STREAM_STATUS, STR("d")},
                                  {5, 1, STREAM_STATUS, STR("e")}};
    commit(store, &(struct store_batch){.lines = lines, .line_count = 5});
    struct stream_line below = {.number = 5, .object = 1, .stream = STREAM_STATUS};
    commit(store, &(struct store_batch){.line_trims = &below, .line_trim_count = 1});
    store_close(store);
    expect_content(*state, "line 3 of 1 in events: c\nline 4 of 2 in status: d\nline 5 of 1 in status: e\n");
}

static void a_slot_has_one_outcome_the_last(void **state)
{
    struct store *store = open_any(*state);
    for (int i = 0; i < 3; i++) {
        struct outcome outcome = {7, 1, (uint64_t)i, i};
        commit(store, &(struct store_batch){.outcomes = &outcome, .outcome_count = 1});
    }
    store_close(store);
    expect_content(*state, "outcome 7 of 1 2: 2");
}

static void an_outbox_row_keeps_a_document_that_is_overwritten(void **state)
{
    struct store *store = open_any(*state);
    struct record record = {1, 5, STR("pods"), STR("a"), STR("b"), STR("u"), STR("first"), false};
    struct outbox_row outbox = {.version = 5, .id = 1, .path = STR("p")};
    commit(store, &(struct store_batch){
                      .records = &record, .record_count = 1, .outbox = &outbox, .outbox_count = 1});
    struct outbox_keep keep = {5, record.document};
    record.version = outbox.version = 6;
    record.document = STR("second");
    commit(store, &(struct store_batch){.records = &record,
                                        .record_count = 1,
                                        .outbox = &outbox,
                                        .outbox_count = 1,
                                        .keeps = &keep,
                                        .keep_count = 1});
    store_close(store);
    expect_content(*state, "record 1 v6 pods a/b u second\n"
                           "outbox v5 of 1 at 0 p by :  first\noutbox v6 of 1 at 0 p by :  second\n");
}

static void a_promise_stays_until_it_is_redeemed_or_its_object_goes(void **state)
{
    struct store *store = open_any(*state);
    struct promise made[] = {{.object = 1, .path = STR("labels/a"), .uid = 1000, .gid = 100},
                             {.object = 1, .path = STR("labels/b"), .uid = 1000, .gid = 100},
                             {.object = 2, .path = STR("data/c")}};
    commit(store, &(struct store_batch){.promises = made, .promise_count = 3});
    struct promise redeemed = {.object = 1, .path = STR("labels/a"), .redeemed = true};
    struct tombstone tombstone = {2, 7, STR("pods"), STR("a"), STR("b"), STR("u"), STR("{}")};
    commit(store,
           &(struct store_batch){
               .promises = &redeemed, .promise_count = 1, .tombstones = &tombstone, .tombstone_count = 1});
    store_close(store);
    autobuf struct buf content = {0};
    store_close(open_store(*state, &content, NULL));
    assert_non_null(strstr(content.at, "promise 1 labels/b of 1000:100\n"));
    assert_null(strstr(content.at, "labels/a"));
    assert_null(strstr(content.at, "promise 2"));
}

static void what_the_history_has_leaves_the_outbox(void **state)
{
    struct store *store = open_any(*state);
    for (int64_t version = 1; version <= 1000; version++) {
        struct outbox_row outbox = {.version = version, .id = 1, .path = STR("p")};
        commit(store,
               &(struct store_batch){.outbox = &outbox, .outbox_count = 1, .outbox_done = version - 2});
    }
    store_close(store);
    autobuf struct buf content = {0};
    store_close(open_store(*state, &content, NULL));
    assert_non_null(strstr(content.at, "outbox v999 ")); /* nothing goes too early … */
    assert_null(strstr(content.at, "outbox v700 "));     /* … and what goes, goes before long */
}

static void only_the_last_tombstones_are_kept(void **state)
{
    enum { COUNT = 100500 };
    struct store *store = open_any(*state);
    struct tombstone *tombstones = memory_zeroed(COUNT, sizeof(*tombstones));
    for (int i = 0; i < COUNT; i++)
        tombstones[i] =
            (struct tombstone){i + 1, i + 1, STR("pods"), STR_NONE, STR_NONE, STR_NONE, STR("{}")};
    commit(store, &(struct store_batch){.tombstones = tombstones, .tombstone_count = COUNT / 2});
    commit(store, &(struct store_batch){.tombstones = tombstones + COUNT / 2, .tombstone_count = COUNT / 2});
    store_close(store);
    free(tombstones);
    autobuf struct buf content = {0};
    store_close(open_store(*state, &content, NULL));
    assert_true(str_starts(buf_str(&content), STR("tombstone 501 v501 ")));
    assert_non_null(strstr(content.at, "tombstone 100500 v100500 "));
}

static void a_second_process_is_told_that_the_store_is_in_use(void **state)
{
    struct store *store = open_any(*state), *second = NULL;
    autoerror struct error *err = NULL;
    assert_int_equal(store_open(*state, &second, &err), -EBUSY);
    assert_non_null(strstr(error_message(err), "another process has it open"));
    store_close(store);
}

static void the_files_are_for_root_alone(void **state)
{
    store_close(open_any(*state));
    static const char *const names[] = {"state.db", "state.db-wal"};
    for (size_t i = 0; i < 2; i++) {
        autofree char *path = path_format("%s/%s", (const char *)*state, names[i]);
        struct stat status;
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
}

static void a_store_of_a_newer_podtree_is_left_alone(void **state)
{
    store_close(open_any(*state));
    autofree char *path = path_format("%s/state.db", (const char *)*state);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "\0\0\0\x63", 4, 60), 4); /* user_version, in the file's header */
    close(fd);
    struct store *store = NULL;
    autoerror struct error *err = NULL;
    assert_int_equal(store_open(*state, &store, &err), -EINVAL);
    assert_non_null(strstr(error_message(err), "newer podtree"));
}

static void what_is_no_database_is_refused(void **state)
{
    autofree char *path = path_format("%s/state.db", (const char *)*state);
    assert_int_equal(
        file_write(path, STR("hello, this is not a database at all, it's only a text"), 0600, NULL), 0);
    struct store *store = NULL;
    autoerror struct error *err = NULL;
    assert_int_equal(store_open(*state, &store, &err), -EIO);
    assert_non_null(strstr(error_message(err), path));
}

static off_t wal_size(const char *directory)
{
    autofree char *path = path_format("%s/state.db-wal", directory);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void the_wal_is_used_over_and_over(void **state)
{
    struct store *store = open_any(*state);
    autobuf struct buf document = {0};
    memset(buf_reserve(&document, 3000), 'x', 3000);
    document.length = 3000;
    off_t before = wal_size(*state);
    assert_int_equal(before, 8 << 20);
    unsynced = true;
    for (int i = 0; i < 20000; i++) {
        struct record record = {i % 100,  i + 1,    STR("pods"),        STR_NONE,
                                STR("n"), STR("u"), buf_str(&document), false};
        commit(store, &(struct store_batch){.records = &record, .record_count = 1});
        store_settle(store, i % 200 == 0);
    }
    assert_int_equal(wal_size(*state), before);
    store_close(store);
    unsynced = false;
    assert_int_equal(wal_size(*state), before);
}

/* ---- failures ---- */

static struct record record_numbered(int64_t number, struct str document)
{
    return (struct record){number, number, STR("pods"), STR("a"), STR("b"), STR("u"), document, false};
}

static void commit_one(struct store *store, int64_t number)
{
    struct record record = record_numbered(number, STR("{}"));
    commit(store, &(struct store_batch){.records = &record, .record_count = 1});
}

/* In a child that ends without closing anything. */
static void refuse_and_die(const char *directory, bool settled)
{
    pid_t child = fork();
    if (child == 0) {
        struct store *store = open_any(directory);
        for (int i = 1; i <= 300; i++)
            commit_one(store, i);
        store_settle(store, settled);
        struct record record = record_numbered(999, STR("{}"));
        failing_sync = EIO;
        int result = store_commit(store, &(struct store_batch){.records = &record, .record_count = 1}, NULL);
        _exit(result == -EIO ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_batch_refused_by_fdatasync_does_not_come_back(void **state)
{
    for (int settled = 0; settled < 2; settled++) {
        autofree char *directory = path_format("%s/%d", (const char *)*state, settled);
        refuse_and_die(directory, settled != 0);
        autobuf struct buf content = {0};
        store_close(open_store(directory, &content, NULL));
        assert_null(strstr(content.at, "record 999 "));
        assert_non_null(strstr(content.at, "record 300 "));
        assert_non_null(strstr(content.at, "record 1 "));
    }
}

static void after_a_failure_the_next_commit_works(void **state)
{
    struct store *store = open_any(*state);
    commit_one(store, 1);
    struct record record = record_numbered(2, STR("{}"));
    autoerror struct error *err = NULL;
    failing_sync = EIO;
    assert_int_equal(store_commit(store, &(struct store_batch){.records = &record, .record_count = 1}, &err),
                     -EIO);
    commit_one(store, 3);
    store_close(store);
    expect_content(*state, "record 1 v1 pods a/b u {}\nrecord 3 v3 pods a/b u {}\n");
}

static void a_batch_that_is_wrong_leaves_nothing(void **state)
{
    struct store *store = open_any(*state);
    struct record record = record_numbered(1, STR("{}"));
    struct outbox_row twice[] = {{.version = 1, .path = STR("p")}, {.version = 1, .path = STR("q")}};
    autoerror struct error *err = NULL;
    struct store_batch batch = {.records = &record, .record_count = 1, .outbox = twice, .outbox_count = 2};
    assert_int_equal(store_commit(store, &batch, &err), -EINVAL);
    store_close(store);
    expect_content(*state, "");
}

/* A disk of 24 MiB of our own, seen by this process alone: it goes with it, whatever happens. */
static bool small_disk(const char *directory)
{
    autofree char *command =
        path_format("truncate -s 24M %s/image && mkfs.ext4 -q -m 0 %s/image && mkdir %s/disk &&"
                    " mount -o loop %s/image %s/disk",
                    directory, directory, directory, directory, directory);
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           system(command) == 0;
}

static int64_t fill_up(struct store *store, struct str document, struct error **err)
{
    for (int64_t number = 1;; number++) {
        struct record record = record_numbered(number, document);
        if (store_commit(store, &(struct store_batch){.records = &record, .record_count = 1}, err) != 0)
            return number;
        store_settle(store, number % 50 == 0);
    }
}

static int on_a_full_disk(const char *directory)
{
    if (!small_disk(directory))
        return 77;
    autofree char *place = path_format("%s/disk/state", directory);
    autofree char *ballast = path_format("%s/disk/ballast", directory);
    static char bytes[4 << 20];
    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(file_write(ballast, (struct str){bytes, sizeof(bytes)}, 0600, NULL), 0);
    struct store *store = open_any(place);
    autoerror struct error *err = NULL;
    int64_t refused = fill_up(store, (struct str){bytes, 100000}, &err);
    assert_int_equal(err->number, ENOSPC);
    assert_true(refused > 10);
    struct record again = record_numbered(refused, (struct str){bytes, 100000});
    assert_int_equal(store_commit(store, &(struct store_batch){.records = &again, .record_count = 1}, NULL),
                     -ENOSPC);
    assert_int_equal(unlink(ballast), 0);
    commit_one(store, refused + 1);
    store_settle(store, true);
    store_close(store);
    autobuf struct buf content = {0};
    struct store_position position;
    store_close(open_store(place, &content, &position));
    assert_int_equal(position.id, refused + 1);
    autofree char *absent = path_format("record %d v", (int)refused);
    assert_null(strstr(content.at, absent));
    for (int64_t number = 1; number < refused; number++) {
        autofree char *there = path_format("record %d v", (int)number);
        assert_non_null(strstr(content.at, there));
    }
    return 0;
}

static void a_full_disk_refuses_and_works_again_when_there_is_room(void **state)
{
    pid_t child = fork();
    if (child == 0)
        _exit(on_a_full_disk(*state));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("no loop device or no ext4 here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

/* ---- kill -9 ---- */

enum { WIDTH = 5 };

/* Batches of WIDTH records each with the batch's number as version; says which are durable. */
static void commit_until_killed(const char *directory, int say)
{
    struct store_position position;
    autobuf struct buf content = {0};
    struct store *store = open_store(directory, &content, &position);
    for (int64_t version = position.version + 1;; version++) {
        struct record records[WIDTH];
        for (int i = 0; i < WIDTH; i++) {
            records[i] = record_numbered(i + 1, STR("{}"));
            records[i].version = version;
        }
        commit(store, &(struct store_batch){.records = records, .record_count = WIDTH});
        if (write(say, &version, sizeof(version)) != sizeof(version))
            _exit(1);
        store_settle(store, version % 7 == 0);
    }
}

struct versions {
    int count;
    int64_t all[WIDTH];
};

static void see_version(void *context, const struct record *record)
{
    struct versions *versions = context;
    versions->all[versions->count++] = record->version;
}

static void expect_whole(const char *directory, int64_t acknowledged)
{
    struct store *store = NULL;
    struct store_position position;
    struct versions versions = {0};
    struct store_reader only_records = reader;
    only_records.record = see_version;
    assert_int_equal(store_open(directory, &store, NULL), 0);
    assert_int_equal(store_load(store, &only_records, &versions, &position, NULL), 0);
    store_close(store);
    assert_int_equal(versions.count, acknowledged == 0 && versions.count == 0 ? 0 : WIDTH);
    for (int i = 1; i < versions.count; i++)
        assert_int_equal(versions.all[i], versions.all[0]);
    assert_true(position.version == acknowledged || position.version == acknowledged + 1);
}

static void whatever_was_acknowledged_survives_kill_9(void **state)
{
    int64_t acknowledged = 0;
    unsigned seed = 1;
    for (int round = 0; round < 60; round++) {
        int said[2];
        assert_int_equal(pipe2(said, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0)
            commit_until_killed(*state, said[1]);
        close(said[1]);
        /* It dies at a moment of its own after some number of commits. */
        int64_t version;
        for (int wait = rand_r(&seed) % 20; wait >= 0 && read(said[0], &version, sizeof(version)) > 0; wait--)
            acknowledged = version;
        usleep((useconds_t)(rand_r(&seed) % 1000));
        kill(child, SIGKILL);
        while (read(said[0], &version, sizeof(version)) > 0)
            acknowledged = version;
        close(said[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        expect_whole(*state, acknowledged);
    }
}

#define in_scratch(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_scratch(what_was_committed_comes_back),
        in_scratch(a_deletion_takes_record_and_lines_and_leaves_a_tombstone),
        in_scratch(trimmed_lines_go_and_the_others_stay),
        in_scratch(a_slot_has_one_outcome_the_last),
        in_scratch(an_outbox_row_keeps_a_document_that_is_overwritten),
        in_scratch(a_promise_stays_until_it_is_redeemed_or_its_object_goes),
        in_scratch(what_the_history_has_leaves_the_outbox),
        in_scratch(only_the_last_tombstones_are_kept),
        in_scratch(a_second_process_is_told_that_the_store_is_in_use),
        in_scratch(the_files_are_for_root_alone),
        in_scratch(a_store_of_a_newer_podtree_is_left_alone),
        in_scratch(what_is_no_database_is_refused),
        in_scratch(the_wal_is_used_over_and_over),
        in_scratch(a_batch_refused_by_fdatasync_does_not_come_back),
        in_scratch(after_a_failure_the_next_commit_works),
        in_scratch(a_batch_that_is_wrong_leaves_nothing),
        in_scratch(a_full_disk_refuses_and_works_again_when_there_is_room),
        in_scratch(whatever_was_acknowledged_survives_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
