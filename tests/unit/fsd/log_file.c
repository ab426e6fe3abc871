/* A container's log as one file: offsets, rotation, restarts of the container and of fsd. */
#include "fsd/log_file.h"

#include "lib/file.h"
#include "tests/unit/fsd/scratch.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TIME "2026-01-31T12:00:00.123456789+00:00"

static char *path_in(void *const *state, const char *name)
{
    return path_format("%s/pods/uid/main/%s", (const char *)*state, name);
}

static int make(void **state)
{
    int status = scratch_make(state);
    autofree char *directory = path_in(state, "");
    return status == 0 ? directory_make(directory, 0700, NULL) : status;
}

static void append(void *const *state, const char *name, const char *text)
{
    autofree char *path = path_in(state, name);
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* A line as the runtime writes it. */
static void say(void *const *state, const char *name, const char *tag, const char *content)
{
    autofree char *line = path_format(TIME " stdout %s %s\n", tag, content);
    append(state, name, line);
}

static void put_aside(void *const *state, const char *from, const char *to)
{
    autofree char *old = path_in(state, from), *new = path_in(state, to);
    assert_int_equal(rename(old, new), 0);
}

static void take_away(void *const *state, const char *name)
{
    autofree char *path = path_in(state, name);
    assert_int_equal(unlink(path), 0);
}

static struct log_file *open_log(void *const *state, enum log_which which, enum log_form form)
{
    const struct log_source source = {.state = *state, .uid = "uid", .container = "main"};
    return log_file_new(&source, which, form);
}

static void cleanup_log(struct log_file **file)
{
    log_file_free(*file);
}
#define autolog cleanup(cleanup_log)

/* Everything from the offset on, in pieces of `size` bytes. */
static char *read_from(struct log_file *file, int64_t offset, size_t size)
{
    autobuf struct buf out = {0};
    for (size_t before = 1; before != out.length;) {
        before = out.length;
        assert_int_equal(log_file_read(file, offset + (int64_t)out.length, size, &out), 0);
    }
    return buf_take(&out);
}

static void assert_shows(struct log_file *file, unsigned flags, const char *expected)
{
    struct log_look look = log_file_look(file, flags);
    autofree char *text = read_from(file, 0, 4096);
    assert_int_equal(look.status, 0);
    assert_string_equal(text, expected);
    assert_int_equal(look.size, strlen(expected));
}

static void nothing_is_there_before_the_container_runs(void **state)
{
    autolog struct log_file *file = open_log(state, LOG_NEWEST, LOG_OUTPUT);
    assert_shows(file, LOG_HOLD, "");
    assert_int_equal(log_file_look(file, 0).time_ms, 0);
    say(state, "0.log", "F", "hello");
    assert_shows(file, 0, "hello\n");
    assert_true(log_file_look(file, 0).time_ms > 0);
}

static void lines_are_what_the_container_wrote(void **state)
{
    autolog struct log_file *file = open_log(state, LOG_NEWEST, LOG_OUTPUT);
    autolog struct log_file *lines = open_log(state, LOG_NEWEST, LOG_LINES);
    say(state, "0.log", "F", "one");
    say(state, "0.log", "P", "tw");
    say(state, "0.log", "F", "o");
    say(state, "0.log", "F", "");
    append(state, "0.log", "no such form\n");
    assert_shows(file, 0, "one\ntwo\n\nno such form\n");
    assert_shows(lines, 0,
                 TIME " stdout F one\n" TIME " stdout P tw\n" TIME " stdout F o\n" TIME
                      " stdout F \nno such form\n");
    /* What has no end yet is not shown. */
    append(state, "0.log", TIME " stdout F hel");
    assert_shows(file, 0, "one\ntwo\n\nno such form\n");
    append(state, "0.log", "lo\n");
    assert_shows(file, 0, "one\ntwo\n\nno such form\nhello\n");
}

/* More than is read at a time, with lines longer than that. */
static void every_offset_gives_what_is_there(void **state)
{
    autolog struct log_file *file = open_log(state, LOG_NEWEST, LOG_OUTPUT);
    autobuf struct buf raw = {0}, expected = {0};
    for (int i = 0; i < 20000; i++) {
        buf_addf(&raw, TIME " stderr F line %d\n", i);
        buf_addf(&expected, "line %d\n", i);
    }
    autofree char *wide = memory_zeroed(1, 400001);
    memset(wide, 'x', 400000);
    buf_addf(&raw, TIME " stdout F %s\n" TIME " stdout F end\n", wide);
    buf_addf(&expected, "%s\nend\n", wide);
    append(state, "0.log", raw.at);
    struct log_look look = log_file_look(file, LOG_HOLD);
    assert_int_equal(look.size, expected.length);
    for (size_t offset = 0; offset < expected.length; offset += 9973) {
        autobuf struct buf out = {0};
        assert_int_equal(log_file_read(file, (int64_t)offset, 777, &out), 0);
        struct str there = str_cut(buf_str(&expected), offset, 777);
        assert_int_equal(out.length, there.length);
        assert_memory_equal(out.at, there.at, there.length);
    }
    autofree char *all = read_from(file, 0, 131072);
    assert_string_equal(all, expected.at);
}

static void a_log_goes_on_when_it_is_put_aside(void **state)
{
    autolog struct log_file *file = open_log(state, LOG_NEWEST, LOG_OUTPUT);
    say(state, "0.log", "F", "one");
    assert_shows(file, LOG_HOLD, "one\n");
    put_aside(state, "0.log", "0.log.1");
    assert_shows(file, 0, "one\n");
    say(state, "0.log.1", "F", "two"); /* the runtime has not opened another one yet */
    assert_shows(file, 0, "one\ntwo\n");
    say(state, "0.log.1", "F", "three");
    say(state, "0.log", "F", "four");
    assert_shows(file, 0, "one\ntwo\nthree\nfour\n");
    put_aside(state, "0.log", "0.log.2"); /* twice between two looks */
    say(state, "0.log", "F", "five");
    put_aside(state, "0.log", "0.log.3");
    say(state, "0.log", "F", "six");
    assert_shows(file, 0, "one\ntwo\nthree\nfour\nfive\nsix\n");
    append(state, "0.log.tmp", "what is being made is none of it\n");
    autolog struct log_file *later = open_log(state, LOG_NEWEST, LOG_OUTPUT);
    assert_shows(later, LOG_BY_NAME, "one\ntwo\nthree\nfour\nfive\nsix\n");
}

static void who_has_it_open_reads_what_is_removed(void **state)
{
    autolog struct log_file *file = open_log(state, LOG_NEWEST, LOG_OUTPUT);
    say(state, "0.log.1", "F", "zero");
    say(state, "0.log.2", "F", "one");
    say(state, "0.log", "F", "two");
    assert_shows(file, LOG_HOLD, "zero\none\ntwo\n");
    take_away(state, "0.log.1");
    say(state, "0.log", "F", "three");
    assert_shows(file, 0, "zero\none\ntwo\nthree\n");
    /* By name it is another file now, which is not his. */
    assert_true(log_file_look(file, LOG_BY_NAME).outdated);
    assert_shows(file, LOG_BY_NAME, "zero\none\ntwo\nthree\n");
    autolog struct log_file *now = open_log(state, LOG_NEWEST, LOG_OUTPUT);
    assert_shows(now, LOG_BY_NAME, "one\ntwo\nthree\n");
    assert_false(log_file_look(now, LOG_BY_NAME).outdated);
    /* When he has closed it, it becomes that. */
    log_file_let_go(file);
    assert_shows(file, LOG_BY_NAME, "one\ntwo\nthree\n");
    /* The whole pod. */
    assert_shows(now, LOG_HOLD, "one\ntwo\nthree\n");
    take_away(state, "0.log");
    take_away(state, "0.log.2");
    autofree char *directory = path_in(state, "");
    assert_int_equal(rmdir(directory), 0);
    assert_shows(now, 0, "one\ntwo\nthree\n");
}

static void attempts_have_logs_of_their_own(void **state)
{
    autolog struct log_file *newest = open_log(state, LOG_NEWEST, LOG_OUTPUT);
    autolog struct log_file *previous = open_log(state, LOG_PREVIOUS, LOG_OUTPUT);
    autolog struct log_file *held = open_log(state, LOG_NEWEST, LOG_OUTPUT);
    say(state, "9.log", "F", "ninth");
    assert_shows(newest, LOG_BY_NAME, "ninth\n");
    assert_shows(held, LOG_HOLD, "ninth\n");
    assert_shows(previous, LOG_BY_NAME, "");
    say(state, "10.log.1", "F", "tenth");
    say(state, "10.log", "F", "goes on");
    assert_shows(newest, LOG_BY_NAME, "tenth\ngoes on\n");
    assert_shows(previous, LOG_BY_NAME, "ninth\n");
    assert_shows(held, 0, "ninth\n");
    assert_true(log_file_look(held, LOG_BY_NAME).outdated);
}

static void offsets_outlive_the_process(void **state)
{
    struct log_file *file = open_log(state, LOG_NEWEST, LOG_OUTPUT);
    say(state, "0.log", "F", "one");
    assert_shows(file, LOG_HOLD, "one\n");
    put_aside(state, "0.log", "0.log.1");
    say(state, "0.log", "F", "two");
    struct log_anchor anchor = log_file_look(file, 0).anchor;
    assert_int_equal(anchor.offset, 4);
    log_file_free(file);
    put_aside(state, "0.log", "0.log.2");
    say(state, "0.log", "F", "three");
    /* All is there, then all but the first, then not even the anchor's. */
    static const char *const rests[] = {"one\ntwo\nthree\n", "two\nthree\n"};
    for (size_t i = 0; i < COUNT(rests); i++) {
        autolog struct log_file *next = open_log(state, LOG_NEWEST, LOG_OUTPUT);
        log_file_restore(next, &anchor);
        assert_int_equal(log_file_look(next, LOG_HOLD).size, 14);
        autofree char *rest = read_from(next, 14 - (int64_t)strlen(rests[i]), 5);
        assert_string_equal(rest, rests[i]);
        autobuf struct buf out = {0};
        if (i == 1)
            assert_true(log_file_read(next, 0, 1, &out) < 0);
        take_away(state, i == 0 ? "0.log.1" : "0.log.2");
    }
    autolog struct log_file *last = open_log(state, LOG_NEWEST, LOG_OUTPUT);
    log_file_restore(last, &anchor);
    assert_int_equal(log_file_look(last, LOG_HOLD).size, anchor.offset + 6);
    autofree char *rest = read_from(last, anchor.offset, 100);
    assert_string_equal(rest, "three\n");
    /* One that was opened before its container ran. */
    autolog struct log_file *early = open_log(state, LOG_NEWEST, LOG_OUTPUT);
    log_file_restore(early, &(struct log_anchor){.attempt = -1});
    assert_shows(early, LOG_HOLD, "three\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_there_before_the_container_runs, make, scratch_remove),
        cmocka_unit_test_setup_teardown(lines_are_what_the_container_wrote, make, scratch_remove),
        cmocka_unit_test_setup_teardown(every_offset_gives_what_is_there, make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_log_goes_on_when_it_is_put_aside, make, scratch_remove),
        cmocka_unit_test_setup_teardown(who_has_it_open_reads_what_is_removed, make, scratch_remove),
        cmocka_unit_test_setup_teardown(attempts_have_logs_of_their_own, make, scratch_remove),
        cmocka_unit_test_setup_teardown(offsets_outlive_the_process, make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
