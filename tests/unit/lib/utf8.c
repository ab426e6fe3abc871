#include "lib/utf8.h"

#include "tests/unit/lib/test.h"

static void every_character_reads_back(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char bytes[4];
        uint32_t back = 0xffffffff;
        if (code == 0xd800)
            code = 0xe000; /* surrogates are no characters */
        size_t length = utf8_encode(code, bytes);
        assert_int_equal(utf8_decode(bytes, bytes + length, &back), length);
        assert_int_equal(back, code);
        assert_int_equal(utf8_decode(bytes, bytes + length - 1, NULL), 0);
    }
}

static void what_is_no_utf8_is_refused(void **state)
{
    (void)state;
    static const struct str rows[] = {
        STR(""),                 /* the end */
        STR("\x80"),             /* a stray continuation */
        STR("\xc3"),             /* cut short */
        STR("\xc3("),            /* continuation missing */
        STR("\xc0\x80"),         /* overlong */
        STR("\xc1\xbf"),         /* overlong */
        STR("\xe0\x9f\xbf"),     /* overlong */
        STR("\xf0\x8f\xbf\xbf"), /* overlong */
        STR("\xed\xa0\x80"),     /* a surrogate */
        STR("\xf4\x90\x80\x80"), /* above U+10FFFF */
        STR("\xf8\x88\x80\x80\x80"),
        STR("\xfe"),
        STR("\xff"),
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(utf8_decode(rows[i].at, rows[i].at + rows[i].length, NULL), 0);
}

static void what_is_cut_is_cut_between_characters(void **state)
{
    (void)state;
    static const char text[] = "a\u00e9\u20ac"; /* 1, 2 and 3 bytes */
    static const size_t fitting[] = {0, 1, 1, 3, 3, 3, 6, 6};
    for (size_t most = 0; most < COUNT(fitting); most++)
        assert_int_equal(utf8_fitting(text, sizeof(text) - 1, most), fitting[most]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_reads_back),
        cmocka_unit_test(what_is_no_utf8_is_refused),
        cmocka_unit_test(what_is_cut_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
