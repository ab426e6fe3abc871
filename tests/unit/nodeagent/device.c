/* The devices of a machine, as privileged containers get them. */
#include "nodeagent/device.h"
#include "tests/unit/lib/test.h"

static struct value find(struct value devices, const char *path)
{
    value_each (device, devices)
        if (value_is(value_get(device, STR("path")), path))
            return device;
    return VALUE_ABSENT;
}

static void test_devices_are_listed_with_their_numbers(void **state)
{
    (void)state;
    autodoc struct doc *doc = device_list("/dev");
    struct value null = find(doc_root(doc), "/dev/null");
    assert_int_equal(value_type(doc_root(doc)), VALUE_ARRAY);
    assert_str(value_str(value_get(null, STR("type"))), "c");
    assert_int_equal(value_int_or(value_get(null, STR("major")), 0), 1);
    assert_int_equal(value_int_or(value_get(null, STR("minor")), 0), 3);
    assert_int_equal(value_int_or(value_get(null, STR("fileMode")), 0), 0666);
}

static void test_what_each_container_has_itself_is_left_out(void **state)
{
    (void)state;
    autodoc struct doc *doc = device_list("/dev");
    static const char *const own[] = {"/dev/ptmx", "/dev/pts/ptmx", "/dev/console", "/dev/fd", "/dev/shm"};
    for (size_t i = 0; i < COUNT(own); i++)
        assert_false(value_exists(find(doc_root(doc), own[i])));
}

static void test_a_directory_that_is_not_there_has_no_devices(void **state)
{
    (void)state;
    autodoc struct doc *doc = device_list("/dev/null/nothing");
    assert_json(doc_root(doc), "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices_are_listed_with_their_numbers),
        cmocka_unit_test(test_what_each_container_has_itself_is_left_out),
        cmocka_unit_test(test_a_directory_that_is_not_there_has_no_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
