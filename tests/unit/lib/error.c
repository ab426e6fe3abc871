#include "lib/str.h"
#include "tests/unit/lib/test.h"

#include <string.h>

static void an_error_is_an_errno_and_a_sentence(void **state)
{
    (void)state;
    autoerror struct error *err = NULL;
    assert_int_equal(error_make(&err, EINVAL, "replicas is %d", -1), -EINVAL);
    assert_int_equal(err->number, EINVAL);
    assert_string_equal(error_message(err), "replicas is -1");
}

static void a_failed_call_says_what_the_system_said(void **state)
{
    (void)state;
    autoerror struct error *err = NULL;
    assert_int_equal(error_errno(&err, ENOENT, "open %s", "/x"), -ENOENT);
    assert_string_equal(error_message(err), "open /x: No such file or directory");
}

static void wrapping_puts_context_before_and_keeps_the_errno(void **state)
{
    (void)state;
    autoerror struct error *err = NULL;
    error_make(&err, EAGAIN, "busy");
    assert_int_equal(error_wrap(&err, "cannot start %s", "web"), -EAGAIN);
    assert_int_equal(error_wrap(&err, "pod"), -EAGAIN);
    assert_string_equal(error_message(err), "pod: cannot start web: busy");
}

static void who_does_not_ask_for_the_sentence_still_gets_the_errno(void **state)
{
    (void)state;
    assert_int_equal(error_make(NULL, EPERM, "no"), -EPERM);
    assert_int_equal(error_errno(NULL, EPERM, "no"), -EPERM);
    assert_int_equal(error_wrap(NULL, "no"), -EIO);
}

static void an_error_without_sentence_can_be_printed(void **state)
{
    (void)state;
    assert_string_equal(error_message(NULL), "unknown error");
    error_free(NULL);
}

static void moving_hands_an_error_over_or_drops_it(void **state)
{
    (void)state;
    struct error *err = NULL;
    autoerror struct error *to = NULL;
    error_make(&err, EIO, "first");
    error_move(&to, err);
    assert_string_equal(error_message(to), "first");
    err = NULL;
    error_make(&err, EIO, "second");
    error_move(NULL, err); /* leaks if it isn't dropped */
}

static void a_long_sentence_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        autobuf struct buf name = {0};
        for (size_t i = 0; i < shift; i++)
            buf_add_char(&name, 'x');
        while (name.length < 2 * ERROR_BYTES)
            buf_add_text(&name, "ä€");
        autoerror struct error *err = NULL;
        error_make(&err, EINVAL, "%s is too long", name.at);
        size_t length = strlen(error_message(err)), kept = length - strlen("…");
        assert_in_range(length, ERROR_BYTES - 6, ERROR_BYTES - 1);
        assert_memory_equal(error_message(err), name.at, kept);
        assert_string_equal(error_message(err) + kept, "…");
        assert_int_not_equal((unsigned char)name.at[kept] & 0xc0, 0x80);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_an_errno_and_a_sentence),
        cmocka_unit_test(a_failed_call_says_what_the_system_said),
        cmocka_unit_test(wrapping_puts_context_before_and_keeps_the_errno),
        cmocka_unit_test(who_does_not_ask_for_the_sentence_still_gets_the_errno),
        cmocka_unit_test(an_error_without_sentence_can_be_printed),
        cmocka_unit_test(a_long_sentence_is_cut_between_characters),
        cmocka_unit_test(moving_hands_an_error_over_or_drops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
