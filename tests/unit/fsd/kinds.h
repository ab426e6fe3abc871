/* The built-in kinds, and documents of them, for tests. */
#ifndef PODTREE_TEST_KINDS_H
#define PODTREE_TEST_KINDS_H

#include "fsd/kind.h"
#include "lib/yaml.h"
#include "tests/unit/lib/test.h"

#include <stdio.h>

static struct kinds *kinds;

static inline int load_kinds(void **state)
{
    (void)state;
    struct error *err = NULL;
    const char *source = getenv("srcdir");
    autofree char *directory = NULL;
    if (asprintf(&directory, "%s/fsd/kinds", source != NULL ? source : ".") < 0)
        abort();
    if (kinds_load(directory, &kinds, &err) < 0)
        fail_msg("%s", error_message(err));
    return 0;
}

static inline int free_kinds(void **state)
{
    (void)state;
    kinds_free(kinds);
    return 0;
}

static inline struct doc *must_yaml(const char *text)
{
    struct error *err = NULL;
    struct doc *doc = yaml_parse(str_of(text), &err);
    if (doc == NULL)
        fail_msg("%s", error_message(err));
    return doc;
}

static inline const struct kind *must_kind(const char *directory)
{
    const struct kind *kind = kinds_by_directory(kinds, str_of(directory));
    assert_non_null(kind);
    return kind;
}

static inline void assert_error(int result, int number, struct error *err, const char *sentence)
{
    assert_int_equal(result, -number);
    assert_non_null(err);
    assert_int_equal(err->number, number);
    assert_string_equal(err->message, sentence);
}

#endif
