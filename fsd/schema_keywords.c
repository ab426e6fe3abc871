/* The keywords of schemas: a table, a small reader for each. */
#include "fsd/schema_private.h"

#include "fsd/default.h"
#include "fsd/formats.h"
#include "fsd/pattern.h"
#include "fsd/rules.h"
#include <errno.h>

const struct constraints no_constraints = {.min_properties = -1, .max_properties = -1};

/* What a keyword reads into: `place` is the member of struct schema or struct constraints that its row names.
 */
typedef int keyword_reader(struct reading *reading, void *place, struct value text, struct error **err);

static int wrong(struct error **err, const char *wanted)
{
    return error_make(err, EINVAL, "must be %s", wanted);
}

static struct constraints *constraints_to_fill(struct reading *reading)
{
    if (reading->constraints == NULL) {
        reading->constraints = schema_set_memory(reading->set, 1, sizeof(*reading->constraints));
        *reading->constraints = *constraints_of(reading->schema); /* of what is referred to */
        reading->schema->constraints = reading->constraints;
    }
    return reading->constraints;
}

/* What is below a schema is of its kind. */
static const struct schema *read_below(struct reading *reading, struct value text, struct error **err)
{
    return schema_read_as(reading->set, text, reading->schema->dialect, err);
}

/* ---- the type ---- */

static int read_type(struct schema *schema, struct value text, struct error **err)
{
    static const struct {
        const char *name;
        enum schema_type type;
    } types[] = {
        {"string", SCHEMA_STRING},   {"integer", SCHEMA_INTEGER}, {"number", SCHEMA_NUMBER},
        {"boolean", SCHEMA_BOOLEAN}, {"object", SCHEMA_OBJECT},   {"array", SCHEMA_ARRAY},
    };
    for (size_t i = 0; i < COUNT(types); i++)
        if (value_is(text, types[i].name)) {
            schema->type = types[i].type;
            return 0;
        }
    wrong(err, "string, integer, number, boolean, object or array");
    return error_wrap(err, "type");
}

/* An object is a map where it has no properties and takes others, and open where it has some. */
static void settle_object(struct reading *reading, struct value text)
{
    struct schema *schema = reading->schema;
    struct value additional = value_at(text, "additionalProperties");
    bool anything = value_true(value_at(text, "x-kubernetes-preserve-unknown-fields"));
    bool others = anything || value_true(additional) || value_type(additional) == VALUE_OBJECT;
    bool has_properties =
        reading->resource || schema->property_count != 0 || value_count(value_at(text, "properties")) != 0;
    if (others && has_properties) {
        schema->open = anything || value_true(additional);
    } else if (others) {
        schema->type = SCHEMA_MAP;
        schema->items = &schema_anything;
    }
}

static int settle_type(struct reading *reading, struct value text, struct error **err)
{
    struct schema *schema = reading->schema;
    struct value type = value_at(text, "type");
    if (value_exists(type) && read_type(schema, type, err) < 0)
        return -EINVAL;
    if (value_true(value_at(text, "x-kubernetes-int-or-string")))
        schema->type = SCHEMA_INT_OR_STRING;
    else if (!value_exists(type) && value_true(value_at(text, "x-kubernetes-preserve-unknown-fields")))
        schema->type = SCHEMA_ANY;
    if (schema->type == SCHEMA_OBJECT)
        settle_object(reading, text);
    return 0;
}

/* ---- structure ---- */

/* Chosen so that the properties of real types rarely meet; whoever meets is told apart by comparison. */
static size_t property_hash(struct str name)
{
    if (name.length == 0)
        return 0;
    const unsigned char *at = (const unsigned char *)name.at;
    return name.length * 7 + at[0] * 31u + at[name.length / 2] * 59u + at[name.length - 1] * 5u;
}

static void index_properties(struct reading *reading)
{
    struct schema *schema = reading->schema;
    size_t slots = 4;
    while (slots < schema->property_count * 2)
        slots *= 2;
    uint16_t *table =
        schema_set_memory(reading->set, slots, sizeof(*table)); /* 0: free, else the index and one */
    for (size_t i = 0; i < schema->property_count; i++) {
        size_t at = property_hash(schema->properties[i].name) & (slots - 1);
        while (table[at] != 0)
            at = (at + 1) & (slots - 1);
        table[at] = (uint16_t)(i + 1);
    }
    schema->property_slots = table;
    schema->property_slot_count = slots;
}

