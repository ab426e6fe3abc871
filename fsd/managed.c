#include "fsd/managed.h"

#include "lib/clock.h"

/* ---- metadata ---- */

/* Members that only the server writes, and which a new version takes from the one before. */
static const char *const server_members[] = {"uid", "creationTimestamp", "generation", "deletionTimestamp",
                                             "deletionGracePeriodSeconds"};
/* Members that mean nothing here, or belong to a version. */
static const char *const dropped_members[] = {"resourceVersion", "managedFields", "selfLink"};

static void take_over(struct value from, struct value to, struct str key)
{
    struct value old = value_get(from, key);
    if (value_exists(old))
        value_set_copy(to, key, old);
    else
        value_unset(to, key);
}

static void begin(const struct edit_base *base, int64_t now_ms, struct value metadata)
{
    char time[CLOCK_TEXT];
    clock_format(now_ms, time);
    value_set_str(metadata, STR("uid"), base->new_uid);
    value_set_str(metadata, STR("creationTimestamp"), str_of(time));
    if (kind_form(base->kind)->generations)
        value_set_int(metadata, STR("generation"), 1);
}

static void put_back_metadata(const struct edit_base *base, int64_t now_ms, struct value before,
                              struct value after)
{
    struct value old = value_get(before, STR("metadata"));
    struct value metadata = value_ensure_object(after, STR("metadata"));
    for (size_t i = 0; i < COUNT(server_members); i++)
        take_over(old, metadata, str_of(server_members[i]));
    for (size_t i = 0; i < COUNT(dropped_members); i++)
        value_unset(metadata, str_of(dropped_members[i]));
    if (value_exists(before))
        take_over(old, metadata, STR("generateName"));
    else
        begin(base, now_ms, metadata);
    value_set_str(metadata, STR("name"), base->name);
    if (base->kind->namespaced)
        value_set_str(metadata, STR("namespace"), base->namespace);
    else
        value_unset(metadata, STR("namespace"));
}

/* ---- fields ---- */

static bool stays(const struct edit *edit, const struct schema *schema, bool given)
{
    if (schema->server_managed)
        return !edit->server;
    return schema->write_once && edit->type == EDIT_REPLACE && !given;
}

static void put_back_member(const struct edit *edit, const struct property *property, struct value before,
                            struct value after)
{
    struct value old = value_get(before, property->name), new = value_get(after, property->name);
    if (stays(edit, property->schema, value_exists(new))) {
        take_over(before, after, property->name);
        return;
    }
    bool made = !value_exists(new) && value_type(old) == VALUE_OBJECT;
    if (property->schema->type != SCHEMA_OBJECT || (!made && value_type(new) != VALUE_OBJECT))
        return;
    if (made) /* what holds a managed field is needed, though the document doesn't mention it */
        new = value_set_object(after, property->name);
    for (size_t i = 0; i < property->schema->property_count; i++)
        put_back_member(edit, &property->schema->properties[i], old, new);
    if (made && value_count(new) == 0)
        value_remove(new);
}

static void put_back_fields(const struct edit_base *base, const struct edit *edit, struct value before,
                            struct value after)
{
    const struct schema *schema = kind_form(base->kind)->schema;
    for (size_t i = 0; i < schema->property_count; i++)
        if (!str_is(schema->properties[i].name, "metadata") && !str_is(schema->properties[i].name, "status"))
            put_back_member(edit, &schema->properties[i], before, after);
}

/* A manifest says nothing of the node that the object has been bound to since. */
static void put_back_node(const struct kind *kind, struct value before, struct value after)
{
    struct value old = value_get(value_get(before, STR("spec")), kind->node_field);
    struct value spec = value_get(after, STR("spec"));
    if (value_exists(old) && value_type(spec) == VALUE_OBJECT &&
        !value_exists(value_get(spec, kind->node_field)))
        value_set_copy(spec, kind->node_field, old);
}

/* ---- everything ---- */

void managed_put_back(const struct edit_base *base, const struct edit *edit, int64_t now_ms,
                      struct value before, struct value after)
{
    put_back_metadata(base, now_ms, before, after);
    put_back_fields(base, edit, before, after);
    if (edit->type == EDIT_REPLACE && base->kind->node_field.length != 0)
        put_back_node(base->kind, before, after);
    value_set_str(after, STR("apiVersion"), kind_form(base->kind)->api_version);
    value_set_str(after, STR("kind"), base->kind->name);
}

void managed_put_back_status(const struct edit *edit, struct value before, struct value after)
{
    if (value_exists(before) || !edit->server)
        take_over(before, after, STR("status"));
}
