#include "tests/unit/lib/samples.h"
#include "tests/unit/lib/test.h"

#include <stdio.h>

/* ---- reading ---- */

static void members_are_found_along_a_path(void **state)
{
    (void)state;
    autodoc struct doc *doc =
        must_parse("{\"spec\":{\"template\":{\"x\":\"y\"},\"list\":[10,20]},\"n\":null}");
    struct value root = doc_root(doc);
    assert_str(value_str(value_at(root, "spec", "template", "x")), "y");
    assert_int_equal(value_type(value_get(root, STR("n"))), VALUE_NULL);
    assert_true(value_exists(value_get(root, STR("n"))));
    assert_false(value_exists(value_at(root, "spec", "nothing", "x")));
    assert_false(value_exists(value_at(root, "n", "x")));
    assert_int_equal(value_int_or(value_element(value_at(root, "spec", "list"), 1), 0), 20);
    assert_false(value_exists(value_element(value_at(root, "spec", "list"), 2)));
    assert_false(value_exists(value_element(root, 0)));
    assert_int_equal(value_count(root), 2);
    assert_int_equal(value_count(value_at(root, "n")), 0);
}

static void every_reader_takes_what_is_not_there(void **state)
{
    (void)state;
    struct value none = doc_root(NULL);
    int64_t number;
    double real;
    assert_int_equal(value_type(none), VALUE_NONE);
    assert_false(value_exists(value_get(none, STR("a"))));
    assert_false(value_exists(value_at(none, "a", "b")));
    assert_false(value_exists(value_element(none, 0)));
    assert_false(value_exists(value_first(none)));
    assert_false(value_exists(value_next(none)));
    assert_int_equal(value_count(none), 0);
    assert_null(value_str(none).at);
    assert_null(value_key(none).at);
    assert_false(value_is(none, ""));
    assert_false(value_int(none, &number));
    assert_int_equal(value_int_or(none, 7), 7);
    assert_false(value_number(none, &real));
    assert_false(value_true(none));
    assert_true(value_equal(none, VALUE_ABSENT));
    value_each (child, none)
        fail_msg("nothing has no children, but %u", child.at);
    value_remove(none);
    assert_json(none, "null");
    doc_free(NULL);
}

static void scalars_say_what_they_are(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_parse("[\"text\",1.50,true,false,null,[],\"\",\"true\",\"5\"]");
    struct value root = doc_root(doc);
    static const struct {
        enum value_type type;
        const char *text;
        bool truth;
    } rows[] = {
        {VALUE_STRING, "text", false}, {VALUE_NUMBER, "1.50", false}, {VALUE_BOOL, "true", true},
        {VALUE_BOOL, "false", false},  {VALUE_NULL, NULL, false},     {VALUE_ARRAY, NULL, false},
        {VALUE_STRING, "", false},     {VALUE_STRING, "true", false}, {VALUE_STRING, "5", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct value v = value_element(root, i);
        assert_int_equal(value_type(v), rows[i].type);
        assert_int_equal(value_str(v).at != NULL, rows[i].text != NULL);
        assert_str(value_str(v), rows[i].text != NULL ? rows[i].text : "");
        assert_int_equal(value_true(v), rows[i].truth);
        assert_int_equal(value_is(v, "text"), i == 0);
    }
    assert_false(value_is(value_element(root, 1), "1.50"));
}

static void numbers_are_whole_if_their_value_is(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool whole;
        int64_t number;
    } rows[] = {
        {"0", true, 0},
        {"-7", true, -7},
        {"1e3", true, 1000},
        {"1.0", true, 1},
        {"15e-1", false, 0},
        {"1.5", false, 0},
        {"-1200e-2", true, -12},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"1e400", false, 0},
        {"1e-400", false, 0},
        {"0e400", true, 0},
        {"\"5\"", false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = must_parse(rows[i].text);
        int64_t number = 0;
        assert_int_equal(value_int(doc_root(doc), &number), rows[i].whole);
        assert_int_equal(number, rows[i].number);
        assert_int_equal(value_int_or(doc_root(doc), 42), rows[i].whole ? rows[i].number : 42);
    }
    autodoc struct doc *doc = must_parse("1.25e1");
    double real = 0;
    assert_true(value_number(doc_root(doc), &real));
    assert_true(real == 12.5);
}

