#include "cli/interest.h"

#include "test.h"

static void expect(const char *word, const char *expected)
{
    struct interest interest;
    assert_int_equal(interest_parse(word, "/k8s", &interest, NULL), 0);
    autobuf struct buf text = {0};
    buf_addf(&text, STR_FORMAT "|" STR_FORMAT "|" STR_FORMAT, STR_ARGS(interest.resource),
             STR_ARGS(interest.space), STR_ARGS(interest.name));
    assert_string_equal(text.at, expected);
}

static void kinds_and_paths_are_understood(void **state)
{
    (void)state;
    expect("pods", "pods||");
    expect("pods/web-0", "pods||web-0");
    expect("deployments.apps", "deployments.apps||");
    expect("namespaces", "namespaces||");
    expect("namespaces/team", "namespaces||team");
    expect("namespaces/team/pods", "pods|team|");
    expect("namespaces/team/pods/web-0", "pods|team|web-0");
    expect("all/pods", "pods||");
    expect("all/pods/team", "pods|team|");
    expect("all/pods/team/web-0", "pods|team|web-0");
    expect("/k8s/pods/web-0/", "pods||web-0");
}

static void other_words_are_refused(void **state)
{
    (void)state;
    static const char *const words[] = {"", "/k8s", "pods/web-0/status", "namespaces/a/pods/b/status"};
    for (size_t i = 0; i < COUNT(words); i++) {
        struct interest interest;
        assert_int_equal(interest_parse(words[i], "/k8s", &interest, NULL), -EINVAL);
    }
}

static bool matches(const char *word, const char *space, const char *name)
{
    struct interest interest;
    assert_int_equal(interest_parse(word, "/k8s", &interest, NULL), 0);
    return interest_matches(&interest, str_of(space), str_of(name));
}

static void a_kind_means_all_namespaces_a_name_the_default_one(void **state)
{
    (void)state;
    assert_true(matches("pods", "team", "web-0"));
    assert_true(matches("pods/web-0", "default", "web-0"));
    assert_false(matches("pods/web-0", "team", "web-0"));
    assert_false(matches("pods/web-0", "default", "web-1"));
    assert_true(matches("nodes/a", "", "a"));
    assert_true(matches("namespaces/team/pods", "team", "web-1"));
    assert_false(matches("namespaces/team/pods", "default", "web-1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_and_paths_are_understood),
        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(a_kind_means_all_namespaces_a_name_the_default_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
