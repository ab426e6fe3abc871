/* Documents from any bytes: read, written, copied, sorted, merged, taken apart. */
#include "tests/fuzz/fuzz.h"

static void check_copy(struct value root)
{
    autodoc struct doc *copy = doc_copy(root);
    must(value_equal(root, doc_root(copy)));
    value_sort(doc_root(copy));
    must(value_equal(root, doc_root(copy)));
    check_json(doc_root(copy));
}

/* The first member that is an object is the patch. Merging it twice changes no more than once. */
static void check_merge(struct value root)
{
    struct value patch = value_first(root);
    while (value_exists(patch) && value_type(patch) != VALUE_OBJECT)
        patch = value_next(patch);
    if (value_type(root) != VALUE_OBJECT || !value_exists(patch))
        return;
    autodoc struct doc *once = doc_copy(root);
    value_merge(doc_root(once), patch);
    autodoc struct doc *twice = doc_copy(doc_root(once));
    value_merge(doc_root(twice), patch);
    must(value_equal(doc_root(once), doc_root(twice)));
    check_json(doc_root(twice));
}

static void take_apart(struct value v)
{
    value_each (child, v) {
        int64_t number;
        double real;
        value_int(child, &number);
        value_number(child, &real);
        size_t count = value_count(v);
        if (value_str(child).length % 2 == 0)
            value_replace(child, v); /* around itself, once: its copy is not walked over */
        else
            take_apart(child);
        value_remove(child);
        must(value_count(v) == count - 1);
    }
    must(value_count(v) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autoerror struct error *err = NULL;
    autodoc struct doc *doc = doc_parse((struct str){(const char *)data, size}, &err);
    must((doc == NULL) == (err != NULL));
    if (doc == NULL)
        return 0;
    check_json(doc_root(doc));
    check_yaml(doc_root(doc));
    check_copy(doc_root(doc));
    check_merge(doc_root(doc));
    if (size < 2000) /* each step copies */
        take_apart(doc_root(doc));
    return 0;
}
