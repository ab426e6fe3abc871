/* The client of the mounted tree, tried on plain files: what it does with a filesystem is the same whoever
 * serves it. */
#include "lib/tree.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

static char directory[] = "/tmp/podtree-tree-XXXXXX";

static char *path_of(const char *name)
{
    return path_format("%s/all/pods/%s", directory, name);
}

static void put(const char *name, const char *text)
{
    autofree char *path = path_of(name);
    assert_int_equal(file_write(path, str_of(text), 0600, NULL), 0);
}

static void touch(const char *name)
{
    autofree char *path = path_of(name);
    assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    autofree char *since = path_of(".since"), *namespaces = path_format("%s/all/namespaces", directory);
    assert_int_equal(directory_make(since, 0700, NULL), 0);
    assert_int_equal(directory_make(namespaces, 0700, NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return directory_remove(directory, NULL);
}

struct lines {
    struct buf text;
    int stop_after;
};

static int collect(void *context, struct str line, struct error **err)
{
    (void)err;
    struct lines *lines = context;
    buf_addf(&lines->text, "<" STR_FORMAT ">", STR_ARGS(line));
    return --lines->stop_after == 0 ? 1 : 0;
}

static struct tree *mount_it(void)
{
    struct tree *tree = NULL;
    assert_int_equal(tree_mount(directory, &tree, NULL), 0);
    return tree;
}

static void lines_come_one_by_one_up_to_the_last(void **state)
{
    (void)state;
    autotree struct tree *tree = mount_it();
    struct lines lines = {.stop_after = 3};
    put(".since/7", "one\n\nthree\nfour\n");
    assert_int_equal(tree_since(tree, "pods", 7, false, collect, &lines, NULL), 0);
    assert_string_equal(lines.text.at, "<one><><three>");
    buf_clear(&lines.text);
    put(".since/7.meta", "meta\n");
    lines.stop_after = 1;
    assert_int_equal(tree_since(tree, "pods", 7, true, collect, &lines, NULL), 0);
    assert_string_equal(lines.text.at, "<meta>");
    buf_free(&lines.text);
}

static void an_answer_without_its_last_line_is_an_error(void **state)
{
    (void)state;
    autotree struct tree *tree = mount_it();
    autoerror struct error *err = NULL;
    struct lines lines = {.stop_after = 3};
    put(".since/8", "one\ntwo\nthr");
    assert_int_equal(tree_since(tree, "pods", 8, false, collect, &lines, &err), -EPROTO);
    assert_string_equal(lines.text.at, "<one><two>");
    assert_int_equal(tree_since(tree, "pods", 9, false, collect, &lines, NULL), -ENOENT);
    buf_free(&lines.text);
}

static void long_answers_come_whole(void **state)
{
    (void)state;
    autotree struct tree *tree = mount_it();
    autobuf struct buf text = {0};
    for (int i = 0; i < 200 * 1000; i++)
        buf_addf(&text, "line number %d\n", i);
    put(".since/10", text.at);
    struct lines lines = {.stop_after = 200 * 1000};
    assert_int_equal(tree_since(tree, "pods", 10, false, collect, &lines, NULL), 0);
    assert_int_equal(lines.text.length, text.length + 200 * 1000);
    buf_free(&lines.text);
}

/* A plain file gives back what was written to it: as many lines as there were requests. */
static void one_object_is_read_as_it_is(void **state)
{
    (void)state;
    autofree char *object = path_of("default/web");
    autotree struct tree *tree = mount_it();
    autobuf struct buf text = {0};
    assert_int_equal(tree_get(tree, "pods", "default", "web", &text, NULL), -ENOENT);
    assert_int_equal(directory_make(object, 0700, NULL), 0);
    put("default/web/.json", "{\"kind\":\"Pod\"}");
    assert_int_equal(tree_get(tree, "pods", "default", "web", &text, NULL), 0);
    assert_string_equal(text.at, "{\"kind\":\"Pod\"}");
    autofree char *node = path_of("node-a");
    assert_int_equal(directory_make(node, 0700, NULL), 0);
    put("node-a/.json", "{}");
    buf_clear(&text);
    assert_int_equal(tree_get(tree, "pods", "", "node-a", &text, NULL), 0);
    assert_string_equal(text.at, "{}");
}

static void a_name_leads_nowhere_else(void **state)
{
    (void)state;
    static const char *const names[] = {"", ".", "..", "../default/web", "default/web", "/web"};
    autotree struct tree *tree = mount_it();
    autobuf struct buf text = {0};
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(tree_get(tree, "pods", "", names[i], &text, NULL), -ENOENT);
    assert_int_equal(text.length, 0);
}

static void a_bulk_is_written_from_the_beginning_and_its_results_are_read(void **state)
{
    (void)state;
    autotree struct tree *tree = mount_it();
    autobuf struct buf results = {0};
    autofree char *bulk = path_format("%s/all/namespaces/.bulk", directory);
    assert_int_equal(tree_bulk(tree, STR("a\n"), 1, &results, NULL), -ENOENT);
    assert_int_equal(file_write(bulk, STR(""), 0600, NULL), 0);
    assert_int_equal(tree_bulk(tree, STR("a\nb\n"), 2, &results, NULL), 0);
    assert_string_equal(results.at, "a\nb\n");
    buf_clear(&results);
    assert_int_equal(tree_bulk(tree, STR("c\nd\n"), 2, &results, NULL), 0);
    assert_string_equal(results.at, "c\nd\n");
    buf_clear(&results);
    autoerror struct error *err = NULL;
    assert_int_equal(tree_bulk(tree, STR("e\nf\n"), 3, &results, &err), -EPROTO);
}

static bool is_readable(struct tree *tree)
{
    struct pollfd poller = {.fd = tree_descriptor(tree), .events = POLLIN};
    return poll(&poller, 1, 0) == 1;
}

static void a_touched_version_is_a_change(void **state)
{
    (void)state;
    autotree struct tree *tree = mount_it();
    bool changed = false;
    autofree char *version = path_of(".version");
    unlink(version);
    tree_follow(tree, "pods", &changed);
    assert_int_equal(tree_events(tree, NULL), -ENOENT);
    assert_false(changed);
    put(".version", "1\n");
    assert_int_equal(tree_events(tree, NULL), 0);
    assert_true(changed); /* nobody knows what was before */
    changed = false;
    assert_false(is_readable(tree));
    assert_int_equal(tree_events(tree, NULL), 0);
    assert_false(changed);
    touch(".version");
    assert_true(is_readable(tree));
    assert_int_equal(tree_events(tree, NULL), 0);
    assert_true(changed);
    assert_false(is_readable(tree));
}

static void a_watch_that_ends_is_made_anew(void **state)
{
    (void)state;
    autotree struct tree *tree = mount_it();
    bool changed = false;
    autofree char *version = path_of(".version");
    put(".version", "1\n");
    tree_follow(tree, "pods", &changed);
    assert_int_equal(tree_events(tree, NULL), 0);
    assert_int_equal(unlink(version), 0);
    assert_int_equal(tree_events(tree, NULL), -ENOENT);
    changed = false;
    put(".version", "2\n");
    assert_int_equal(tree_events(tree, NULL), 0);
    assert_true(changed);
    changed = false;
    touch(".version");
    assert_int_equal(tree_events(tree, NULL), 0);
    assert_true(changed);
}

static void resources_are_what_there_is_to_discover(void **state)
{
    (void)state;
    static const char *const kinds[] = {"core/v1/pods", "apps/v1/deployments", "x.io/v1/things",
                                        "x.io/v1beta1/things"};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        autofree char *path = path_format("%s/api/%s", directory, kinds[i]);
        assert_int_equal(directory_make(path, 0700, NULL), 0);
    }
    autotree struct tree *tree = mount_it();
    autobuf struct buf names = {0};
    assert_int_equal(tree_resources(tree, &names, NULL), 0);
    static const char *const resources[] = {"pods\n", "deployments.apps\n", "things.x.io\n"};
    size_t length = 0;
    for (size_t i = 0; i < COUNT(resources); i++) {
        assert_non_null(strstr(names.at, resources[i]));
        length += strlen(resources[i]);
    }
    assert_int_equal(names.length, length);
}

static void a_tree_that_is_not_there_yet_can_be_mounted(void **state)
{
    (void)state;
    autotree struct tree *tree = NULL;
    assert_int_equal(tree_mount("/nowhere/at/all", &tree, NULL), 0);
    bool changed = false;
    tree_follow(tree, "pods", &changed);
    assert_int_equal(tree_events(tree, NULL), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_one_by_one_up_to_the_last),
        cmocka_unit_test(an_answer_without_its_last_line_is_an_error),
        cmocka_unit_test(long_answers_come_whole),
        cmocka_unit_test(one_object_is_read_as_it_is),
        cmocka_unit_test(a_name_leads_nowhere_else),
        cmocka_unit_test(a_bulk_is_written_from_the_beginning_and_its_results_are_read),
        cmocka_unit_test(a_touched_version_is_a_change),
        cmocka_unit_test(a_watch_that_ends_is_made_anew),
        cmocka_unit_test(resources_are_what_there_is_to_discover),
        cmocka_unit_test(a_tree_that_is_not_there_yet_can_be_mounted),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
