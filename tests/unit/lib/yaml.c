#include "lib/yaml.h"

#include "tests/unit/lib/samples.h"
#include "tests/unit/lib/test.h"

/* ---- reading ---- */

static const struct {
    const char *yaml, *json;
} readings[] = {
    {"a: 1\nb:\n  c: [x, 'y', \"z\"]\n  d:\n  - 1\n  - e: 2\n",
     "{\"a\":1,\"b\":{\"c\":[\"x\",\"y\",\"z\"],\"d\":[1,{\"e\":2}]}}"},
    {"--- # comment\na: b # comment\n...\n", "{\"a\":\"b\"}"},
    {"\xef\xbb\xbf"
     "a: b\r\nc: d\r\n",
     "{\"a\":\"b\",\"c\":\"d\"}"},
    /* null, booleans */
    {"[~, null, Null, NULL, '', '~']", "[null,null,null,null,\"\",\"~\"]"},
    {"a:\nb: \n", "{\"a\":null,\"b\":null}"},
    {"[true, True, TRUE, yes, Yes, YES, y, Y, on, On, ON]",
     "[true,true,true,true,true,true,true,true,true,true,true]"},
    {"[false, False, FALSE, no, No, NO, n, N, off, Off, OFF]",
     "[false,false,false,false,false,false,false,false,false,false,false]"},
    {"['true', \"yes\", tRUE, oN, nO]", "[\"true\",\"yes\",\"tRUE\",\"oN\",\"nO\"]"},
    /* numbers */
    {"[0, 7, -7, +7, 1.50, -0.5, 1e3, 1E-3, 1_000]", "[0,7,-7,7,1.50,-0.5,1e3,1E-3,1000]"},
    {"[0x1F, -0x10, 0o17, 017, 0b101, 08, 0_7]", "[31,-16,15,15,5,8,7]"},
    {"[.5, 5., -.5, +.5e1, 00.5, 1.e2]", "[0.5,5,-0.5,0.5e1,0.5,1e2]"},
    {"[18446744073709551615, 0xffffffffffffffff, 123456789012345678901234567890]",
     "[18446744073709551615,18446744073709551615,123456789012345678901234567890]"},
    /* strings that only look like something */
    {"[1.2.3, 1-2, 0x, 0xg, 09a, 1e, e1, -, +, ., .., 1:30, 12e99999, 0x10000000000000000]",
     "[\"1.2.3\",\"1-2\",\"0x\",\"0xg\",\"09a\",\"1e\",\"e1\",\"-\",\"+\",\".\",\"..\",\"1:30\",\"12e99999\","
     "\"0x10000000000000000\"]"},
    {"[2026-01-31, 2026-01-31T12:00:00Z]", "[\"2026-01-31\",\"2026-01-31T12:00:00Z\"]"},
    /* keys are text as it stands */
    {"on: 1\n1.0: 2\n0x10: 3\ntrue: 4\n", "{\"on\":1,\"1.0\":2,\"0x10\":3,\"true\":4}"},
    /* blocks */
    {"a: |\n  x\n   y\n\n  z\nb: |-\n  x\nc: |+\n  x\n\nd: >\n  x\n  y\n",
     "{\"a\":\"x\\n y\\n\\nz\\n\",\"b\":\"x\",\"c\":\"x\\n\\n\",\"d\":\"x y\\n\"}"},
    /* tags */
    {"[!!str 5, !!int '7', !!float 1e999, !!null '', !!bool 'yes', ! 5, !!seq [], !!map {}]",
     "[\"5\",7,1e999,null,true,\"5\",[],{}]"},
    /* anchors and merges */
    {"a: &x {k: [1]}\nb: *x\nc: [*x, *x]\n",
     "{\"a\":{\"k\":[1]},\"b\":{\"k\":[1]},\"c\":[{\"k\":[1]},{\"k\":[1]}]}"},
    {"a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}"},
    {"a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 3\nc:\n  k: 4\n  <<: *x\n",
     "{\"a\":{\"k\":1,\"l\":2},\"b\":{\"k\":3,\"l\":2},\"c\":{\"k\":4,\"l\":2}}"},
    {"a: &x {k: 1}\nb: &y {k: 2, l: 3}\nc:\n  <<: [*x, *y]\n  m: 4\n",
     "{\"a\":{\"k\":1},\"b\":{\"k\":2,\"l\":3},\"c\":{\"m\":4,\"k\":1,\"l\":3}}"},
    {"'<<': 1\n", "{\"<<\":1}"},
    /* JSON, and what only looks like it */
    {"{\"a\": [1, true, null]}", "{\"a\":[1,true,null]}"},
    {"{a: b, c: [d]}", "{\"a\":\"b\",\"c\":[\"d\"]}"},
    {"text\n", "\"text\""},
};

