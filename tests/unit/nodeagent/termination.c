/* What containers say of their end. */
#include "nodeagent/termination.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"
#include <sys/stat.h>

struct bench {
    char directory[64];
    struct place place;
    char *file, *log;
    struct doc *container;
};

static int set_up(void **state)
{
    struct bench *b = memory_zeroed(1, sizeof(*b));
    strcpy(b->directory, "/tmp/podtree-test.XXXXXX");
    assert_non_null(mkdtemp(b->directory));
    b->place = (struct place){.state = b->directory, .run = b->directory};
    autofree char *bundle = place_bundle(&b->place, "u", "c", 0);
    assert_int_equal(directory_make(bundle, 0700, NULL), 0);
    b->file = termination_make(bundle, NULL);
    assert_non_null(b->file);
    b->log = place_log(&b->place, "u", "c", 0);
    autofree char *logs = str_dup((struct str){b->log, (size_t)(strrchr(b->log, '/') - b->log)});
    assert_int_equal(directory_make(logs, 0700, NULL), 0);
    b->container = must_parse("{\"terminationMessagePolicy\":\"FallbackToLogsOnError\"}");
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    assert_int_equal(directory_remove(b->directory, NULL), 0);
    doc_free(b->container);
    free(b->file);
    free(b->log);
    free(b);
    return 0;
}

static char *message(const struct bench *b, bool failed, int containers)
{
    struct termination t = {.place = &b->place,
                            .uid = "u",
                            .name = "c",
                            .container = doc_root(b->container),
                            .failed = failed,
                            .containers = containers};
    return termination_message(&t);
}

static void write_text(const char *path, struct str text)
{
    assert_int_equal(file_write(path, text, 0600, NULL), 0);
}

static void test_everybody_may_write_the_file(void **state)
{
    const struct bench *b = *state;
    struct stat file;
    assert_int_equal(stat(b->file, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0666);
}

static void test_the_end_of_the_file_is_the_message(void **state)
{
    const struct bench *b = *state;
    assert_null(message(b, false, 1));
    write_text(b->file, STR("all done"));
    autofree char *said = message(b, false, 1);
    assert_string_equal(said, "all done");
    autobuf struct buf much = {0};
    for (int i = 0; i < 5000; i++)
        buf_add_char(&much, i < 4999 ? 'x' : 'y');
    write_text(b->file, buf_str(&much));
    autofree char *cut = message(b, false, 1), *shared = message(b, false, 6);
    assert_int_equal(strlen(cut), 4096);
    assert_int_equal(cut[4095], 'y');
    assert_int_equal(strlen(shared), 2048);
}

static void test_one_that_failed_without_a_word_falls_back_to_its_log(void **state)
{
    struct bench *b = *state;
    write_text(b->log, STR("2026-01-01T00:00:00.0Z stdout F one\n"
                           "2026-01-01T00:00:00.0Z stderr P two \n"
                           "2026-01-01T00:00:00.0Z stderr F halves\n"));
    assert_null(message(b, false, 1));
    autofree char *said = message(b, true, 1);
    assert_string_equal(said, "one\ntwo halves\n");
    autobuf struct buf much = {0};
    for (int i = 0; i < 200; i++)
        buf_addf(&much, "2026-01-01T00:00:00.0Z stdout F %d\n", i);
    write_text(b->log, buf_str(&much));
    autofree char *last = message(b, true, 1);
    assert_true(str_starts(str_of(last), STR("120\n121\n")));
    assert_true(str_ends(str_of(last), STR("\n199\n")));
    write_text(b->file, STR("I know why"));
    autofree char *own = message(b, true, 1);
    assert_string_equal(own, "I know why");
    doc_free(b->container);
    b->container = doc_new();
    write_text(b->file, STR(""));
    assert_null(message(b, true, 1));
}

static void test_what_is_no_file_says_nothing(void **state)
{
    const struct bench *b = *state;
    assert_int_equal(unlink(b->file), 0);
    assert_null(message(b, true, 1));
    assert_int_equal(mkfifo(b->file, 0600), 0);
    assert_null(message(b, true, 1));
    assert_int_equal(unlink(b->file), 0);
    assert_int_equal(symlink("/etc/passwd", b->file), 0);
    assert_null(message(b, true, 1));
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ROW(test_everybody_may_write_the_file),
        ROW(test_the_end_of_the_file_is_the_message),
        ROW(test_one_that_failed_without_a_word_falls_back_to_its_log),
        ROW(test_what_is_no_file_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
