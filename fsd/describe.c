#include "fsd/describe.h"

#include "fsd/constraints.h"
#include "lib/file.h"
#include "lib/yaml.h"

/* Schemas on the way down to this one: what refers to itself is not described again inside itself. */
struct above {
    const struct above *up;
    const struct schema *schema;
    struct value sentences, own; /* all of them; those of the schema's type */
};

static void describe(struct value out, const struct schema *schema, const struct above *up);

/* ---- sentences ---- */

/* What every object has, where its own type says nothing. */
#define COMMON "Object"
/* A type's sentence of itself. */
#define ITSELF "."

static struct value sentences_of(const struct above *above, struct str definition)
{
    return definition.length != 0 ? value_get(above->sentences, definition) : VALUE_ABSENT;
}

/* What a property says best: the sentence for it in its type, else what it is itself, or what it is a list
 * of. */
static void describe_property(struct value out, const struct property *property, const struct above *up)
{
    struct value sentence = value_get(up->own, property->name);
    if (!value_exists(sentence) && up->up->schema == NULL)
        sentence = value_get(sentences_of(up, STR(COMMON)), property->name);
    for (const struct schema *schema = property->schema; schema != NULL && !value_exists(sentence);
         schema = schema->items)
        sentence = value_get(sentences_of(up, schema->definition), STR(ITSELF));
    if (value_exists(sentence))
        value_set_copy(out, STR("description"), sentence);
    describe(out, property->schema, up);
}

/* Keywords that have no effect here, and are for readers. */
static void describe_remarks(struct value out, struct value text)
{
    static const char *const remarks[] = {"title",
                                          "description",
                                          "example",
                                          "externalDocs",
                                          "x-kubernetes-map-type",
                                          "x-kubernetes-patch-strategy",
                                          "x-kubernetes-patch-merge-key",
                                          "x-kubernetes-validations"};
    for (size_t i = 0; i < COUNT(remarks); i++) {
        struct value remark = value_get(text, str_of(remarks[i]));
        if (value_exists(remark))
            value_set_copy(out, str_of(remarks[i]), remark);
    }
}

/* The same all over a schema that is described already, from the text of it. */
static void add_remarks(struct value out, struct value text)
{
    static const char *const schemas[] = {"items", "additionalProperties", "not"}, *const lists[] = {
                                                                                       "properties", "allOf",
                                                                                       "anyOf", "oneOf"};
    if (value_type(out) != VALUE_OBJECT || value_type(text) != VALUE_OBJECT)
        return;
    describe_remarks(out, text);
    for (size_t i = 0; i < COUNT(schemas); i++)
        add_remarks(value_get(out, str_of(schemas[i])), value_get(text, str_of(schemas[i])));
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct value described = value_get(out, str_of(lists[i]));
        size_t at = 0;
        value_each (below, value_get(text, str_of(lists[i])))
            add_remarks(i == 0 ? value_get(described, value_key(below)) : value_element(described, at++),
                        below);
    }
}

/* ---- keywords ---- */

static void describe_strings(struct value out, struct str key, const struct str *strings, size_t count)
{
    struct value list = count > 0 ? value_set_array(out, key) : VALUE_ABSENT;
    for (size_t i = 0; i < count; i++)
        value_append_str(list, strings[i]);
}

static void describe_number(struct value out, struct str key, bool has, double number)
{
    autobuf struct buf text = {0};
    if (!has)
        return;
    buf_addf(&text, "%.15g", number);
    autodoc struct doc *parsed = doc_parse(buf_str(&text), NULL);
    value_set_copy(out, key, doc_root(parsed));
}

static void describe_count(struct value out, struct str key, int64_t count)
{
    if (count >= 0)
        value_set_int(out, key, count);
}

static void describe_flag(struct value out, struct str key, bool flag)
{
    if (flag)
        value_set_bool(out, key, true);
}