static void yaml_is_read_as_kubernetes_reads_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(readings); i++) {
        autoerror struct error *err = NULL;
        autodoc struct doc *doc = yaml_parse(str_of(readings[i].yaml), &err);
        if (doc == NULL)
            fail_msg("%s: %s", readings[i].yaml, error_message(err));
        assert_json(doc_root(doc), readings[i].json);
    }
}

static const struct {
    const char *yaml, *sentence;
} refusals[] = {
    {"", "line 1, column 1: there is no document here"},
    {"# only a comment\n", "line 1, column 1: there is no document here"},
    {"a: 1\n---\nb: 2\n", "line 3, column 1: a second document begins here, only one is possible"},
    {"a: 1\n b: 2\n",
     "line 2, column 3: a ':' can't stand here: check the indentation, or put the text in quotes"},
    {"a: b: c\n",
     "line 1, column 5: a ':' can't stand here: check the indentation, or put the text in quotes"},
    {"a: [1, 2\n", "line 2, column 1: expected ',' or ']'"},
    {"a:\n\t- b\n",
     "line 2, column 1: text that begins with this character must be in quotes (and tabs can't indent)"},
    {"a: 1\nb: 'x\n", "line 2, column 4: a quoted text has no closing quote"},
    {"a: \"\\q\"\n", "line 1, column 5: no such escape in a text in double quotes"},
    {"- a\nb: 1\n", "line 2, column 1: expected '- ': check the indentation"},
    {"a: @x\n",
     "line 1, column 4: text that begins with this character must be in quotes (and tabs can't indent)"},
    {"a: \x01\n", "line 1, column 4: control characters must be escaped in double quotes"},
    {"a: 1\nb: \xc3\xa9\xff\n", "line 2, column 5: not valid UTF-8"},
    {"a: 1\nb: 2\n\"a\": 3\n", "line 3, column 1: the key \"a\" appears twice"},
    {"a: {b: 1, c: 2, b: 3}\n", "line 1, column 17: the key \"b\" appears twice"},
    {"a: *x\n", "line 1, column 4: no value with the anchor &x ends before this alias"},
    {"a: &x [*x]\n", "line 1, column 8: no value with the anchor &x ends before this alias"},
    {"a: &x 1\n--- *x\n", "line 2, column 5: no value with the anchor &x ends before this alias"},
    {"a: !secret 1\n", "line 1, column 4: the tag !secret does not fit here"},
    {"a: !!binary aGk=\n", "line 1, column 4: the tag !!binary does not fit here"},
    {"a: !!int 1.5\n", "line 1, column 4: the tag !!int does not fit here"},
    {"a: !!map []\n", "line 1, column 4: the tag !!map does not fit here"},
    {"!!int 1: a\n", "line 1, column 1: the tag !!int does not fit here"},
    {"a: .inf\n", "line 1, column 4: the number .inf is not supported"},
    {"a: -.INF\n", "line 1, column 4: the number -.INF is not supported"},
    {"a: .NaN\n", "line 1, column 4: the number .NaN is not supported"},
    {"? [a]\n: 1\n", "line 1, column 3: a key must be text"},
    {"~: 1\n", "line 1, column 1: a key can't be null: put it in quotes"},
    {"&x a: 1\n", "line 1, column 1: a key can't have an anchor"},
    {"<<: 1\n", "line 1, column 1: '<<' needs a map or a list of maps"},
    {"<<: [{a: 1}, 2]\n", "line 1, column 1: '<<' needs a map or a list of maps"},
    {"<<: {a: 1}\n<<: {b: 1}\n", "line 2, column 1: the key \"<<\" appears twice"},
    {"{\"a\": 1,\n \"b\" 2}\n", "line 2, column 6: expected ':' behind a key, found '2'"},
    {"{a: 1,\n b: [}\n", "line 2, column 6: expected a value"},
};

