/* Which images go when the disk gets full. */
#include "nodeagent/image_collect.h"
#include "tests/unit/lib/test.h"

static const struct image_policy kubernetes = {85, 80, 120000};

static void test_nothing_has_to_go_before_the_disk_is_as_full_as_that(void **state)
{
    (void)state;
    static const struct {
        struct image_disk disk;
        int64_t excess;
    } rows[] = {
        {{1000, 1000}, 0},
        {{1000, 160}, 0},
        {{1000, 150}, 50},
        {{1000, 0}, 200},
        {{1000, 1200}, 0},
        {{0, 0}, 0},
        {{INT64_C(100000000000000000), 0}, INT64_C(20000000000000000)},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(image_excess(&kubernetes, &rows[i].disk), rows[i].excess);
}

static void test_what_was_of_use_longest_ago_goes_first(void **state)
{
    (void)state;
    static char kept[] = "kept", a[] = "a", b[] = "b", c[] = "c";
    struct image_candidate candidates[] = {
        {.name = kept, .used_ms = 5, .used = true},
        {.name = c, .used_ms = 90000},
        {.name = kept, .came_ms = 900000, .used_ms = 1},
        {.name = b, .came_ms = 20, .used_ms = 10},
        {.name = kept, .pinned = true},
        {.name = a, .came_ms = 10, .used_ms = 10},
    };
    size_t may_go = image_order(&kubernetes, 1000000, candidates, COUNT(candidates));
    assert_int_equal(may_go, 3);
    assert_string_equal(candidates[0].name, "a");
    assert_string_equal(candidates[1].name, "b");
    assert_string_equal(candidates[2].name, "c");
    for (size_t i = may_go; i < COUNT(candidates); i++)
        assert_string_equal(candidates[i].name, "kept");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_has_to_go_before_the_disk_is_as_full_as_that),
        cmocka_unit_test(test_what_was_of_use_longest_ago_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
