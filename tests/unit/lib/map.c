#include "lib/map.h"
#include "tests/unit/lib/test.h"
#include <stdio.h>

struct thing {
    int number;
    struct map_node by_name;
    char name[24];
};

static struct thing *find(const struct map *map, const char *name)
{
    return map_entry(map_find(map, str_of(name)), struct thing, by_name);
}

static void what_is_put_in_is_found_until_it_is_taken_out(void **state)
{
    (void)state;
    struct map map = {0};
    static struct thing things[1000];
    for (int i = 0; i < 1000; i++) {
        things[i].number = i;
        snprintf(things[i].name, sizeof(things[i].name), "thing-%d", i);
        things[i].by_name.key = str_of(things[i].name);
        assert_null(find(&map, things[i].name));
        map_insert(&map, &things[i].by_name);
    }
    for (int i = 0; i < 1000; i += 2)
        map_remove(&map, &things[i].by_name);
    assert_int_equal(map.count, 500);
    for (int i = 0; i < 1000; i++) {
        const struct thing *found = find(&map, things[i].name);
        assert_ptr_equal(found, i % 2 != 0 ? &things[i] : NULL);
    }
    map_free(&map);
}

static void a_walk_sees_each_once_and_may_remove_behind_itself(void **state)
{
    (void)state;
    struct map map = {0};
    struct thing things[100];
    for (int i = 0; i < 100; i++) {
        snprintf(things[i].name, sizeof(things[i].name), "%d", i);
        things[i].by_name.key = str_of(things[i].name);
        map_insert(&map, &things[i].by_name);
    }
    int seen = 0;
    struct map_node *next;
    for (struct map_node *node = map_next(&map, NULL); node != NULL; node = next, seen++) {
        next = map_next(&map, node);
        map_remove(&map, node);
    }
    assert_int_equal(seen, 100);
    assert_int_equal(map.count, 0);
    assert_null(map_next(&map, NULL));
    map_free(&map);
}

static void an_empty_map_has_nothing(void **state)
{
    (void)state;
    struct map map = {0};
    assert_null(map_find(&map, STR("x")));
    assert_null(map_next(&map, NULL));
    map_free(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_in_is_found_until_it_is_taken_out),
        cmocka_unit_test(a_walk_sees_each_once_and_may_remove_behind_itself),
        cmocka_unit_test(an_empty_map_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
