#include "fsd/merge.h"
#include "lib/file.h"
#include "tests/unit/fsd/kinds.h"

/* The cases are merge.yaml. */
struct corpus {
    struct doc **docs;
    int count;
};

static struct corpus corpus;

static int load_corpus(void **state)
{
    autoerror struct error *err = NULL;
    autobuf struct buf text = {0};
    const char *source = getenv("srcdir");
    autofree char *path = path_format("%s/tests/unit/fsd/merge.yaml", source != NULL ? source : ".");
    if (file_read(path, &text, &err) < 0 ||
        (corpus.count = yaml_parse_all(buf_str(&text), &corpus.docs, NULL, &err)) < 0)
        fail_msg("%s", error_message(err));
    return load_kinds(state);
}

static int free_corpus(void **state)
{
    yaml_free_all(corpus.docs, corpus.count);
    return free_kinds(state);
}

static void check(struct value row, struct value last, struct value live)
{
    autodoc struct doc *merged = doc_copy(live);
    const struct schema *schema = NULL;
    if (!value_is(value_at(row, "kind"), "custom")) {
        autofree char *kind = str_dup(value_str(value_at(row, "kind")));
        schema = kind_form(must_kind(kind))->schema;
    }
    merge_apply(schema, last, doc_root(merged), value_at(row, "apply"));
    if (value_equal(doc_root(merged), value_at(row, "result")))
        return;
    autobuf struct buf is = {0}, should = {0};
    value_write(&is, doc_root(merged));
    value_write(&should, value_at(row, "result"));
    fail_msg(STR_FORMAT "\n is        %s\n should be %s", STR_ARGS(value_str(value_at(row, "case"))), is.at,
             should.at);
}

static void what_is_applied_is_merged_as_kubectl_does(void **state)
{
    (void)state;
    assert_true(corpus.count >= 100);
    for (int i = 0; i < corpus.count; i++) {
        struct value row = doc_root(corpus.docs[i]);
        check(row, value_at(row, "last"), value_at(row, "live"));
    }
}

static void what_is_applied_again_changes_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < corpus.count; i++) {
        struct value row = doc_root(corpus.docs[i]);
        check(row, value_at(row, "apply"), value_at(row, "result"));
    }
}

/* What is wrong with it is said later: until then it must be bearable. */
static void nonsense_is_merged_somehow(void **state)
{
    (void)state;
    static const char *const lists[] = {"[{}, {}]", "[null]", "[word, {name: a}]", "[[a]]",
                                        "word",     "null",   "{name: [a, b]}"};
    enum { ALL = COUNT(lists) };
    struct doc *docs[ALL];
    for (size_t i = 0; i < ALL; i++) {
        autobuf struct buf text = {0};
        buf_addf(&text, "{metadata: {finalizers: %s}, spec: {containers: %s}}", lists[i], lists[i]);
        docs[i] = must_yaml(text.at);
    }
    for (size_t i = 0; i < ALL * ALL * ALL; i++) {
        autodoc struct doc *live = doc_copy(doc_root(docs[i % ALL]));
        struct value last = doc_root(docs[i / ALL % ALL]), wanted = doc_root(docs[i / ALL / ALL]);
        merge_apply(kind_form(must_kind("pods"))->schema, last, doc_root(live), wanted);
        assert_int_equal(value_type(value_at(doc_root(live), "spec")), VALUE_OBJECT);
    }
    for (size_t i = 0; i < ALL; i++)
        doc_free(docs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_applied_is_merged_as_kubectl_does),
        cmocka_unit_test(what_is_applied_again_changes_nothing),
        cmocka_unit_test(nonsense_is_merged_somehow),
    };
    return cmocka_run_group_tests(tests, load_corpus, free_corpus);
}
