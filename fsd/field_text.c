/* From a value to the bytes of its file. */
#include "fsd/field.h"

#include "fsd/secret.h"
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
        out->length = before; /* a secret that can't be decrypted; all else was checked */
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

/* As write_lines() writes it: only what has to be quoted is rendered. */
static size_t lines_size(struct value list)
{
    size_t size = 0;
    autobuf struct buf quoted = {0};
    value_each (item, list) {
        struct str text = value_str(item);
        buf_clear(&quoted);
        if (wants_quotes(text))
            json_write_string(&quoted, text);
        size += (quoted.length != 0 ? quoted.length : text.length) + 1;
    }
    return size;
}

/* As write_content() writes it. What can't be decrypted is shown as what it is. */
static size_t content_size(const struct schema *schema, struct value v)
{
    struct str text = value_str(v);
    if (!schema->content)
        return text.length + 1;
    return str_is(schema->format, "byte") && !secret_is_sealed(text) ? base64_decoded_size(text)
                                                                     : text.length;
}

/* Asked for with each look at a file, which may have a megabyte: so it is counted. Only where a field takes
 * whatever document it is given that has to be written to be counted. */
size_t field_size(const struct field *field)
{
    if (!value_exists(field->value))
        return 0;
    if (field->type == FIELD_SCALAR)
        return value_str(field->value).length + 1;
    if (field->type == FIELD_LINES)
        return lines_size(field->value);
    if (field->type == FIELD_CONTENT && field->schema->type == SCHEMA_STRING)
        return content_size(field->schema, field->value);
    autobuf struct buf text = {0};
    field_read(field, &text);
    return text.length;
}
