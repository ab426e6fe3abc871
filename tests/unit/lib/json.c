#include "tests/unit/lib/samples.h"
#include "tests/unit/lib/test.h"

static void what_json_allows_is_read_and_written_compactly(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written;
    } rows[] = {
        {" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n", "{\"a\":[1,2],\"b\":{}}"},
        {"true", "true"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {"\"\\u0041\\u00e9\\u4F60\\ud83d\\uDE00\"", "\"A\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80\""},
        {"\"\\u0000\\u001f\"", "\"\\u0000\\u001f\""},
        {"[-0,0.50,1E+2]", "[-0,0.50,1E+2]"},
        {"{\"a\":1,\"A\":2,\"\":3}", "{\"a\":1,\"A\":2,\"\":3}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = must_parse(rows[i].text);
        assert_json(doc_root(doc), rows[i].written);
    }
}

static void errors_say_where_and_what(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *sentence;
    } rows[] = {
        {STR(""), "line 1, column 1: expected a value, found the end of the text"},
        {STR("{"), "line 1, column 2: expected a key in double quotes, found the end of the text"},
        {STR("\n\n  {\"a\":tru}"), "line 3, column 8: expected a value, found 't'"},
        {STR("{\"\xc3\xa9\":x}"), "line 1, column 6: expected a value, found 'x'"},
        {STR("{a:1}"), "line 1, column 2: expected a key in double quotes, found 'a'"},
        {STR("{\"a\" 1}"), "line 1, column 6: expected ':' behind a key, found '1'"},
        {STR("{\"a\":1 \"b\":2}"), "line 1, column 8: expected ',' or '}', found '\"'"},
        {STR("{\"a\":1,}"), "line 1, column 8: expected a key in double quotes, found '}'"},
        {STR("[1 2]"), "line 1, column 4: expected ',' or ']', found '2'"},
        {STR("[1,]"), "line 1, column 4: expected a value, found ']'"},
        {STR("{\"a\":1,\n \"b\":2,\n \"a\":3}"), "line 3, column 2: the key \"a\" appears twice"},
        {STR("{\"a\":1,\"\\u0061\":3}"), "line 1, column 8: the key \"a\" appears twice"},
        {STR("01"), "line 1, column 1: a number must not begin with a superfluous 0"},
        {STR("-"), "line 1, column 2: expected a digit, found the end of the text"},
        {STR("1.x"), "line 1, column 3: expected a digit, found 'x'"},
        {STR("1e"), "line 1, column 3: expected a digit, found the end of the text"},
        {STR("+1"), "line 1, column 1: expected a value, found '+'"},
        {STR("1 2"), "line 1, column 3: the document ends here, but more text follows"},
        {STR("\"a"), "line 1, column 3: a string has no closing '\"'"},
        {STR("\"\n\""), "line 1, column 2: byte 0x0a must be written as an escape in a string"},
        {STR("\"\\x\""),
         "line 1, column 2: no such escape in a string: only \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX"},
        {STR("\"\\u12\""), "line 1, column 2: \\u must be followed by four hexadecimal digits"},
        {STR("\"\\ud800\""), "line 1, column 2: \\ud800 is half of a surrogate pair and has no other half"},
        {STR("\"\\ude00\""), "line 1, column 2: \\ude00 is half of a surrogate pair and has no other half"},
        {STR("\"\xff\""), "line 1, column 2: byte 0xff is not valid UTF-8 here"},
        {STR("\"\xc0\x80\""), "line 1, column 2: byte 0xc0 is not valid UTF-8 here"},
        {STR("[\0]"), "line 1, column 2: expected a value, found byte 0x00"},
        {STR("\"\0\""), "line 1, column 2: byte 0x00 must be written as an escape in a string"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autoerror struct error *err = NULL;
        assert_null(doc_parse(rows[i].text, &err));
        assert_string_equal(error_message(err), rows[i].sentence);
        assert_int_equal(err->number, EINVAL);
        assert_null(doc_parse(rows[i].text, NULL));
    }
}

static void depth_is_limited(void **state)
{
    (void)state;
    autobuf struct buf text = {0};
    autoerror struct error *err = NULL;
    for (int i = 0; i < 200; i++)
        buf_add_char(&text, '[');
    for (int i = 0; i < 200; i++)
        buf_add_char(&text, ']');
    autodoc struct doc *deep = doc_parse(buf_str(&text), NULL);
    assert_non_null(deep);
    autobuf struct buf deeper = {0};
    buf_addf(&deeper, "[%s]", text.at);
    assert_null(doc_parse(buf_str(&deeper), &err));
    assert_string_equal(error_message(err), "line 1, column 201: nested more than 200 levels deep");
}

static void a_text_over_64_mib_is_refused(void **state)
{
    (void)state;
    autobuf struct buf text = {0};
    autoerror struct error *err = NULL;
    size_t size = ((size_t)64 << 20) + 1;
    memset(buf_reserve(&text, size), ' ', size);
    text.length = size;
    assert_null(doc_parse(buf_str(&text), &err));
    assert_int_equal(err->number, EFBIG);
}

static void a_key_that_repeats_is_found_among_many(void **state)
{
    (void)state;
    for (int members = 2; members < 100; members++) {
        autobuf struct buf text = {0};
        for (int i = 0; i < members - 1; i++)
            buf_addf(&text, "%s\"key%d\":0,", i == 0 ? "{" : "", i);
        autobuf struct buf good = {0}, bad = {0};
        buf_addf(&good, "%s\"other\":0}", text.at);
        buf_addf(&bad, "%s\"key%d\":0}", text.at, members / 2 - 1);
        autodoc struct doc *doc = doc_parse(buf_str(&good), NULL);
        assert_int_equal(value_count(doc_root(doc)), members);
        assert_null(doc_parse(buf_str(&bad), NULL));
    }
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        autobuf struct buf once = {0}, twice = {0};
        autodoc struct doc *doc = must_parse(samples[i]);
        value_write(&once, doc_root(doc));
        autodoc struct doc *back = must_parse(once.at);
        assert_true(value_equal(doc_root(doc), doc_root(back)));
        value_write(&twice, doc_root(back));
        assert_string_equal(once.at, twice.at);
    }
}

/* A piece of a document is no document, and whatever the end is, nothing behind it is read. */
static void every_beginning_of_a_document_is_refused(void **state)
{
    (void)state;
    struct str text = str_of(samples[COUNT(samples) - 1]);
    for (size_t length = 0; length < text.length; length++) {
        autofree char *piece = memory_new(length); /* without a byte behind it */
        memcpy(piece, text.at, length);
        assert_null(doc_parse((struct str){piece, length}, NULL));
    }
}

static void bytes_that_are_no_utf8_still_give_json(void **state)
{
    (void)state;
    autobuf struct buf out = {0};
    json_write_string(&out, STR("a\xff"
                                "b\xc3"));
    assert_string_equal(out.at, "\"a\xef\xbf\xbd"
                                "b\xef\xbf\xbd\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_json_allows_is_read_and_written_compactly),
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(a_text_over_64_mib_is_refused),
        cmocka_unit_test(a_key_that_repeats_is_found_among_many),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(every_beginning_of_a_document_is_refused),
        cmocka_unit_test(bytes_that_are_no_utf8_still_give_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
