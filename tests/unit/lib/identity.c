#include "lib/identity.h"

#include "tests/unit/lib/test.h"

static void a_component_is_known_by_root_and_its_gid(void **state)
{
    (void)state;
    for (int i = IDENTITY_NONE + 1; i < IDENTITY_COUNT; i++) {
        gid_t gid = identity_gid((enum identity)i);
        assert_int_equal(identity_of(0, gid), i);
        assert_int_equal(identity_of(1000, gid), IDENTITY_NONE);
        assert_true(strlen(identity_name((enum identity)i)) > 0);
    }
}

static void people_are_no_components(void **state)
{
    (void)state;
    assert_int_equal(identity_of(0, 0), IDENTITY_NONE);
    assert_int_equal(identity_of(0, IDENTITY_BASE), IDENTITY_NONE);
    assert_int_equal(identity_of(0, IDENTITY_BASE + IDENTITY_COUNT), IDENTITY_NONE);
    assert_int_equal(identity_of(0, (gid_t)-1), IDENTITY_NONE);
    assert_string_equal(identity_name(IDENTITY_COUNT), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_component_is_known_by_root_and_its_gid),
        cmocka_unit_test(people_are_no_components),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
