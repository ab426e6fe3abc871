#include "fsd/template.h"

#include "lib/explain.h"
#include "lib/yaml.h"

/* ---- what is required ---- */

static const struct {
    const char *format, *example;
} examples[] = {
    {"quantity", "1Gi"},
    {"date-time", "2030-01-01T00:00:00Z"},
    {"micro-time", "2030-01-01T00:00:00.000000Z"},
    {"byte", "aGVsbG8="},
    {"ip", "192.0.2.1"},
    {"endpoint-ip", "192.0.2.1"},
    {"cidr", "192.0.2.0/24"},
    {"label-key", "example.com/key"},
    {"label-key-or-empty", "example.com/key"},
    {"domain-prefixed-path", "example.com/name"},
    {"csi-driver", "driver.example.com"},
    {"provisioner", "example.com/provisioner"},
    {"dns-three-parts", "name.example.com"},
    {"cron-schedule", "0 * * * *"},
    {"absolute-path", "/path"},
    {"https-url", "https://example.com/"},
    {"uri", "https://example.com/"},
    {"duration", "10s"},
};

static void set_string(struct value out, struct str key, struct value schema)
{
    struct str format = value_str(value_at(schema, "format"));
    for (size_t i = 0; i < COUNT(examples); i++)
        if (str_is(format, examples[i].format)) {
            value_set_str(out, key, str_of(examples[i].example));
            return;
        }
    autobuf struct buf lower = {0};
    for (size_t i = 0; i < key.length; i++)
        buf_add_char(&lower, (char)(key.at[i] >= 'A' && key.at[i] <= 'Z' ? key.at[i] | 0x20 : key.at[i]));
    value_set_str(out, key, buf_str(&lower));
}

static void set_required(struct value out, struct value schema);

static void set_list(struct value out, struct str key, struct value items);

/* An example of the schema as the member of an object. */
static void set_example(struct value out, struct str key, struct value schema)
{
    struct value first = value_element(value_at(schema, "enum"), 0), otherwise = value_at(schema, "default");
    struct value type = value_at(schema, "type");
    if (value_exists(otherwise) || value_exists(first))
        value_set_copy(out, key, value_exists(otherwise) ? otherwise : first);
    else if (value_is(type, "object"))
        set_required(value_set_object(out, key), schema);
    else if (value_is(type, "array"))
        set_list(out, key, value_at(schema, "items"));
    else if (value_is(type, "boolean"))
        value_set_bool(out, key, true);
    else if (value_is(type, "string"))
        set_string(out, key, schema);
    else
        value_set_int(out, key, value_int_or(value_at(schema, "minimum"), 1));
}

static void set_list(struct value out, struct str key, struct value items)
{
    autodoc struct doc *element = doc_new();
    set_example(doc_root(element), key, items);
    value_append_copy(value_set_array(out, key), value_get(doc_root(element), key));
}

/* What has a default need not be said. */
static void set_required(struct value out, struct value schema)
{
    value_each (name, value_at(schema, "required")) {
        struct value property = value_get(value_at(schema, "properties"), value_str(name));
        bool is_said = value_exists(value_get(out, value_str(name)));
        if (value_exists(property) && !value_exists(value_at(property, "default")) && !is_said)
            set_example(out, value_str(name), property);
    }
}

static struct doc *make_manifest(const struct kind *kind, const struct kind_version *version,
                                 struct value schema)
{
    struct doc *doc = doc_new();
    struct value manifest = doc_root(doc);
    value_set_str(manifest, STR("apiVersion"), version->api_version);
    value_set_str(manifest, STR("kind"), kind->name);
    value_set_str(value_set_object(manifest, STR("metadata")), STR("name"), STR(TEMPLATE_NAME));
    set_required(manifest, schema);
    value_unset(manifest, STR("status"));
    if (value_type(value_at(kind->template, "with")) == VALUE_OBJECT)
        value_merge(manifest, value_at(kind->template, "with"));
    return doc;
}

/* ---- writing it ---- */

struct writing {
    struct value schema, common; /* paths and examples */
    struct buf *out;
};

static void add_indent(struct buf *out, size_t indent)
{
    for (size_t i = 0; i < indent; i++)
        buf_add_char(out, ' ');
}

/* On one line. */
static void add_flow(struct buf *out, struct value value)
{
    bool list = value_type(value) == VALUE_ARRAY;
    size_t count = 0;
    if (!list && value_type(value) != VALUE_OBJECT) {
        autobuf struct buf text = {0};
        yaml_write(&text, value);
        buf_add_str(out, str_trim(buf_str(&text)));
        return;
    }
    buf_add_char(out, list ? '[' : '{');
    value_each (member, value) {
        buf_addf(out, "%s" STR_FORMAT "%s", count++ == 0 ? "" : ", ", STR_ARGS(value_key(member)),
                 list ? "" : ": ");
        add_flow(out, member);
    }
    buf_add_char(out, list ? ']' : '}');
}

