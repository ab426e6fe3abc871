#include "fsd/scaffold.h"

#include "fsd/field.h"

/* `schema` is NULL where what is required is no property: a user's schema may say so. */
static void put_in(const struct schema *schema, struct value object, struct str name)
{
    if (schema == NULL || value_exists(value_get(object, name)) || schema->server_managed ||
        field_type_of(schema) != FIELD_DIRECTORY)
        return;
    if (schema->type == SCHEMA_ARRAY)
        value_set_array(object, name);
    else
        value_set_object(object, name);
}

void schema_scaffold(const struct schema *schema, struct value v)
{
    enum value_type type = value_type(v);
    for (size_t i = 0; type == VALUE_OBJECT && schema->type == SCHEMA_OBJECT && i < schema->required_count;
         i++)
        put_in(schema_property(schema, schema->required[i]), v, schema->required[i]);
    if (type == VALUE_ARRAY && schema->type == SCHEMA_ARRAY)
        value_each (element, v)
            schema_scaffold(schema->items, element);
    if (type != VALUE_OBJECT)
        return;
    value_each (member, v) {
        const struct schema *below = schema_member(schema, value_key(member));
        if (below != NULL)
            schema_scaffold(below, member);
    }
}