static void errors_say_where_and_what(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        autoerror struct error *err = NULL;
        if (yaml_parse(str_of(refusals[i].yaml), &err) != NULL)
            fail_msg("%s was read", refusals[i].yaml);
        assert_string_equal(error_message(err), refusals[i].sentence);
        assert_int_equal(err->number, EINVAL);
        assert_null(yaml_parse(str_of(refusals[i].yaml), NULL));
    }
}

static void a_stream_has_its_documents_in_order_with_their_lines(void **state)
{
    (void)state;
    static const char text[] =
        "# first\na: 1\n---\n---\n# nothing\n---\n\nb: 2\n...\n---\n- c\n--- text\n---\n";
    static const struct {
        const char *json;
        int line;
    } expected[] = {{"{\"a\":1}", 2}, {"{\"b\":2}", 8}, {"[\"c\"]", 11}, {"\"text\"", 12}};
    struct doc **docs = NULL;
    autofree int *lines = NULL;
    assert_int_equal(yaml_parse_all(str_of(text), &docs, &lines, NULL), COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_json(doc_root(docs[i]), expected[i].json);
        assert_int_equal(lines[i], expected[i].line);
    }
    yaml_free_all(docs, COUNT(expected));
}

static void a_stream_may_be_empty_or_json(void **state)
{
    (void)state;
    struct doc **docs = NULL;
    assert_int_equal(yaml_parse_all(STR_NONE, &docs, NULL, NULL), 0);
    yaml_free_all(docs, 0);
    assert_int_equal(yaml_parse_all(STR("{\"a\":1}"), &docs, NULL, NULL), 1);
    assert_json(doc_root(docs[0]), "{\"a\":1}");
    yaml_free_all(docs, 1);
    assert_int_equal(yaml_parse_all(STR("{\"a\":1}\n---\n{\"b\":2}"), &docs, NULL, NULL), 2);
    assert_json(doc_root(docs[1]), "{\"b\":2}");
    yaml_free_all(docs, 2);
}

static void one_bad_document_refuses_the_stream(void **state)
{
    (void)state;
    struct doc **docs = NULL;
    autofree int *lines = NULL;
    autoerror struct error *err = NULL;
    assert_int_equal(yaml_parse_all(STR("a: 1\n---\nb: [\n"), &docs, &lines, &err), -EINVAL);
    assert_null(docs);
    assert_string_equal(error_message(err), "line 4, column 1: expected a value");
}

static void aliases_cannot_blow_a_document_up(void **state)
{
    (void)state;
    autobuf struct buf text = {0};
    autoerror struct error *err = NULL;
    buf_add_text(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 20; i++) {
        buf_addf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            buf_addf(&text, "%s*a%d", j > 0 ? ", " : "", i - 1);
        buf_add_text(&text, "]\n");
    }
    assert_null(yaml_parse(buf_str(&text), &err));
    assert_non_null(strstr(error_message(err), "aliases make the document too large"));
}

static void depth_is_limited_also_through_aliases(void **state)
{
    (void)state;
    autobuf struct buf lists = {0}, aliases = {0};
    autoerror struct error *err = NULL, *alias_err = NULL;
    for (int i = 0; i < 201; i++)
        buf_add_text(&lists, "- ");
    assert_null(yaml_parse(buf_str(&lists), &err));
    assert_string_equal(error_message(err), "line 1, column 401: nested more than 200 levels deep");
    buf_add_text(&aliases, "- &a0 []\n");
    for (int i = 1; i < 250; i++)
        buf_addf(&aliases, "- &a%d [*a%d]\n", i, i - 1);
    assert_null(yaml_parse(buf_str(&aliases), &alias_err));
    assert_non_null(strstr(error_message(alias_err), "nested more than 200 levels deep"));
}

