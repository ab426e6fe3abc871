#include "fsd/structural.h"

/* Where in a schema the walk is. */
struct place {
    enum { ROOT, FIELD, ITEM } level;
    bool condition;          /* inside allOf, anyOf, oneOf or not … */
    bool typed;              /* … of an int-or-string, which may say again that it is one … */
    bool either;             /* … by an anyOf that is here */
    bool metadata;           /* of an object */
    const char *no_defaults; /* why there may be none; NULL: there may */
};

static bool given(struct value schema, const char *keyword)
{
    struct value v = value_get(schema, str_of(keyword));
    return value_exists(v) && value_type(v) != VALUE_NULL && !value_is(v, "");
}

static bool says_true(struct value schema, const char *keyword)
{
    return value_true(value_get(schema, str_of(keyword)));
}

static void say(struct check *check, const struct step *at, const char *keyword, const char *sentence)
{
    struct step step = STEP_MEMBER(at, str_of(keyword));
    check_say(check, &step, "%s", sentence);
}

static void say_given(struct check *check, const struct step *at, const char *keyword, struct value schema,
                      const char *wanted)
{
    autobuf struct buf quoted = {0};
    struct step step = STEP_MEMBER(at, str_of(keyword));
    check_quote(&quoted, value_get(schema, str_of(keyword)));
    check_say(check, &step, "must be %s, not %s", wanted, quoted.at);
}

static bool is_one_of(struct value v, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (value_is(v, words[i]))
            return true;
    return false;
}

/* ---- what may not stand in a schema ---- */

static void check_unsupported(struct check *check, const struct step *at, struct value schema)
{
    static const char *const keywords[] = {
        "id", "$schema", "$ref", "additionalItems", "definitions", "dependencies", "patternProperties"};
    for (size_t i = 0; i < COUNT(keywords); i++)
        if (given(schema, keywords[i]))
            say(check, at, keywords[i], "is not supported");
    if (says_true(schema, "uniqueItems"))
        say(check, at, "uniqueItems",
            "can't be true: it takes the square of the list's length (x-kubernetes-list-type: set does it)");
}

/* A condition has no structure of its own. */
static void check_condition(struct check *check, const struct step *at, struct value schema,
                            const struct place *place)
{
    static const char *const keywords[] = {"additionalProperties",
                                           "default",
                                           "title",
                                           "description",
                                           "x-kubernetes-list-map-keys",
                                           "x-kubernetes-list-type",
                                           "x-kubernetes-map-type",
                                           "x-kubernetes-validations"};
    static const char *const flags[] = {"nullable", "x-kubernetes-preserve-unknown-fields",
                                        "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string"};
    if (given(schema, "type") && !place->typed)
        say(check, at, "type", "must not be there in a condition");
    for (size_t i = 0; i < COUNT(keywords); i++)
        if (given(schema, keywords[i]))
            say(check, at, keywords[i], "must not be there in a condition");
    for (size_t i = 0; i < COUNT(flags); i++)
        if (says_true(schema, flags[i]))
            say(check, at, flags[i], "must not be true in a condition");
    if (value_exists(value_at(schema, "properties", "metadata"))) {
        struct step properties = STEP_MEMBER(at, STR("properties"));
        struct step step = STEP_KEY(&properties, STR("metadata"));
        check_say(check, &step, "must not be there in a condition");
    }
}

/* ---- types ---- */

static void check_type(struct check *check, const struct step *at, struct value schema,
                       const struct place *place)
{
    static const char *const types[] = {"array", "boolean", "integer", "number", "object", "string"};
    static const char *const missing[] = {[ROOT] = "must not be empty at the root",
                                          [FIELD] = "must not be empty for specified object fields",
                                          [ITEM] = "must not be empty for specified array items"};
    struct value type = value_at(schema, "type");
    bool embedded = says_true(schema, "x-kubernetes-embedded-resource");
    if (!given(schema, "type")) {
        if (embedded)
            say(check, at, "type", "must be object if x-kubernetes-embedded-resource is true");
        else if (!says_true(schema, "x-kubernetes-int-or-string") &&
                 !says_true(schema, "x-kubernetes-preserve-unknown-fields"))
            say(check, at, "type", missing[place->level]);
    } else if (value_is(type, "null")) {
        say(check, at, "type", "can't be null, use nullable");
    } else if (!is_one_of(type, types, COUNT(types))) {
        say_given(check, at, "type", schema, "one of array, boolean, integer, number, object, string");
    } else if (embedded && !value_is(type, "object")) {
        say_given(check, at, "type", schema, "object if x-kubernetes-embedded-resource is true");
    } else if (place->level == ROOT && !value_is(type, "object")) {
        say_given(check, at, "type", schema, "object at the root");
    }
    if (value_is(type, "array") && !given(schema, "items"))
        say(check, at, "items", "is required");
}

