#include "lib/base64.h"
#include "tests/unit/lib/test.h"

static void bytes_come_back(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        const char *text;
    } rows[] = {
        {STR(""), ""},
        {STR("f"), "Zg=="},
        {STR("fo"), "Zm8="},
        {STR("foo"), "Zm9v"},
        {STR("foob"), "Zm9vYg=="},
        {STR("\0\xff\x80"), "AP+A"},
        {STR("\xff\xff\xff"), "////"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf text = {0}, bytes = {0};
        base64_encode(rows[i].bytes, &text);
        assert_str(buf_str(&text), rows[i].text);
        assert_true(base64_decode(buf_str(&text), &bytes));
        assert_true(str_equal(buf_str(&bytes), rows[i].bytes));
    }
}

static void other_text_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "=", "====", "Z===", "Zg==Zg==", "Zg =", "Zm9-", "Zm9\n"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        autobuf struct buf bytes = {0};
        if (base64_decode(str_of(bad[i]), &bytes))
            fail_msg("\"%s\" is taken", bad[i]);
    }
}

/* Whatever can be decoded: all texts of up to eight of these characters. */
static void the_size_is_that_of_the_bytes(void **state)
{
    (void)state;
    static const char characters[] = "A/b=";
    size_t taken = 0;
    for (uint32_t length = 0; length <= 8; length++)
        for (uint32_t number = 0; number < 1u << 2 * length; number++) {
            char text[8];
            autobuf struct buf bytes = {0};
            for (uint32_t i = 0; i < length; i++)
                text[i] = characters[number >> 2 * i & 3];
            if (!base64_decode((struct str){text, length}, &bytes))
                continue;
            assert_int_equal(base64_decoded_size((struct str){text, length}), bytes.length);
            taken++;
        }
    /* Of four characters: without padding, with one, with two. */
    size_t fours = 3 * 3 * 3 * 3 + 3 * 3 * 3 + 3 * 3;
    assert_int_equal(taken, 1 + fours + 3 * 3 * 3 * 3 * fours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(the_size_is_that_of_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
