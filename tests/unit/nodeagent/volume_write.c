/* A volume's files on the disk: one version or the next, never a mixture. */
#include "nodeagent/volume_write.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char directory[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/volume.XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    return directory_remove(directory, NULL);
}

/* Pairs of path and text, in the order of their paths, NULL at the end. */
static int write_files(const char *const *pairs, int64_t group, struct error **err)
{
    struct volume_file list[8];
    struct volume_files files = {.files = list};
    for (; pairs[0] != NULL; pairs += 2)
        list[files.count++] =
            (struct volume_file){.path = (char *)(uintptr_t)pairs[0],
                                 .bytes = {.at = (char *)(uintptr_t)pairs[1], .length = strlen(pairs[1])},
                                 .mode = 0640};
    return volume_write(directory, &files, group, err);
}
#define WRITE(...) write_files((const char *const[]){__VA_ARGS__, NULL}, -1, NULL)

static void assert_reads(const char *path, const char *expected)
{
    autofree char *whole = path_format("%s/%s", directory, path);
    autobuf struct buf bytes = {0};
    assert_int_equal(file_read(whole, &bytes, NULL), 0);
    assert_str(buf_str(&bytes), expected);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What lies in the directory; versions are said as "..version". */
static void assert_lists(const char *expected)
{
    char *names[32];
    size_t count = 0;
    DIR *entries = opendir(directory);
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL && count < COUNT(names))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            names[count++] =
                strncmp(entry->d_name, "..2", 3) == 0 ? strdup("..version") : strdup(entry->d_name);
    closedir(entries);
    qsort(names, count, sizeof(names[0]), compare_names);
    autobuf struct buf list = {0};
    for (size_t i = 0; i < count; i++) {
        buf_addf(&list, "%s%s", i != 0 ? " " : "", names[i]);
        free(names[i]);
    }
    assert_str(buf_str(&list), expected);
}

static char *current_version(void)
{
    char target[PATH_MAX] = "";
    autofree char *data = path_format("%s/..data", directory);
    assert_true(readlink(data, target, sizeof(target) - 1) > 0);
    return path_format("%s/%s", directory, target);
}

static mode_t mode_of(const char *path)
{
    struct stat there;
    assert_int_equal(stat(path, &there), 0);
    return there.st_mode & 07777;
}

static void put_symlink(const char *target, const char *name)
{
    autofree char *path = path_format("%s/%s", directory, name);
    unlink(path);
    assert_int_equal(symlink(target, path), 0);
}

static void put_directory(const char *name)
{
    autofree char *path = path_format("%s/%s", directory, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void test_files_are_shown_through_data(void **state)
{
    (void)state;
    mode_t before = umask(077);
    assert_int_equal(WRITE("app/one", "1", "app/two", "", "top", "text"), 1);
    umask(before);
    assert_lists("..data ..version app top");
    assert_reads("app/one", "1");
    assert_reads("app/two", "");
    assert_reads("..data/top", "text");
    char target[PATH_MAX] = "";
    autofree char *top = path_format("%s/top", directory), *version = current_version();
    assert_true(readlink(top, target, sizeof(target) - 1) > 0);
    assert_string_equal(target, "..data/top");
    autofree char *app = path_format("%s/app", version);
    assert_int_equal(mode_of(top), 0640);
    assert_int_equal(mode_of(app), 0755);
    assert_int_equal(mode_of(version), 0755);
}

static void test_nothing_is_written_when_nothing_has_changed(void **state)
{
    (void)state;
    assert_int_equal(WRITE("a", "1", "b/c", "2"), 1);
    autofree char *before = current_version();
    assert_int_equal(WRITE("a", "1", "b/c", "2"), 0);
    autofree char *after = current_version();
    assert_string_equal(before, after);
}

static void test_a_change_makes_a_new_version_and_removes_the_old_one(void **state)
{
    (void)state;
    static const struct {
        const char *pairs[7], *list;
    } rows[] = {
        {{"a", "1", "b", "2"}, "..data ..version a b"},
        {{"a", "9", "b", "2"}, "..data ..version a b"},
        {{"a", "9", "b", "23"}, "..data ..version a b"},
        {{"a", "9"}, "..data ..version a"},
        {{"a", "9", "b/c", "2", "b/d", "3"}, "..data ..version a b"},
        {{"a", "9", "b/c", "2"}, "..data ..version a b"}, /* its first part stays */
        {{"a", "9", "b-c", "1", "b/c", "2"}, "..data ..version a b b-c"},
        {{NULL}, "..data ..version"},
    };
    autofree char *before = NULL;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(write_files(rows[i].pairs, -1, NULL), 1);
        assert_lists(rows[i].list);
        char *now = current_version();
        if (before != NULL)
            assert_string_not_equal(before, now);
        free(before);
        before = now;
    }
}

static void test_who_has_a_file_open_reads_the_version_that_it_opened(void **state)
{
    (void)state;
    assert_int_equal(WRITE("a", "old"), 1);
    autofree char *path = path_format("%s/a", directory);
    autoclose int fd = open(path, O_RDONLY);
    assert_int_equal(WRITE("a", "new"), 1);
    char bytes[8] = "";
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 3);
    assert_string_equal(bytes, "old");
    assert_reads("a", "new");
}