/* ---- writing ---- */

static const struct {
    const char *json, *yaml;
} writings[] = {
    {"{}", "{}\n"},
    {"[]", "[]\n"},
    {"null", "null\n"},
    {"\"text\"", "text\n"},
    {"{\"a\":{\"b\":{\"c\":1}},\"d\":{},\"e\":[],\"f\":null,\"g\":true}",
     "a:\n  b:\n    c: 1\nd: {}\ne: []\nf: null\ng: true\n"},
    {"{\"list\":[1,{\"a\":1,\"b\":{\"c\":2}},[3,[4]],{\"d\":[5]}]}",
     "list:\n- 1\n- a: 1\n  b:\n    c: 2\n- - 3\n  - - 4\n- d:\n  - 5\n"},
    {"{\"a\":{\"list\":[\"x\"]}}", "a:\n  list:\n  - x\n"},
    /* plain where it is safe */
    {"[\"--port=8080\",\"http://x:80/y#z\",\"it's\",\"a, "
     "b\",\"500m\",\"1.2.3\",\"a:b\",\"a#b\",\"10.0.0.1\",\"-c\"]",
     "- --port=8080\n- http://x:80/y#z\n- it's\n- a, b\n- 500m\n- 1.2.3\n- a:b\n- a#b\n- 10.0.0.1\n- -c\n"},
    /* in double quotes where it would be something else */
    {"[\"true\",\"no\",\"y\",\"null\",\"~\",\"\",\"5\",\"1e3\",\"0x1\",\"1_0\",\".5\",\".inf\",\"8080:80\","
     "\"2026-01-31\"]",
     "- \"true\"\n- \"no\"\n- \"y\"\n- \"null\"\n- \"~\"\n- \"\"\n- \"5\"\n- \"1e3\"\n- \"0x1\"\n- "
     "\"1_0\"\n- \".5\"\n"
     "- \".inf\"\n- \"8080:80\"\n- \"2026-01-31\"\n"},
    {"{\"true\":1,\"5\":2,\"a b\":3,\"a: b\":4}", "\"true\": 1\n\"5\": 2\na b: 3\n'a: b': 4\n"},
    /* in single quotes where it would be syntax */
    {"[\"*\",\"- a\",\"-\",\"? a\",\":80\",\"a: b\",\"a:\",\"a #b\",\" a\",\"a "
     "\",\"{}\",\"@a\",\"%a\",\"'a'\",\"<<\",\"---\"]",
     "- '*'\n- '- a'\n- '-'\n- '? a'\n- ':80'\n- 'a: b'\n- 'a:'\n- 'a #b'\n- ' a'\n- 'a '\n- '{}'\n- '@a'\n- "
     "'%a'\n"
     "- '''a'''\n- '<<'\n- '---'\n"},
    /* blocks */
    {"{\"a\":\"x\\ny\\n\",\"b\":\"x\\n\\ny\",\"c\":\"x\\n\\n\",\"d\":\"  "
     "x\\ny\\n\",\"e\":[\"x\\n\"],\"f\":0}",
     "a: |\n  x\n  y\nb: |-\n  x\n\n  y\nc: |+\n  x\n\nd: |2\n    x\n  y\ne:\n- |\n  x\nf: 0\n"},
    /* escapes */
    {"[\"a\\tb\",\"a\\r\\nb\",\"\\u0000\",\"\\u001b\",\"\\u0085\",\"\\u2028\",\"\\ufeff\",\"\\uffff\","
     "\"\\\"\\\\\\u0007\"]",
     "- \"a\\tb\"\n- \"a\\r\\nb\"\n- \"\\x00\"\n- \"\\x1B\"\n- \"\\x85\"\n- \"\\u2028\"\n- \"\\uFEFF\"\n- "
     "\"\\uFFFF\"\n"
     "- \"\\\"\\\\\\x07\"\n"},
    {"[\"\\u00e9\",\"\\ud83d\\ude00\"]", "- \xc3\xa9\n- \xf0\x9f\x98\x80\n"},
    {"[1.50,1e999]", "- 1.50\n- !!float 1e999\n"},
};

