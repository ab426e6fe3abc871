#include "fsd/discovery.h"

#include "fsd/constraints.h"
#include "fsd/fsd.h"
#include <errno.h>

/* ---- places ---- */

static struct str group_name(const struct kind *kind)
{
    return kind->group.length != 0 ? kind->group : STR(KIND_CORE_GROUP);
}

/* Does the kind belong below the directory? Of the api's all do, of a group's those of the group, each once
 * for every version; of a version's those that have it. */
static bool is_below(const struct place *directory, const struct kind *kind,
                     const struct kind_version *version)
{
    return directory->type == PLACE_API ||
           (str_equal(kind->group, directory->kind->group) &&
            (directory->type == PLACE_API_GROUP || str_equal(version->name, directory->version->name)));
}

/* What it is called there. */
static struct str name_in(enum place_type directory, const struct kind *kind,
                          const struct kind_version *version)
{
    return directory == PLACE_API         ? group_name(kind)
           : directory == PLACE_API_GROUP ? version->name
                                          : kind->plural;
}

typedef bool visit_version(void *context, struct str name, const struct kind *kind,
                           const struct kind_version *version);

/* All versions of all kinds that are below the directory, until one visit is enough. */
static bool each_below(struct fsd *fsd, const struct place *directory, visit_version *visit, void *context)
{
    for (size_t i = 0; i < kinds_count(fsd->kinds); i++) {
        const struct kind *kind = kinds_at(fsd->kinds, i);
        const struct kind_form *form = kind_form(kind);
        for (size_t j = 0; j < form->version_count; j++)
            if (is_below(directory, kind, &form->versions[j]) &&
                visit(context, name_in(directory->type, kind, &form->versions[j]), kind, &form->versions[j]))
                return true;
    }
    return false;
}

struct search {
    struct str name;
    const struct kind *kind;
    const struct kind_version *version;
};

static bool is_wanted(void *context, struct str name, const struct kind *kind,
                      const struct kind_version *version)
{
    struct search *search = context;
    search->kind = kind;
    search->version = version;
    return str_equal(name, search->name);
}

int discovery_child(struct fsd *fsd, const struct place *parent, struct str name, struct place *child)
{
    struct search search = {.name = name};
    if (!each_below(fsd, parent, is_wanted, &search))
        return -ENOENT;
    *child = (struct place){.type = parent->type + 1, .kind = search.kind, .version = search.version};
    return 0;
}

struct listing_names {
    struct fsd *fsd;
    const struct place *place;
    place_visit *visit;
    void *context;
};

/* The first that has the name stands for all. */
static bool list_once(void *context, struct str name, const struct kind *kind,
                      const struct kind_version *version)
{
    struct listing_names *listing = context;
    struct search first = {.name = name};
    each_below(listing->fsd, listing->place, is_wanted, &first);
    if (first.kind == kind && first.version == version)
        listing->visit(listing->context, name, true, false);
    return false;
}

void discovery_list(struct fsd *fsd, const struct place *place, place_visit *visit, void *context)
{
    struct listing_names listing = {fsd, place, visit, context};
    each_below(fsd, place, list_once, &listing);
}

/* ---- schema.json ---- */

/* Schemas on the way down to this one: what refers to itself is not described again inside itself. */
struct above {
    const struct above *up;
    const struct schema *schema;
};

static void describe(struct value out, const struct schema *schema, const struct above *up);

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
        describe(value_set_object(properties, schema->properties[i].name), schema->properties[i].schema, up);
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
    struct above here = {up, schema};
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
    for (const struct above *above = up; above != NULL; above = above->up)
        if (above->schema == schema)
            return;
    describe_contents(out, schema, &here);
}

void discovery_schema(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)fsd, (void)node;
    autodoc struct doc *doc = doc_new();
    describe(doc_root(doc), place->version->schema, NULL);
    value_write(out, doc_root(doc));
    buf_add_char(out, '\n');
}

void discovery_verbs(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)fsd, (void)node;
    for (size_t i = 0; i < place->kind->verb_count; i++)
        buf_addf(out, "%-10.*s %.*s\n", STR_ARGS(place->kind->verbs[i].name),
                 STR_ARGS(place->kind->verbs[i].help));
}