const struct schema *schema_property(const struct schema *schema, struct str name)
{
    if (schema == NULL || schema->property_count == 0)
        return NULL;
    size_t mask = schema->property_slot_count - 1;
    for (size_t at = property_hash(name) & mask; schema->property_slots[at] != 0; at = (at + 1) & mask) {
        const struct property *property = &schema->properties[schema->property_slots[at] - 1];
        if (str_equal(property->name, name))
            return property->schema;
    }
    return NULL;
}

static int read_properties(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)place;
    if (value_type(text) != VALUE_OBJECT || value_count(text) >= UINT16_MAX)
        return wrong(err, "a mapping from names to schemas");
    struct property *properties = schema_set_memory(reading->set, value_count(text), sizeof(*properties));
    size_t count = 0;
    value_each (member, text) {
        properties[count].name = value_key(member);
        properties[count].schema = read_below(reading, member, err);
        if (properties[count++].schema == NULL)
            return error_wrap(err, STR_FORMAT, STR_ARGS(value_key(member)));
    }
    reading->schema->properties = properties;
    reading->schema->property_count = count;
    index_properties(reading);
    return 0;
}

static int read_items(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)place;
    const struct schema *items = read_below(reading, text, err);
    if (items == NULL)
        return -EINVAL;
    reading->schema->items = items;
    return 0;
}

/* Of true and false, and of what they mean, settle_type() knew. On what is no object it means nothing. */
static int read_additional(struct reading *reading, void *place, struct value text, struct error **err)
{
    if (value_type(text) == VALUE_BOOL)
        return 0;
    if (reading->schema->type == SCHEMA_OBJECT)
        return error_make(err, EINVAL, "and properties exclude each other");
    if (reading->schema->type == SCHEMA_MAP)
        return read_items(reading, place, text, err);
    return read_below(reading, text, err) != NULL ? 0 : -EINVAL;
}

static int read_required(struct reading *reading, void *place, struct value text, struct error **err)
{
    const struct str **names = place;
    *names = schema_set_strings(reading->set, text, &reading->schema->required_count, err);
    return *names != NULL ? 0 : -EINVAL;
}

static int read_list_keys(struct reading *reading, void *place, struct value text, struct error **err)
{
    const struct str **names = place;
    *names = schema_set_strings(reading->set, text, &reading->schema->list_key_count, err);
    return *names != NULL ? 0 : -EINVAL;
}

static int read_list_type(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)place;
    static const char *const types[] = {[LIST_ATOMIC] = "atomic", [LIST_SET] = "set", [LIST_MAP] = "map"};
    for (size_t i = 0; i < COUNT(types); i++)
        if (value_is(text, types[i])) {
            reading->schema->list_type = (enum list_type)i;
            return 0;
        }
    return wrong(err, "atomic, set or map");
}

/* ---- conditions ---- */

static int read_flag(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)reading;
    if (value_type(text) != VALUE_BOOL)
        return wrong(err, "true or false");
    *(bool *)place = value_true(text);
    return 0;
}

static int read_count(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)reading;
    int64_t *count = place;
    return value_int(text, count) && *count >= 0 ? 0 : wrong(err, "a whole number, not negative");
}

static int read_minimum(struct reading *reading, void *place, struct value text, struct error **err)
{
    reading->schema->has_minimum = value_number(text, place);
    return reading->schema->has_minimum ? 0 : wrong(err, "a number");
}

static int read_maximum(struct reading *reading, void *place, struct value text, struct error **err)
{
    reading->schema->has_maximum = value_number(text, place);
    return reading->schema->has_maximum ? 0 : wrong(err, "a number");
}

static int read_multiple(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)reading;
    return value_number(text, place) && *(double *)place > 0 ? 0 : wrong(err, "a number greater than 0");
}

static struct str text_of_choice(struct reading *reading, struct value choice)
{
    if (value_str(choice).at != NULL)
        return value_str(choice);
    autobuf struct buf text = {0};
    value_write(&text, choice);
    char *kept = schema_set_memory(reading->set, text.length, 1);
    memcpy(kept, text.at, text.length);
    return (struct str){kept, text.length};
}

static int read_enumeration(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)place;
    if (value_type(text) != VALUE_ARRAY)
        return wrong(err, "a list");
    struct str *choices = schema_set_memory(reading->set, value_count(text), sizeof(*choices));
    size_t count = 0;
    bool strings = true;
    value_each (choice, text) {
        strings &= value_type(choice) == VALUE_STRING;
        choices[count++] = text_of_choice(reading, choice);
    }
    reading->schema->enumeration = choices;
    reading->schema->enumeration_count = count;
    if (!strings || reading->schema->constraints != NULL)
        constraints_to_fill(reading)->choices = strings ? VALUE_ABSENT : text;
    return 0;
}

