/* Removing without waiting. */
#include "nodeagent/discard.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"

#include <sys/stat.h>

static char state[64];

static int setup(void **unused)
{
    (void)unused;
    strcpy(state, "/tmp/podtree-test.XXXXXX");
    return mkdtemp(state) != NULL ? 0 : -1;
}

static int teardown(void **unused)
{
    (void)unused;
    discard_wait();
    return directory_remove(state, NULL);
}

static char *below(const char *name)
{
    return path_format("%s/%s", state, name);
}

static void make_tree(const char *name)
{
    autofree char *directory = path_format("%s/%s/a/b", state, name), *file = path_format("%s/c", directory);
    assert_int_equal(directory_make(directory, 0755, NULL), 0);
    assert_int_equal(file_write(file, STR("text"), 0644, NULL), 0);
}

static bool is_there(const char *name)
{
    autofree char *path = below(name);
    return access(path, F_OK) == 0;
}

static void assert_nothing_is_left(void)
{
    autofree char *discarded = below("discarded");
    autobuf struct buf names = {0};
    discard_wait();
    assert_int_equal(directory_names(discarded, &names, NULL), 0);
    assert_int_equal(names.length, 0);
}

static void test_what_is_discarded_is_gone_at_once_and_removed_then(void **unused)
{
    (void)unused;
    for (int i = 0; i < 20; i++) {
        autofree char *tree = below("tree");
        make_tree("tree");
        assert_int_equal(discard(state, tree, NULL), 0);
        assert_false(is_there("tree"));
        assert_int_equal(discard(state, tree, NULL), 0);
    }
    assert_nothing_is_left();
}

static void test_what_an_earlier_process_has_left_is_removed(void **unused)
{
    (void)unused;
    discard_rest(state);
    make_tree("discarded/0");
    make_tree("discarded/7");
    make_tree("tree");
    autofree char *tree = below("tree");
    assert_int_equal(discard(state, tree, NULL), 0);
    discard_rest(state);
    assert_nothing_is_left();
}

static void test_what_can_not_be_moved_is_removed_where_it_is(void **unused)
{
    (void)unused;
    autofree char *tree = below("tree"), *in_the_way = below("discarded");
    make_tree("tree");
    assert_int_equal(file_write(in_the_way, STR(""), 0644, NULL), 0);
    assert_int_equal(discard(state, tree, NULL), 0);
    assert_false(is_there("tree"));
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(test_what_is_discarded_is_gone_at_once_and_removed_then),
        ROW(test_what_an_earlier_process_has_left_is_removed),
        ROW(test_what_can_not_be_moved_is_removed_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
