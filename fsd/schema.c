#include "fsd/schema.h"

#include "fsd/default.h"
#include "fsd/definitions.h"
#include "fsd/formats.h"
#include "fsd/rules.h"
#include "lib/name.h"
#include <errno.h>

struct block {
    struct block *next;
    _Alignas(max_align_t) char bytes[];
};

struct schema_set {
    const struct schema_set *parent;
    struct block *blocks;
    struct doc **docs;
    size_t doc_count, doc_capacity;
    struct definitions definitions;
    struct schema **patterned; /* schemas with a compiled pattern, to be freed */
    size_t patterned_count, patterned_capacity;
};

struct schema_set *schema_set_new(const struct schema_set *parent)
{
    struct schema_set *set = memory_zeroed(1, sizeof(*set));
    set->parent = parent;
    return set;
}

void schema_set_free(struct schema_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->patterned_count; i++)
        regfree((regex_t *)set->patterned[i]->pattern_compiled);
    for (size_t i = 0; i < set->doc_count; i++)
        doc_free(set->docs[i]);
    for (struct block *block = set->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(set->docs);
    definitions_free(&set->definitions);
    free(set->patterned);
    free(set);
}

void schema_set_keep(struct schema_set *set, struct doc *doc)
{
    array_grow(set->docs, set->doc_count, set->doc_capacity);
    set->docs[set->doc_count++] = doc;
}

void *schema_set_memory(struct schema_set *set, size_t count, size_t size)
{
    struct block *block = memory_zeroed(1, sizeof(*block) + count * size);
    block->next = set->blocks;
    set->blocks = block;
    return block->bytes;
}

const struct str *schema_set_strings(struct schema_set *set, struct value list, size_t *count,
                                     struct error **err)
{
    if (value_type(list) != VALUE_ARRAY) {
        error_make(err, EINVAL, "must be a list of strings");
        return NULL;
    }
    struct str *strings = schema_set_memory(set, value_count(list), sizeof(*strings));
    *count = 0;
    value_each (item, list) {
        if (value_type(item) != VALUE_STRING) {
            error_make(err, EINVAL, "must be a list of strings");
            return NULL;
        }
        strings[(*count)++] = value_str(item);
    }
    return strings;
}

/* ---- the table of keywords ---- */

typedef int keyword_reader(struct schema_set *set, struct schema *schema, struct value text,
                           struct error **err);

static int wrong(struct error **err, const char *wanted)
{
    return error_make(err, EINVAL, "must be %s", wanted);
}

static int read_type(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    (void)set;
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
    return wrong(err, "string, integer, number, boolean, object or array");
}

/* Chosen so that the properties of real types rarely meet; whoever meets is told apart by comparison. */
static size_t property_hash(struct str name)
{
    if (name.length == 0)
        return 0;
    const unsigned char *at = (const unsigned char *)name.at;
    return name.length * 7 + at[0] * 31u + at[name.length / 2] * 59u + at[name.length - 1] * 5u;
}

