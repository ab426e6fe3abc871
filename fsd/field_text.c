/* From a value to the bytes of its file. */
#include "fsd/field.h"

#include "lib/base64.h"

static bool wants_quotes(struct str item)
{
    if (item.length != 0 && item.at[0] == '"')
        return true;
    for (size_t i = 0; i < item.length; i++)
        if ((unsigned char)item.at[i] < ' ' && item.at[i] != '\t')
            return true;
    return false;
}

static void write_lines(struct value list, struct buf *out)
{
    value_each (item, list) {
        if (wants_quotes(value_str(item)))
            json_write_string(out, value_str(item));
        else
            buf_add_str(out, value_str(item));
        buf_add_char(out, '\n');
    }
}

static void write_content(const struct schema *schema, struct value v, struct buf *out)
{
    if (schema->type != SCHEMA_STRING) {
        value_write(out, v);
        buf_add_char(out, '\n');
    } else if (!schema->content) {
        buf_add_str(out, value_str(v));
        buf_add_char(out, '\n');
    } else if (str_is(schema->format, "byte")) {
        size_t before = out->length;
        if (base64_decode(value_str(v), out))
            return;
        out->length = before; /* can't be: it was checked */
        buf_add_str(out, value_str(v));
    } else {
        buf_add_str(out, value_str(v));
    }
}

void field_read(const struct field *field, struct buf *out)
{
    if (!value_exists(field->value))
        return;
    if (field->type == FIELD_SCALAR) {
        buf_add_str(out, value_str(field->value));
        buf_add_char(out, '\n');
    } else if (field->type == FIELD_LINES) {
        write_lines(field->value, out);
    } else if (field->type == FIELD_CONTENT) {
        write_content(field->schema, field->value, out);
    }
}

size_t field_size(const struct field *field)
{
    if (field->type == FIELD_SCALAR && value_exists(field->value))
        return value_str(field->value).length + 1;
    autobuf struct buf text = {0};
    field_read(field, &text);
    return text.length;
}
