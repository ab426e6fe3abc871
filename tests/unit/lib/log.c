#include "lib/log.h"

#include "tests/unit/lib/test.h"

#include <stdio.h>
#include <unistd.h>

static int reading = -1;
static int real_stderr = -1;

/* What is written to standard error comes out of `reading`. */
static int redirect(void **state)
{
    (void)state;
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    real_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    reading = ends[0];
    return 0;
}

static int restore(void **state)
{
    (void)state;
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(reading);
    return 0;
}

static void read_more(struct buf *text)
{
    ssize_t n = read(reading, buf_reserve(text, 65536), 65536);
    assert_true(n > 0);
    text->length += (size_t)n;
    text->at[text->length] = '\0';
}

static void a_line_says_when_how_bad_and_who(void **state)
{
    (void)state;
    autobuf struct buf text = {0};
    int year, month, day, hour, minute, second, milliseconds, end = 0;
    log_info("bound %s to\n%s", "web-1", "node-a");
    read_more(&text);
    sscanf(text.at, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute, &second,
           &milliseconds, &end);
    assert_int_equal(end, 25);
    assert_string_equal(text.at + end, "info tester: bound web-1 to node-a\n");
}

static void lines_below_the_least_level_are_not_written(void **state)
{
    (void)state;
    autobuf struct buf text = {0};
    log_debug("not this");
    setenv("PODTREE_LOG", "warning", 1);
    log_init("tester");
    log_info("nor this");
    log_error("but this");
    setenv("PODTREE_LOG", "info", 1);
    log_init("tester");
    read_more(&text);
    assert_non_null(strstr(text.at, "Z error tester: but this\n"));
    assert_null(strstr(text.at, "not this"));
    assert_null(strstr(text.at, "nor this"));
}

static void a_repeated_line_is_due_once(void **state)
{
    (void)state;
    int64_t place = 0, other = 0;
    assert_true(log_due(&place, 3600));
    assert_false(log_due(&place, 3600));
    assert_true(log_due(&other, 3600));
    assert_true(log_due(&place, 0));
}

/* More than pipe and queue hold together, while nobody reads: the writer must come through. */
static void a_thread_writes_the_lines_and_counts_those_it_lost(void **state)
{
    (void)state;
    enum { LINES = 8000 };
    autobuf struct buf text = {0};
    assert_int_equal(log_start_thread(NULL), 0);
    for (int i = 0; i < LINES; i++)
        log_info("line %d of a test that writes more than anybody reads", i);
    int seen = 0, lost = 0, last = -1;
    while (seen + lost < LINES) {
        read_more(&text);
        const char *newline;
        while ((newline = memchr(text.at, '\n', text.length)) != NULL) {
            unsigned dropped;
            int number;
            const char *line = strstr(text.at, ": line ");
            if (sscanf(text.at, "(%u lines dropped", &dropped) == 1) {
                lost += (int)dropped;
            } else if (line != NULL && sscanf(line, ": line %d ", &number) == 1) {
                assert_true(number > last);
                last = number;
                seen++;
            }
            buf_drop(&text, (size_t)(newline + 1 - text.at));
        }
    }
    assert_int_equal(seen + lost, LINES);
    assert_true(lost > 0);
    assert_true(seen > 1000);
}

int main(void)
{
    log_init("tester");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_says_when_how_bad_and_who, redirect, restore),
        cmocka_unit_test_setup_teardown(lines_below_the_least_level_are_not_written, redirect, restore),
        cmocka_unit_test(a_repeated_line_is_due_once),
        /* the last: the thread stays */
        cmocka_unit_test_setup_teardown(a_thread_writes_the_lines_and_counts_those_it_lost, redirect,
                                        restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
