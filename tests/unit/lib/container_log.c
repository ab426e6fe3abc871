/* The lines of containers' logs. */
#include "lib/container_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TIME "2026-01-31T12:00:00.123456789+00:00"

static void assert_str(struct str got, const char *expected)
{
    autofree char *text = str_dup(got);
    assert_string_equal(text, expected);
}

static void a_line_is_time_stream_and_content(void **state)
{
    (void)state;
    static const struct {
        const char *text, *time, *stream, *content;
        bool partial;
    } rows[] = {
        {TIME " stdout F hello world", TIME, "stdout", "hello world", false},
        {TIME " stderr P half of", TIME, "stderr", "half of", true},
        {TIME " stdout F ", TIME, "stdout", "", false},
        {TIME " stdout F", TIME, "stdout", "", false},
        {TIME " stdout P:later F x", TIME, "stdout", "F x", true},
        {TIME " stdout F  two spaces ", TIME, "stdout", " two spaces ", false},
        {"2026-01-31T12:00:00Z stdout F other runtimes' times", "2026-01-31T12:00:00Z", "stdout",
         "other runtimes' times", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct log_line line = log_line_parse(str_of(rows[i].text));
        assert_str(line.time, rows[i].time);
        assert_str(line.stream, rows[i].stream);
        assert_str(line.content, rows[i].content);
        assert_int_equal(line.partial, rows[i].partial);
    }
}

static void what_has_another_form_is_shown_as_it_is(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "F",
                                        "hello stdout F world",
                                        TIME,
                                        TIME " ",
                                        TIME " stdout",
                                        TIME " stdin F x",
                                        TIME " stdout X x",
                                        "2026-01-31 12:00:00.00 stdout F x",
                                        "20x6-01-31T12:00:00.00 stdout F x"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct log_line line = log_line_parse(str_of(texts[i]));
        assert_int_equal(line.time.length, 0);
        assert_int_equal(line.stream.length, 0);
        assert_false(line.partial);
        assert_str(line.content, texts[i]);
    }
}

static void files_of_logs_are_told_by_their_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t attempt, sequence; /* sequence -1: it is none */
    } rows[] = {{"0.log", 0, 0},      {"12.log", 12, 0}, {"3.log.7", 3, 7},  {"3", 0, -1},
                {"3.log.tmp", 0, -1}, {"3.log.", 0, -1}, {"3.log.0", 0, -1}, {"3.logs", 0, -1},
                {"-1.log", 0, -1},    {".log", 0, -1},   {"x.log.1", 0, -1}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct log_file_name name;
        assert_int_equal(log_file_name_parse(str_of(rows[i].text), &name), rows[i].sequence >= 0);
        if (rows[i].sequence < 0)
            continue;
        assert_int_equal(name.attempt, rows[i].attempt);
        assert_int_equal(name.sequence, rows[i].sequence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_time_stream_and_content),
        cmocka_unit_test(what_has_another_form_is_shown_as_it_is),
        cmocka_unit_test(files_of_logs_are_told_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
