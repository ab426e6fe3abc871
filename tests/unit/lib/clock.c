#include "lib/clock.h"

#include "tests/unit/lib/test.h"

static void times_are_written_as_kubernetes_writes_them(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1769860800000, "2026-01-31T12:00:00Z"},
        {1769860800999, "2026-01-31T12:00:00Z"},
        {951782400000, "2000-02-29T00:00:00Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {-1000, "1969-12-31T23:59:59Z"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[CLOCK_TEXT];
        clock_format(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void micro_times_have_six_digits(void **state)
{
    (void)state;
    char text[CLOCK_TEXT];
    clock_format_micro(1769860800000042, text);
    assert_string_equal(text, "2026-01-31T12:00:00.000042Z");
    clock_format_micro(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
}

static void every_rfc_3339_time_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-31T12:00:00Z", 1769860800000},
        {"2026-01-31t12:00:00z", 1769860800000},
        {"2026-01-31T13:00:00+01:00", 1769860800000},
        {"2026-01-31T06:30:00-05:30", 1769860800000},
        {"2026-01-31T12:00:00.5Z", 1769860800500},
        {"2026-01-31T12:00:00.123456789Z", 1769860800123},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2016-12-31T23:59:60Z", 1483228800000}, /* a leap second */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ms = 42;
        assert_true(clock_parse(str_of(rows[i].text), &ms));
        assert_int_equal(ms, rows[i].ms);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "now",
        "2026-01-31",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00Z",
        "2026-1-31T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-01-32T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2025-02-29T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00+0100",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+01:60",
        "2026-01-31T12:00:00Z ",
        "+026-01-31T12:00:00Z",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ms = 42;
        if (clock_parse(str_of(rows[i]), &ms))
            fail_msg("%s was taken for a time", rows[i]);
    }
    int64_t ms;
    assert_false(clock_parse(STR("2026\00001-31T12:00:00Z"), &ms));
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    for (int64_t ms = -4000000000000; ms < 250000000000000; ms += 12345678901000) {
        char text[CLOCK_TEXT];
        int64_t back;
        clock_format(ms, text);
        assert_true(clock_parse(str_of(text), &back));
        assert_int_equal(back, ms);
    }
}

static void ages_look_like_those_of_kubectl(void **state)
{
    (void)state;
    static const int64_t second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
    const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {-5, "0s"},
        {999, "0s"},
        {45 * second, "45s"},
        {119 * second, "119s"},
        {2 * minute, "2m"},
        {3 * minute + 12 * second, "3m12s"},
        {9 * minute + 59 * second, "9m59s"},
        {10 * minute + 1 * second, "10m"},
        {179 * minute, "179m"},
        {3 * hour, "3h"},
        {5 * hour + 30 * minute, "5h30m"},
        {8 * hour + 30 * minute, "8h"},
        {47 * hour, "47h"},
        {2 * day, "2d"},
        {2 * day + 3 * hour, "2d3h"},
        {8 * day + 3 * hour, "8d"},
        {12 * day, "12d"},
        {729 * day, "729d"},
        {730 * day, "2y"},
        {3 * 365 * day + 10 * day, "3y10d"},
        {9 * 365 * day, "9y"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[CLOCK_TEXT];
        clock_age(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void durations_look_like_those_of_go(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{0, "0s"},
                {30, "30ms"},
                {1000, "1s"},
                {59000, "59s"},
                {1250, "1.25s"},
                {61070, "1m1.07s"},
                {3600005, "1h0m0.005s"},
                {60000, "1m0s"},
                {90000, "1m30s"},
                {3600000, "1h0m0s"},
                {7325000, "2h2m5s"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[CLOCK_TEXT];
        clock_duration(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void the_clocks_agree(void **state)
{
    (void)state;
    int64_t ms = clock_ms(), us = clock_us();
    assert_true(us / 1000 >= ms && us / 1000 < ms + 60000);
    assert_true(clock_wall_ms() > 1600000000000);
    assert_true(clock_us() >= us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_as_kubernetes_writes_them),
        cmocka_unit_test(micro_times_have_six_digits),
        cmocka_unit_test(every_rfc_3339_time_is_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(ages_look_like_those_of_kubectl),
        cmocka_unit_test(durations_look_like_those_of_go),
        cmocka_unit_test(the_clocks_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