static void check_flags(struct check *check, const struct step *at, struct value schema,
                        const struct place *place)
{
    static const char preserve[] = "x-kubernetes-preserve-unknown-fields";
    static const char embedded[] = "x-kubernetes-embedded-resource";
    if (given(schema, preserve) && !says_true(schema, preserve))
        say(check, at, preserve, "must be true or not there");
    if (says_true(schema, "x-kubernetes-int-or-string") && says_true(schema, preserve))
        say(check, at, preserve, "must not be true if x-kubernetes-int-or-string is");
    if (says_true(schema, "x-kubernetes-int-or-string") && says_true(schema, embedded))
        say(check, at, embedded, "must not be true if x-kubernetes-int-or-string is");
    if (says_true(schema, embedded) && place->metadata)
        say(check, at, embedded, "must not be used inside of an object's metadata");
    if (says_true(schema, embedded) && !says_true(schema, preserve) &&
        value_count(value_at(schema, "properties")) == 0)
        say(check, at, "properties",
            "must not be empty if x-kubernetes-embedded-resource is true without "
            "x-kubernetes-preserve-unknown-fields");
    if (place->level == ROOT && says_true(schema, "nullable"))
        say(check, at, "nullable", "can't be true at the root");
    if (given(schema, "default") && place->no_defaults != NULL) {
        struct step step = STEP_MEMBER(at, STR("default"));
        check_say(check, &step, "must not be there %s", place->no_defaults);
    }
}

static void check_additional(struct check *check, const struct step *at, struct value schema,
                             const struct place *place)
{
    static const char keyword[] = "additionalProperties";
    if (!given(schema, keyword))
        return;
    if (place->level == ROOT)
        say(check, at, keyword, "must not be used at the root");
    if (says_true(schema, "x-kubernetes-embedded-resource"))
        say(check, at, keyword, "must not be used if x-kubernetes-embedded-resource is true");
    if (value_count(value_at(schema, "properties")) != 0 && !says_true(schema, keyword))
        say(check, at, keyword, "and properties exclude each other");
}

/* ---- lists and maps ---- */

static void check_map_type(struct check *check, const struct step *at, struct value schema)
{
    static const char keyword[] = "x-kubernetes-map-type";
    static const char *const types[] = {"atomic", "granular"};
    if (!given(schema, keyword))
        return;
    if (!value_is(value_at(schema, "type"), "object"))
        say(check, at, "type", "must be object if x-kubernetes-map-type is there");
    if (!is_one_of(value_get(schema, str_of(keyword)), types, COUNT(types)))
        say_given(check, at, keyword, schema, "one of atomic, granular");
}

/* What is in a set can't be changed piece by piece. */
static void check_set(struct check *check, const struct step *at, struct value schema)
{
    struct value items = value_at(schema, "items");
    struct value type = value_at(items, "type");
    struct step step = STEP_MEMBER(at, STR("items"));
    struct value list = value_at(items, "x-kubernetes-list-type");
    if (value_is(type, "array") && value_exists(list) && !value_is(list, "atomic"))
        say(check, &step, "x-kubernetes-list-type", "must be atomic, as an item of a set");
    if (value_is(type, "object") && !value_is(value_at(items, "x-kubernetes-map-type"), "atomic"))
        say(check, &step, "x-kubernetes-map-type", "must be atomic, as an item of a set");
}

static bool lists(struct value list, struct value wanted)
{
    value_each (each, list)
        if (value_equal(each, wanted))
            return true;
    return false;
}

/* A list with keys: every item has them, and they are scalars. */
static void check_key(struct check *check, const struct step *at, struct value schema, struct value key)
{
    struct value items = value_at(schema, "items");
    struct value property = value_get(value_at(items, "properties"), value_str(key));
    if (!value_exists(property)) {
        say(check, at, "x-kubernetes-list-map-keys", "must all be names of properties of the items");
        return;
    }
    struct step items_step = STEP_MEMBER(at, STR("items"));
    struct step properties = STEP_MEMBER(&items_step, STR("properties"));
    struct step step = STEP_KEY(&properties, value_str(key));
    struct value type = value_at(property, "type");
    if (value_is(type, "array") || value_is(type, "object"))
        say(check, &step, "type", "must be a scalar, as a key of the list");
    if (!lists(value_at(items, "required"), key) && !value_exists(value_at(property, "default")))
        say(check, &step, "default", "is required, as a key of the list that isn't required");
    if (says_true(property, "nullable"))
        say(check, &step, "nullable", "can't be true, as a key of the list");
}

