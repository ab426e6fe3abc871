#include "cli/container_lines.h"

#include "test.h"

#define AT  "2026-01-31T12:00:00.1+00:00"
#define AT2 "2026-01-31T12:00:01.2+00:00"

static const char log_text[] =
    AT " stdout F one\n" AT " stdout P tw\n" AT " stderr F oops\n" AT2 " stdout F o\n" AT " stdout P three\n";

/* However the bytes come. */
static void expect(const char *pod, int colour, bool timestamps, const char *expected)
{
    for (size_t piece = 1; piece < sizeof(log_text); piece += 7) {
        struct container_lines lines;
        autobuf struct buf out = {0};
        container_lines_init(&lines, pod, "main", colour, timestamps);
        struct str text = STR_NONE;
        for (size_t at = 0; (text = str_cut(str_of(log_text), at, piece)).length > 0; at += piece)
            container_lines_take(&lines, text, &out);
        container_lines_end(&lines, &out);
        container_lines_free(&lines);
        assert_string_equal(out.at, expected);
    }
}

static void alone_they_are_what_the_container_wrote(void **state)
{
    (void)state;
    expect(NULL, -1, false, "one\ntwoops\no\nthree");
}

static void with_something_in_front_lines_are_whole(void **state)
{
    (void)state;
    expect("web-1", -1, false, "[web-1/main] one\n[web-1/main] oops\n[web-1/main] two\n[web-1/main] three\n");
    expect(NULL, -1, true, AT " one\n" AT " oops\n" AT " two\n" AT " three\n");
    expect("web-1", 0, true,
           "\033[36m[web-1/main]\033[0m " AT " one\n\033[36m[web-1/main]\033[0m " AT
           " oops\n\033[36m[web-1/main]\033[0m " AT " two\n\033[36m[web-1/main]\033[0m " AT " three\n");
}

static void the_last_lines_are_found(void **state)
{
    (void)state;
    static const char *const texts[] = {AT " stdout F one\n", AT " stdout P tw\n", AT " stdout F o\n",
                                        AT " stdout F three\n", AT " stdout P four\n"};
    autobuf struct buf text = {0};
    int64_t begins[COUNT(texts)];
    for (size_t i = 0; i < COUNT(texts); i++) {
        begins[i] = (int64_t)text.length;
        buf_add_text(&text, texts[i]);
    }
    struct str whole = buf_str(&text);
    assert_int_equal(container_lines_last(whole, true, 0), (int64_t)whole.length);
    assert_int_equal(container_lines_last(whole, true, 1), begins[4]);
    assert_int_equal(container_lines_last(whole, true, 2), begins[3]);
    assert_int_equal(container_lines_last(whole, true, 3), begins[1]);
    assert_int_equal(container_lines_last(whole, true, 4), begins[0]);
    assert_int_equal(container_lines_last(whole, true, INT64_MAX), begins[0]);
    assert_int_equal(container_lines_last(STR(""), true, 5), 0);
    /* Of the end alone: the first line is cut, and what follows it may belong to it. */
    struct str end = str_cut(whole, 3, SIZE_MAX);
    assert_int_equal(container_lines_last(end, false, 2), begins[3] - 3);
    assert_int_equal(container_lines_last(end, false, 3), -1);
    assert_int_equal(container_lines_last(STR("no end"), false, 1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_they_are_what_the_container_wrote),
        cmocka_unit_test(with_something_in_front_lines_are_whole),
        cmocka_unit_test(the_last_lines_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
