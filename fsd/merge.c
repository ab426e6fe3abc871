#include "fsd/merge.h"

/* A key that an entry leaves out is its default. */
static struct value key_of(const struct schema *list, struct value entry, struct str key)
{
    struct value given = value_get(entry, key);
    const struct schema *schema =
        list->items->type == SCHEMA_OBJECT ? schema_property(list->items, key) : NULL;
    return value_exists(given) || schema == NULL ? given : schema->default_value;
}

/* The entry of a list whose keys are those of `like`. */
static struct value entry_like(const struct schema *schema, struct value list, struct value like)
{
    value_each (entry, list) {
        bool same = true;
        for (size_t i = 0; same && i < schema->list_key_count; i++)
            same = value_equal(key_of(schema, entry, schema->list_keys[i]),
                               key_of(schema, like, schema->list_keys[i]));
        if (same)
            return entry;
    }
    return VALUE_ABSENT;
}

static struct value item_like(struct value list, struct value like)
{
    value_each (item, list)
        if (value_equal(item, like))
            return item;
    return VALUE_ABSENT;
}

static void merge_keyed_list(const struct schema *schema, struct value last, struct value live,
                             struct value wanted)
{
    value_each (old, last) {
        struct value there = entry_like(schema, live, old);
        if (value_exists(there) && !value_exists(entry_like(schema, wanted, old)))
            value_remove(there);
    }
    value_each (entry, wanted) {
        struct value there = entry_like(schema, live, entry);
        if (value_exists(there))
            merge_apply(schema->items, entry_like(schema, last, entry), there, entry);
        else
            value_append_copy(live, entry);
    }
}

static void merge_set(struct value last, struct value live, struct value wanted)
{
    value_each (old, last) {
        struct value there = item_like(live, old);
        if (value_exists(there) && !value_exists(item_like(wanted, old)))
            value_remove(there);
    }
    value_each (item, wanted)
        if (!value_exists(item_like(live, item)))
            value_append_copy(live, item);
}

static void merge_member(const struct schema *schema, struct value last, struct value live,
                         struct value wanted)
{
    struct str key = value_key(wanted);
    struct value there = value_get(live, key), old = value_get(last, key);
    enum value_type type = value_type(wanted);
    if (type != value_type(there)) {
        if (type == VALUE_NULL)
            value_unset(live, key);
        else
            value_set_copy(live, key, wanted);
    } else if (type == VALUE_OBJECT) {
        merge_apply(schema, old, there, wanted);
    } else if (type == VALUE_ARRAY && schema != NULL && schema->list_type == LIST_MAP) {
        merge_keyed_list(schema, old, there, wanted);
    } else if (type == VALUE_ARRAY && schema != NULL && schema->list_type == LIST_SET) {
        merge_set(old, there, wanted);
    } else {
        value_set_copy(live, key, wanted);
    }
}

void merge_apply(const struct schema *schema, struct value last, struct value live, struct value wanted)
{
    value_each (old, last)
        if (!value_exists(value_get(wanted, value_key(old))))
            value_unset(live, value_key(old));
    value_each (member, wanted)
        merge_member(schema_member(schema, value_key(member)), last, live, member);
}