/* A format that isn't known says nothing. */
static int read_format(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)place;
    struct schema *schema = reading->schema;
    if (value_type(text) != VALUE_STRING)
        return wrong(err, "a string");
    if (schema->dialect == DIALECT_KINDS) {
        schema->format = value_str(text);
        schema->format_check = format_find(schema->format);
    } else {
        schema->format = format_published(schema->type, value_str(text));
        schema->format_check = format_find_published(schema->format);
    }
    return 0;
}

static int read_keys(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)place;
    reading->schema->key_check = format_find(value_str(text));
    return reading->schema->key_check != NULL ? 0 : wrong(err, "the name of a format");
}

static int read_pattern(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)place;
    if (value_type(text) != VALUE_STRING)
        return wrong(err, "a regular expression");
    if (value_str(text).length == 0)
        return 0;
    struct pattern *pattern = pattern_compile(value_str(text), err);
    if (pattern == NULL)
        return -EINVAL;
    schema_set_keep_pattern(reading->set, pattern);
    reading->schema->pattern = value_str(text);
    reading->schema->pattern_compiled = pattern;
    return 0;
}

static int read_default(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)place, (void)err;
    reading->schema->default_value = text;
    return 0;
}

/* An int-or-string says again, as a condition, that it is one of the two. */
static bool says_nothing_new(const struct reading *reading, struct value branch)
{
    return reading->schema->type == SCHEMA_INT_OR_STRING && value_count(branch) == 1 &&
           value_exists(value_at(branch, "type"));
}

static const struct schema *read_branch(struct reading *reading, struct value text, struct error **err)
{
    bool own = reading->schema->dialect == DIALECT_KINDS;
    return schema_read_as(reading->set, text, own ? DIALECT_KINDS : DIALECT_BRANCH, err);
}

static int read_branches(struct reading *reading, void *place, struct value text, struct error **err)
{
    struct branches *branches = place;
    if (value_type(text) != VALUE_ARRAY)
        return wrong(err, "a list of schemas");
    const struct schema **schemas = schema_set_memory(reading->set, value_count(text), sizeof(*schemas));
    size_t count = 0, index = 0;
    value_each (branch, text) {
        index++;
        if (says_nothing_new(reading, branch))
            continue;
        schemas[count] = read_branch(reading, branch, err);
        if (schemas[count++] == NULL)
            return error_wrap(err, "[%zu]", index - 1);
    }
    branches->schemas = schemas;
    branches->count = count;
    return 0;
}

static int read_not(struct reading *reading, void *place, struct value text, struct error **err)
{
    const struct schema **not = place;
    *not = read_branch(reading, text, err);
    return *not != NULL ? 0 : -EINVAL;
}

/* ---- what apply does ---- */

static int read_patch_strategy(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)reading;
    static const char *const names[] = {"merge", "replace", "retainKeys"}; /* as enum patch_strategy */
    unsigned *strategy = place;
    struct str rest = value_str(text), name;
    if (value_type(text) != VALUE_STRING)
        return wrong(err, "a string");
    *strategy = 0;
    while (str_split(&rest, ',', &name)) {
        size_t i = 0;
        while (i < COUNT(names) && !str_is(name, names[i]))
            i++;
        if (i == COUNT(names))
            return wrong(err, "merge, replace or retainKeys");
        *strategy |= 1U << i;
    }
    return 0;
}

static int read_patch_merge_key(struct reading *reading, void *place, struct value text, struct error **err)
{
    (void)reading;
    struct str *key = place;
    *key = value_str(text);
    return key->length != 0 ? 0 : wrong(err, "the name of a property");
}

/* ---- what is podtree's own ---- */

static const struct rule *const *read_rule_names(struct reading *reading, struct value text,
                                                 struct error **err)
{
    size_t count;
    const struct str *names = schema_set_strings(reading->set, text, &count, err);
    if (names == NULL)
        return NULL;
    const struct rule **rules = schema_set_memory(reading->set, count + 1, sizeof(*rules));
    for (size_t i = 0; i < count; i++) {
        rules[i] = rule_find(names[i]);
        if (rules[i] == NULL) {
            error_make(err, EINVAL, "there is no rule " STR_FORMAT, STR_ARGS(names[i]));
            return NULL;
        }
    }
    return rules;
}

static int read_rules(struct reading *reading, void *place, struct value text, struct error **err)
{
    const struct rule *const **rules = place;
    *rules = read_rule_names(reading, text, err);
    return *rules != NULL ? 0 : -EINVAL;
}

