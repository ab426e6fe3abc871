#include "fsd/pattern.h"
#include "tests/unit/lib/test.h"

static void patterns_mean_what_they_mean_in_go(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        {"a", "xay", true}, /* somewhere */
        {"^a$", "xay", false},
        {"^a$", "a\n", false}, /* the very end */
        {"^\\d+$", "2026", true},
        {"^\\d+$", "20x6", false},
        {"^(?:ab|cd)+$", "abcd", true},
        {"^(?i)warn$", "WaRn", true},
        {"^((?i)sun|mon)day$", "MONday", true},
        {"^\\p{L}+$", "Zürich", true},
        {"^\\pN$", "٣", true},
        {"^.$", "ü", true}, /* characters, not bytes */
        {"^.$", "\n", false},
        {"(?s)^.$", "\n", true},
        {"^[[:alnum:]-]+$", "a-1", true},
        {"^[^\\]]$", "]", false},
        {"^[]a]+$", "]a", true},
        {"^\\Qa.b\\E$", "a.b", true},
        {"^\\Qa.b\\E$", "axb", false},
        {"^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$", "a`b", true},
        {"^\\x{1F600}$", "😀", true},
        {"^(?P<name>a)(?<other>b)$", "ab", true},
        {"^a{2,3}$", "aaaa", false},
        {"^a*?b$", "aab", true},
        {"^\\_\\-\\/$", "_-/", true},
        {"^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*"
         ")"
         "?)|(\\.[0-9]+))))?$",
         "1.5Gi", true},
        {"", "anything", true},
        {"^$", "", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error *err = NULL;
        struct pattern *pattern = pattern_compile(str_of(rows[i].pattern), &err);
        if (pattern == NULL)
            fail_msg("%s", error_message(err));
        unsigned slow = 0;
        if (pattern_matches(pattern, str_of(rows[i].text), &slow) != rows[i].matches || slow != 0)
            fail_msg("%s and %s", rows[i].pattern, rows[i].text);
        pattern_free(pattern);
    }
}

static void what_go_does_not_have_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *sentence;
    } rows[] = {
        {"(a)\\1", "\"(a)\\1\" is no regular expression: an escape that isn't known, at character 4"},
        {"a(?=b)", "\"a(?=b)\" is no regular expression: a group that isn't known, at character 2"},
        {"(?<!a)b", "\"(?<!a)b\" is no regular expression: a group that isn't known, at character 1"},
        {"(?>a)", "\"(?>a)\" is no regular expression: a group that isn't known, at character 1"},
        {"(?R)", "\"(?R)\" is no regular expression: a group that isn't known, at character 1"},
        {"(*ACCEPT)", "\"(*ACCEPT)\" is no regular expression: a group that isn't known, at character 1"},
        {"a++", "\"a++\" is no regular expression: one quantifier behind another, at character 2"},
        {"a{2}{3}", "\"a{2}{3}\" is no regular expression: one quantifier behind another, at character 2"},
        {"a{1001}", "\"a{1001}\" is no regular expression: more than 1000 repetitions, at character 2"},
        {"\\Z", "\"\\Z\" is no regular expression: an escape that isn't known, at character 1"},
        {"[a\\R]", "\"[a\\R]\" is no regular expression: an escape that isn't known, at character 1"},
        {"[a", "\"[a\" is no regular expression: missing terminating ] for character class, at character 3"},
        {"(a", "\"(a\" is no regular expression: missing closing parenthesis, at character 3"},
        {"*a", NULL},
        {"\\", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autoerror struct error *err = NULL;
        struct pattern *pattern = pattern_compile(str_of(rows[i].pattern), &err);
        if (pattern != NULL)
            fail_msg("%s is taken", rows[i].pattern);
        assert_int_equal(err->number, EINVAL);
        if (rows[i].sentence != NULL)
            assert_string_equal(err->message, rows[i].sentence);
    }
}

/* Backtracking would take longer than the world is old. */
static void a_text_that_would_hold_us_up_does_not_match(void **state)
{
    (void)state;
    struct pattern *pattern = pattern_compile(STR("^(a+)+$"), NULL);
    unsigned slow = 0;
    for (unsigned i = 0; i < PATTERN_SLOW_AT_MOST + 2; i++) {
        assert_false(pattern_matches(pattern, STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), &slow));
        assert_int_equal(slow, i < PATTERN_SLOW_AT_MOST ? i + 1 : PATTERN_SLOW_AT_MOST);
    }
    pattern_free(pattern);
}

static void a_long_text_may_take_its_time(void **state)
{
    (void)state;
    struct pattern *pattern = pattern_compile(STR("^([a-z]x?)+$"), NULL);
    autobuf struct buf text = {0};
    for (int i = 0; i < 10000; i++)
        buf_add_char(&text, 'a');
    unsigned slow = 0;
    assert_true(pattern_matches(pattern, buf_str(&text), &slow));
    assert_int_equal(slow, 1);
    pattern_free(pattern);
}

static void a_text_that_is_no_utf_8_is_no_trouble(void **state)
{
    (void)state;
    struct pattern *pattern = pattern_compile(STR("^.+$"), NULL);
    unsigned slow = 0;
    assert_false(pattern_matches(pattern, STR("\xff"), &slow));
    assert_true(pattern_matches(pattern, STR("a"), &slow));
    pattern_free(pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_mean_what_they_mean_in_go),
        cmocka_unit_test(what_go_does_not_have_is_refused),
        cmocka_unit_test(a_text_that_would_hold_us_up_does_not_match),
        cmocka_unit_test(a_long_text_may_take_its_time),
        cmocka_unit_test(a_text_that_is_no_utf_8_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
