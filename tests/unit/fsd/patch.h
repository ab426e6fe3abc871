/* What differs between two documents, as the merge patch (RFC 7386) that leads from one to the other: in
 * tests of changes only what changed has to be written down. */
#ifndef PODTREE_TEST_PATCH_H
#define PODTREE_TEST_PATCH_H

#include "lib/doc.h"

static inline void add_changes(struct value patch, struct value before, struct value after)
{
    value_each (member, before)
        if (!value_exists(value_get(after, value_key(member))))
            value_set_null(patch, value_key(member));
    value_each (member, after) {
        struct str key = value_key(member);
        struct value old = value_get(before, key);
        if (value_equal(old, member))
            continue;
        if (value_type(old) == VALUE_OBJECT && value_type(member) == VALUE_OBJECT)
            add_changes(value_set_object(patch, key), old, member);
        else
            value_set_copy(patch, key, member);
    }
}

static inline char *as_json(struct value v)
{
    struct buf text = {0};
    value_sort(v);
    value_write(&text, v);
    return buf_take(&text);
}

static inline char *changes_between(struct value before, struct value after)
{
    autodoc struct doc *patch = doc_new();
    add_changes(doc_root(patch), before, after);
    return as_json(doc_root(patch));
}

#endif