static int read_default_rules(struct reading *reading, void *place, struct value text, struct error **err)
{
    const struct default_rule *const **to = place;
    size_t count;
    const struct str *names = schema_set_strings(reading->set, text, &count, err);
    if (names == NULL)
        return -EINVAL;
    const struct default_rule **rules = schema_set_memory(reading->set, count + 1, sizeof(*rules));
    for (size_t i = 0; i < count; i++) {
        rules[i] = default_rule_find(names[i]);
        if (rules[i] == NULL)
            return error_make(err, EINVAL, "there is no default " STR_FORMAT, STR_ARGS(names[i]));
    }
    *to = rules;
    return 0;
}

/* ---- the table ---- */

enum keyword_place { NOWHERE, IN_SCHEMA, IN_CONSTRAINTS };

#define SCHEMA(member)     IN_SCHEMA, offsetof(struct schema, member)
#define CONSTRAINT(member) IN_CONSTRAINTS, offsetof(struct constraints, member)

static const struct keyword {
    const char *name;
    keyword_reader *read; /* NULL: it has no effect, or settle_type() has read it */
    enum keyword_place in;
    size_t offset;
} keywords[] = {
    {"type", NULL, NOWHERE, 0},
    {"x-kubernetes-int-or-string", NULL, NOWHERE, 0},
    {"x-kubernetes-preserve-unknown-fields", NULL, NOWHERE, 0},
    {"x-podtree-ref", NULL, NOWHERE, 0}, /* read first, by schema_read_as() */
    {"description", NULL, NOWHERE, 0},
    {"title", NULL, NOWHERE, 0},
    {"example", NULL, NOWHERE, 0},
    {"externalDocs", NULL, NOWHERE, 0},
    {"x-kubernetes-map-type", NULL, NOWHERE, 0},
    {"x-kubernetes-validations", NULL, NOWHERE, 0}, /* kept in the object, and not carried out */
    {"uniqueItems", NULL, NOWHERE, 0},              /* never true: fsd/structural.h */
    {"properties", read_properties, NOWHERE, 0},
    {"additionalProperties", read_additional, NOWHERE, 0},
    {"items", read_items, NOWHERE, 0},
    {"required", read_required, SCHEMA(required)},
    {"enum", read_enumeration, NOWHERE, 0},
    {"default", read_default, NOWHERE, 0},
    {"minimum", read_minimum, SCHEMA(minimum)},
    {"maximum", read_maximum, SCHEMA(maximum)},
    {"exclusiveMinimum", read_flag, CONSTRAINT(exclusive_minimum)},
    {"exclusiveMaximum", read_flag, CONSTRAINT(exclusive_maximum)},
    {"multipleOf", read_multiple, CONSTRAINT(multiple_of)},
    {"minLength", read_count, SCHEMA(min_length)},
    {"maxLength", read_count, SCHEMA(max_length)},
    {"minItems", read_count, SCHEMA(min_items)},
    {"maxItems", read_count, SCHEMA(max_items)},
    {"minProperties", read_count, CONSTRAINT(min_properties)},
    {"maxProperties", read_count, CONSTRAINT(max_properties)},
    {"format", read_format, NOWHERE, 0},
    {"pattern", read_pattern, NOWHERE, 0},
    {"nullable", read_flag, SCHEMA(nullable)},
    {"allOf", read_branches, CONSTRAINT(all_of)},
    {"anyOf", read_branches, CONSTRAINT(any_of)},
    {"oneOf", read_branches, CONSTRAINT(one_of)},
    {"not", read_not, CONSTRAINT(not )},
    {"x-kubernetes-embedded-resource", read_flag, SCHEMA(embedded)},
    {"x-kubernetes-list-type", read_list_type, NOWHERE, 0},
    {"x-kubernetes-list-map-keys", read_list_keys, SCHEMA(list_keys)},
    {"x-kubernetes-patch-strategy", read_patch_strategy, SCHEMA(patch_strategy)},
    {"x-kubernetes-patch-merge-key", read_patch_merge_key, SCHEMA(patch_merge_key)},
    {"x-podtree-keys", read_keys, NOWHERE, 0},
    {"x-podtree-content", read_flag, SCHEMA(content)},
    {"x-podtree-long", read_flag, SCHEMA(long_text)},
    {"x-podtree-secret", read_flag, SCHEMA(secret)},
    {"x-podtree-repeatable", read_flag, SCHEMA(repeatable)},
    {"x-podtree-zero-unset", read_flag, SCHEMA(zero_unset)},
    {"x-podtree-server", read_flag, SCHEMA(server_managed)},
    {"x-podtree-unchecked", read_flag, SCHEMA(unchecked)},
    {"x-podtree-immutable", read_flag, SCHEMA(immutable)},
    {"x-podtree-write-once", read_flag, SCHEMA(write_once)},
    {"x-podtree-rules", read_rules, SCHEMA(rules)},
    {"x-podtree-update-rules", read_rules, SCHEMA(update_rules)},
    {"x-podtree-defaults", read_default_rules, SCHEMA(default_rules)},
};

