/* The notifier's actions, on an ordinary directory: what they do there is what inotify sees on the mount. */
#include "fsd/repeat.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>

#include <cmocka.h>

struct place {
    char path[64];
    int root;
    int inotify;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    strcpy(place->path, "/tmp/podtree-repeat.XXXXXX");
    if (place == NULL || mkdtemp(place->path) == NULL)
        return -1;
    place->root = open(place->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    place->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    *state = place;
    return place->root < 0 || inotify_add_watch(place->inotify, place->path, IN_ALL_EVENTS) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    unlinkat(place->root, "dir", AT_REMOVEDIR);
    unlinkat(place->root, "link", 0);
    close(place->root);
    close(place->inotify);
    int result = rmdir(place->path);
    free(place);
    return result;
}

static void expect_event(struct place *place, uint32_t mask, const char *name)
{
    union {
        struct inotify_event event;
        char bytes[sizeof(struct inotify_event) + 256];
    } got;
    assert_true(read(place->inotify, &got, sizeof(got)) > 0);
    assert_int_equal(got.event.mask, mask);
    assert_string_equal(got.event.name, name);
}

static void act(struct place *place, enum notify_action action, const char *path)
{
    assert_int_equal(repeat_action(place->root, action, path, NULL), 0);
}

static void a_new_directory_is_a_creation(void **state)
{
    act(*state, NOTIFY_MAKE_DIR, "dir");
    expect_event(*state, IN_CREATE | IN_ISDIR, "dir");
}

static void a_directory_that_is_there_is_touched(void **state)
{
    act(*state, NOTIFY_MAKE_DIR, "dir");
    expect_event(*state, IN_CREATE | IN_ISDIR, "dir");
    act(*state, NOTIFY_MAKE_DIR, "dir");
    expect_event(*state, IN_ATTRIB | IN_ISDIR, "dir");
}

static void a_touch_is_a_change_of_attributes(void **state)
{
    act(*state, NOTIFY_MAKE_DIR, "dir");
    expect_event(*state, IN_CREATE | IN_ISDIR, "dir");
    act(*state, NOTIFY_TOUCH, "dir");
    expect_event(*state, IN_ATTRIB | IN_ISDIR, "dir");
}

static void a_link_is_touched_itself(void **state)
{
    act(*state, NOTIFY_MAKE_LINK, "link");
    expect_event(*state, IN_CREATE, "link");
    act(*state, NOTIFY_TOUCH, "link");
    expect_event(*state, IN_ATTRIB, "link");
    act(*state, NOTIFY_MAKE_LINK, "link");
    expect_event(*state, IN_ATTRIB, "link");
    act(*state, NOTIFY_REMOVE_LINK, "link");
    expect_event(*state, IN_DELETE, "link");
}

static void a_removed_directory_is_a_deletion(void **state)
{
    act(*state, NOTIFY_MAKE_DIR, "dir");
    expect_event(*state, IN_CREATE | IN_ISDIR, "dir");
    act(*state, NOTIFY_REMOVE_DIR, "dir");
    expect_event(*state, IN_DELETE | IN_ISDIR, "dir");
}

static void what_is_gone_is_no_error(void **state)
{
    act(*state, NOTIFY_TOUCH, "dir");
    act(*state, NOTIFY_REMOVE_DIR, "dir");
    act(*state, NOTIFY_REMOVE_LINK, "link");
    act(*state, NOTIFY_MAKE_DIR, "nowhere/dir");
}

static void a_failure_names_what_was_tried(void **state)
{
    struct place *place = *state;
    act(place, NOTIFY_MAKE_LINK, "link");
    autoerror struct error *err = NULL;
    assert_int_equal(repeat_action(place->root, NOTIFY_REMOVE_DIR, "link", &err), -ENOTDIR);
    assert_string_equal(error_message(err), "cannot remove link: Not a directory");
}

static void an_unknown_action_is_refused(void **state)
{
    struct place *place = *state;
    assert_int_equal(repeat_action(place->root, NOTIFY_DONE, "dir", NULL), -EINVAL);
    assert_int_equal(repeat_action(place->root, (enum notify_action)99, "dir", NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_directory_is_a_creation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_that_is_there_is_touched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_touch_is_a_change_of_attributes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_link_is_touched_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removed_directory_is_a_deletion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_gone_is_no_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_names_what_was_tried, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_action_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