static void check_list_map(struct check *check, const struct step *at, struct value schema)
{
    struct value keys = value_at(schema, "x-kubernetes-list-map-keys");
    struct step items = STEP_MEMBER(at, STR("items"));
    if (value_count(keys) == 0)
        say(check, at, "x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map");
    if (given(schema, "items") && !value_is(value_at(schema, "items", "type"), "object")) {
        say(check, &items, "type", "must be object, as the list has keys");
        return;
    }
    value_each (key, keys) {
        check_key(check, at, schema, key);
        for (struct value other = value_first(keys); other.at != key.at; other = value_next(other))
            if (value_equal(other, key))
                say(check, at, "x-kubernetes-list-map-keys", "must not contain duplicate entries");
    }
}

static void check_list_type(struct check *check, const struct step *at, struct value schema)
{
    static const char keyword[] = "x-kubernetes-list-type";
    static const char *const types[] = {"atomic", "set", "map"};
    struct value type = value_get(schema, str_of(keyword));
    bool map = value_is(type, "map"), set = value_is(type, "set");
    struct step items = STEP_MEMBER(at, STR("items"));
    if (value_count(value_at(schema, "x-kubernetes-list-map-keys")) != 0 && !map)
        say(check, at, keyword, "must be map if x-kubernetes-list-map-keys is not empty");
    if (!given(schema, keyword))
        return;
    if (!value_is(value_at(schema, "type"), "array"))
        say(check, at, "type", "must be array if x-kubernetes-list-type is there");
    if (!is_one_of(type, types, COUNT(types)))
        say_given(check, at, keyword, schema, "one of atomic, set, map");
    if ((set || map) && says_true(value_at(schema, "items"), "nullable"))
        say(check, &items, "nullable", "can't be true in a set or a list with keys");
    if (set)
        check_set(check, at, schema);
    if (map)
        check_list_map(check, at, schema);
}

/* ---- rules in CEL ---- */

static bool has_newline(struct str text)
{
    return text.length != 0 &&
           (memchr(text.at, '\n', text.length) != NULL || memchr(text.at, '\r', text.length) != NULL);
}

static void check_rule(struct check *check, const struct step *at, struct value rule)
{
    static const char *const reasons[] = {"FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid",
                                          "FieldValueRequired"};
    struct str text = str_trim(value_str(value_at(rule, "rule")));
    struct str message = str_trim(value_str(value_at(rule, "message")));
    if (text.length == 0)
        say(check, at, "rule", "is required");
    else if (has_newline(message))
        say(check, at, "message", "must not contain line breaks");
    else if (given(rule, "message") && message.length == 0)
        say(check, at, "message", "must not be empty");
    else if (has_newline(text) && message.length == 0)
        say(check, at, "message", "is required when the rule contains line breaks");
    if (given(rule, "reason") && !is_one_of(value_at(rule, "reason"), reasons, COUNT(reasons)))
        say_given(check, at, "reason", rule,
                  "one of FieldValueDuplicate, FieldValueForbidden, FieldValueInvalid, FieldValueRequired");
}

static void check_rules(struct check *check, const struct step *at, struct value schema)
{
    struct step list = STEP_MEMBER(at, STR("x-kubernetes-validations"));
    size_t index = 0;
    value_each (rule, value_at(schema, "x-kubernetes-validations")) {
        struct step step = STEP_ELEMENT(&list, index++);
        check_rule(check, &step, rule);
    }
}

/* ---- what an object has anyway ---- */

/* At the root metadata is Kubernetes' own: what names look like is all that may be said of it. */
static void check_root_metadata(struct check *check, const struct step *at, struct value metadata)
{
    bool more = false;
    value_each (keyword, metadata)
        more |= !str_is(value_key(keyword), "type") && !str_is(value_key(keyword), "properties") &&
                !str_is(value_key(keyword), "default") && !value_is(keyword, "") &&
                !(value_type(keyword) == VALUE_BOOL && !value_true(keyword));
    value_each (property, value_at(metadata, "properties"))
        more |= !str_is(value_key(property), "name") && !str_is(value_key(property), "generateName");
    if (more)
        check_say(check, at, "must not specify anything but name and generateName: the rest is known");
}

