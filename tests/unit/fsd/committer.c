/* The committer: batches come back in order, with their context, and durable; main never waits. */
#include "fsd/committer.h"
#include "lib/clock.h"
#include "tests/unit/fsd/scratch.h"
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <cmocka.h>

static void skip_record(void *context, const struct record *record)
{
    (void)record;
    ++*(int *)context;
}
static void skip_tombstone(void *context, const struct tombstone *tombstone)
{
    (void)context, (void)tombstone;
}
static void skip_line(void *context, const struct stream_line *line)
{
    (void)context, (void)line;
}
static void skip_outbox(void *context, const struct outbox_row *row)
{
    (void)context, (void)row;
}
static void skip_outcome(void *context, const struct outcome *outcome)
{
    (void)context, (void)outcome;
}
static void skip_promise(void *context, const struct promise *promise)
{
    (void)context, (void)promise;
}
static const struct store_reader reader = {"",          skip_record,  skip_tombstone, skip_line,
                                           skip_outbox, skip_outcome, skip_promise};

static struct store *open_store(const char *directory, int *records)
{
    struct store *store = NULL;
    struct store_position position;
    *records = 0;
    assert_int_equal(store_open(directory, &store, NULL), 0);
    assert_int_equal(store_load(store, &reader, records, &position, NULL), 0);
    return store;
}

static void *wait_for_end(struct committer *committer, int event_fd, struct error **err)
{
    for (;;) {
        struct pollfd readable = {event_fd, POLLIN, 0};
        assert_int_equal(poll(&readable, 1, 10000), 1);
        eventfd_t count;
        assert_int_equal(eventfd_read(event_fd, &count), 0);
        void *context = committer_ended(committer, err);
        if (context != NULL)
            return context;
    }
}

static struct committer *start(const char *directory, int event_fd)
{
    int records;
    struct committer *committer = NULL;
    assert_int_equal(committer_start(open_store(directory, &records), event_fd, &committer, NULL), 0);
    return committer;
}

static struct record record_numbered(int64_t number)
{
    return (struct record){number, number, STR("pods"), STR("a"), STR("b"), STR("u"), STR("{}"), false};
}

static const struct store_batch *itself(void *context)
{
    return context;
}

static void each_batch_comes_back_with_its_context(void **state)
{
    autoclose int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct committer *committer = start(*state, event_fd);
    for (int i = 1; i <= 200; i++) {
        struct record record = record_numbered(i);
        struct store_batch batch = {.records = &record, .record_count = 1};
        autoerror struct error *err = NULL;
        committer_submit(committer, itself, &batch);
        assert_ptr_equal(wait_for_end(committer, event_fd, &err), &batch);
        assert_null(err);
        assert_null(committer_ended(committer, &err));
    }
    committer_stop(committer);
    int records;
    store_close(open_store(*state, &records));
    assert_int_equal(records, 200);
}

static void a_batch_that_fails_comes_back_with_the_reason(void **state)
{
    autoclose int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct committer *committer = start(*state, event_fd);
    struct outbox_row twice[] = {{.version = 1, .path = STR("p")}, {.version = 1, .path = STR("p")}};
    struct store_batch wrong = {.outbox = twice, .outbox_count = 2};
    autoerror struct error *err = NULL;
    committer_submit(committer, itself, &wrong);
    assert_ptr_equal(wait_for_end(committer, event_fd, &err), &wrong);
    assert_non_null(err);
    assert_int_equal(err->number, EINVAL);

    struct record record = record_numbered(1);
    struct store_batch right = {.records = &record, .record_count = 1};
    autoerror struct error *none = NULL;
    committer_submit(committer, itself, &right);
    assert_ptr_equal(wait_for_end(committer, event_fd, &none), &right);
    assert_null(none);
    committer_stop(committer);
}

static const struct store_batch *nothing(void *context)
{
    ++*(int *)context;
    return NULL;
}

static void where_nothing_is_to_be_written_the_context_comes_back(void **state)
{
    autoclose int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct committer *committer = start(*state, event_fd);
    autoerror struct error *err = NULL;
    int asked = 0;
    committer_submit(committer, nothing, &asked);
    assert_ptr_equal(wait_for_end(committer, event_fd, &err), &asked);
    assert_null(err);
    assert_int_equal(asked, 1);
    committer_stop(committer);
}

static void what_is_under_way_is_finished_at_the_end(void **state)
{
    autoclose int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct committer *committer = start(*state, event_fd);
    struct record record = record_numbered(1);
    struct store_batch batch = {.records = &record, .record_count = 1};
    committer_submit(committer, itself, &batch);
    committer_stop(committer);
    int records;
    store_close(open_store(*state, &records));
    assert_int_equal(records, 1);
}

static blkcnt_t database_blocks(const char *directory)
{
    autofree char *path = path_format("%s/state.db", directory);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_blocks;
}

static void a_quiet_moment_moves_the_log_into_the_database(void **state)
{
    autoclose int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct committer *committer = start(*state, event_fd);
    struct record records[600];
    static char document[3000];
    memset(document, 'x', sizeof(document));
    for (int i = 0; i < 600; i++) {
        records[i] = record_numbered(i + 1);
        records[i].document = (struct str){document, sizeof(document)};
    }
    struct store_batch batch = {.records = records, .record_count = 600};
    blkcnt_t before = database_blocks(*state);
    committer_submit(committer, itself, &batch);
    assert_ptr_equal(wait_for_end(committer, event_fd, NULL), &batch);
    int64_t deadline = clock_ms() + 10000;
    while (database_blocks(*state) < before + 600 * 8 && clock_ms() < deadline)
        poll(NULL, 0, 5);
    assert_true(database_blocks(*state) >= before + 600 * 8);
    committer_stop(committer);
}

#define in_scratch(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_scratch(each_batch_comes_back_with_its_context),
        in_scratch(where_nothing_is_to_be_written_the_context_comes_back),
        in_scratch(a_batch_that_fails_comes_back_with_the_reason),
        in_scratch(what_is_under_way_is_finished_at_the_end),
        in_scratch(a_quiet_moment_moves_the_log_into_the_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