static void equality_looks_at_content_only(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1.0}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1,\"c\":2}", "{\"a\":1,\"b\":2}", false},
        {"[1,2]", "[2,1]", false},
        {"[1,2]", "[1,2,3]", false},
        {"[]", "{}", false},
        {"null", "false", false},
        {"\"1\"", "1", false},
        {"true", "true", true},
        {"true", "false", false},
        {"1e3", "1000.0", true},
        {"9007199254740993", "9007199254740992", false},
        {"\"\\u0041\"", "\"A\"", true},
        {"{\"a\":null}", "{}", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *a = must_parse(rows[i].a);
        autodoc struct doc *b = must_parse(rows[i].b);
        assert_int_equal(value_equal(doc_root(a), doc_root(b)), rows[i].equal);
        assert_int_equal(value_equal(doc_root(b), doc_root(a)), rows[i].equal);
        assert_false(value_equal(doc_root(a), VALUE_ABSENT));
    }
}

/* An object of `count` members whose values are their numbers, in the order that `step` gives. */
static struct doc *many_members(unsigned count, unsigned step)
{
    struct doc *doc = doc_new();
    for (unsigned i = 0; i < count; i++) {
        char key[16];
        unsigned number = i * step % count;
        snprintf(key, sizeof(key), "%u", number);
        value_set_int(doc_root(doc), str_of(key), number);
    }
    return doc;
}

static void large_objects_are_equal_in_any_order(void **state)
{
    (void)state;
    autodoc struct doc *a = many_members(1000, 1);
    autodoc struct doc *b = many_members(1000, 7);
    assert_true(value_equal(doc_root(a), doc_root(b)));
    value_set_int(doc_root(b), STR("500"), 0);
    assert_false(value_equal(doc_root(a), doc_root(b)));
    value_unset(doc_root(b), STR("500"));
    value_set_int(doc_root(b), STR("x"), 500);
    assert_false(value_equal(doc_root(a), doc_root(b)));
    assert_false(value_equal(doc_root(b), doc_root(a)));
}

/* ---- editing ---- */

static void members_are_set_and_keep_their_place(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_parse("{\"a\":{\"old\":[1,2]},\"b\":2}");
    struct value root = doc_root(doc);
    struct value a = value_get(root, STR("a"));
    assert_int_equal(value_set_str(root, STR("a"), STR("new")).at, a.at);
    assert_str(value_str(a), "new");
    value_set_int(root, STR("int"), -5);
    value_set_bool(root, STR("yes"), true);
    value_set_bool(root, STR("no"), false);
    value_set_null(root, STR("null"));
    value_set_int(value_set_object(root, STR("object")), STR("in"), 1);
    value_append_str(value_set_array(root, STR("array")), STR("in"));
    value_setf(root, STR("text"), "%s-%d", "web", 3);
    assert_json(root, "{\"a\":\"new\",\"b\":2,\"int\":-5,\"yes\":true,\"no\":false,\"null\":null,"
                      "\"object\":{\"in\":1},\"array\":[\"in\"],\"text\":\"web-3\"}");
    assert_int_equal(value_count(root), 9);
}

static void arrays_grow_at_the_end(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_parse("[0]");
    struct value root = doc_root(doc);
    value_append_int(root, 1);
    value_append_str(root, STR("2"));
    value_set_int(value_append_object(root), STR("a"), 3);
    value_append_int(value_append_array(root), 4);
    value_append_copy(root, value_element(root, 3));
    value_append_copy(root, VALUE_ABSENT);
    assert_json(root, "[0,1,\"2\",{\"a\":3},[4],{\"a\":3},null]");
}

