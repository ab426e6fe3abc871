#include "lib/condition.h"
#include "tests/unit/lib/test.h"

enum { LATER = 60 * 1000 };

static void the_time_moves_only_when_the_status_turns(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_parse("[]");
    struct value conditions = doc_root(doc);
    assert_true(value_exists(condition_set(conditions, "Ready", "True", "Fine", STR("all is well"), 0)));
    assert_false(value_exists(condition_set(conditions, "Ready", "True", "Fine", STR("all is well"), LATER)));
    assert_json(conditions,
                "[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Fine\",\"message\":\"all is well\","
                "\"lastTransitionTime\":\"1970-01-01T00:00:00Z\"}]");
    assert_true(value_exists(condition_set(conditions, "Ready", "True", "Fine", STR(""), LATER)));
    assert_json(conditions, "[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Fine\","
                            "\"lastTransitionTime\":\"1970-01-01T00:00:00Z\"}]");
    assert_true(value_exists(condition_set(conditions, "Ready", "False", "", STR(""), LATER)));
    assert_json(
        conditions,
        "[{\"type\":\"Ready\",\"status\":\"False\",\"lastTransitionTime\":\"1970-01-01T00:01:00Z\"}]");
}

static void each_type_is_there_once(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_parse("[]");
    struct value conditions = doc_root(doc);
    condition_set(conditions, "A", "True", "", STR(""), 0);
    condition_set(conditions, "B", "True", "", STR(""), 0);
    condition_set(conditions, "A", "False", "", STR(""), 0);
    assert_int_equal(value_count(conditions), 2);
    assert_true(value_is(value_get(condition_find(conditions, "A"), STR("status")), "False"));
    assert_true(condition_remove(conditions, "A"));
    assert_false(condition_remove(conditions, "A"));
    assert_false(value_exists(condition_find(conditions, "A")));
    assert_int_equal(value_count(conditions), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_moves_only_when_the_status_turns),
        cmocka_unit_test(each_type_is_there_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
