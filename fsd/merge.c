/* Kubernetes makes a patch of the three documents, and its server applies the patch. Here live is edited at
 * once. What comes of the order of a list is what that server makes of it:
 *
 * - Entries that are wanted come in the order in which they are wanted.
 * - Those of others keep their order, and come before the first wanted one that was behind them.
 * - A new entry comes before those of others; but where something was taken out it comes into the freed
 * place, which is behind all. So a container that replaces another comes behind an injected one.
 */
#include "fsd/merge.h"

/* An entry of a list. What tells it apart is the text of its key and, where that comes more than once, its
 * turn: the second is merged with the second. */
struct entry {
    struct value value;
    struct str key;
    size_t turn;
    size_t place;        /* in live; of a wanted entry: where it comes among the entries of others */
    bool wanted, gone;   /* of live: it is wanted; it was, and is to go */
    struct entry *there; /* of a wanted entry: the one in live; NULL: there is none */
};

struct entries {
    struct entry *list; /* in the order of the list */
    size_t count;
    struct entry **sorted; /* by key, then by turn */
    struct buf keys;
};

static void entries_free(struct entries *entries)
{
    free(entries->list);
    free(entries->sorted);
    buf_free(&entries->keys);
}

static bool is_scalars(const struct schema *list)
{
    return list->patch_merge_key.length == 0;
}

/* A key that an entry leaves out is its default. */
static void write_key(struct buf *out, const struct schema *list, struct value entry, struct str key)
{
    struct value given = value_get(entry, key);
    const struct schema *schema = schema_property(list->items, key);
    value_write(out, value_exists(given) || schema == NULL ? given : schema->default_value);
    buf_add_char(out, ' ');
}

/* By the merge key; `closely`: by the keys of the list too. Scalars are their own keys, as text. */
static void write_keys(struct buf *out, const struct schema *list, struct value entry, bool closely)
{
    if (is_scalars(list)) {
        buf_add_str(out, value_str(entry));
        return;
    }
    write_key(out, list, entry, list->patch_merge_key);
    for (size_t i = 0; closely && i < list->list_key_count; i++)
        write_key(out, list, entry, list->list_keys[i]);
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *one = *(struct entry *const *)a, *other = *(struct entry *const *)b;
    int order = str_compare(one->key, other->key);
    if (order != 0)
        return order;
    return (one->place > other->place) - (one->place < other->place);
}

/* Are there several with the same key? */
static bool entries_read(struct entries *entries, const struct schema *schema, struct value list,
                         bool closely)
{
    size_t count = value_count(list), end = 0;
    *entries = (struct entries){.list = memory_zeroed(count + 1, sizeof(struct entry)),
                                .sorted = memory_zeroed(count + 1, sizeof(struct entry *)),
                                .count = count};
    struct entry *entry = entries->list;
    value_each (value, list) {
        size_t begin = entries->keys.length;
        write_keys(&entries->keys, schema, value, closely);
        *entry++ = (struct entry){.value = value, .key.length = entries->keys.length - begin};
    }
    for (size_t i = 0; i < count; i++) {
        entries->list[i].place = i;
        entries->list[i].key = str_cut(buf_str(&entries->keys), end, entries->list[i].key.length);
        end += entries->list[i].key.length;
        entries->sorted[i] = &entries->list[i];
    }
    qsort(entries->sorted, count, sizeof(struct entry *), compare_entries);
    bool several = false;
    for (size_t i = 1; i < count; i++)
        if (str_equal(entries->sorted[i]->key, entries->sorted[i - 1]->key)) {
            entries->sorted[i]->turn = entries->sorted[i - 1]->turn + 1;
            several = true;
        }
    return several;
}