static void yaml_is_written_as_kubectl_would(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(writings); i++) {
        autodoc struct doc *doc = must_parse(writings[i].json);
        autobuf struct buf out = {0};
        yaml_write(&out, doc_root(doc));
        assert_string_equal(out.at, writings[i].yaml);
    }
}

static void assert_round_trip(struct value v)
{
    autobuf struct buf once = {0}, twice = {0};
    autoerror struct error *err = NULL;
    yaml_write(&once, v);
    autodoc struct doc *back = yaml_parse(buf_str(&once), &err);
    if (back == NULL)
        fail_msg("%s: %s", once.at, error_message(err));
    if (!value_equal(v, doc_root(back)))
        fail_msg("reads back as something else: %s", once.at);
    yaml_write(&twice, doc_root(back));
    assert_string_equal(once.at, twice.at);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        autodoc struct doc *doc = must_parse(samples[i]);
        assert_round_trip(doc_root(doc));
    }
    for (size_t i = 0; i < COUNT(writings); i++) {
        autodoc struct doc *doc = must_parse(writings[i].json);
        assert_round_trip(doc_root(doc));
    }
}

/* Every text of up to four of these, as value, in a list, and as key. */
static void every_short_text_reads_back(void **state)
{
    (void)state;
    static const char alphabet[] = "\n \ta1:-#'\"|.~\\";
    enum { LETTERS = sizeof(alphabet) - 1, TEXTS = LETTERS * LETTERS * LETTERS * LETTERS };
    for (int length = 1; length <= 4; length++) {
        autodoc struct doc *doc = doc_new();
        struct value object = value_set_object(doc_root(doc), STR("object"));
        struct value list = value_set_array(doc_root(doc), STR("list"));
        for (int number = 0; number < TEXTS; number++) {
            char text[4];
            int rest = number;
            for (int i = 0; i < 4; i++, rest /= LETTERS)
                text[i] = alphabet[rest % LETTERS];
            struct str s = {text, (size_t)length};
            if (length == 4 || value_count(object) < 2000) /* lookups of keys are linear */
                value_append_str(list, s);
            if (value_count(object) < 2000)
                value_set_str(object, s, s);
        }
        assert_round_trip(doc_root(doc));
    }
}

static void keys_of_any_length_read_back(void **state)
{
    (void)state;
    char key[3000];
    memset(key, 'k', sizeof(key));
    for (size_t length = 990; length < 1030; length++) {
        autodoc struct doc *doc = doc_new();
        struct value inner = value_set_object(doc_root(doc), STR("inner"));
        value_set_int(inner, (struct str){key, length}, 1);
        value_set_int(value_set_object(inner, (struct str){key, 3000}), STR("a"), 2);
        value_append_int(value_set_array(inner, (struct str){key, 2999}), 3);
        value_set_int(inner, STR("z"), 4);
        assert_round_trip(doc_root(doc));
    }
}

static void bytes_that_are_no_utf8_still_give_yaml(void **state)
{
    (void)state;
    autodoc struct doc *doc = doc_new();
    autobuf struct buf out = {0};
    value_set_str(doc_root(doc), STR("a"), STR("x\xff\n"));
    yaml_write(&out, doc_root(doc));
    autodoc struct doc *back = yaml_parse(buf_str(&out), NULL);
    assert_str(value_str(value_at(doc_root(back), "a")), "x\xef\xbf\xbd\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_is_read_as_kubernetes_reads_it),
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(a_stream_has_its_documents_in_order_with_their_lines),
        cmocka_unit_test(a_stream_may_be_empty_or_json),
        cmocka_unit_test(one_bad_document_refuses_the_stream),
        cmocka_unit_test(aliases_cannot_blow_a_document_up),
        cmocka_unit_test(depth_is_limited_also_through_aliases),
        cmocka_unit_test(yaml_is_written_as_kubectl_would),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(every_short_text_reads_back),
        cmocka_unit_test(keys_of_any_length_read_back),
        cmocka_unit_test(bytes_that_are_no_utf8_still_give_yaml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
