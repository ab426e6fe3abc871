#include "fsd/part.h"

#include "lib/yaml.h"

void part_write(const struct kind *kind, struct str text, struct value document, struct str path,
                enum part_form form, struct buf *out)
{
    autobuf struct buf scratch = {0};
    if (form == PART_JSON && path.length == 0) {
        buf_add_str(out, text);
        buf_add_char(out, '\n');
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
