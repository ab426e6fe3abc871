#include "cli/component.h"

#include "test.h"

static char mount[] = "/k8s", state_directory[] = "/var/lib/podtree", run[] = "/run/podtree",
            node[] = "node a", libexec[] = "/usr/libexec/podtree", kinds[] = "/usr/share/podtree/kinds",
            hollow[] = "5";

static const struct component *find(const char *name)
{
    for (size_t i = 0; i < component_count; i++)
        if (strcmp(components[i].name, name) == 0)
            return &components[i];
    fail_msg("there is no component %s", name);
    return NULL;
}

static void expect_argv(const char *name, const char *more, const char *expected)
{
    const struct settings settings = {.mount = mount,
                                      .state = state_directory,
                                      .run = run,
                                      .node = node,
                                      .hollow = hollow,
                                      .libexec = libexec,
                                      .kinds = kinds};
    char **argv = component_argv(find(name), &settings, more);
    autobuf struct buf joined = {0};
    for (char **word = argv; *word != NULL; word++)
        buf_addf(&joined, "%s%s", word == argv ? "" : "|", *word);
    assert_string_equal(joined.at, expected);
    component_free_argv(argv);
}

static void fsd_is_told_its_descriptors(void **state)
{
    (void)state;
    expect_argv("fsd", NULL,
                "/usr/libexec/podtree/podtree-fsd|--mount|/k8s|--state|/var/lib/podtree|--kinds|"
                "/usr/share/podtree/kinds|--fuse-fd|3|--memory-fd|4|--notifier-fd|5");
    assert_int_equal(find("fsd")->fds[0], HELD_FUSE);
    assert_int_equal(find("fsd")->fds[1], HELD_MEMORY);
    assert_int_equal(find("fsd")->fds[2], HELD_FSD_END);
    assert_ptr_equal(find("fsd"), &components[COMPONENT_FSD]);
}

static void a_value_is_one_word_whatever_is_in_it(void **state)
{
    (void)state;
    expect_argv(
        "nodeagent", "--end-pods",
        "/usr/libexec/podtree/podtree-nodeagent|--mount|/k8s|--state|/var/lib/podtree|--run|/run/podtree|"
        "--node|node a|--kinds|/usr/share/podtree/kinds|--end-pods");
}

static void an_option_is_left_out_with_the_value_that_it_lacks(void **state)
{
    (void)state;
    static char crun[] = "crun", ninety[] = "90";
    const struct settings settings = {.libexec = libexec, .runtime = crun, .image_high = ninety};
    char **argv = component_argv(find("nodeagent"), &settings, NULL);
    static const char *const expected[] = {"--runtime", "crun", "--image-gc-high-threshold", "90"};
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(argv[1 + i], expected[i]);
    assert_null(argv[5]);
    component_free_argv(argv);
}

static void the_notifier_has_the_other_end(void **state)
{
    (void)state;
    expect_argv("notifier", NULL, "/usr/libexec/podtree/podtree-notifier|--mount|/k8s|--socket-fd|3");
    assert_int_equal(find("notifier")->fds[0], HELD_NOTIFIER_END);
}

static void agents_are_started_where_they_are_wanted(void **state)
{
    (void)state;
    struct settings settings = {.mount = mount};
    assert_true(component_wanted(find("fsd"), &settings));
    assert_true(component_wanted(find("scheduler"), &settings));
    assert_false(component_wanted(find("nodeagent"), &settings));
    assert_false(component_wanted(find("hollow"), &settings));
    settings.hollow = hollow;
    settings.node = node;
    assert_true(component_wanted(find("nodeagent"), &settings));
    assert_true(component_wanted(find("hollow"), &settings));
}

static void what_uses_the_tree_stops_before_what_makes_it(void **state)
{
    (void)state;
    assert_int_equal(find("fsd")->stop, STOP_FSD);
    assert_int_equal(find("notifier")->stop, STOP_NOTIFIER);
    for (size_t i = 2; i < component_count; i++)
        assert_int_equal(components[i].stop, STOP_USERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fsd_is_told_its_descriptors),
        cmocka_unit_test(a_value_is_one_word_whatever_is_in_it),
        cmocka_unit_test(an_option_is_left_out_with_the_value_that_it_lacks),
        cmocka_unit_test(the_notifier_has_the_other_end),
        cmocka_unit_test(agents_are_started_where_they_are_wanted),
        cmocka_unit_test(what_uses_the_tree_stops_before_what_makes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