/* What is podtree's own is said of its own kinds only. */
static const struct keyword *find_keyword(struct str name, enum schema_dialect dialect)
{
    if (dialect != DIALECT_KINDS && str_starts(name, STR("x-podtree-")))
        return NULL;
    for (size_t i = 0; i < COUNT(keywords); i++)
        if (str_is(name, keywords[i].name))
            return &keywords[i];
    return NULL;
}

static int read_keyword(struct reading *reading, struct value text, struct error **err)
{
    const struct keyword *keyword = find_keyword(value_key(text), reading->schema->dialect);
    if (keyword == NULL)
        return error_make(err, EINVAL, "is not a keyword of schemas that podtree knows");
    if (keyword->read == NULL)
        return 0;
    void *place = NULL;
    if (keyword->in == IN_SCHEMA)
        place = (char *)reading->schema + keyword->offset;
    else if (keyword->in == IN_CONSTRAINTS)
        place = (char *)constraints_to_fill(reading) + keyword->offset;
    return keyword->read(reading, place, text, err);
}

int schema_read_keywords(struct reading *reading, struct value text, struct error **err)
{
    if (settle_type(reading, text, err) < 0)
        return -EINVAL;
    value_each (member, text)
        if (read_keyword(reading, member, err) < 0)
            return error_wrap(err, STR_FORMAT, STR_ARGS(value_key(member)));
    return 0;
}

/* ---- resources in resources ---- */

/* A condition on one property, that says nothing about others; nor does what it says of this one speak of
 * members that it doesn't mention. */
static const struct schema *condition_on(struct schema_set *set, struct property property)
{
    struct schema *inner = schema_set_memory(set, 1, sizeof(*inner));
    *inner = *property.schema;
    inner->open = true;
    struct reading outer = {.set = set, .schema = schema_set_memory(set, 1, sizeof(*outer.schema))};
    *outer.schema = schema_anything;
    outer.schema->dialect = DIALECT_BRANCH;
    struct property *properties = schema_set_memory(set, 1, sizeof(*properties));
    *properties = (struct property){property.name, inner};
    outer.schema->properties = properties;
    outer.schema->property_count = 1;
    index_properties(&outer);
    return outer.schema;
}

static void add_condition(struct reading *reading, const struct schema *condition)
{
    struct branches *all_of = &constraints_to_fill(reading)->all_of;
    const struct schema **schemas = schema_set_memory(reading->set, all_of->count + 1, sizeof(*schemas));
    for (size_t i = 0; i < all_of->count; i++)
        schemas[i] = all_of->schemas[i];
    schemas[all_of->count] = condition;
    *all_of = (struct branches){schemas, all_of->count + 1};
}

static void put_first(struct reading *reading, const struct property *first, size_t count)
{
    struct schema *schema = reading->schema;
    struct property *properties =
        schema_set_memory(reading->set, schema->property_count + count, sizeof(*properties));
    memcpy(properties, first, count * sizeof(*properties));
    for (size_t i = 0; i < schema->property_count; i++) {
        bool listed = false;
        for (size_t j = 0; j < count; j++)
            listed |= str_equal(schema->properties[i].name, properties[j].name);
        if (!listed)
            properties[count++] = schema->properties[i];
    }
    schema->properties = properties;
    schema->property_count = count;
    index_properties(reading);
}

int schema_imply_resource(struct reading *reading, struct error **err)
{
    struct schema *text = schema_set_memory(reading->set, 1, sizeof(*text));
    *text = schema_anything;
    text->type = SCHEMA_STRING;
    struct property implied[] = {{STR("apiVersion"), text}, {STR("kind"), text}, {STR("metadata"), NULL}};
    for (size_t i = 0; i < 2; i++) {
        const struct schema *given = schema_property(reading->schema, implied[i].name);
        implied[i].schema = given != NULL ? given : text;
    }
    const struct schema *metadata = schema_property(reading->schema, STR("metadata"));
    if (metadata != NULL && (metadata->property_count != 0 || metadata->required_count != 0))
        add_condition(reading, condition_on(reading->set, (struct property){STR("metadata"), metadata}));
    implied[2].schema = schema_refer(reading->set, STR("meta/v1.ObjectMeta"), err);
    if (implied[2].schema == NULL)
        return -EINVAL;
    put_first(reading, implied, COUNT(implied));
    return 0;
}
