#include "fsd/schema_private.h"

#include "fsd/definitions.h"
#include "fsd/pattern.h"
#include "fsd/validate.h"
#include "lib/name.h"
#include <errno.h>

struct block {
    struct block *next;
    _Alignas(max_align_t) char bytes[];
};

/* Most fields are strings, numbers and flags of which is said just what is said of a hundred others: these
 * have one schema. A start touches a third of a megabyte less by that. */
struct plain {
    struct map_node by_text;
    const struct schema *schema;
};

struct schema_set {
    const struct schema_set *parent;
    struct block *blocks;
    char *free; /* in the last block */
    size_t available;
    struct map plain;
    struct doc **docs;
    size_t doc_count, doc_capacity;
    struct definitions definitions;
    struct pattern **patterns;
    size_t pattern_count, pattern_capacity;
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
    for (size_t i = 0; i < set->pattern_count; i++)
        pattern_free(set->patterns[i]);
    for (size_t i = 0; i < set->doc_count; i++)
        doc_free(set->docs[i]);
    for (struct block *block = set->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(set->docs);
    definitions_free(&set->definitions);
    map_free(&set->plain);
    free(set->patterns);
    free(set);
}

void schema_set_keep(struct schema_set *set, struct doc *doc)
{
    array_grow(set->docs, set->doc_count, set->doc_capacity);
    set->docs[set->doc_count++] = doc;
}

void schema_set_keep_pattern(struct schema_set *set, struct pattern *pattern)
{
    array_grow(set->patterns, set->pattern_count, set->pattern_capacity);
    set->patterns[set->pattern_count++] = pattern;
}

#define BLOCK_BYTES 8000

static void add_block(struct schema_set *set, size_t bytes)
{
    struct block *block = memory_zeroed(1, sizeof(*block) + bytes);
    block->next = set->blocks;
    set->blocks = block;
    set->free = block->bytes;
    set->available = bytes;
}

void *schema_set_memory(struct schema_set *set, size_t count, size_t size)
{
    size_t mask = _Alignof(max_align_t) - 1, bytes = (count * size + mask) & ~mask;
    if (bytes > set->available)
        add_block(set, bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES);
    char *memory = set->free;
    set->free += bytes;
    set->available -= bytes;
    return memory;
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

/* ---- references ---- */

static struct reading reading_of(struct schema_set *set, enum schema_dialect dialect);
static int read_into(struct reading reading, struct value text, struct error **err);

/* What is known to be nowhere below a schema (sum_up()) is not known of one that isn't read yet. */
static int check_recursive(const struct schema *schema, struct error **err)
{
    if (!schema->guarded && !schema->secrets && !schema->wants_defaults)
        return 0;
    return error_make(err, EINVAL,
                      "what refers to itself can have no defaults, secrets or fields that can't be changed");
}

static int definition_read(struct schema_set *set, struct definition *definition, struct error **err)
{
    if (definition->schema != NULL)
        return 0;
    struct reading reading = reading_of(set, DIALECT_KINDS);
    definition->schema = reading.schema; /* what is below may refer to it already */
    definition->reading = true;
    int result = read_into(reading, definition->text, err);
    reading.schema->definition = definition->by_name.key;
    definition->reading = false;
    if (result == 0 && definition->recursive)
        result = check_recursive(reading.schema, err);
    if (result == 0)
        return 0;
    definition->schema = NULL;
    return error_wrap(err, STR_FORMAT, STR_ARGS(definition->by_name.key));
}

/* Others may be using the parent: only what it has read is there. */
static const struct schema *refer_to_parent(const struct schema_set *parent, struct str name,
                                            struct error **err)
{
    const struct definition *definition = definitions_find(&parent->definitions, name);
    if (definition != NULL && definition->schema != NULL)
        return definition->schema;
    error_make(err, EINVAL, "there is no definition " STR_FORMAT, STR_ARGS(name));
    return NULL;
}

/* `whole`: the schema is needed as it is, to go on from, and not only to point to. */
static const struct schema *refer(struct schema_set *set, struct str name, bool whole, struct error **err)
{
    struct definition *definition = definitions_find(&set->definitions, name);
    if (definition == NULL && set->parent != NULL)
        return refer_to_parent(set->parent, name, err);
    if (definition == NULL) {
        error_make(err, EINVAL, "there is no definition " STR_FORMAT, STR_ARGS(name));
        return NULL;
    }
    if (definition->reading && whole) {
        error_make(err, EINVAL, STR_FORMAT " refers to itself, and says more", STR_ARGS(name));
        return NULL;
    }
    definition->recursive |= definition->reading;
    return definition_read(set, definition, err) == 0 ? definition->schema : NULL;
}

const struct schema *schema_refer(struct schema_set *set, struct str name, struct error **err)
{
    return refer(set, name, false, err);
}

/* ---- schemas ---- */

const struct schema schema_anything = {
    .type = SCHEMA_ANY, .min_length = -1, .max_length = -1, .min_items = -1, .max_items = -1};

const struct schema *schema_member(const struct schema *schema, struct str name)
{
    if (schema != NULL && schema->type == SCHEMA_MAP)
        return schema->items;
    const struct schema *property = schema_property(schema, name);
    return property == NULL && schema != NULL && schema->open ? &schema_anything : property;
}

struct str schema_nearest(const struct schema *schema, struct str name)
{
    struct name_search search = name_search(name);
    for (size_t i = 0; i < schema->property_count; i++)
        name_search_try(&search, schema->properties[i].name);
    return search.name;
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
        schema->wants_defaults |= schema->items->wants_defaults || value_exists(schema->items->default_value);
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
    if ((schema->patch_strategy & PATCH_MERGE) != 0 && schema->type == SCHEMA_ARRAY &&
        schema->items->type == SCHEMA_OBJECT && schema->patch_merge_key.length == 0)
        return error_make(err, EINVAL, "a list of objects that is merged needs x-kubernetes-patch-merge-key");
    if (schema->patch_merge_key.length != 0 &&
        schema_property(schema->items, schema->patch_merge_key) == NULL)
        return error_make(err, EINVAL, "patch-merge-key: " STR_FORMAT " is no property of the items",
                          STR_ARGS(schema->patch_merge_key));
    bool any_name = schema->type != SCHEMA_OBJECT || schema->dialect != DIALECT_KINDS;
    for (size_t i = 0; i < schema->required_count && !any_name; i++)
        if (schema_property(schema, schema->required[i]) == NULL)
            return error_make(err, EINVAL, "required: " STR_FORMAT " is no property",
                              STR_ARGS(schema->required[i]));
    return 0;
}

/* What the schema goes on from: what it refers to, or nothing. */
static const struct schema *find_base(struct schema_set *set, struct value text, enum schema_dialect dialect,
                                      struct error **err)
{
    struct value reference = value_at(text, "x-podtree-ref");
    if (value_exists(reference) && dialect == DIALECT_KINDS)
        return refer(set, value_str(reference), value_count(text) > 1, err);
    bool typed = value_exists(value_at(text, "type")) ||
                 value_true(value_at(text, "x-kubernetes-int-or-string")) ||
                 value_true(value_at(text, "x-kubernetes-preserve-unknown-fields"));
    if (typed || dialect == DIALECT_BRANCH)
        return &schema_anything;
    error_make(err, EINVAL, "a schema needs a type");
    return NULL;
}

/* A default of a kind that is built in may need others to be whole. */
static int check_default(const struct schema *schema, struct error **err)
{
    if (schema->dialect != DIALECT_STRUCTURAL || !value_exists(schema->default_value) ||
        schema_validate(schema, schema->default_value, err) == 0)
        return 0;
    return error_wrap(err, "default");
}

static int finish(struct reading *reading, struct error **err)
{
    struct schema *schema = reading->schema;
    if ((reading->resource && schema_imply_resource(reading, err) < 0) || check_consistent(schema, err) < 0 ||
        check_default(schema, err) < 0)
        return -EINVAL;
    sum_up(schema);
    return 0;
}

static int read_into(struct reading reading, struct value text, struct error **err)
{
    enum schema_dialect dialect = reading.schema->dialect;
    if (value_type(text) != VALUE_OBJECT)
        return error_make(err, EINVAL, "must be a schema");
    const struct schema *base = find_base(reading.set, text, dialect, err);
    if (base == NULL)
        return -EINVAL;
    *reading.schema = *base;
    reading.schema->text = text;
    reading.schema->dialect = dialect;
    reading.resource |= value_true(value_at(text, "x-kubernetes-embedded-resource"));
    if (schema_read_keywords(&reading, text, err) < 0)
        return -EINVAL;
    return finish(&reading, err);
}

static struct reading reading_of(struct schema_set *set, enum schema_dialect dialect)
{
    struct reading reading = {.set = set, .schema = schema_set_memory(set, 1, sizeof(*reading.schema))};
    reading.schema->dialect = dialect;
    return reading;
}

static bool is_reference_alone(struct value text, enum schema_dialect dialect)
{
    return dialect == DIALECT_KINDS && value_count(text) == 1 &&
           value_exists(value_at(text, "x-podtree-ref"));
}

#define PLAIN_MEMBERS 4

static bool is_plain(struct value text)
{
    if (value_type(text) != VALUE_OBJECT || value_count(text) > PLAIN_MEMBERS)
        return false;
    value_each (member, text)
        if (value_type(member) == VALUE_OBJECT || value_type(member) == VALUE_ARRAY ||
            str_is(value_key(member), "description"))
            return false;
    return true;
}

static const struct schema *read_alone(struct schema_set *set, struct value text, enum schema_dialect dialect,
                                       struct error **err)
{
    struct reading reading = reading_of(set, dialect);
    return read_into(reading, text, err) == 0 ? reading.schema : NULL;
}

static const struct schema *read_plain(struct schema_set *set, struct value text, enum schema_dialect dialect,
                                       struct error **err)
{
    autobuf struct buf key = {0};
    buf_addf(&key, "%d", (int)dialect);
    value_write(&key, text);
    struct plain *plain = map_entry(map_find(&set->plain, buf_str(&key)), struct plain, by_text);
    if (plain != NULL)
        return plain->schema;
    const struct schema *schema = read_alone(set, text, dialect, err);
    if (schema == NULL)
        return NULL;
    plain = schema_set_memory(set, 1, sizeof(*plain));
    char *kept = schema_set_memory(set, key.length, 1);
    memcpy(kept, key.at, key.length);
    *plain = (struct plain){.by_text.key = {kept, key.length}, .schema = schema};
    map_insert(&set->plain, &plain->by_text);
    return schema;
}

const struct schema *schema_read_as(struct schema_set *set, struct value text, enum schema_dialect dialect,
                                    struct error **err)
{
    if (is_reference_alone(text, dialect))
        return refer(set, value_str(value_at(text, "x-podtree-ref")), false, err);
    return (is_plain(text) ? read_plain : read_alone)(set, text, dialect, err);
}

const struct schema *schema_read(struct schema_set *set, struct value text, struct error **err)
{
    return schema_read_as(set, text, DIALECT_KINDS, err);
}

const struct schema *schema_read_custom(struct schema_set *set, struct value text, struct error **err)
{
    struct reading reading = reading_of(set, DIALECT_STRUCTURAL);
    reading.resource = true;
    if (read_into(reading, text, err) < 0)
        return NULL;
    if (reading.schema->type == SCHEMA_OBJECT)
        return reading.schema;
    error_make(err, EINVAL, "type: must be object at the root");
    return NULL;
}

/* ---- definitions ---- */

/* Takes out what only people read, and rules that aren't carried out. A property may be called like a
 * keyword. */
static void strip(struct value schema)
{
    static const char *const words[] = {"description", "title", "example", "externalDocs",
                                        "x-kubernetes-validations"};
    static const char *const contents[] = {"properties", "allOf", "anyOf", "oneOf"};
    static const char *const schemas[] = {"items", "additionalProperties", "not"};
    if (value_type(schema) != VALUE_OBJECT)
        return;
    for (size_t i = 0; i < COUNT(words); i++)
        value_unset(schema, str_of(words[i]));
    for (size_t i = 0; i < COUNT(contents); i++)
        value_each (below, value_get(schema, str_of(contents[i])))
            strip(below);
    for (size_t i = 0; i < COUNT(schemas); i++)
        strip(value_get(schema, str_of(schemas[i])));
}

struct doc *schema_copy_definition(struct value definition)
{
    autodoc struct doc *stripped = doc_copy(definition);
    value_each (version, value_at(doc_root(stripped), "spec", "versions"))
        strip(value_at(version, "schema", "openAPIV3Schema"));
    return doc_copy(doc_root(stripped)); /* without the holes */
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
        if (definition_read(set, definition, err) < 0)
            return -EINVAL;
    return 0;
}