static void index_properties(struct schema_set *set, struct schema *schema)
{
    size_t slots = 4;
    while (slots < schema->property_count * 2)
        slots *= 2;
    uint16_t *table = schema_set_memory(set, slots, sizeof(*table)); /* 0: free, else the index and one */
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

struct str schema_nearest(const struct schema *schema, struct str name)
{
    struct name_search search = name_search(name);
    for (size_t i = 0; i < schema->property_count; i++)
        name_search_try(&search, schema->properties[i].name);
    return search.name;
}

static int read_properties(struct schema_set *set, struct schema *schema, struct value text,
                           struct error **err)
{
    if (value_type(text) != VALUE_OBJECT || value_count(text) >= UINT16_MAX)
        return wrong(err, "a mapping from names to schemas");
    struct property *properties = schema_set_memory(set, value_count(text), sizeof(*properties));
    size_t count = 0;
    value_each (member, text) {
        properties[count].name = value_key(member);
        properties[count].schema = schema_read(set, member, err);
        if (properties[count++].schema == NULL)
            return error_wrap(err, STR_FORMAT, STR_ARGS(value_key(member)));
    }
    schema->properties = properties;
    schema->property_count = count;
    index_properties(set, schema);
    return 0;
}

static int read_items(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    schema->items = schema_read(set, text, err);
    return schema->items != NULL ? 0 : -EINVAL;
}

static int read_additional(struct schema_set *set, struct schema *schema, struct value text,
                           struct error **err)
{
    schema->type = SCHEMA_MAP;
    if (value_true(text))
        return wrong(err, "a schema");
    return read_items(set, schema, text, err);
}

static int read_required(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    schema->required = schema_set_strings(set, text, &schema->required_count, err);
    return schema->required != NULL ? 0 : -EINVAL;
}

static int read_enumeration(struct schema_set *set, struct schema *schema, struct value text,
                            struct error **err)
{
    schema->enumeration = schema_set_strings(set, text, &schema->enumeration_count, err);
    return schema->enumeration != NULL ? 0 : -EINVAL;
}

static int read_default(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    (void)set, (void)err;
    schema->default_value = text;
    return 0;
}

static int read_minimum(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    (void)set;
    schema->has_minimum = value_number(text, &schema->minimum);
    return schema->has_minimum ? 0 : wrong(err, "a number");
}

static int read_maximum(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    (void)set;
    schema->has_maximum = value_number(text, &schema->maximum);
    return schema->has_maximum ? 0 : wrong(err, "a number");
}

static int read_count(int64_t *count, struct value text, struct error **err)
{
    return value_int(text, count) && *count >= 0 ? 0 : wrong(err, "a whole number, not negative");
}

static int read_min_length(struct schema_set *set, struct schema *schema, struct value text,
                           struct error **err)
{
    (void)set;
    return read_count(&schema->min_length, text, err);
}

static int read_max_length(struct schema_set *set, struct schema *schema, struct value text,
                           struct error **err)
{
    (void)set;
    return read_count(&schema->max_length, text, err);
}

static int read_min_items(struct schema_set *set, struct schema *schema, struct value text,
                          struct error **err)
{
    (void)set;
    return read_count(&schema->min_items, text, err);
}

static int read_max_items(struct schema_set *set, struct schema *schema, struct value text,
                          struct error **err)
{
    (void)set;
    return read_count(&schema->max_items, text, err);
}

static int read_format(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    (void)set;
    if (value_type(text) != VALUE_STRING)
        return wrong(err, "a string");
    schema->format = value_str(text);
    schema->format_check = format_find(schema->format); /* a format that isn't known says nothing */
    return 0;
}

static int read_keys(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    (void)set;
    schema->key_check = format_find(value_str(text));
    return schema->key_check != NULL ? 0 : wrong(err, "the name of a format");
}

static int read_pattern(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    schema->pattern = value_str(text);
    if (value_type(text) != VALUE_STRING)
        return wrong(err, "a regular expression");
    autofree char *pattern = str_dup(schema->pattern);
    regex_t *compiled = schema_set_memory(set, 1, sizeof(*compiled));
    int result = regcomp(compiled, pattern, REG_EXTENDED | REG_NOSUB);
    if (result != 0) {
        char reason[128];
        regerror(result, compiled, reason, sizeof(reason));
        return error_make(err, EINVAL, "\"%s\" is no regular expression: %s", pattern, reason);
    }
    schema->pattern_compiled = compiled;
    array_grow(set->patterned, set->patterned_count, set->patterned_capacity);
    set->patterned[set->patterned_count++] = schema;
    return 0;
}

static int read_list_type(struct schema_set *set, struct schema *schema, struct value text,
                          struct error **err)
{
    (void)set;
    if (value_is(text, "map"))
        schema->list_type = LIST_MAP;
    else if (value_is(text, "set"))
        schema->list_type = LIST_SET;
    else if (value_is(text, "atomic"))
        schema->list_type = LIST_ATOMIC;
    else
        return wrong(err, "atomic, set or map");
    return 0;
}

static int read_list_keys(struct schema_set *set, struct schema *schema, struct value text,
                          struct error **err)
{
    schema->list_keys = schema_set_strings(set, text, &schema->list_key_count, err);
    return schema->list_keys != NULL ? 0 : -EINVAL;
}

static int read_int_or_string(struct schema_set *set, struct schema *schema, struct value text,
                              struct error **err)
{
    (void)set;
    if (!value_true(text))
        return wrong(err, "true");
    schema->type = SCHEMA_INT_OR_STRING;
    return 0;
}

static int read_any(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    (void)set;
    if (!value_true(text))
        return wrong(err, "true");
    schema->type = SCHEMA_ANY;
    return 0;
}

static int read_nothing(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    (void)set, (void)schema, (void)text, (void)err;
    return 0;
}

static const struct rule *const *read_rule_names(struct schema_set *set, struct value text,
                                                 struct error **err)
{
    size_t count;
    const struct str *names = schema_set_strings(set, text, &count, err);
    if (names == NULL)
        return NULL;
    const struct rule **rules = schema_set_memory(set, count + 1, sizeof(*rules));
    for (size_t i = 0; i < count; i++) {
        rules[i] = rule_find(names[i]);
        if (rules[i] == NULL) {
            error_make(err, EINVAL, "there is no rule " STR_FORMAT, STR_ARGS(names[i]));
            return NULL;
        }
    }
    return rules;
}

static int read_rules(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    schema->rules = read_rule_names(set, text, err);
    return schema->rules != NULL ? 0 : -EINVAL;
}

static int read_update_rules(struct schema_set *set, struct schema *schema, struct value text,
                             struct error **err)
{
    schema->update_rules = read_rule_names(set, text, err);
    return schema->update_rules != NULL ? 0 : -EINVAL;
}

static const struct default_rule *const *read_default_names(struct schema_set *set, struct value text,
                                                            struct error **err)
{
    size_t count;
    const struct str *names = schema_set_strings(set, text, &count, err);
    if (names == NULL)
        return NULL;
    const struct default_rule **rules = schema_set_memory(set, count + 1, sizeof(*rules));
    for (size_t i = 0; i < count; i++) {
        rules[i] = default_rule_find(names[i]);
        if (rules[i] == NULL) {
            error_make(err, EINVAL, "there is no default " STR_FORMAT, STR_ARGS(names[i]));
            return NULL;
        }
    }
    return rules;
}

static int read_default_rules(struct schema_set *set, struct schema *schema, struct value text,
                              struct error **err)
{
    schema->default_rules = read_default_names(set, text, err);
    return schema->default_rules != NULL ? 0 : -EINVAL;
}

static int read_birth_rules(struct schema_set *set, struct schema *schema, struct value text,
                            struct error **err)
{
    schema->birth_rules = read_default_names(set, text, err);
    return schema->birth_rules != NULL ? 0 : -EINVAL;
}

static const struct keyword {
    const char *name;
    keyword_reader *read; /* NULL: a flag, at … */
    size_t flag;          /* … this place in struct schema */
} keywords[] = {
    {"type", read_type, 0},
    {"description", read_nothing, 0},
    {"title", read_nothing, 0},
    {"example", read_nothing, 0},
    {"externalDocs", read_nothing, 0},
    {"properties", read_properties, 0},
    {"additionalProperties", read_additional, 0},
    {"items", read_items, 0},
    {"required", read_required, 0},
    {"enum", read_enumeration, 0},
    {"default", read_default, 0},
    {"minimum", read_minimum, 0},
    {"maximum", read_maximum, 0},
    {"minLength", read_min_length, 0},
    {"maxLength", read_max_length, 0},
    {"minItems", read_min_items, 0},
    {"maxItems", read_max_items, 0},
    {"format", read_format, 0},
    {"pattern", read_pattern, 0},
    {"nullable", NULL, offsetof(struct schema, nullable)},
    {"x-kubernetes-list-type", read_list_type, 0},
    {"x-kubernetes-list-map-keys", read_list_keys, 0},
    {"x-kubernetes-map-type", read_nothing, 0},
    {"x-kubernetes-patch-strategy", read_nothing, 0},
    {"x-kubernetes-patch-merge-key", read_nothing, 0},
    {"x-kubernetes-int-or-string", read_int_or_string, 0},
    {"x-kubernetes-preserve-unknown-fields", read_any, 0},
    {"x-podtree-ref", read_nothing, 0}, /* read first, by begin() */
    {"x-podtree-keys", read_keys, 0},
    {"x-podtree-content", NULL, offsetof(struct schema, content)},
    {"x-podtree-long", NULL, offsetof(struct schema, long_text)},
    {"x-podtree-secret", NULL, offsetof(struct schema, secret)},
    {"x-podtree-repeatable", NULL, offsetof(struct schema, repeatable)},
    {"x-podtree-zero-unset", NULL, offsetof(struct schema, zero_unset)},
    {"x-podtree-server", NULL, offsetof(struct schema, server_managed)},
    {"x-podtree-unchecked", NULL, offsetof(struct schema, unchecked)},
    {"x-podtree-immutable", NULL, offsetof(struct schema, immutable)},
    {"x-podtree-write-once", NULL, offsetof(struct schema, write_once)},
    {"x-podtree-rules", read_rules, 0},
    {"x-podtree-update-rules", read_update_rules, 0},
    {"x-podtree-defaults", read_default_rules, 0},
    {"x-podtree-creation-defaults", read_birth_rules, 0},
};

static int read_keyword(struct schema_set *set, struct schema *schema, struct value text, struct error **err)
{
    for (size_t i = 0; i < COUNT(keywords); i++) {
        if (!str_is(value_key(text), keywords[i].name))
            continue;
        if (keywords[i].read != NULL)
            return keywords[i].read(set, schema, text, err);
        if (value_type(text) != VALUE_BOOL)
            return wrong(err, "true or false");
        *(bool *)((char *)schema + keywords[i].flag) = value_true(text);
        return 0;
    }
    return error_make(err, EINVAL, "is not a keyword of schemas that podtree knows");
}

/* ---- schemas ---- */

static const struct schema *definition_read(struct schema_set *set, struct definition *definition,
                                            struct error **err)
{
    if (definition->schema != NULL)
        return definition->schema;
    if (definition->reading) {
        error_make(err, EINVAL, "refers to itself");
        return NULL;
    }
    definition->reading = true;
    definition->schema = schema_read(set, definition->text, err);
    definition->reading = false;
    if (definition->schema == NULL)
        error_wrap(err, STR_FORMAT, STR_ARGS(definition->by_name.key));
    return definition->schema;
}

static const struct schema *refer(struct schema_set *set, struct str name, struct error **err)
{
    struct definition *definition = definitions_find(&set->definitions, name);
    if (definition != NULL)
        return definition_read(set, definition, err);
    if (set->parent != NULL)
        definition = definitions_find(&set->parent->definitions, name);
    if (definition != NULL && definition->schema != NULL)
        return definition->schema;
    error_make(err, EINVAL, "there is no definition " STR_FORMAT, STR_ARGS(name));
    return NULL;
}

/* What the walks of defaults and updates need not go into is known once for all. */
static void sum_up(struct schema *schema)
{
    schema->guarded = schema->immutable || schema->write_once || schema->update_rules != NULL;
    schema->wants_defaults = schema->default_rules != NULL || str_is(schema->format, "quantity");
    schema->secrets = schema->secret;
    for (size_t i = 0; i < schema->property_count; i++) {
        const struct schema *property = schema->properties[i].schema;
        schema->guarded |= property->guarded;
        schema->secrets |= property->secrets;
        schema->wants_defaults |= property->wants_defaults || value_exists(property->default_value);
    }
    if (schema->items != NULL) {
        schema->guarded |= schema->items->guarded;
        schema->secrets |= schema->items->secrets;
        schema->wants_defaults |= schema->items->wants_defaults;
    }
}

static int check_consistent(const struct schema *schema, struct error **err)
{
    if (schema->type == SCHEMA_ARRAY && schema->items == NULL)
        return error_make(err, EINVAL, "a list needs items");
    if (schema->secret && schema->type != SCHEMA_STRING)
        return error_make(err, EINVAL, "only a string can be secret");
    if (schema->type == SCHEMA_ARRAY && schema->items->secrets)
        return error_make(err, EINVAL, "there can be no secrets in a list");
    if (schema->type == SCHEMA_MAP && schema->property_count != 0)
        return error_make(err, EINVAL, "properties and additionalProperties exclude each other");
    if (schema->list_type == LIST_MAP && schema->list_key_count == 0)
        return error_make(err, EINVAL, "a list of type map needs x-kubernetes-list-map-keys");
    for (size_t i = 0; i < schema->list_key_count; i++)
        if (schema_property(schema->items, schema->list_keys[i]) == NULL)
            return error_make(err, EINVAL, "list-map-keys: " STR_FORMAT " is no property of the items",
                              STR_ARGS(schema->list_keys[i]));
    for (size_t i = 0; i < schema->required_count; i++)
        if (schema->type == SCHEMA_OBJECT && schema_property(schema, schema->required[i]) == NULL)
            return error_make(err, EINVAL, "required: " STR_FORMAT " is no property",
                              STR_ARGS(schema->required[i]));
    return 0;
}

const struct schema *schema_read(struct schema_set *set, struct value text, struct error **err)
{
    if (value_type(text) != VALUE_OBJECT) {
        wrong(err, "a schema");
        return NULL;
    }
    struct schema blank = {.type = SCHEMA_ANY,
                           .min_length = -1,
                           .max_length = -1,
                           .min_items = -1,
                           .max_items = -1,
                           .default_value = VALUE_ABSENT};
    const struct schema *base = &blank;
    struct value reference = value_at(text, "x-podtree-ref");
    if (value_exists(reference)) {
        base = refer(set, value_str(reference), err);
        if (base == NULL || value_count(text) == 1)
            return base;
    } else if (!value_exists(value_at(text, "type")) &&
               !value_exists(value_at(text, "x-kubernetes-int-or-string")) &&
               !value_exists(value_at(text, "x-kubernetes-preserve-unknown-fields"))) {
        error_make(err, EINVAL, "a schema needs a type");
        return NULL;
    }
    struct schema *schema = schema_set_memory(set, 1, sizeof(*schema));
    *schema = *base;
    value_each (member, text)
        if (read_keyword(set, schema, member, err) < 0) {
            error_wrap(err, STR_FORMAT, STR_ARGS(value_key(member)));
            return NULL;
        }
    if (check_consistent(schema, err) < 0)
        return NULL;
    sum_up(schema);
    return schema;
}

int schema_set_define(struct schema_set *set, struct value texts, struct error **err)
{
    return definitions_add(&set->definitions, texts, err);
}

int schema_set_refine(struct schema_set *set, struct str package, struct value rules, struct error **err)
{
    return definitions_refine(&set->definitions, package, rules, err);
}

int schema_set_read_all(struct schema_set *set, struct error **err)
{
    for (struct definition *definition = NULL;
         (definition = definitions_next(&set->definitions, definition)) != NULL;)
        if (definition_read(set, definition, err) == NULL)
            return -EINVAL;
    return 0;
}
