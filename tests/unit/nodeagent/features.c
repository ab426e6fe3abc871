#include "nodeagent/features.h"
#include "tests/unit/lib/test.h"

static void test_a_mount_option_is_known_where_it_is_named(void **state)
{
    (void)state;
    static const struct {
        struct str said;
        bool known;
    } rows[] = {
        {STR("{\"ociVersionMin\":\"1.0.0\",\"mountOptions\":[\"ro\",\"rro\"]}\n"), true},
        {STR("{\"mountOptions\":[\"ro\",\"rrow\"]}"), false},
        {STR("{\"hooks\":[\"rro\"]}"), false},
        {STR("unknown command features"), false},
        {STR(""), false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(features_have_mount_option(rows[i].said, "rro"), rows[i].known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_mount_option_is_known_where_it_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