static void describe_properties(struct value out, const struct schema *schema, const struct above *up)
{
    struct value properties = value_set_object(out, STR("properties"));
    for (size_t i = 0; i < schema->property_count; i++)
        describe_property(value_set_object(properties, schema->properties[i].name), &schema->properties[i],
                          up);
}

static void describe_list(struct value out, const struct schema *schema, const struct above *up)
{
    static const char *const types[] = {[LIST_ATOMIC] = "atomic", [LIST_SET] = "set", [LIST_MAP] = "map"};
    describe(value_set_object(out, STR("items")), schema->items, up);
    value_set_str(out, STR("x-kubernetes-list-type"), str_of(types[schema->list_type]));
    describe_strings(out, STR("x-kubernetes-list-map-keys"), schema->list_keys, schema->list_key_count);
}

static void describe_branches(struct value out, struct str key, const struct branches *branches,
                              const struct above *up)
{
    struct value list = branches->count > 0 ? value_set_array(out, key) : VALUE_ABSENT;
    for (size_t i = 0; i < branches->count; i++)
        describe(value_append_object(list), branches->schemas[i], up);
}

static void describe_constraints(struct value out, const struct constraints *more, const struct above *up)
{
    describe_flag(out, STR("exclusiveMinimum"), more->exclusive_minimum);
    describe_flag(out, STR("exclusiveMaximum"), more->exclusive_maximum);
    describe_number(out, STR("multipleOf"), more->multiple_of > 0, more->multiple_of);
    describe_count(out, STR("minProperties"), more->min_properties);
    describe_count(out, STR("maxProperties"), more->max_properties);
    describe_branches(out, STR("allOf"), &more->all_of, up);
    describe_branches(out, STR("anyOf"), &more->any_of, up);
    describe_branches(out, STR("oneOf"), &more->one_of, up);
    if (more->not != NULL)
        describe(value_set_object(out, STR("not")), more->not, up);
}

static void describe_type(struct value out, const struct schema *schema)
{
    static const char *const types[] = {
        [SCHEMA_STRING] = "string",   [SCHEMA_INTEGER] = "integer",  [SCHEMA_NUMBER] = "number",
        [SCHEMA_BOOLEAN] = "boolean", [SCHEMA_INT_OR_STRING] = NULL, [SCHEMA_OBJECT] = "object",
        [SCHEMA_MAP] = "object",      [SCHEMA_ARRAY] = "array",      [SCHEMA_ANY] = NULL};
    bool condition = schema->dialect == DIALECT_BRANCH;
    if (types[schema->type] != NULL)
        value_set_str(out, STR("type"), str_of(types[schema->type]));
    describe_flag(out, STR("x-kubernetes-int-or-string"), schema->type == SCHEMA_INT_OR_STRING);
    describe_flag(out, STR("x-kubernetes-preserve-unknown-fields"),
                  (schema->type == SCHEMA_ANY && !condition) || schema->open);
    describe_flag(out, STR("x-kubernetes-embedded-resource"), schema->embedded);
    describe_flag(out, STR("nullable"), schema->nullable);
}

static void describe_contents(struct value out, const struct schema *schema, const struct above *up)
{
    if (schema->type == SCHEMA_OBJECT || schema->property_count != 0)
        describe_properties(out, schema, up);
    if (schema->type == SCHEMA_MAP)
        describe(value_set_object(out, STR("additionalProperties")), schema->items, up);
    else if (schema->items != NULL)
        describe_list(out, schema, up);
    if (schema->constraints != NULL)
        describe_constraints(out, schema->constraints, up);
}

