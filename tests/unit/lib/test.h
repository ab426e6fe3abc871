/* What the tests of lib/ share. */
#ifndef PODTREE_TEST_H
#define PODTREE_TEST_H

#include "lib/doc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_str(s, expected)               \
    do {                                      \
        autofree char *text_ = str_dup(s);    \
        assert_string_equal(text_, expected); \
    } while (0)

/* The document as compact JSON. */
#define assert_json(v, expected)                 \
    do {                                         \
        autobuf struct buf json_ = {0};          \
        value_write(&json_, v);                  \
        assert_string_equal(json_.at, expected); \
    } while (0)

/* A document that the test itself wrote: it must be good. */
static inline struct doc *must_parse(const char *json)
{
    autoerror struct error *err = NULL;
    struct doc *doc = doc_parse(str_of(json), &err);
    if (doc == NULL)
        fail_msg("%s: %s", json, error_message(err));
    return doc;
}

#endif