/* What a kill leaves behind, by where it comes. */
static void test_what_a_kill_has_left_is_put_right(void **state)
{
    (void)state;
    assert_int_equal(WRITE("a", "1", "gone", "x"), 1);
    assert_int_equal(WRITE("a", "1"), 1);
    /* while a version was being written, before ..data was replaced */
    put_directory("..2020_01_01_00_00_00.000000001");
    put_symlink("..2020_01_01_00_00_00.000000001", "..data_tmp");
    assert_int_equal(WRITE("a", "1"), 0);
    assert_lists("..data ..version a");
    /* behind that: a symlink is missing, another one not yet removed */
    put_symlink("..data/gone", "gone");
    autofree char *shown = path_format("%s/a", directory);
    assert_int_equal(unlink(shown), 0);
    assert_int_equal(WRITE("a", "1"), 0);
    assert_lists("..data ..version a");
    assert_reads("a", "1");
    /* with a ..data_tmp that stood in the way of a change */
    put_symlink("nowhere", "..data_tmp");
    assert_int_equal(WRITE("a", "2"), 1);
    assert_lists("..data ..version a");
    assert_reads("a", "2");
}

/* In a process of its own, which dies at that place. */
static void write_and_die(const char *place, const char *const *pairs)
{
    autofree char *plan = path_format("%s.fault", directory), *text = path_format("%s 1\n", place);
    assert_int_equal(file_write(plan, str_of(text), 0600, NULL), 0);
    pid_t child = fork();
    if (child == 0) {
        setenv("PODTREE_FAULT", plan, 1);
        fault_init();
        write_files(pairs, -1, NULL);
        _exit(0); /* it should not have come here */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}

static void test_a_kill_leaves_one_version_or_the_other(void **state)
{
    (void)state;
    static const char *const before[] = {"a", "1", "gone", "x", NULL}, *const after[] = {"a", "2", "b/c", "y",
                                                                                         NULL};
    static const struct {
        const char *place, *text;
    } rows[] = {{"volume-written", "1"}, {"volume-linked", "1"}, {"volume-placed", "2"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(write_files(before, -1, NULL) >= 0);
        write_and_die(rows[i].place, after);
        assert_reads("a", rows[i].text);
        assert_true(write_files(after, -1, NULL) >= 0);
        assert_lists("..data ..version a b");
        assert_reads("a", "2");
        assert_reads("b/c", "y");
    }
}

static void test_bytes_lost_in_a_crash_are_written_again(void **state)
{
    (void)state;
    assert_int_equal(WRITE("a", "text"), 1);
    autofree char *path = path_format("%s/a", directory);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(WRITE("a", "text"), 1);
    assert_reads("a", "text");
    autofree char *version = current_version();
    assert_int_equal(directory_remove(version, NULL), 0);
    assert_int_equal(WRITE("a", "text"), 1);
    assert_reads("a", "text");
}

static void test_symlinks_lead_nowhere_else(void **state)
{
    (void)state;
    char outside[] = "/tmp/outside.XXXXXX";
    assert_non_null(mkdtemp(outside));
    autofree char *precious = path_format("%s/a", outside);
    assert_int_equal(file_write(precious, STR("1"), 0600, NULL), 0);
    /* The same bytes are there, but not here. */
    put_symlink(outside, "..data");
    assert_int_equal(WRITE("a", "1"), 1);
    assert_lists("..data ..version a");
    autofree char *version = current_version();
    assert_int_equal(strncmp(version, directory, strlen(directory)), 0);
    /* Left over: only the symlink goes. */
    put_symlink(outside, "..2020_01_01_00_00_00.000000001");
    assert_int_equal(WRITE("a", "2"), 1);
    assert_lists("..data ..version a");
    assert_int_equal(access(precious, F_OK), 0);
    assert_int_equal(directory_remove(outside, NULL), 0);
}

static void test_a_failure_keeps_the_old_version_and_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(WRITE("a", "1"), 1);
    autoerror struct error *error = NULL;
    /* One path can't be a file and a directory. */
    assert_true(write_files((const char *const[]){"b", "1", "b/c", "2", NULL}, -1, &error) < 0);
    assert_non_null(strstr(error_message(error), directory));
    assert_lists("..data ..version a");
    assert_reads("a", "1");
    autoerror struct error *other = NULL;
    autofree char *name = str_dup(str_of(directory));
    strcpy(directory, "/tmp/volume.none");
    assert_int_equal(write_files((const char *const[]){NULL}, -1, &other), -ENOENT);
    strcpy(directory, name);
}

static void test_the_group_of_the_pod_can_read(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(write_files((const char *const[]){"d/a", "1", NULL}, 1234, NULL), 1);
    autofree char *version = current_version(), *below = path_format("%s/d", version),
                  *file = path_format("%s/d/a", version);
    struct stat there;
    assert_int_equal(stat(file, &there), 0);
    assert_int_equal(there.st_gid, 1234);
    assert_int_equal(there.st_uid, 0);
    assert_int_equal(mode_of(file), 0640);
    assert_int_equal(stat(below, &there), 0);
    assert_int_equal(there.st_gid, 1234);
    assert_int_equal(mode_of(below), 02755);
    assert_int_equal(mode_of(version), 02755);
    assert_int_equal(volume_own(directory, -1, NULL), 0);
    assert_int_equal(mode_of(directory), 0700);
    assert_int_equal(volume_own(directory, 1234, NULL), 0);
    assert_int_equal(mode_of(directory), 02770);
    assert_int_equal(stat(directory, &there), 0);
    assert_int_equal(there.st_gid, 1234);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_files_are_shown_through_data),
        TEST(test_nothing_is_written_when_nothing_has_changed),
        TEST(test_a_change_makes_a_new_version_and_removes_the_old_one),
        TEST(test_who_has_a_file_open_reads_the_version_that_it_opened),
        TEST(test_what_a_kill_has_left_is_put_right),
        TEST(test_a_kill_leaves_one_version_or_the_other),
        TEST(test_bytes_lost_in_a_crash_are_written_again),
        TEST(test_symlinks_lead_nowhere_else),
        TEST(test_a_failure_keeps_the_old_version_and_leaves_nothing),
        TEST(test_the_group_of_the_pod_can_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