static void describe(struct value out, const struct schema *schema, const struct above *up)
{
    describe_remarks(out, schema->text);
    describe_type(out, schema);
    if (schema->format.length != 0)
        value_set_str(out, STR("format"), schema->format);
    if (schema->pattern.length != 0)
        value_set_str(out, STR("pattern"), schema->pattern);
    if (value_exists(constraints_of(schema)->choices))
        value_set_copy(out, STR("enum"), constraints_of(schema)->choices);
    else
        describe_strings(out, STR("enum"), schema->enumeration, schema->enumeration_count);
    describe_number(out, STR("minimum"), schema->has_minimum, schema->minimum);
    describe_number(out, STR("maximum"), schema->has_maximum, schema->maximum);
    describe_count(out, STR("minLength"), schema->min_length);
    describe_count(out, STR("maxLength"), schema->max_length);
    describe_count(out, STR("minItems"), schema->min_items);
    describe_count(out, STR("maxItems"), schema->max_items);
    if (value_exists(schema->default_value))
        value_set_copy(out, STR("default"), schema->default_value);
    describe_strings(out, STR("required"), schema->required, schema->required_count);
    describe_flag(out, STR("x-podtree-server"), schema->server_managed);
    describe_flag(out, STR("x-podtree-immutable"), schema->immutable);
    describe_flag(out, STR("x-podtree-write-once"), schema->write_once);
    for (const struct above *above = up; above != NULL; above = above->up)
        if (above->schema == schema)
            return;
    struct above here = {up, schema, up->sentences, sentences_of(up, schema->definition)};
    describe_contents(out, schema, &here);
}

static void describe_kind(struct value out, const struct kind *kind, const struct kind_version *version)
{
    struct value name = value_append_object(value_set_array(out, STR("x-kubernetes-group-version-kind")));
    value_set_str(name, STR("group"), kind->group);
    value_set_str(name, STR("version"), version->name);
    value_set_str(name, STR("kind"), kind->name);
}

static struct value text_of_version(struct value definition, struct str name)
{
    value_each (version, value_at(definition, "spec", "versions"))
        if (str_equal(value_str(value_at(version, "name")), name))
            return value_at(version, "schema", "openAPIV3Schema");
    return VALUE_ABSENT;
}

void describe_version(const struct kind *kind, const struct kind_version *version, struct value sentences,
                      struct value definition, struct value out)
{
    struct above top = {.sentences = sentences};
    struct value sentence = value_get(sentences_of(&top, version->schema->definition), STR(ITSELF));
    if (value_exists(sentence))
        value_set_copy(out, STR("description"), sentence);
    describe(out, version->schema, &top);
    add_remarks(out, text_of_version(definition, version->name));
    describe_kind(out, kind, version);
}

/* ---- reading sentences ---- */

/* core-v1.yaml has those of the package core/v1, common.yaml those of types without a package. */
static void add_types(struct str name, struct value types, struct value all)
{
    autofree char *package = str_dup(name);
    char *dash = strrchr(package, '-');
    if (dash != NULL)
        *dash = '/';
    value_each (type, types) {
        autobuf struct buf full = {0};
        buf_addf(&full, "%s%s" STR_FORMAT, dash != NULL ? package : "", dash != NULL ? "." : "",
                 STR_ARGS(value_key(type)));
        value_set_copy(all, buf_str(&full), type);
    }
}

struct doc *sentences_read(const char *directory, struct error **err)
{
    autofree char *folder = path_format("%s/sentences", directory);
    autobuf struct buf names = {0};
    autodoc struct doc *all = doc_new();
    if (directory_names(folder, &names, err) < 0)
        return NULL;
    names_each(name, names)
    {
        if (!str_ends(str_of(name), STR(".yaml")))
            continue;
        autofree char *path = path_format("%s/%s", folder, name);
        autobuf struct buf text = {0};
        if (file_read(path, &text, err) < 0)
            return NULL;
        autodoc struct doc *types = yaml_parse(buf_str(&text), err);
        if (types == NULL) {
            error_wrap(err, "%s", path);
            return NULL;
        }
        add_types(str_cut(str_of(name), 0, strlen(name) - strlen(".yaml")), doc_root(types), doc_root(all));
    }
    return take_pointer(all);
}
