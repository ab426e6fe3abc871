#include "cli/backoff.h"

#include "test.h"

static void the_first_times_there_is_no_wait(void **state)
{
    (void)state;
    struct backoff backoff = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(backoff_next(&backoff, 5, false), 0);
}

static void then_the_wait_doubles_up_to_its_limit(void **state)
{
    (void)state;
    struct backoff backoff = {.failures = 3};
    int64_t expected = 10;
    for (int i = 0; i < 9; i++, expected *= 2)
        assert_int_equal(backoff_next(&backoff, 5, false), expected);
    for (int i = 0; i < 100; i++)
        assert_int_equal(backoff_next(&backoff, 5, false), 5000);
}

static void a_long_life_clears_the_count(void **state)
{
    (void)state;
    struct backoff backoff = {.failures = 50};
    assert_int_equal(backoff_next(&backoff, 9999, false), 5000);
    assert_int_equal(backoff_next(&backoff, 10000, false), 0);
}

static void somebody_elses_kill_is_no_failure(void **state)
{
    (void)state;
    struct backoff backoff = {.failures = 50};
    assert_int_equal(backoff_next(&backoff, 100, true), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(backoff_next(&backoff, 150, true), 0);
}

static void killed_at_once_again_and_again_it_waits_a_little(void **state)
{
    (void)state;
    struct backoff backoff = {.failures = 3};
    assert_int_equal(backoff_next(&backoff, 99, true), 10);
    for (int i = 0; i < 100; i++)
        assert_int_equal(backoff_next(&backoff, 99, true), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_times_there_is_no_wait),
        cmocka_unit_test(then_the_wait_doubles_up_to_its_limit),
        cmocka_unit_test(a_long_life_clears_the_count),
        cmocka_unit_test(somebody_elses_kill_is_no_failure),
        cmocka_unit_test(killed_at_once_again_and_again_it_waits_a_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
