#include "fsd/definitions.h"

#include <errno.h>

struct definition *definitions_find(const struct definitions *definitions, struct str name)
{
    return map_entry(map_find(&definitions->map, name), struct definition, by_name);
}

struct definition *definitions_next(const struct definitions *definitions, const struct definition *previous)
{
    return map_entry(map_next(&definitions->map, previous != NULL ? &previous->by_name : NULL),
                     struct definition, by_name);
}

void definitions_free(struct definitions *definitions)
{
    for (struct definition *definition = definitions_next(definitions, NULL), *next; definition != NULL;
         definition = next) {
        next = definitions_next(definitions, definition);
        map_remove(&definitions->map, &definition->by_name);
        free(definition);
    }
    map_free(&definitions->map);
}

static int add(struct definitions *definitions, struct value text, struct error **err)
{
    if (definitions_find(definitions, value_key(text)) != NULL)
        return error_make(err, EINVAL, STR_FORMAT " is defined twice", STR_ARGS(value_key(text)));
    struct definition *definition = memory_zeroed(1, sizeof(*definition));
    definition->by_name.key = value_key(text);
    definition->text = text;
    map_insert(&definitions->map, &definition->by_name);
    return 0;
}

int definitions_add(struct definitions *definitions, struct value texts, struct error **err)
{
    if (value_type(texts) != VALUE_OBJECT)
        return error_make(err, EINVAL, "must be a mapping from names to schemas");
    value_each (text, texts)
        if (add(definitions, text, err) < 0)
            return -EINVAL;
    return 0;
}

static int lay_over(struct value fact, struct value rule, struct error **err);

static int lay_over_properties(struct value facts, struct value rules, struct error **err)
{
    value_each (rule, rules) {
        struct value fact = value_get(facts, value_key(rule));
        if (!value_exists(fact))
            return error_make(err, EINVAL, STR_FORMAT ": there is no such field", STR_ARGS(value_key(rule)));
        if (value_exists(value_at(rule, "x-podtree-ref"))) /* it is another type here */
            value_set_copy(facts, value_key(rule), rule);
        else if (lay_over(fact, rule, err) < 0)
            return error_wrap(err, STR_FORMAT, STR_ARGS(value_key(rule)));
    }
    return 0;
}

/* What a schema contains is laid over what the fact contains; of all else the rule's word counts. */
static int lay_over(struct value fact, struct value rule, struct error **err)
{
    static const struct {
        const char *name;
        int (*lay)(struct value fact, struct value rule, struct error **err);
    } contents[] = {
        {"properties", lay_over_properties}, {"items", lay_over}, {"additionalProperties", lay_over}};
    if (value_type(rule) != VALUE_OBJECT)
        return error_make(err, EINVAL, "must be a mapping");
    value_each (member, rule) {
        struct value known = value_get(fact, value_key(member));
        size_t i = 0, count = COUNT(contents);
        while (i < count && !(str_is(value_key(member), contents[i].name) && value_exists(known)))
            i++;
        if (i == count)
            value_set_copy(fact, value_key(member), member);
        else if (contents[i].lay(known, member, err) < 0)
            return contents[i].lay == lay_over_properties ? -EINVAL : error_wrap(err, "%s", contents[i].name);
    }
    return 0;
}

int definitions_refine(struct definitions *definitions, struct str package, struct value rules,
                       struct error **err)
{
    if (value_type(rules) != VALUE_OBJECT)
        return error_make(err, EINVAL, "must be a mapping from types to what is true of them");
    value_each (rule, rules) {
        autobuf struct buf name = {0};
        buf_addf(&name, STR_FORMAT "." STR_FORMAT, STR_ARGS(package), STR_ARGS(value_key(rule)));
        struct definition *definition = definitions_find(definitions, buf_str(&name));
        int result;
        if (definition != NULL)
            result = lay_over(definition->text, rule, err);
        else if (value_exists(value_at(rule, "type")))
            result = add(definitions, rule, err);
        else
            result = error_make(err, EINVAL, "there is no such type");
        if (result < 0)
            return error_wrap(err, STR_FORMAT, STR_ARGS(value_key(rule)));
    }
    return 0;
}