/* Takes the path, and the point behind it, off what is below it. */
static bool take_path(struct str *name, struct str path)
{
    if (path.length == 0)
        return true;
    if (!str_starts(*name, path) || name->length <= path.length || name->at[path.length] != '.')
        return false;
    *name = str_cut(*name, path.length + 1, SIZE_MAX);
    return true;
}

/* What people mostly want beside what is there already. */
static void add_common(const struct writing *writing, struct value object, struct value properties,
                       struct str path, size_t indent)
{
    value_each (example, writing->common) {
        struct str name = value_key(example);
        if (!take_path(&name, path))
            continue;
        struct value property = value_get(properties, name);
        if (!value_exists(property) || value_exists(value_get(object, name)))
            continue;
        add_indent(writing->out, indent);
        buf_addf(writing->out, "# " STR_FORMAT ": ", STR_ARGS(name));
        add_flow(writing->out, example);
        struct str sentence = explain_sentence(property);
        if (sentence.length != 0) {
            buf_add_text(writing->out, "  # ");
            explain_add_flat(sentence, writing->out);
        }
        buf_add_char(writing->out, '\n');
    }
}

static bool is_leaf(struct value value)
{
    bool holds = value_type(value) == VALUE_OBJECT ||
                 (value_type(value) == VALUE_ARRAY && value_type(value_element(value, 0)) == VALUE_OBJECT);
    return !holds || value_count(value) == 0;
}

static void write_object(const struct writing *writing, struct value object, struct value properties,
                         struct buf *path, size_t indent, bool dash);

static void write_member(const struct writing *writing, struct value member, struct value properties,
                         struct buf *path, size_t indent)
{
    struct value schema = value_get(properties, value_key(member));
    buf_addf(writing->out, STR_FORMAT ":", STR_ARGS(value_key(member)));
    if (is_leaf(member)) {
        buf_add_char(writing->out, ' ');
        add_flow(writing->out, member);
        buf_add_char(writing->out, '\n');
        return;
    }
    buf_add_char(writing->out, '\n');
    if (value_type(member) == VALUE_OBJECT) {
        write_object(writing, member, explain_properties(schema), path, indent + 2, false);
        return;
    }
    value_each (element, member)
        write_object(writing, element, explain_properties(schema), path, indent, true);
}

/* The member, at the end of the path; behind the dash of its element where it is the first. */
static void write_entry(const struct writing *writing, struct value member, struct value properties,
                        struct buf *path, size_t indent, bool *dash)
{
    size_t length = path->length;
    add_indent(writing->out, *dash ? indent - 2 : indent);
    if (*dash)
        buf_add_text(writing->out, "- ");
    *dash = false;
    buf_addf(path, "%s" STR_FORMAT, length != 0 ? "." : "", STR_ARGS(value_key(member)));
    write_member(writing, member, properties, path, indent);
    path->at[path->length = length] = '\0';
}

/* Its fields in the order of the schema; those of the whole, and what has no fields, as they come. */
static void write_object(const struct writing *writing, struct value object, struct value properties,
                         struct buf *path, size_t indent, bool dash)
{
    bool ordered = path->length != 0 && value_count(properties) > 0;
    if (dash)
        indent += 2;
    if (dash && value_count(object) == 0) {
        add_indent(writing->out, indent - 2);
        buf_add_text(writing->out, "- {}\n");
    }
    value_each (of, ordered ? properties : object) {
        struct value member = ordered ? value_get(object, value_key(of)) : of;
        if (value_exists(member))
            write_entry(writing, member, properties, path, indent, &dash);
    }
    add_common(writing, object, properties, buf_str(path), indent);
}

static void write_head(const struct kind *kind, struct value schema, struct buf *out)
{
    struct str sentence = explain_sentence(schema);
    buf_addf(out, "# " STR_FORMAT, STR_ARGS(kind->name));
    if (sentence.length != 0) {
        buf_add_text(out, " - ");
        explain_add_flat(sentence, out);
    }
    buf_addf(out,
             "\n# Put a name in the place of " TEMPLATE_NAME
             ", then copy this to apply. Every field there is: podtree explain -r " STR_FORMAT "\n",
             STR_ARGS(kind->directory));
}

void template_write(const struct kind *kind, const struct kind_version *version, struct value schema,
                    struct buf *out)
{
    autodoc struct doc *manifest = make_manifest(kind, version, schema), *common = doc_new();
    autobuf struct buf path = {0};
    value_set_str(value_set_object(doc_root(common), STR("metadata.labels")), STR("app"), STR(TEMPLATE_NAME));
    if (kind->namespaced)
        value_set_str(doc_root(common), STR("metadata.namespace"), STR("default"));
    value_each (example, value_at(kind->template, "common"))
        value_set_copy(doc_root(common), value_key(example), example);
    write_head(kind, schema, out);
    write_object(&(struct writing){schema, doc_root(common), out}, doc_root(manifest),
                 value_at(schema, "properties"), &path, 0, false);
}