/* The entry that is this one in another list; NULL if there is none. */
static struct entry *entries_find(const struct entries *entries, const struct entry *like)
{
    size_t from = 0, to = entries->count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        struct entry *entry = entries->sorted[middle];
        int order = str_compare(entry->key, like->key);
        if (order == 0 && entry->turn == like->turn)
            return entry;
        if (order < 0 || (order == 0 && entry->turn < like->turn))
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

/* ---- lists ---- */

struct lists {
    struct entries last, live, wanted;
    bool parted; /* something of last is wanted no more … */
    bool freed;  /* … and was there */
};

static void lists_free(struct lists *lists)
{
    entries_free(&lists->last);
    entries_free(&lists->live);
    entries_free(&lists->wanted);
}

/* Are there several with the same key in one of them? */
static bool lists_read(struct lists *lists, const struct schema *schema, struct value last, struct value live,
                       struct value wanted, bool closely)
{
    bool several = entries_read(&lists->last, schema, last, closely);
    several |= entries_read(&lists->live, schema, live, closely);
    return entries_read(&lists->wanted, schema, wanted, closely) || several;
}

/* `field`: whose strategy it is, the object's own or that of the list. */
static void merge_object(const struct schema *field, const struct schema *schema, struct value last,
                         struct value live, struct value wanted);

static void part_with(struct lists *lists)
{
    lists->parted = lists->freed = false;
    for (size_t i = 0; i < lists->last.count; i++) {
        if (entries_find(&lists->wanted, &lists->last.list[i]) != NULL)
            continue;
        lists->parted = true;
        struct entry *there = entries_find(&lists->live, &lists->last.list[i]);
        if (there != NULL)
            there->gone = lists->freed = true;
    }
}

/* Finds the wanted ones in live, and brings them to what is wanted. Do they stand as they should? */
static bool merge_entries(const struct schema *schema, struct lists *lists)
{
    bool in_order = !lists->freed;
    /* Of scalars those that go are taken out at last, when the new ones have their places. */
    size_t place_of_new = lists->freed && !is_scalars(schema) ? SIZE_MAX : 0, previous = 0;
    for (size_t i = 0; i < lists->wanted.count; i++) {
        struct entry *entry = &lists->wanted.list[i], *there = entries_find(&lists->live, entry);
        if (there == NULL) {
            entry->place = place_of_new;
            in_order = false;
            continue;
        }
        struct entry *before = entries_find(&lists->last, entry);
        if (value_type(there->value) != VALUE_OBJECT || value_type(entry->value) != VALUE_OBJECT)
            value_replace(there->value, entry->value);
        else
            merge_object(schema, schema->items, before != NULL ? before->value : VALUE_ABSENT, there->value,
                         entry->value);
        entry->there = there;
        entry->place = there->place;
        there->wanted = true;
        in_order &= there->place >= previous;
        previous = there->place;
    }
    return in_order;
}

/* Puts the entries of live, and the new ones, in order. */
static void arrange(const struct lists *lists, struct value live)
{
    const struct entry *other = lists->live.list, *entry = lists->wanted.list;
    const struct entry *last_other = other + lists->live.count, *last_entry = entry + lists->wanted.count;
    autodoc struct doc *doc = doc_new();
    struct value list = value_set_array(doc_root(doc), STR("list"));
    while (other < last_other || entry < last_entry) {
        if (other < last_other && (other->gone || other->wanted)) {
            other++;
        } else if (other < last_other && (entry == last_entry || other->place < entry->place)) {
            value_append_copy(list, other->value);
            other++;
        } else {
            value_append_copy(list, entry->there != NULL ? entry->there->value : entry->value);
            entry++;
        }
    }
    value_replace(live, list);
}

/* kubectl sorts the scalars of live before it compares, and then says nothing of their order. */
static bool says_nothing(const struct schema *schema, const struct lists *lists)
{
    bool same = is_scalars(schema) && !lists->parted && lists->live.count == lists->wanted.count;
    for (size_t i = 0; same && i < lists->live.count; i++)
        same = str_equal(lists->live.sorted[i]->key, lists->wanted.list[i].key);
    return same;
}

static void merge_list(const struct schema *schema, struct value last, struct value live, struct value wanted)
{
    struct lists lists;
    /* Where the merge key isn't enough, for a port with two protocols, kubectl would merge the wrong ones. */
    if (lists_read(&lists, schema, last, live, wanted, false)) {
        lists_free(&lists);
        lists_read(&lists, schema, last, live, wanted, true);
    }
    part_with(&lists);
    if (!merge_entries(schema, &lists) && !says_nothing(schema, &lists))
        arrange(&lists, live);
    lists_free(&lists);
}

/* ---- objects ---- */

static void drop_nulls(struct value v)
{
    value_each (child, v) {
        if (value_type(child) == VALUE_NULL && value_type(v) == VALUE_OBJECT)
            value_remove(child);
        else
            drop_nulls(child);
    }
}

static void merge_member(const struct schema *schema, struct value last, struct value live,
                         struct value wanted)
{
    struct str key = value_key(wanted);
    struct value there = value_get(live, key), old = value_get(last, key);
    enum value_type type = value_type(wanted);
    unsigned strategy = schema != NULL ? schema->patch_strategy : 0;
    if (type == VALUE_NULL) {
        /* A JSON merge patch doesn't repeat a null that was there the last time. */
        if (schema != NULL || value_type(old) != VALUE_NULL)
            value_unset(live, key);
    } else if (type != value_type(there)) {
        drop_nulls(value_set_copy(live, key, wanted));
    } else if (type == VALUE_OBJECT && (strategy & PATCH_REPLACE) == 0) {
        merge_object(schema, schema, old, there, wanted);
    } else if (type == VALUE_ARRAY && (strategy & PATCH_MERGE) != 0 && schema->type == SCHEMA_ARRAY) {
        merge_list(schema, old, there, wanted);
    } else {
        value_replace(there, wanted);
    }
}

/* Nothing wanted retains all. */
static bool says_anything(struct value object)
{
    value_each (member, object)
        if (value_type(member) != VALUE_NULL)
            return true;
    return false;
}

static void retain_keys(struct value live, struct value wanted)
{
    value_each (there, live)
        if (!value_exists(value_get(wanted, value_key(there))))
            value_remove(there);
}

static void merge_object(const struct schema *field, const struct schema *schema, struct value last,
                         struct value live, struct value wanted)
{
    if (field != NULL && (field->patch_strategy & PATCH_RETAIN_KEYS) != 0 && says_anything(wanted))
        retain_keys(live, wanted);
    merge_apply(schema, last, live, wanted);
}

void merge_apply(const struct schema *schema, struct value last, struct value live, struct value wanted)
{
    value_each (old, last)
        if (!value_exists(value_get(wanted, value_key(old))))
            value_unset(live, value_key(old));
    value_each (member, wanted)
        merge_member(schema_member(schema, value_key(member)), last, live, member);
}
