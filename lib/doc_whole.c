/* Documents as a whole: repeated keys, equality, merging, and the canonical order of members.
 *
 * An object has no index of its members: they are few, and walking over them is fast. Who needs many members
 * of an object with many sorts them first, so that no document, however made, takes quadratic time. */
#include "lib/decimal.h"
#include "lib/doc_private.h"
#include "lib/file.h"

/* Objects up to this size are searched by walking over them. */
#define FEW_MEMBERS 16

/* ---- sorted members ---- */

struct member {
    struct str key;
    uint32_t at;
    unsigned rank; /* what goes before the key */
};

/* Members with the same key: the one that was made first. */
static int compare_members(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    int order = str_compare(x->key, y->key);
    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

/* What people look for first stands first. */
static unsigned canonical_rank(struct str key)
{
    static const struct str first[] = {STR("apiVersion"), STR("kind"), STR("metadata"), STR("name"),
                                       STR("namespace")};
    unsigned rank = 0;
    while (rank < COUNT(first) && !str_equal(key, first[rank]))
        rank++;
    return rank;
}

static unsigned no_rank(struct str key)
{
    (void)key;
    return 0;
}

/* The members of an object, to be freed. */
static struct member *list_members(struct value object, unsigned (*rank)(struct str))
{
    struct member *members = memory_new(value_count(object) * sizeof(*members));
    size_t count = 0;
    value_each (member, object) {
        struct str key = value_key(member);
        members[count++] = (struct member){key, member.at, rank(key)};
    }
    return members;
}

static struct member *sorted_members(struct value object)
{
    struct member *members = list_members(object, no_rank);
    qsort(members, value_count(object), sizeof(*members), compare_members);
    return members;
}

struct value doc_repeated(struct value object)
{
    if (value_count(object) <= FEW_MEMBERS) {
        value_each (member, object)
            for (struct value before = value_first(object); before.at != member.at;
                 before = value_next(before))
                if (str_equal(value_key(member), value_key(before)))
                    return member;
        return VALUE_ABSENT;
    }
    autofree struct member *members = sorted_members(object);
    for (size_t i = 1; i < value_count(object); i++)
        if (str_equal(members[i - 1].key, members[i].key))
            return (struct value){object.doc, members[i].at};
    return VALUE_ABSENT;
}

void doc_drop_repeated(struct value object)
{
    size_t count = value_count(object);
    autofree struct member *members = sorted_members(object);
    for (size_t i = 1; i < count; i++)
        if (str_equal(members[i - 1].key, members[i].key))
            value_remove((struct value){object.doc, members[i].at});
}

/* ---- equality ---- */

static bool numbers_equal(struct str a, struct str b)
{
    struct decimal x, y;
    return str_equal(a, b) || (decimal_read(&a, &x) && decimal_read(&b, &y) && decimal_equal(x, y));
}

static bool children_equal(struct value a, struct value b)
{
    struct value other = value_first(b);
    value_each (child, a) {
        if (!value_equal(child, other))
            return false;
        other = value_next(other);
    }
    return true;
}

/* The first member of `a` in whose place `b` has another key. */
static struct value first_displaced(struct value a, struct value b)
{
    struct value other = value_first(b);
    value_each (member, a) {
        if (!str_equal(value_key(member), value_key(other)))
            return member;
        other = value_next(other);
    }
    return VALUE_ABSENT;
}

static bool large_objects_equal(struct value a, struct value b)
{
    autofree struct member *in_a = sorted_members(a);
    autofree struct member *in_b = sorted_members(b);
    for (size_t i = 0; i < value_count(a); i++)
        if (!str_equal(in_a[i].key, in_b[i].key) ||
            !value_equal((struct value){a.doc, in_a[i].at}, (struct value){b.doc, in_b[i].at}))
            return false;
    return true;
}

static bool objects_equal(struct value a, struct value b)
{
    struct value displaced = first_displaced(a, b);
    if (!value_exists(displaced))
        return children_equal(a, b);
    if (!value_exists(value_get(b, value_key(displaced)))) /* as where one of many was renamed */
        return false;
    if (value_count(a) > FEW_MEMBERS)
        return large_objects_equal(a, b);
    value_each (member, a)
        if (!value_equal(member, value_get(b, value_key(member))))
            return false;
    return true;
}

bool value_equal(struct value a, struct value b)
{
    if (value_type(a) != value_type(b) || value_count(a) != value_count(b))
        return false;
    switch (value_type(a)) {
    case VALUE_BOOL:
    case VALUE_STRING:
        return str_equal(value_str(a), value_str(b));
    case VALUE_NUMBER:
        return numbers_equal(value_str(a), value_str(b));
    case VALUE_ARRAY:
        return children_equal(a, b);
    case VALUE_OBJECT:
        return objects_equal(a, b);
    default:
        return true;
    }
}

/* ---- merging ---- */

/* The members that an object had when the lookup was made. */
struct lookup {
    struct value object;
    struct member *sorted; /* NULL where walking is faster */
    size_t count;
};

static struct lookup lookup_make(struct value object, size_t searches)
{
    struct lookup lookup = {object, NULL, value_count(object)};
    if (lookup.count > FEW_MEMBERS && searches > FEW_MEMBERS)
        lookup.sorted = sorted_members(object);
    return lookup;
}

static int find_member(const void *key, const void *member)
{
    return str_compare(*(const struct str *)key, ((const struct member *)member)->key);
}

static struct value lookup_get(const struct lookup *lookup, struct str key)
{
    if (lookup->sorted == NULL)
        return lookup->count != 0 ? value_get(lookup->object, key) : VALUE_ABSENT;
    const struct member *found =
        bsearch(&key, lookup->sorted, lookup->count, sizeof(struct member), find_member);
    return found != NULL ? (struct value){lookup->object.doc, found->at} : VALUE_ABSENT;
}

static void merge_member(struct value v, struct value old, struct value change)
{
    if (value_type(change) == VALUE_NULL) {
        value_remove(old);
        return;
    }
    struct value place = old;
    if (!value_exists(old)) {
        struct str key = value_key(change);
        place.doc = v.doc;
        place.at = doc_append(v.doc, v.at, (struct str){doc_keep(v.doc, key), key.length});
    }
    if (value_type(change) != VALUE_OBJECT) {
        value_replace(place, change);
        return;
    }
    if (value_type(place) != VALUE_OBJECT)
        doc_put_empty(place.doc, place.at, VALUE_OBJECT);
    value_merge(place, change);
}

void value_merge(struct value v, struct value patch)
{
    if (value_type(v) != VALUE_OBJECT)
        abort();
    struct lookup lookup = lookup_make(v, value_count(patch));
    value_each (change, patch)
        merge_member(v, lookup_get(&lookup, value_key(change)), change);
    free(lookup.sorted);
}

/* ---- files ---- */

struct doc *doc_read(const char *path, struct error **err)
{
    autobuf struct buf text = {0};
    if (file_read(path, &text, err) < 0)
        return NULL;
    struct doc *doc = doc_parse(buf_str(&text), err);
    if (doc == NULL)
        error_wrap(err, "%s", path);
    return doc;
}

/* ---- canonical order ---- */

static void put_in_order(struct doc *doc, uint32_t object, const struct member *members)
{
    struct node *nodes = doc->nodes;
    uint32_t count = nodes[object].length;
    for (uint32_t i = 0; i < count; i++) {
        nodes[members[i].at].previous = i > 0 ? members[i - 1].at : 0;
        nodes[members[i].at].next = i + 1 < count ? members[i + 1].at : 0;
    }
    nodes[object].first = members[0].at;
    nodes[object].last = members[count - 1].at;
}

static void sort_members(struct value object)
{
    size_t count = value_count(object);
    if (count < 2)
        return;
    autofree struct member *members = list_members(object, canonical_rank);
    size_t ordered = 1;
    while (ordered < count && compare_members(&members[ordered - 1], &members[ordered]) < 0)
        ordered++;
    if (ordered == count)
        return; /* as most are that have been sorted before */
    qsort(members, count, sizeof(*members), compare_members);
    put_in_order(object.doc, object.at, members);
}

void value_sort(struct value v)
{
    if (value_type(v) == VALUE_OBJECT)
        sort_members(v);
    value_each (child, v)
        value_sort(child);
}

struct value value_after(struct value v, struct str key)
{
    struct value there = value_get(v, key);
    if (value_exists(there))
        return value_next(there);
    const struct member sought = {.key = key, .rank = canonical_rank(key)};
    value_each (child, v) {
        const struct member member = {
            .key = value_key(child), .rank = canonical_rank(value_key(child)), .at = child.at};
        if (compare_members(&sought, &member) < 0)
            return child;
    }
    return VALUE_ABSENT;
}
