#include "fsd/part.h"

#include "lib/yaml.h"

bool part_is_text(enum part_form form, struct str path)
{
    return form == PART_TOMBSTONE || (form == PART_JSON && path.length == 0);
}

static void add_metadata(struct value document, struct buf *out)
{
    bool first = true;
    value_each (member, document) {
        struct str key = value_key(member);
        if (!str_is(key, "apiVersion") && !str_is(key, "kind") && !str_is(key, "metadata"))
            continue;
        buf_add_char(out, first ? '{' : ',');
        first = false;
        json_write_string(out, key);
        buf_add_char(out, ':');
        value_write(out, member);
    }
    buf_add_text(out, "}\n");
}

void part_write(const struct kind *kind, struct str text, struct value document, struct str path,
                enum part_form form, struct buf *out)
{
    autobuf struct buf scratch = {0};
    if (form == PART_TOMBSTONE) {
        buf_add(out, text.at, text.length - 1);
        buf_add_text(out, ",\"deleted\":true}\n");
        return;
    }
    if (part_is_text(form, path)) {
        buf_add_str(out, text);
        buf_add_char(out, '\n');
        return;
    }
    if (form == PART_METADATA) {
        add_metadata(document, out);
        return;
    }
    const struct field field = field_at(kind, document, path, &scratch);
    if (form == PART_FIELD && field.set) {
        field_read(&field, out);
    } else if (form == PART_JSON) {
        value_write(out, field.value);
        buf_add_char(out, '\n');
    } else if (form == PART_YAML) {
        yaml_write(out, field.value);
    }
}
