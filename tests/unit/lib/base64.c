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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(other_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
