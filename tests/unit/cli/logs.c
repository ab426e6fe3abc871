#include "cli/logs.h"

#include "test.h"

static int open_log(const char *run)
{
    int fd = logs_open(run, "fsd", NULL);
    assert_true(fd >= 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
}

static void expect_file(const char *run, const char *name, const char *expected)
{
    autofree char *path = path_format("%s/log/%s", run, name);
    autobuf struct buf text = {0};
    assert_int_equal(file_read(path, &text, NULL), 0);
    assert_string_equal(text.at, expected);
}

static void a_log_is_appended_to(void **state)
{
    int fd = open_log(*state);
    say(fd, "one\n");
    close(fd);
    fd = open_log(*state);
    say(fd, "two\n");
    close(fd);
    expect_file(*state, "fsd.log", "one\ntwo\n");
}

static void a_large_log_is_rotated_under_its_writer(void **state)
{
    int fd = open_log(*state);
    say(fd, "one\ntwo\n");
    logs_rotate(*state, 8);
    expect_file(*state, "fsd.log", "one\ntwo\n"); /* not larger than the limit */
    logs_rotate(*state, 7);
    expect_file(*state, "fsd.log.1", "one\ntwo\n");
    say(fd, "three\n");
    expect_file(*state, "fsd.log", "three\n");
    close(fd);
}

static void expect_tail(const char *run, int lines, const char *expected)
{
    autobuf struct buf text = {0};
    logs_tail(run, "fsd", lines, &text);
    buf_reserve(&text, 1)[0] = '\0';
    assert_string_equal(text.at, expected);
}

static void the_last_lines_are_found(void **state)
{
    expect_tail(*state, 3, "");
    int fd = open_log(*state);
    expect_tail(*state, 3, "");
    say(fd, "one\ntwo\nthree\n");
    expect_tail(*state, 1, "three\n");
    expect_tail(*state, 2, "two\nthree\n");
    expect_tail(*state, 3, "one\ntwo\nthree\n");
    expect_tail(*state, 9, "one\ntwo\nthree\n");
    say(fd, "unfinished");
    expect_tail(*state, 1, "unfinished\n");
    close(fd);
}

static void what_is_said_again_and_again_is_told_once(void **state)
{
    int fd = open_log(*state);
    say(fd, "one\ntwo\ntwo\ntwo\none\n");
    expect_tail(*state, 9, "one\ntwo\none\n");
    expect_tail(*state, 3, "two\none\n");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(a_log_is_appended_to),
        place_test(a_large_log_is_rotated_under_its_writer),
        place_test(the_last_lines_are_found),
        place_test(what_is_said_again_and_again_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
