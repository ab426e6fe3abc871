/* Root filesystems of many layers. */
#include "nodeagent/rootfs.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"

#include <fcntl.h>
#include <stdio.h>
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
    rootfs_unmount_below(state, NULL);
    return directory_remove(state, NULL);
}

static void layer_name(int i, char name[33])
{
    snprintf(name, 33, "%032d", i);
}

/* A layer with a file of its own, and one that all of them have. */
static void make_layer(int i)
{
    char name[33], text[16];
    layer_name(i, name);
    snprintf(text, sizeof(text), "%d", i);
    autofree char *directory = path_format("%s/images/layers/%s", state, name);
    autofree char *own = path_format("%s/%d", directory, i), *common = path_format("%s/common", directory);
    assert_int_equal(directory_make(directory, 0755, NULL), 0);
    assert_int_equal(file_write(own, str_of(text), 0644, NULL), 0);
    assert_int_equal(file_write(common, str_of(text), 0644, NULL), 0);
}

/* An image may have anything in the place of its files. Were this one opened, it would be read. */
static void test_users_are_read_from_files_only(void **unused)
{
    (void)unused;
    autofree char *target = path_format("%s/root", state), *etc = path_format("%s/etc", target);
    autofree char *passwd = path_format("%s/passwd", etc), *outside = path_format("%s/outside", state);
    struct oci_user found;
    assert_int_equal(directory_make(etc, 0755, NULL), 0);
    assert_int_equal(file_write(outside, STR("web:x:7:7\n"), 0644, NULL), 0);
    assert_int_equal(symlink("../../../outside", passwd), 0);
    assert_true(rootfs_user(target, STR("web"), &found, NULL) < 0);
    assert_int_equal(unlink(passwd), 0);
    assert_int_equal(mkfifo(passwd, 0644), 0);
    int fifo = open(passwd, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    assert_int_equal(write(fifo, "web:x:7:7\n", 10), 10);
    assert_true(rootfs_user(target, STR("web"), &found, NULL) < 0);
    close(fifo);
    assert_int_equal(unlink(passwd), 0);
    assert_int_equal(file_write(passwd, STR("web:x:7:7\n"), 0644, NULL), 0);
    assert_int_equal(rootfs_user(target, STR("web"), &found, NULL), 0);
    assert_int_equal(found.uid, 7);
}

static void assert_text(const char *file, const char *text)
{
    autofree char *path = path_format("%s/root/%s", state, file);
    autobuf struct buf bytes = {0};
    assert_int_equal(file_read(path, &bytes, NULL), 0);
    assert_string_equal(bytes.at, text);
}

/* Of layers 0, 1, … with the first once more as `again`-th. */
static void mount_layers(int count, int again)
{
    autodoc struct doc *image = doc_new();
    struct value layers = value_set_array(doc_root(image), STR("layers"));
    for (int i = 0; i < count; i++) {
        char name[33];
        layer_name(i == again ? 0 : i, name);
        make_layer(i);
        value_append_str(layers, str_of(name));
    }
    autofree char *layer = path_format("%s/own", state), *target = path_format("%s/root", state);
    autoerror struct error *error = NULL;
    if (rootfs_mount(state, doc_root(image), layer, target, &error) < 0)
        fail_msg("%s", error_message(error));
}

static bool may_mount(void)
{
    if (geteuid() == 0)
        return true;
    print_message("skipped: only root can mount\n");
    return false;
}

static void test_upper_layers_hide_lower_ones(void **unused)
{
    (void)unused;
    if (!may_mount())
        return;
    mount_layers(3, -1);
    assert_text("common", "2");
    assert_text("0", "0");
}

static void test_a_layer_that_comes_again_counts_where_it_is_highest(void **unused)
{
    (void)unused;
    if (!may_mount())
        return;
    mount_layers(4, 3);
    assert_text("common", "0");
    assert_text("2", "2");
}

/* 33 bytes for each in the options of a mount, which take a page. */
static void test_there_may_be_more_layers_than_fit_into_a_page(void **unused)
{
    (void)unused;
    if (!may_mount())
        return;
    mount_layers(200, -1);
    assert_text("common", "199");
    assert_text("0", "0");
    autofree char *file = path_format("%s/root/written", state),
                  *written = path_format("%s/own/upper/written", state);
    assert_int_equal(file_write(file, STR("here"), 0644, NULL), 0);
    assert_int_equal(access(written, F_OK), 0);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(test_upper_layers_hide_lower_ones),
        ROW(test_a_layer_that_comes_again_counts_where_it_is_highest),
        ROW(test_there_may_be_more_layers_than_fit_into_a_page),
        ROW(test_users_are_read_from_files_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
