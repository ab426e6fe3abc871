#include "lib/decimal.h"

#include "tests/unit/lib/test.h"

static struct decimal read_whole(const char *text)
{
    struct str rest = str_of(text);
    struct decimal number;
    assert_true(decimal_read(&rest, &number));
    assert_int_equal(rest.length, 0);
    return number;
}

static void a_number_is_cut_off_the_front(void **state)
{
    (void)state;
    static const struct {
        const char *text, *rest; /* NULL: there is none */
    } rows[] = {
        {"1", ""},   {"-1.5Gi", "Gi"}, {"1e3", ""},     {"1E", "E"}, {"1Ei", "Ei"},  {"1e+", "e+"},
        {".5", ""},  {"5.", ""},       {"1.2.3", ".3"}, {"+0", ""},  {"1e-7x", "x"}, {"", NULL},
        {"-", NULL}, {".", NULL},      {"e3", NULL},    {"x", NULL}, {"--1", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str rest = str_of(rows[i].text);
        struct decimal number;
        assert_int_equal(decimal_read(&rest, &number), rows[i].rest != NULL);
        assert_str(rest, rows[i].rest != NULL ? rows[i].rest : rows[i].text);
    }
}

static void numbers_are_compared_by_value(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"1", "1.0", true},
        {"1", "1.", true},
        {"1.5", "15e-1", true},
        {"1000", "1e3", true},
        {"0", "-0.00e9", true},
        {"0.001", "1e-3", true},
        {"00012.50", "12.5", true},
        {"1e99999999999999999999", "10e99999999999999999999", false},
        {"9007199254740993", "9007199254740992", false}, /* equal as floating point */
        {"1", "-1", false},
        {"1", "10", false},
        {"1", "2", false},
        {"12", "120", false},
        {"0.1", "0.10000000000000000000000001", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(decimal_equal(read_whole(rows[i].a), read_whole(rows[i].b)), rows[i].equal);
        assert_int_equal(decimal_equal(read_whole(rows[i].b), read_whole(rows[i].a)), rows[i].equal);
    }
}

static void conversion_is_exact_or_rounds_away_from_zero(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t factor, whole;
        bool fits, exact;
    } rows[] = {
        {"0", 1, 0, true, true},
        {"12.0", 1, 12, true, true},
        {"1.2e1", 1, 12, true, true},
        {"1200e-2", 1, 12, true, true},
        {"0.5", 2, 1, true, true},
        {"0.1", 1, 1, true, false},
        {"-0.1", 1, -1, true, false},
        {"1.0000000000000000000000000001", 1, 2, true, false},
        {"1e-400", 1, 1, true, false},
        {"0e999999999999", 1, 0, true, true},
        {"9223372036854775807", 1, INT64_MAX, true, true},
        {"-9223372036854775808", 1, INT64_MIN, true, true},
        {"9223372036854775808", 1, 0, false, false},
        {"9223372036854775806.1", 1, INT64_MAX, true, false},
        {"9223372036854775807.1", 1, 0, false, false},
        {"1e19", 1, 0, false, false},
        {"99999999999999999999999", 1, 0, false, false},
        {"8", (int64_t)1 << 60, 0, false, false},
        {"7", (int64_t)1 << 60, (int64_t)7 << 60, true, true},
        {"0.999999999999999999", (int64_t)1 << 60, 1152921504606846975, true, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t whole = 0;
        bool exact = false;
        assert_int_equal(decimal_to_int64(read_whole(rows[i].text), rows[i].factor, &whole, &exact),
                         rows[i].fits);
        assert_int_equal(whole, rows[i].whole);
        assert_int_equal(exact, rows[i].exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_cut_off_the_front),
        cmocka_unit_test(numbers_are_compared_by_value),
        cmocka_unit_test(conversion_is_exact_or_rounds_away_from_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