static void ensuring_makes_only_what_is_missing(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_parse("{\"a\":{\"x\":1},\"b\":null,\"c\":[1]}");
    struct value root = doc_root(doc);
    value_set_int(value_ensure_object(root, STR("a")), STR("y"), 2);
    value_set_int(value_ensure_object(root, STR("b")), STR("y"), 2);
    value_append_int(value_ensure_array(root, STR("c")), 2);
    value_append_int(value_ensure_array(root, STR("d")), 2);
    assert_json(root, "{\"a\":{\"x\":1,\"y\":2},\"b\":{\"y\":2},\"c\":[1,2],\"d\":[2]}");
}

static void what_is_set_does_not_depend_on_the_callers_memory(void **state)
{
    (void)state;
    autodoc struct doc *doc = doc_new();
    char key[] = "key", text[] = "text";
    value_set_str(doc_root(doc), str_of(key), str_of(text));
    memset(key, 'x', 3);
    memset(text, 'x', 4);
    {
        autodoc struct doc *other = must_parse("{\"deep\":[\"string\",1,true,null]}");
        value_set_copy(doc_root(doc), STR("copy"), doc_root(other));
    }
    assert_json(doc_root(doc), "{\"key\":\"text\",\"copy\":{\"deep\":[\"string\",1,true,null]}}");
}

static void removing_takes_out_the_first_the_middle_and_the_last(void **state)
{
    (void)state;
    static const char *const left[] = {"{\"b\":1,\"c\":2}", "{\"a\":0,\"c\":2}", "{\"a\":0,\"b\":1}"};
    static const char *const keys[] = {"a", "b", "c"};
    for (size_t i = 0; i < COUNT(left); i++) {
        autodoc struct doc *doc = must_parse("{\"a\":0,\"b\":1,\"c\":2}");
        assert_true(value_unset(doc_root(doc), str_of(keys[i])));
        assert_false(value_unset(doc_root(doc), str_of(keys[i])));
        assert_json(doc_root(doc), left[i]);
        assert_int_equal(value_count(doc_root(doc)), 2);
        value_set_int(doc_root(doc), STR("z"), 9);
        value_unset(doc_root(doc), STR("z"));
        assert_json(doc_root(doc), left[i]);
    }
}

static void a_walk_survives_edits_of_the_current_one(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_parse("{\"a\":0,\"b\":1,\"c\":2,\"d\":3}");
    struct value root = doc_root(doc);
    value_each (member, root) {
        int64_t number = value_int_or(member, -1);
        if (number % 2 == 0)
            value_remove(member);
        else
            value_set_int(root, value_key(member), number * 10);
    }
    assert_json(root, "{\"b\":10,\"d\":30}");
    value_each (member, root)
        value_remove(member);
    assert_json(root, "{}");
}

static void a_removed_root_is_null(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_parse("{\"a\":0}");
    value_remove(doc_root(doc));
    assert_json(doc_root(doc), "null");
}

static void replacing_works_in_place(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_parse("{\"a\":{\"b\":[1,{\"c\":2}]},\"z\":0}");
    struct value root = doc_root(doc);
    value_replace(value_element(value_at(root, "a", "b"), 0), value_at(root, "z"));
    assert_json(root, "{\"a\":{\"b\":[0,{\"c\":2}]},\"z\":0}");
    /* by something inside itself, and by something around itself */
    value_replace(value_at(root, "a"), value_element(value_at(root, "a", "b"), 1));
    assert_json(root, "{\"a\":{\"c\":2},\"z\":0}");
    value_replace(value_at(root, "a", "c"), root);
    assert_json(root, "{\"a\":{\"c\":{\"a\":{\"c\":2},\"z\":0}},\"z\":0}");
    value_remove(value_at(root, "a", "c", "a", "c"));
    assert_json(root, "{\"a\":{\"c\":{\"a\":{},\"z\":0}},\"z\":0}");
    value_replace(root, value_at(root, "a", "c"));
    assert_json(root, "{\"a\":{},\"z\":0}");
}

static void a_document_may_be_copied_into_itself(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_parse("{\"a\":[\"x\"]}");
    value_set_copy(doc_root(doc), STR("self"), doc_root(doc));
    value_set_copy(doc_root(doc), STR("a"), value_get(doc_root(doc), STR("a")));
    assert_json(doc_root(doc), "{\"a\":[\"x\"],\"self\":{\"a\":[\"x\"]}}");
}

