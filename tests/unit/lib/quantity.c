#include "lib/quantity.h"

#include "tests/unit/lib/test.h"

enum { NO_QUANTITY, GOOD };

static const struct {
    const char *text;
    int milli_good, units_good;
    int64_t milli, units;
} readings[] = {
    {"0", GOOD, GOOD, 0, 0},
    {"1", GOOD, GOOD, 1000, 1},
    {"100m", GOOD, GOOD, 100, 1},
    {"1.5", GOOD, GOOD, 1500, 2},
    {"+1.5", GOOD, GOOD, 1500, 2},
    {".5", GOOD, GOOD, 500, 1},
    {"5.", GOOD, GOOD, 5000, 5},
    {"-1.5", GOOD, GOOD, -1500, -2},
    {"0.0001", GOOD, GOOD, 1, 1},
    {"0.1m", GOOD, GOOD, 1, 1},
    {"1n", GOOD, GOOD, 1, 1},
    {"1000000n", GOOD, GOOD, 1, 1},
    {"1000001n", GOOD, GOOD, 2, 1},
    {"1500u", GOOD, GOOD, 2, 1},
    {"2k", GOOD, GOOD, 2000000, 2000},
    {"3M", GOOD, GOOD, 3000000000, 3000000},
    {"3G", GOOD, GOOD, 3000000000000, 3000000000},
    {"3T", GOOD, GOOD, 3000000000000000, 3000000000000},
    {"3P", GOOD, GOOD, 3000000000000000000, 3000000000000000},
    {"3E", NO_QUANTITY, GOOD, 0, 3000000000000000000},
    {"1Ki", GOOD, GOOD, 1024000, 1024},
    {"64Mi", GOOD, GOOD, 67108864000, 67108864},
    {"1.5Gi", GOOD, GOOD, 1610612736000, 1610612736},
    {"0.1Gi", GOOD, GOOD, 107374182400, 107374183},
    {"1Ti", GOOD, GOOD, 1099511627776000, 1099511627776},
    {"1Pi", GOOD, GOOD, 1125899906842624000, 1125899906842624},
    {"7Ei", NO_QUANTITY, GOOD, 0, 8070450532247928832},
    {"8Ei", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"9.3E", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"2e3", GOOD, GOOD, 2000000, 2000},
    {"2E3", GOOD, GOOD, 2000000, 2000},
    {"2.5e-3", GOOD, GOOD, 3, 1},
    {"0e99999999999999999999", GOOD, GOOD, 0, 0},
    {"1e99999999999999999999", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"9223372036854775807", NO_QUANTITY, GOOD, 0, INT64_MAX},
    {"9223372036854775808", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {".", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"-", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"Mi", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"1 Mi", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {" 1", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"1K", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"1ki", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"1i", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"1mi", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"1MB", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"1.1.M", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"1+1", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"1e3Ki", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"1e3m", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"3.01e-", NO_QUANTITY, NO_QUANTITY, 0, 0},
    {"0x10", NO_QUANTITY, NO_QUANTITY, 0, 0},
};

static void quantities_are_read_as_kubernetes_reads_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(readings); i++) {
        int64_t milli = 0, units = 0;
        if (quantity_milli(str_of(readings[i].text), &milli) != (readings[i].milli_good == GOOD) ||
            quantity_units(str_of(readings[i].text), &units) != (readings[i].units_good == GOOD) ||
            milli != readings[i].milli || units != readings[i].units)
            fail_msg("%s: %lld thousandths, %lld units", readings[i].text, (long long)milli,
                     (long long)units);
    }
}

static void the_canonical_text_has_the_largest_suffix_that_is_whole(void **state)
{
    (void)state;
    static const struct {
        void (*format)(int64_t, char[32]);
        int64_t number;
        const char *text;
    } rows[] = {
        {quantity_format_cpu, 0, "0"},
        {quantity_format_cpu, 1, "1m"},
        {quantity_format_cpu, 1500, "1500m"},
        {quantity_format_cpu, 2000, "2"},
        {quantity_format_cpu, -500, "-500m"},
        {quantity_format_cpu, 1000000, "1k"},
        {quantity_format_bytes, 0, "0"},
        {quantity_format_bytes, 1000, "1000"},
        {quantity_format_bytes, 1536, "1536"},
        {quantity_format_bytes, 65536, "64Ki"},
        {quantity_format_bytes, 67108864, "64Mi"},
        {quantity_format_bytes, 1610612736, "1536Mi"},
        {quantity_format_bytes, INT64_MAX, "9223372036854775807"},
        {quantity_format_bytes, INT64_MIN, "-8Ei"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[32];
        rows[i].format(rows[i].number, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void texts_that_mean_the_same_have_one_canonical_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical; /* NULL: it is no quantity */
    } rows[] = {
        {"0", "0"},
        {"0Gi", "0"},
        {"-0m", "0"},
        {"1", "1"},
        {"0.5", "500m"},
        {"1000m", "1"},
        {"1500m", "1500m"},
        {"1.5", "1500m"},
        {"1000", "1k"},
        {"1000k", "1M"},
        {"100k", "100k"},
        {"1024Mi", "1Gi"},
        {"1.5Gi", "1536Mi"},
        {"65536Ki", "64Mi"},
        {"512Ki", "512Ki"},
        {"0.5Ki", "512"},
        {"0.1Gi", "107374182400m"},
        {"1e4", "10e3"},
        {"1E3", "1e3"},
        {"1e0", "1"},
        {"1.5e0", "1500e-3"},
        {"1e-3", "1e-3"},
        {"0.1n", "1n"},
        {"1e-30", "1e-9"},
        {"-1.5", "-1500m"},
        {"-2048Ki", "-2Mi"},
        {"+1", "1"},
        {"3E", "3E"},
        {"8Ei", "8Ei"},
        {"100u", "100u"},
        {"0.0000000001", "1n"},
        {"5.", "5"},
        {"1e3Ki", NULL},
        {"", NULL},
        {"x", NULL},
        {"1 ", NULL},
        {"1e", NULL},
        {"1e99", NULL},
        {"1K", NULL},
        {".", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[QUANTITY_TEXT] = "";
        bool good = quantity_canonical(str_of(rows[i].text), text);
        if (good != (rows[i].canonical != NULL) || (good && strcmp(text, rows[i].canonical) != 0))
            fail_msg("%s gives %s, not %s", rows[i].text, good ? text : "nothing", rows[i].canonical);
    }
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    for (int64_t number = 1; number < INT64_MAX / 7; number = number * 7 / 2 + 1) {
        char text[32];
        int64_t back = 0;
        quantity_format_bytes(number * 2, text);
        assert_true(quantity_units(str_of(text), &back));
        assert_int_equal(back, number * 2);
        quantity_format_cpu(number, text);
        assert_true(quantity_milli(str_of(text), &back));
        assert_int_equal(back, number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_are_read_as_kubernetes_reads_them),
        cmocka_unit_test(the_canonical_text_has_the_largest_suffix_that_is_whole),
        cmocka_unit_test(texts_that_mean_the_same_have_one_canonical_text),
        cmocka_unit_test(what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
