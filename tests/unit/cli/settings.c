#include "cli/settings.h"
#include "cli/node_options.h"

#include "test.h"
#include <sys/stat.h>

static int forget_environment(void **state)
{
    (void)state;
    return unsetenv("PODTREE_MOUNT") | unsetenv("PODTREE_STATE") | unsetenv("PODTREE_RUN");
}

static void the_defaults_are_the_usual_places(void **state)
{
    (void)state;
    struct directories directories = directories_default();
    assert_string_equal(directories.mount, "/k8s");
    assert_string_equal(directories.state, "/var/lib/podtree");
    assert_string_equal(directories.run, "/run/podtree");
}

static void the_environment_comes_before_the_defaults(void **state)
{
    (void)state;
    setenv("PODTREE_MOUNT", "/elsewhere", 1);
    setenv("PODTREE_STATE", "", 1);
    struct directories directories = directories_default();
    assert_string_equal(directories.mount, "/elsewhere");
    assert_string_equal(directories.state, "/var/lib/podtree");
}

static void paths_become_absolute_and_directories_are_made(void **state)
{
    const char *place = *state;
    assert_int_equal(chdir(place), 0);
    autofree char *deep = path_format("%s/a/b/run/", place);
    const struct directories directories = {.mount = "m", .state = "./s/", .run = deep};
    unsigned made = 0;
    autosettings struct settings settings = {0};
    assert_int_equal(settings_resolve(&directories, &settings, NULL), 0);
    autofree char *mount = path_format("%s/m", place), *kept = path_format("%s/s", place),
                  *run = path_format("%s/a/b/run", place);
    assert_string_equal(settings.mount, mount);
    assert_string_equal(settings.state, kept);
    assert_string_equal(settings.run, run);
    struct stat status;
    assert_int_equal(stat(run, &status), -1);
    assert_int_equal(settings_make(&settings, &made, NULL), 0);
    assert_int_equal(made, MADE_MOUNT | MADE_STATE | MADE_RUN);
    assert_int_equal(stat(run, &status), 0);
    assert_int_equal(chdir("/"), 0);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void what_was_made_can_be_taken_away(void **state)
{
    const char *place = *state;
    autofree char *mount = path_format("%s/m", place), *kept = path_format("%s/s", place),
                  *run = path_format("%s/r", place), *log = path_format("%s/r/log", place);
    const struct directories directories = {.mount = mount, .state = kept, .run = run};
    assert_int_equal(mkdir(mount, 0755), 0);
    for (int round = 0; round < 2; round++) {
        autosettings struct settings settings = {0};
        unsigned made = 0;
        assert_int_equal(settings_resolve(&directories, &settings, NULL), 0);
        assert_int_equal(settings_make(&settings, &made, NULL), 0);
        assert_int_equal(made, round == 0 ? MADE_STATE | MADE_RUN : MADE_RUN);
        assert_int_equal(mkdir(log, 0700), 0);
        autofree char *file = path_format("%s/file", kept);
        assert_int_equal(file_write(file, STR("kept"), 0600, NULL), 0);
        settings_unmake(&settings, made);
        assert_true(is_there(mount)); /* it was there before */
        assert_true(is_there(file));
        assert_false(is_there(run));
    }
}

static void what_can_not_be_a_path_is_named(void **state)
{
    autofree char *file = path_format("%s/file", (char *)*state);
    autofree char *lost = path_format("%s/x/run", file);
    assert_int_equal(file_write(file, STR("no directory"), 0600, NULL), 0);
    const struct directories directories = {.mount = "/k8s", .state = "/var", .run = lost};
    autosettings struct settings settings = {0};
    autoerror struct error *err = NULL;
    assert_int_equal(settings_resolve(&directories, &settings, &err), -ENOTDIR);
    assert_non_null(strstr(error_message(err), "file/x/run"));
}

static void what_differs_is_said(void **state)
{
    (void)state;
    static char k8s[] = "/k8s", other[] = "/other", node[] = "a", here[] = "/here", three[] = "3";
    static const struct {
        struct settings running, wanted;
        const char *how; /* NULL: nothing */
    } rows[] = {
        {{.mount = k8s, .node = node}, {.mount = k8s, .node = node}, NULL},
        {{.mount = k8s}, {.mount = other}, "mount is /k8s, not /other"},
        {{.node = node}, {0}, "node is a, not none"},
        {{0}, {.state = other, .hollow = three}, "state is none, not /other; hollow is none, not 3"},
        {{.libexec = here, .kinds = here}, {0}, NULL}, /* they were found, and nobody said where */
        {{.libexec = here}, {.libexec = other}, "libexec is /here, not /other"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf how = {0};
        assert_int_equal(settings_differ(&rows[i].running, &rows[i].wanted, &how), rows[i].how != NULL);
        if (rows[i].how != NULL)
            assert_string_equal(how.at, rows[i].how);
    }
}

static void thresholds_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    static const struct {
        int64_t high, low;
        const char *complaint, *set; /* NULL: it is fine, and becomes that */
    } rows[] = {
        {-1, -1, NULL, NULL},
        {90, -1, NULL, "90"},
        {90, 90, "--image-gc-low-threshold: it must be below the high one, and 90 is not below 90", NULL},
        {70, -1, "--image-gc-low-threshold: it must be below the high one, and 80 is not below 70", NULL},
        {101, 10, "--image-gc-high-threshold: at most 100 percent, not 101", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct node_options options = NODE_OPTIONS_NONE;
        autosettings struct settings settings = {0};
        autoerror struct error *err = NULL;
        options.image_high = rows[i].high;
        options.image_low = rows[i].low;
        int result = node_options_resolve(&options, &settings, &err);
        assert_int_equal(result, rows[i].complaint != NULL ? -EINVAL : 0);
        if (rows[i].complaint != NULL)
            assert_string_equal(error_message(err), rows[i].complaint);
        else if (rows[i].set != NULL)
            assert_string_equal(settings.image_high, rows[i].set);
        else
            assert_null(settings.image_high);
    }
}

static void members_are_found_by_name(void **state)
{
    (void)state;
    struct settings settings = {0};
    assert_ptr_equal(settings_member(&settings, STR("kinds")), &settings.kinds);
    assert_null(settings_member(&settings, STR("flavour")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_defaults_are_the_usual_places, forget_environment),
        cmocka_unit_test_setup_teardown(the_environment_comes_before_the_defaults, forget_environment,
                                        forget_environment),
        place_test(paths_become_absolute_and_directories_are_made),
        place_test(what_was_made_can_be_taken_away),
        place_test(what_can_not_be_a_path_is_named),
        cmocka_unit_test(what_differs_is_said),
        cmocka_unit_test(thresholds_that_contradict_each_other_are_refused),
        cmocka_unit_test(members_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