static void handles_and_strings_stay_good_while_others_are_edited(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_parse("{\"name\":\"web\",\"list\":[]}");
    struct value name = value_get(doc_root(doc), STR("name"));
    struct str before = value_str(name);
    struct value list = value_get(doc_root(doc), STR("list"));
    for (int i = 0; i < 5000; i++)
        value_set_int(value_append_object(list), STR("a key of some length, so that memory grows"), i);
    assert_str(before, "web");
    assert_ptr_equal(value_str(name).at, before.at);
    assert_int_equal(value_count(list), 5000);
    assert_int_equal(value_int_or(value_first(value_element(list, 4999)), 0), 4999);
}

static void copies_are_equal_and_independent(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        autodoc struct doc *doc = must_parse(samples[i]);
        autodoc struct doc *copy = doc_copy(doc_root(doc));
        assert_true(value_equal(doc_root(doc), doc_root(copy)));
        value_remove(doc_root(doc));
        autodoc struct doc *again = must_parse(samples[i]);
        assert_true(value_equal(doc_root(again), doc_root(copy)));
    }
    autodoc struct doc *doc = must_parse("{\"a\":{\"b\":1}}");
    autodoc struct doc *part = doc_copy(value_at(doc_root(doc), "a"));
    autodoc struct doc *nothing = doc_copy(VALUE_ABSENT);
    assert_json(doc_root(part), "{\"b\":1}");
    assert_json(doc_root(nothing), "null");
}

/* ---- merging and sorting ---- */