static void check_implied(struct check *check, const struct step *at, struct value schema,
                          const struct place *place)
{
    static const struct {
        const char *name, *type;
    } implied[] = {{"apiVersion", "string"}, {"kind", "string"}, {"metadata", "object"}};
    struct value properties = value_at(schema, "properties");
    struct step inside = STEP_MEMBER(at, STR("properties"));
    if (place->level != ROOT && !says_true(schema, "x-kubernetes-embedded-resource"))
        return;
    for (size_t i = 0; i < COUNT(implied); i++) {
        struct value property = value_get(properties, str_of(implied[i].name));
        struct step step = STEP_KEY(&inside, str_of(implied[i].name));
        if (value_exists(property) && !value_is(value_at(property, "type"), implied[i].type))
            say_given(check, &step, "type", property, implied[i].type);
    }
    struct step metadata = STEP_KEY(&inside, STR("metadata"));
    if (place->level == ROOT)
        check_root_metadata(check, &metadata, value_at(properties, "metadata"));
}

/* ---- conditions on what isn't there ---- */

static void check_complete(struct check *check, const struct step *at, struct value condition,
                           struct value schema);

static void check_branches_complete(struct check *check, const struct step *at, struct value condition,
                                    struct value schema)
{
    static const char *const lists[] = {"allOf", "anyOf", "oneOf"};
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct step list = STEP_MEMBER(at, str_of(lists[i]));
        size_t index = 0;
        value_each (branch, value_get(condition, str_of(lists[i]))) {
            struct step step = STEP_ELEMENT(&list, index++);
            check_complete(check, &step, branch, schema);
        }
    }
    struct step not = STEP_MEMBER(at, STR("not"));
    if (given(condition, "not"))
        check_complete(check, &not, value_at(condition, "not"), schema);
}

static void check_part(struct check *check, const struct step *at, struct value condition,
                       struct value schema)
{
    if (value_exists(schema))
        check_complete(check, at, condition, schema);
    else
        check_say(check, at, "must be specified outside of the condition, too");
}

/* Every field that a condition speaks of is specified in the schema itself. */
static void check_complete(struct check *check, const struct step *at, struct value condition,
                           struct value schema)
{
    check_branches_complete(check, at, condition, schema);
    struct step properties = STEP_MEMBER(at, STR("properties"));
    value_each (property, value_at(condition, "properties")) {
        struct step step = STEP_KEY(&properties, value_key(property));
        check_part(check, &step, property, value_get(value_at(schema, "properties"), value_key(property)));
    }
    struct step items = STEP_MEMBER(at, STR("items"));
    if (given(condition, "items"))
        check_part(check, &items, value_at(condition, "items"), value_at(schema, "items"));
}

/* ---- the walk ---- */

static void check_schema(struct check *check, const struct step *at, struct value schema, struct place place);

/* anyOf: [{type: integer}, {type: string}] */
static bool is_int_or_string(struct value list)
{
    struct value first = value_element(list, 0), second = value_element(list, 1);
    return value_count(list) == 2 && value_count(first) == 1 && value_count(second) == 1 &&
           value_is(value_at(first, "type"), "integer") && value_is(value_at(second, "type"), "string");
}

static void check_branches(struct check *check, const struct step *at, struct value list, struct place place)
{
    size_t index = 0;
    value_each (branch, list) {
        struct step step = STEP_ELEMENT(at, index++);
        check_schema(check, &step, branch, place);
        place.either = false; /* of allOf only the first may be so */
    }
}

static void check_conditions(struct check *check, const struct step *at, struct value schema,
                             struct place place)
{
    struct value any_of = value_at(schema, "anyOf"), all_of = value_at(schema, "allOf");
    bool either = place.condition ? place.either : says_true(schema, "x-kubernetes-int-or-string");
    struct place below = place, typed, first;
    below.condition = true;
    below.typed = below.either = false;
    typed = first = below;
    typed.typed = either && is_int_or_string(any_of);
    first.either = either && !place.condition;
    struct step any = STEP_MEMBER(at, STR("anyOf")), all = STEP_MEMBER(at, STR("allOf")),
                one = STEP_MEMBER(at, STR("oneOf")), not = STEP_MEMBER(at, STR("not"));
    check_branches(check, &any, any_of, typed);
    check_branches(check, &all, all_of, first);
    check_branches(check, &one, value_at(schema, "oneOf"), below);
    if (given(schema, "not"))
        check_schema(check, &not, value_at(schema, "not"), below);
}

