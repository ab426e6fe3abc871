/* What names may be made of. */
#include "lib/name.h"

#include "test.h"

static void names_are_made_of_what_RFC_1123_says(void **state)
{
    (void)state;
    static const struct {
        struct str name;
        bool label, subdomain;
    } rows[] = {
        {STR("a"), true, true},
        {STR("9"), true, true},
        {STR("node-a"), true, true},
        {STR("a--b"), true, true},
        {STR("node-1.rack-2"), false, true},
        {STR(""), false, false},
        {STR("-a"), false, false},
        {STR("a-"), false, false},
        {STR("Node"), false, false},
        {STR("bad_name"), false, false},
        {STR("a b"), false, false},
        {STR("a/b"), false, false},
        {STR("."), false, false},
        {STR(".."), false, false},
        {STR("a..b"), false, false},
        {STR(".a"), false, false},
        {STR("a."), false, false},
        {STR("a.-b"), false, false},
        {STR("a\0b"), false, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(name_is_label(rows[i].name), rows[i].label);
        assert_int_equal(name_is_subdomain(rows[i].name), rows[i].subdomain);
    }
}

static void names_are_no_longer_than_that(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'a', sizeof(text));
    assert_true(name_is_label((struct str){text, 63}));
    assert_false(name_is_label((struct str){text, 64}));
    assert_true(name_is_subdomain((struct str){text, 253}));
    assert_false(name_is_subdomain((struct str){text, 254}));
}

static void the_nearest_name_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *given, *found;
    } rows[] = {{"deploymentz", "deployments"},
                {"deployment", "deployments"},
                {"podz", "pods"},
                {"nodes", "nodes"},
                {"elephants", ""},
                {"po", ""},
                {"", ""}};
    static const char *const names[] = {"configmaps", "deployments", "nodes", "pods"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct name_search search = name_search(str_of(rows[i].given));
        for (size_t j = 0; j < COUNT(names); j++)
            name_search_try(&search, str_of(names[j]));
        assert_true(str_is(search.name, rows[i].found));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_made_of_what_RFC_1123_says),
        cmocka_unit_test(names_are_no_longer_than_that),
        cmocka_unit_test(the_nearest_name_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