static void patches_are_merged_as_rfc_7386_says(void **state)
{
    (void)state;
    static const struct {
        const char *target, *patch, *merged;
    } rows[] = {
        /* from the RFC's appendix, as far as the target is an object */
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{\"a\":\"text\"}", "{\"a\":{\"b\":{\"c\":1,\"d\":null}}}", "{\"a\":{\"b\":{\"c\":1}}}"},
        {"{\"a\":1}", "{}", "{\"a\":1}"},
        {"{\"a\":{\"x\":1}}", "{\"a\":[null]}", "{\"a\":[null]}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *target = must_parse(rows[i].target);
        autodoc struct doc *patch = must_parse(rows[i].patch);
        value_merge(doc_root(target), doc_root(patch));
        assert_json(doc_root(target), rows[i].merged);
        assert_json(doc_root(patch), rows[i].patch);
    }
}

static struct value get_numbered(struct value object, int i)
{
    char key[16];
    snprintf(key, sizeof(key), "k%d", i);
    return value_get(object, str_of(key));
}

static void members_of_large_objects_are_found_in_any_order_and_not_when_they_are_gone(void **state)
{
    (void)state;
    autodoc struct doc *doc = doc_new();
    struct value map = value_set_object(doc_root(doc), STR("map"));
    char key[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        value_set_int(map, str_of(key), i);
    }
    static const int steps[] = {1, 999, 7, 0};
    for (const int *step = steps; *step != 0; step++)
        for (int n = 0, i = 0; n < 1000; n++, i = (i + *step) % 1000)
            assert_int_equal(value_int_or(get_numbered(map, i), -1), i);
    /* Neighbours of a removed one, and the members of what has been replaced. */
    assert_true(value_exists(get_numbered(map, 500)));
    assert_true(value_unset(map, STR("k500")));
    assert_false(value_exists(get_numbered(map, 500)));
    assert_int_equal(value_int_or(get_numbered(map, 501), -1), 501);
    assert_int_equal(value_int_or(get_numbered(map, 499), -1), 499);
    autodoc struct doc *other = doc_copy(map);
    value_unset(doc_root(other), STR("k499"));
    value_replace(map, doc_root(other));
    assert_false(value_exists(get_numbered(map, 499)));
    assert_int_equal(value_int_or(get_numbered(map, 498), -1), 498);
}

static void large_patches_merge_like_small_ones(void **state)
{
    (void)state;
    autodoc struct doc *target = many_members(1000, 1);
    autodoc struct doc *patch = many_members(2000, 7);
    value_set_null(doc_root(patch), STR("10"));
    value_set_str(doc_root(patch), STR("20"), STR("new"));
    value_merge(doc_root(target), doc_root(patch));
    value_unset(doc_root(patch), STR("10"));
    assert_true(value_equal(doc_root(target), doc_root(patch)));
    assert_int_equal(value_count(doc_root(target)), 1999);
}

static void the_canonical_order_puts_first_what_people_look_for(void **state)
{
    (void)state;
    autodoc struct doc *doc =
        must_parse("{\"spec\":[{\"b\":1,\"namespace\":2,\"name\":3,\"a\":4}],\"metadata\":{},"
                   "\"kind\":\"x\",\"Z\":0,\"apiVersion\":\"v1\",\"aa\":1,\"a\":{}}");
    static const char sorted[] =
        "{\"apiVersion\":\"v1\",\"kind\":\"x\",\"metadata\":{},\"Z\":0,\"a\":{},\"aa\":1,"
        "\"spec\":[{\"name\":3,\"namespace\":2,\"a\":4,\"b\":1}]}";
    value_sort(doc_root(doc));
    assert_json(doc_root(doc), sorted);
    value_sort(doc_root(doc));
    assert_json(doc_root(doc), sorted);
    value_set_int(doc_root(doc), STR("b"), 1);
    value_unset(doc_root(doc), STR("apiVersion"));
    value_sort(doc_root(doc));
    assert_json(doc_root(doc), "{\"kind\":\"x\",\"metadata\":{},\"Z\":0,\"a\":{},\"aa\":1,\"b\":1,"
                               "\"spec\":[{\"name\":3,\"namespace\":2,\"a\":4,\"b\":1}]}");
}

static void a_walk_goes_on_behind_a_key_that_is_gone(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_parse("{\"kind\":\"x\",\"name\":1,\"a\":2,\"c\":3,\"e\":4}");
    struct value root = doc_root(doc);
    assert_str(value_key(value_after(root, STR("apiVersion"))), "kind");
    assert_str(value_key(value_after(root, STR("kind"))), "name");
    assert_str(value_key(value_after(root, STR("name"))), "a");
    assert_str(value_key(value_after(root, STR("namespace"))), "a");
    assert_str(value_key(value_after(root, STR("b"))), "c");
    assert_str(value_key(value_after(root, STR("c"))), "e");
    assert_false(value_exists(value_after(root, STR("e"))));
    assert_false(value_exists(value_after(root, STR("f"))));
    assert_false(value_exists(value_after(VALUE_ABSENT, STR("a"))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_along_a_path),
        cmocka_unit_test(every_reader_takes_what_is_not_there),
        cmocka_unit_test(scalars_say_what_they_are),
        cmocka_unit_test(numbers_are_whole_if_their_value_is),
        cmocka_unit_test(equality_looks_at_content_only),
        cmocka_unit_test(large_objects_are_equal_in_any_order),
        cmocka_unit_test(members_are_set_and_keep_their_place),
        cmocka_unit_test(arrays_grow_at_the_end),
        cmocka_unit_test(ensuring_makes_only_what_is_missing),
        cmocka_unit_test(what_is_set_does_not_depend_on_the_callers_memory),
        cmocka_unit_test(removing_takes_out_the_first_the_middle_and_the_last),
        cmocka_unit_test(a_walk_survives_edits_of_the_current_one),
        cmocka_unit_test(a_removed_root_is_null),
        cmocka_unit_test(replacing_works_in_place),
        cmocka_unit_test(a_document_may_be_copied_into_itself),
        cmocka_unit_test(handles_and_strings_stay_good_while_others_are_edited),
        cmocka_unit_test(copies_are_equal_and_independent),
        cmocka_unit_test(patches_are_merged_as_rfc_7386_says),
        cmocka_unit_test(members_of_large_objects_are_found_in_any_order_and_not_when_they_are_gone),
        cmocka_unit_test(large_patches_merge_like_small_ones),
        cmocka_unit_test(the_canonical_order_puts_first_what_people_look_for),
        cmocka_unit_test(a_walk_goes_on_behind_a_key_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
