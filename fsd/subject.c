#include "fsd/subject.h"

#define ENOUGH      100 /* bytes of a subject after which changes are only counted */
#define VALUE_BYTES 40  /* longer values are not quoted */
#define PATH_BYTES  160 /* of longer paths the beginning is left out */

struct telling {
    struct buf text;
    struct buf path;
    const struct schema *schema; /* of what is at the path; NULL: not known */
    size_t told, untold, heartbeats;
};

/* Fields that say nothing about what somebody wanted. */
static bool is_noise(struct str path)
{
    static const char *const noise[] = {
        "metadata/generation", "metadata/resourceVersion", "metadata/managedFields",
        "metadata/annotations/kubectl.kubernetes.io/last-applied-configuration"};
    for (size_t i = 0; i < COUNT(noise); i++)
        if (str_is(path, noise[i]))
            return true;
    return false;
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

static bool is_quotable(struct str text)
{
    for (size_t i = 0; i < text.length && text.length <= VALUE_BYTES; i++)
        if (is_control(text.at[i]))
            return false;
    return text.length <= VALUE_BYTES;
}

/* The end of a path says more than its beginning. */
static void tell_path(struct buf *out, struct str path)
{
    if (path.length > PATH_BYTES) {
        path.at += path.length - PATH_BYTES;
        path.length = PATH_BYTES;
        while (path.length > 0 && ((unsigned char)*path.at & 0xc0) == 0x80)
            path.at++, path.length--; /* not through a character */
        buf_add_text(out, "…");
    }
    for (size_t i = 0; i < path.length; i++)
        buf_add_char(out, is_control(path.at[i]) ? ' ' : path.at[i]);
}

static void tell_value(struct buf *out, struct value v)
{
    enum value_type type = value_type(v);
    struct str text = value_str(v);
    if (type == VALUE_NULL)
        buf_add_text(out, "(unset)");
    else if (type == VALUE_OBJECT || type == VALUE_ARRAY || !is_quotable(text))
        buf_add_text(out, "…");
    else if (type == VALUE_STRING && text.length == 0)
        buf_add_text(out, "\"\"");
    else
        buf_add_str(out, text);
}

static void tell(struct telling *telling, struct value before, struct value after)
{
    struct str path = buf_str(&telling->path);
    if (is_noise(path))
        return;
    if (str_ends(path, STR("/lastHeartbeatTime"))) {
        telling->heartbeats++;
        return;
    }
    if (str_starts(path, STR("spec/")))
        path = (struct str){path.at + 5, path.length - 5}; /* as it is in the tree */
    if (telling->text.length > ENOUGH) {
        telling->untold++;
        return;
    }
    buf_add_text(&telling->text, telling->told++ == 0 ? " " : ", ");
    tell_path(&telling->text, path);
    bool secret = telling->schema != NULL && telling->schema->secrets;
    bool plain = value_type(after) != VALUE_OBJECT && value_type(after) != VALUE_ARRAY && !secret;
    if (!value_exists(after)) {
        buf_add_text(&telling->text, " removed");
    } else if (!value_exists(before) && (!plain || !is_quotable(value_str(after)))) {
        buf_add_text(&telling->text, " added");
    } else if (!plain) {
        buf_add_text(&telling->text, " changed");
    } else {
        buf_add_char(&telling->text, ' ');
        if (value_exists(before)) {
            tell_value(&telling->text, before);
            buf_add_text(&telling->text, " -> ");
        }
        tell_value(&telling->text, after);
    }
}

/* What tells entries of a list apart: their names, or, of conditions, their types. */
static struct value name_of(struct value entry)
{
    struct value name = value_get(entry, STR("name"));
    return value_exists(name) ? name : value_get(entry, STR("type"));
}

/* Entries are matched by that where they have it, else by place. */
static struct value counterpart(struct value list, struct value entry, size_t place)
{
    struct value name = name_of(entry);
    if (!value_exists(name))
        return value_element(list, place);
    value_each (other, list)
        if (value_equal(name_of(other), name))
            return other;
    return VALUE_ABSENT;
}

static const struct schema *schema_below(const struct schema *schema, struct str name)
{
    return schema != NULL && schema->type == SCHEMA_ARRAY ? schema->items : schema_member(schema, name);
}

/* Where a walk was before it went down. */
struct level {
    size_t length;
    const struct schema *schema;
};

static struct level enter(struct telling *telling, struct str name)
{
    struct level above = {telling->path.length, telling->schema};
    if (above.length != 0)
        buf_add_char(&telling->path, '/');
    buf_add_str(&telling->path, name);
    telling->schema = schema_below(above.schema, name);
    return above;
}

static void leave(struct telling *telling, struct level above)
{
    telling->path.length = above.length;
    telling->schema = above.schema;
}

static void compare(struct telling *telling, struct value before, struct value after);

static void compare_member(struct telling *telling, struct str name, struct value before, struct value after)
{
    struct level above = enter(telling, name);
    compare(telling, before, after);
    leave(telling, above);
}

/* An entry that comes or goes does so as a whole. */
static void compare_entry(struct telling *telling, struct value entry, size_t place, struct value before,
                          struct value after)
{
    autobuf struct buf name = {0};
    struct str own = value_str(name_of(entry));
    if (own.length != 0)
        buf_add_str(&name, own);
    else
        buf_addf(&name, "%zu", place);
    struct level above = enter(telling, buf_str(&name));
    if (value_exists(before) && value_exists(after))
        compare(telling, before, after);
    else
        tell(telling, before, after);
    leave(telling, above);
}

static void compare_maps(struct telling *telling, struct value before, struct value after)
{
    value_each (member, before)
        compare_member(telling, value_key(member), member, value_get(after, value_key(member)));
    value_each (member, after)
        if (!value_exists(value_get(before, value_key(member))))
            compare_member(telling, value_key(member), VALUE_ABSENT, member);
}

static void compare_lists(struct telling *telling, struct value before, struct value after)
{
    size_t place = 0;
    value_each (entry, before) {
        compare_entry(telling, entry, place, entry, counterpart(after, entry, place));
        place++;
    }
    place = 0;
    value_each (entry, after) {
        if (!value_exists(counterpart(before, entry, place)))
            compare_entry(telling, entry, place, VALUE_ABSENT, entry);
        place++;
    }
}

/* A map that comes or goes counts too, as long as there is something in the other one: that a spec was added
 * says nothing, and the tree doesn't even have it as a directory. */
static bool are_maps(struct value before, struct value after)
{
    return (value_type(before) == VALUE_OBJECT || !value_exists(before)) &&
           (value_type(after) == VALUE_OBJECT || !value_exists(after)) &&
           value_count(before) + value_count(after) != 0;
}

static bool are_lists_of_maps(struct value before, struct value after)
{
    return value_type(before) == VALUE_ARRAY && value_type(after) == VALUE_ARRAY &&
           (value_type(value_first(before)) == VALUE_OBJECT ||
            value_type(value_first(after)) == VALUE_OBJECT);
}

static void compare(struct telling *telling, struct value before, struct value after)
{
    if (are_maps(before, after))
        compare_maps(telling, before, after);
    else if (are_lists_of_maps(before, after))
        compare_lists(telling, before, after);
    else if (!value_equal(before, after))
        tell(telling, before, after);
}

static bool is_ending(struct value object)
{
    return value_exists(value_at(object, "metadata", "deletionTimestamp"));
}

/* "deployments/web in prod:" */
static void begin(struct buf *text, const struct kind *kind, struct str namespace, struct str name)
{
    buf_addf(text, STR_FORMAT "/" STR_FORMAT, STR_ARGS(kind->plural), STR_ARGS(name));
    if (namespace.length != 0 && !str_is(namespace, "default"))
        buf_addf(text, " in " STR_FORMAT, STR_ARGS(namespace));
    buf_add_char(text, ':');
}

char *subject_of_status(const struct kind *kind, struct str namespace, struct str name, const char *status)
{
    struct buf text = {0};
    begin(&text, kind, namespace, name);
    buf_addf(&text, " %s", status);
    return buf_take(&text);
}

char *subject_describe(const struct kind *kind, struct str namespace, struct str name, struct value before,
                       struct value after)
{
    struct telling telling = {.schema = kind_form(kind)->schema};
    begin(&telling.text, kind, namespace, name);
    if (!value_exists(before)) {
        buf_add_text(&telling.text, " created");
    } else if (!value_exists(after)) {
        buf_add_text(&telling.text, " deleted");
    } else if (is_ending(after) && !is_ending(before)) {
        buf_add_text(&telling.text, " deletion begun");
    } else {
        compare(&telling, before, after);
        if (telling.untold > 0)
            buf_addf(&telling.text, " and %zu more", telling.untold);
        else if (telling.told == 0 && telling.heartbeats == 0)
            buf_add_text(&telling.text, " changed");
    }
    buf_free(&telling.path);
    if (telling.heartbeats > 0 && telling.told == 0) {
        buf_free(&telling.text);
        return NULL;
    }
    return buf_take(&telling.text);
}
