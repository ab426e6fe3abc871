#include "lib/file.h"

#include "tests/unit/lib/test.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char scratch[] = "/tmp/podtree-test-XXXXXX";

static int make_scratch(void **state)
{
    (void)state;
    return mkdtemp(scratch) != NULL ? 0 : -1;
}

static int remove_scratch(void **state)
{
    (void)state;
    return directory_remove(scratch, NULL);
}

static bool is_there(const char *path)
{
    struct stat there;
    return lstat(path, &there) == 0;
}

static void assert_content(const char *path, const char *expected)
{
    autobuf struct buf content = {0};
    assert_int_equal(file_read(path, &content, NULL), 0);
    assert_string_equal(content.at, expected);
}

static void a_file_is_read_whole_behind_what_is_there(void **state)
{
    (void)state;
    autofree char *path = path_format("%s/large", scratch);
    autobuf struct buf large = {0}, content = {0};
    for (int i = 0; large.length < 100000; i++)
        buf_addf(&large, "%d\n", i);
    assert_int_equal(file_write(path, buf_str(&large), 0600, NULL), 0);
    buf_add_char(&content, '>');
    assert_int_equal(file_read(path, &content, NULL), 0);
    assert_int_equal(content.length, large.length + 1);
    assert_string_equal(content.at + 1, large.at);
}

static void an_empty_file_reads_as_an_empty_string(void **state)
{
    (void)state;
    autofree char *path = path_format("%s/empty", scratch);
    assert_int_equal(file_write(path, STR_NONE, 0600, NULL), 0);
    assert_content(path, "");
}

static void what_is_not_there_says_so(void **state)
{
    (void)state;
    autofree char *path = path_format("%s/nothing", scratch);
    autofree char *sentence = path_format("cannot open %s: No such file or directory", path);
    autobuf struct buf content = {0};
    autoerror struct error *err = NULL;
    assert_int_equal(file_read(path, &content, &err), -ENOENT);
    assert_string_equal(error_message(err), sentence);
}

static void replacing_leaves_the_new_content_and_no_scratch(void **state)
{
    (void)state;
    autofree char *path = path_format("%s/replaced", scratch);
    autofree char *remains = path_format("%s.new", path);
    struct stat there;
    assert_int_equal(file_replace(path, STR("a longer first content"), 0640, FILE_CACHED, NULL), 0);
    assert_int_equal(file_replace(path, STR("second"), 0640, FILE_DURABLE, NULL), 0);
    assert_content(path, "second");
    assert_false(is_there(remains));
    assert_int_equal(stat(path, &there), 0);
    assert_int_equal(there.st_mode & 0777, 0640);
}

static void a_replacement_that_fails_changes_nothing(void **state)
{
    (void)state;
    autofree char *path = path_format("%s/directory", scratch);
    autofree char *remains = path_format("%s.new", path);
    autofree char *deep = path_format("%s/no/such/place", scratch);
    assert_int_equal(directory_make(path, 0755, NULL), 0);
    assert_int_equal(file_replace(path, STR("x"), 0600, FILE_DURABLE, NULL), -EISDIR);
    assert_false(is_there(remains));
    assert_int_equal(file_replace(deep, STR("x"), 0600, FILE_CACHED, NULL), -ENOENT);
}

static void directories_are_made_with_their_parents(void **state)
{
    (void)state;
    autofree char *path = path_format("%s/a/b//c/d", scratch);
    autofree char *file = path_format("%s/file", scratch);
    autofree char *below = path_format("%s/file/x/y", scratch);
    assert_int_equal(directory_make(path, 0755, NULL), 0);
    assert_int_equal(directory_make(path, 0755, NULL), 0);
    assert_true(is_there(path));
    assert_int_equal(file_write(file, STR("x"), 0600, NULL), 0);
    assert_int_equal(directory_make(file, 0755, NULL), -EEXIST);
    assert_int_equal(directory_make(below, 0755, NULL), -ENOTDIR);
}

static void a_directory_tells_its_names_but_those_with_a_dot(void **state)
{
    (void)state;
    autofree char *directory = path_format("%s/names", scratch), *lost = path_format("%s/lost", scratch);
    static const char *const made[] = {"one", ".hidden", "t w\no"};
    assert_int_equal(directory_make(directory, 0755, NULL), 0);
    for (size_t i = 0; i < COUNT(made); i++) {
        autofree char *path = path_format("%s/%s", directory, made[i]);
        assert_int_equal(file_write(path, STR("x"), 0600, NULL), 0);
    }
    autobuf struct buf names = {0}, none = {0};
    assert_int_equal(directory_names(directory, &names, NULL), 0);
    int count = 0;
    names_each(name, names) count += strcmp(name, "one") == 0 ? 1 : strcmp(name, "t w\no") == 0 ? 10 : 100;
    assert_int_equal(count, 11);
    assert_int_equal(directory_names(lost, &none, NULL), -ENOENT);
    names_each(name, none) fail_msg("%s", name);
}

static void removing_takes_everything_below_but_follows_no_symlink(void **state)
{
    (void)state;
    autofree char *tree = path_format("%s/tree", scratch);
    autofree char *deep = path_format("%s/x/y/z", tree);
    autofree char *file = path_format("%s/file", deep);
    autofree char *outside = path_format("%s/outside", scratch);
    autofree char *kept = path_format("%s/kept", outside);
    autofree char *link = path_format("%s/link", tree);
    assert_int_equal(directory_make(deep, 0755, NULL), 0);
    assert_int_equal(directory_make(outside, 0755, NULL), 0);
    assert_int_equal(file_write(file, STR("x"), 0400, NULL), 0);
    assert_int_equal(file_write(kept, STR("x"), 0600, NULL), 0);
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(directory_remove(tree, NULL), 0);
    assert_false(is_there(tree));
    assert_true(is_there(kept));
    assert_int_equal(directory_remove(tree, NULL), 0);
}

/* Deeper than there may be descriptors: programs make such, if only by mistake. */
static void removing_takes_the_deepest_tree(void **state)
{
    (void)state;
    autofree char *tree = path_format("%s/deep", scratch);
    assert_int_equal(directory_make(tree, 0755, NULL), 0);
    int here = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(mkdirat(here, "d", 0755), 0);
        assert_int_equal(mkdirat(here, ".deep.1", 0755), 0);
        int below = openat(here, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(below >= 0);
        close(here);
        here = below;
    }
    close(here);
    struct rlimit before, few = {128, 128};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int result = directory_remove(tree, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result, 0);
    assert_false(is_there(tree));
}

static void removing_through_a_symlink_is_refused(void **state)
{
    (void)state;
    autofree char *target = path_format("%s/target", scratch);
    autofree char *link = path_format("%s/link", scratch);
    assert_int_equal(directory_make(target, 0755, NULL), 0);
    assert_int_equal(symlink(target, link), 0);
    assert_true(directory_remove(link, NULL) < 0);
    assert_true(is_there(target));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_whole_behind_what_is_there),
        cmocka_unit_test(an_empty_file_reads_as_an_empty_string),
        cmocka_unit_test(what_is_not_there_says_so),
        cmocka_unit_test(replacing_leaves_the_new_content_and_no_scratch),
        cmocka_unit_test(a_replacement_that_fails_changes_nothing),
        cmocka_unit_test(directories_are_made_with_their_parents),
        cmocka_unit_test(a_directory_tells_its_names_but_those_with_a_dot),
        cmocka_unit_test(removing_takes_everything_below_but_follows_no_symlink),
        cmocka_unit_test(removing_takes_the_deepest_tree),
        cmocka_unit_test(removing_through_a_symlink_is_refused),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
