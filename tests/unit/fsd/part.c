/* Parts: a file shows what is at its place in the document, in its form. */
#include "fsd/part.h"
#include "tests/unit/fsd/kinds.h"

static const char text[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"labels\":{\"a/b\":\"c\"},"
    "\"name\":\"conf\"},\"data\":{\"k\":\"v\",\"lines\":\"1\\n2\\n\"}}";

static void expect(const char *path, enum part_form form, const char *expected)
{
    autodoc struct doc *doc = must_parse(text);
    autobuf struct buf out = {0};
    buf_add_text(&out, "");
    part_write(must_kind("configmaps"), str_of(text), doc_root(doc), str_of(path), form, &out);
    assert_string_equal(out.at, expected);
}

static void a_whole_object_is_its_text_or_its_manifest(void **state)
{
    (void)state;
    autobuf struct buf with_newline = {0}, out = {0};
    buf_addf(&with_newline, "%s\n", text);
    expect("", PART_JSON, with_newline.at);
    /* Its document isn't needed for that. */
    part_write(must_kind("configmaps"), str_of(text), VALUE_ABSENT, STR(""), PART_JSON, &out);
    assert_string_equal(out.at, with_newline.at);
    expect("", PART_YAML,
           "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels:\n    a/b: c\n  name: conf\ndata:\n  k: v\n"
           "  lines: |\n    1\n    2\n");
}

static void a_directory_is_what_is_below_it(void **state)
{
    (void)state;
    expect("data", PART_JSON, "{\"k\":\"v\",\"lines\":\"1\\n2\\n\"}\n");
    expect("data", PART_YAML, "k: v\nlines: |\n  1\n  2\n");
    expect("metadata/labels", PART_JSON, "{\"a/b\":\"c\"}\n");
}

static void a_field_is_its_file(void **state)
{
    (void)state;
    expect("data/lines", PART_FIELD, "1\n2\n");
    expect("metadata/labels/a%2Fb", PART_FIELD, "c\n");
}

static void what_is_not_there_is_nothing_or_null(void **state)
{
    (void)state;
    expect("data/other", PART_FIELD, "");
    expect("binaryData", PART_JSON, "null\n");
    expect("nowhere/at/all", PART_JSON, "null\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_object_is_its_text_or_its_manifest),
        cmocka_unit_test(a_directory_is_what_is_below_it),
        cmocka_unit_test(a_field_is_its_file),
        cmocka_unit_test(what_is_not_there_is_nothing_or_null),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
