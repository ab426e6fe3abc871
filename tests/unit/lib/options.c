#include "lib/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *place;
static bool loud;
static int64_t count_option;
static char **words;
static int word_count, behind_count;
static int last;    /* of the words before a command */
static int *behind; /* &behind_count in a usage that makes a difference */
static struct error *failure;

static const struct option_row rows[] = {
    {.name = "mount", .argument = "DIR", .help = "where", .text = &place},
    {.name = "loud", .help = "be loud", .flag = &loud},
    {.name = "nodes", .letter = 'N', .argument = "N", .help = "how many", .number = &count_option},
    {0},
};

/* The words are copied: getopt puts them into another order, and what is found points into them. */
static int parse(int least, int most, const char *const *given)
{
    static char copies[8][64];
    static char *argv[9];
    const struct usage usage = {.synopsis = "test [WORD]",
                                .about = "A test.\n",
                                .options = rows,
                                .least = least,
                                .most = most,
                                .last = last,
                                .behind = behind};
    int argc = 0;
    for (; given[argc] != NULL; argc++) {
        strcpy(copies[argc], given[argc]);
        argv[argc] = copies[argc];
    }
    argv[argc] = NULL;
    place = NULL;
    loud = false;
    count_option = -1;
    error_free(failure);
    failure = NULL;
    return options_parse(&usage, argc, argv, &words, &word_count, &failure);
}

#define PARSE(least, most, ...) parse(least, most, (const char *const[]){"test", __VA_ARGS__, NULL})

static void expect_refusal(int result, const char *sentence)
{
    assert_int_equal(result, -EINVAL);
    assert_string_equal(error_message(failure), sentence);
}

static void values_follow_behind_equals_or_as_the_next_word(void **state)
{
    (void)state;
    assert_int_equal(PARSE(0, 0, "--mount=/a", "--nodes", "3", "--loud"), 0);
    assert_string_equal(place, "/a");
    assert_int_equal(count_option, 3);
    assert_true(loud);
    assert_int_equal(word_count, 0);
}

static void a_letter_is_a_short_name(void **state)
{
    (void)state;
    assert_int_equal(PARSE(1, 1, "-N", "3", "web"), 0);
    assert_int_equal(count_option, 3);
    assert_string_equal(words[0], "web");
    assert_int_equal(PARSE(1, 1, "web", "-N4"), 0);
    assert_int_equal(count_option, 4);
    expect_refusal(PARSE(0, 0, "-N"), "-N wants a value");
    expect_refusal(PARSE(0, 0, "-N", "many"), "--nodes: must be a whole number, not many");
}

static void words_may_stand_anywhere(void **state)
{
    (void)state;
    assert_int_equal(PARSE(1, 2, "web", "--mount", "/b", "--", "--loud"), 0);
    assert_int_equal(word_count, 2);
    assert_string_equal(words[0], "web");
    assert_string_equal(words[1], "--loud");
    assert_false(loud);
}

static void words_behind_dashes_can_be_something_else(void **state)
{
    (void)state;
    behind = &behind_count;
    assert_int_equal(PARSE(1, 1, "web", "--nodes", "3", "--", "sleep", "--loud"), 0);
    assert_int_equal(behind_count, 2);
    assert_int_equal(word_count, 3);
    assert_string_equal(words[0], "web");
    assert_string_equal(words[1], "sleep");
    assert_string_equal(words[2], "--loud");
    assert_int_equal(PARSE(1, 1, "--loud", "web"), 0);
    assert_int_equal(behind_count, 0);
    assert_int_equal(PARSE(1, 1, "--mount", "--", "web"), 0); /* the option's value */
    assert_string_equal(place, "--");
    assert_int_equal(PARSE(1, 1, "web", "sleep", "--loud"), -EINVAL);
    assert_string_equal(error_message(failure), "sleep is too much (usage: test [WORD])");
    assert_int_equal(PARSE(1, 1, "--", "sleep"), -EINVAL);
    assert_string_equal(error_message(failure), "something is missing (usage: test [WORD])");
    behind = NULL;
}

static void the_options_of_a_command_are_its_own(void **state)
{
    (void)state;
    last = 2;
    assert_int_equal(PARSE(2, -1, "web", "--nodes", "3", "sleep", "--loud", "--", "-x"), 0);
    assert_int_equal(word_count, 5);
    assert_string_equal(words[1], "sleep");
    assert_string_equal(words[2], "--loud");
    assert_string_equal(words[3], "--");
    assert_int_equal(count_option, 3);
    assert_false(loud);
    last = 0;
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    expect_refusal(PARSE(0, 0, "--mont=/a"), "there is no option --mont=/a: did you mean --mount?");
    expect_refusal(PARSE(0, 0, "--lou"), "there is no option --lou: did you mean --loud?");
    expect_refusal(PARSE(0, 0, "--moun", "/a"), "there is no option --moun: did you mean --mount?");
    expect_refusal(PARSE(0, 0, "--node=3"), "there is no option --node=3: did you mean --nodes?");
    expect_refusal(PARSE(0, 0, "--something-else"), "there is no option --something-else");
    expect_refusal(PARSE(0, 0, "-x"), "there is no option -x");
    expect_refusal(PARSE(0, 0, "--mount"), "--mount wants a value");
    expect_refusal(PARSE(0, 0, "--mount="), "--mount: the value is empty");
    expect_refusal(PARSE(0, 0, "--nodes=-1"), "--nodes: must be a whole number, not -1");
    expect_refusal(PARSE(0, 0, "--nodes=3x"), "--nodes: must be a whole number, not 3x");
    expect_refusal(PARSE(0, 0, "--loud=yes"), "--loud takes no value");
    expect_refusal(PARSE(0, 1, "a", "b"), "b is too much (usage: test [WORD])");
    expect_refusal(PARSE(1, 1, "--loud"), "something is missing (usage: test [WORD])");
}

static void help_is_its_own_result(void **state)
{
    (void)state;
    assert_int_equal(PARSE(1, 1, "--help"), 1);
}

static int forget_failure(void **state)
{
    (void)state;
    error_free(failure);
    failure = NULL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_follow_behind_equals_or_as_the_next_word),
        cmocka_unit_test(a_letter_is_a_short_name),
        cmocka_unit_test(words_may_stand_anywhere),
        cmocka_unit_test_teardown(words_behind_dashes_can_be_something_else, forget_failure),
        cmocka_unit_test_teardown(the_options_of_a_command_are_its_own, forget_failure),
        cmocka_unit_test_teardown(what_is_wrong_is_said, forget_failure),
        cmocka_unit_test(help_is_its_own_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
