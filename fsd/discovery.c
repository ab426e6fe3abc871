#include "fsd/discovery.h"

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

static void describe(struct value out, const struct schema *schema);

static void describe_strings(struct value out, struct str key, const struct str *strings, size_t count)
{
    struct value list = count > 0 ? value_set_array(out, key) : VALUE_ABSENT;
    for (size_t i = 0; i < count; i++)
        value_append_str(list, strings[i]);
}

static void describe_bound(struct value out, struct str key, bool has, double bound)
{
    if (has)
        value_set_int(out, key, (int64_t)bound);
}

static void describe_properties(struct value out, const struct schema *schema)
{
    struct value properties = value_set_object(out, STR("properties"));
    for (size_t i = 0; i < schema->property_count; i++)
        describe(value_set_object(properties, schema->properties[i].name), schema->properties[i].schema);
}

static void describe_list(struct value out, const struct schema *schema)
{
    static const char *const types[] = {[LIST_ATOMIC] = "atomic", [LIST_SET] = "set", [LIST_MAP] = "map"};
    describe(value_set_object(out, STR("items")), schema->items);
    value_set_str(out, STR("x-kubernetes-list-type"), str_of(types[schema->list_type]));
    describe_strings(out, STR("x-kubernetes-list-map-keys"), schema->list_keys, schema->list_key_count);
}

static void describe(struct value out, const struct schema *schema)
{
    static const char *const types[] = {
        [SCHEMA_STRING] = "string",   [SCHEMA_INTEGER] = "integer",  [SCHEMA_NUMBER] = "number",
        [SCHEMA_BOOLEAN] = "boolean", [SCHEMA_INT_OR_STRING] = NULL, [SCHEMA_OBJECT] = "object",
        [SCHEMA_MAP] = "object",      [SCHEMA_ARRAY] = "array",      [SCHEMA_ANY] = NULL};
    if (types[schema->type] != NULL)
        value_set_str(out, STR("type"), str_of(types[schema->type]));
    if (schema->type == SCHEMA_INT_OR_STRING)
        value_set_bool(out, STR("x-kubernetes-int-or-string"), true);
    if (schema->type == SCHEMA_ANY)
        value_set_bool(out, STR("x-kubernetes-preserve-unknown-fields"), true);
    if (schema->format.length != 0)
        value_set_str(out, STR("format"), schema->format);
    if (schema->pattern.length != 0)
        value_set_str(out, STR("pattern"), schema->pattern);
    if (schema->nullable)
        value_set_bool(out, STR("nullable"), true);
    describe_strings(out, STR("enum"), schema->enumeration, schema->enumeration_count);
    describe_bound(out, STR("minimum"), schema->has_minimum, schema->minimum);
    describe_bound(out, STR("maximum"), schema->has_maximum, schema->maximum);
    describe_bound(out, STR("minLength"), schema->min_length >= 0, (double)schema->min_length);
    describe_bound(out, STR("maxLength"), schema->max_length >= 0, (double)schema->max_length);
    describe_bound(out, STR("minItems"), schema->min_items >= 0, (double)schema->min_items);
    describe_bound(out, STR("maxItems"), schema->max_items >= 0, (double)schema->max_items);
    if (value_exists(schema->default_value))
        value_set_copy(out, STR("default"), schema->default_value);
    describe_strings(out, STR("required"), schema->required, schema->required_count);
    if (schema->type == SCHEMA_OBJECT)
        describe_properties(out, schema);
    else if (schema->type == SCHEMA_MAP && schema->items != NULL)
        describe(value_set_object(out, STR("additionalProperties")), schema->items);
    else if (schema->type == SCHEMA_ARRAY && schema->items != NULL)
        describe_list(out, schema);
}

void discovery_schema(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)fsd, (void)node;
    autodoc struct doc *doc = doc_new();
    describe(doc_root(doc), place->version->schema);
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