static bool is_implied(struct str name)
{
    return str_is(name, "metadata") || str_is(name, "kind") || str_is(name, "apiVersion");
}

static void check_contents(struct check *check, const struct step *at, struct value schema,
                           struct place place)
{
    bool resource = place.level == ROOT || says_true(schema, "x-kubernetes-embedded-resource");
    struct place below = place;
    below.typed = below.either = false;
    below.level = FIELD;
    struct step properties = STEP_MEMBER(at, STR("properties"));
    value_each (property, value_at(schema, "properties")) {
        struct step step = STEP_KEY(&properties, value_key(property));
        struct place inside = below;
        inside.metadata |= resource && is_implied(value_key(property));
        if (place.level == ROOT && is_implied(value_key(property)))
            inside.no_defaults = "in what every object has";
        check_schema(check, &step, property, inside);
    }
    struct step additional = STEP_MEMBER(at, STR("additionalProperties"));
    struct place entries = below;
    if (place.metadata)
        entries.no_defaults = "inside additionalProperties of an object's metadata";
    if (value_type(value_at(schema, "additionalProperties")) == VALUE_OBJECT)
        check_schema(check, &additional, value_at(schema, "additionalProperties"), entries);
    struct step items = STEP_MEMBER(at, STR("items"));
    below.level = ITEM;
    if (given(schema, "items"))
        check_schema(check, &items, value_at(schema, "items"), below);
}

static void check_schema(struct check *check, const struct step *at, struct value schema, struct place place)
{
    check_unsupported(check, at, schema);
    if (place.condition) {
        check_condition(check, at, schema, &place);
    } else {
        check_type(check, at, schema, &place);
        check_flags(check, at, schema, &place);
        check_additional(check, at, schema, &place);
        check_map_type(check, at, schema);
        check_list_type(check, at, schema);
        check_rules(check, at, schema);
        check_implied(check, at, schema, &place);
    }
    check_conditions(check, at, schema, place);
    check_contents(check, at, schema, place);
}

/* So that the schema of the status says all of it. */
static void check_root(struct check *check, const struct step *at, struct value schema)
{
    static const char *const forbidden[] = {"allOf", "anyOf",         "oneOf",         "not",
                                            "enum",  "minProperties", "maxProperties", "default"};
    for (size_t i = 0; i < COUNT(forbidden); i++)
        if (given(schema, forbidden[i]))
            say(check, at, forbidden[i], "must not be there at the root if there is the subresource status");
}

void structural_check(struct check *check, const struct step *at, struct value schema, bool has_status)
{
    if (has_status)
        check_root(check, at, schema);
    check_schema(check, at, schema, (struct place){.level = ROOT});
    check_branches_complete(check, at, schema, schema);
}

/* ---- what is not carried out ---- */

static size_t count_below(const struct step *at, struct value parent, bool list, struct buf *where);

size_t structural_validations(const struct step *at, struct value schema, struct buf *where)
{
    static const struct {
        const char *keyword;
        enum { ONE, MEMBERS, ELEMENTS } form;
    } below[] = {{"properties", MEMBERS},
                 {"items", ONE},
                 {"additionalProperties", ONE},
                 {"allOf", ELEMENTS},
                 {"anyOf", ELEMENTS},
                 {"oneOf", ELEMENTS},
                 {"not", ONE}};
    struct step own = STEP_MEMBER(at, STR("x-kubernetes-validations"));
    size_t count = value_count(value_at(schema, "x-kubernetes-validations"));
    if (count != 0 && where->length == 0)
        step_write(&own, where);
    for (size_t i = 0; i < COUNT(below); i++) {
        struct value v = value_get(schema, str_of(below[i].keyword));
        struct step step = STEP_MEMBER(at, str_of(below[i].keyword));
        if (below[i].form != ONE)
            count += count_below(&step, v, below[i].form == ELEMENTS, where);
        else if (value_type(v) == VALUE_OBJECT)
            count += structural_validations(&step, v, where);
    }
    return count;
}

static size_t count_below(const struct step *at, struct value parent, bool list, struct buf *where)
{
    size_t count = 0, index = 0;
    value_each (child, parent) {
        struct step step = list ? STEP_ELEMENT(at, index++) : STEP_KEY(at, value_key(child));
        count += structural_validations(&step, child, where);
    }
    return count;
}
