#include "fsd/validate_private.h"

#include "fsd/constraints.h"
#include "fsd/formats.h"
#include "fsd/rules.h"
#include "fsd/validate.h"
#include "lib/name.h"
#include <errno.h>

static void say_unknown(struct check *check, const struct step *at, const struct schema *schema)
{
    check->malformed++;
    autobuf struct buf path = {0};
    step_write(at, &path);
    struct str nearest = schema_nearest(schema, at->name);
    if (nearest.at != NULL)
        check_say(check, NULL, "unknown field \"%s\": did you mean \"" STR_FORMAT "\"?", path.at,
                  STR_ARGS(nearest));
    else
        check_say(check, NULL, "unknown field \"%s\"", path.at);
}

/* ---- lists ---- */

/* What tells an element of the list from others, as bytes. */
static void write_identity(struct buf *out, const struct schema *schema, struct value element)
{
    if (schema->list_type != LIST_MAP) {
        value_write(out, element);
        return;
    }
    for (size_t i = 0; i < schema->list_key_count; i++) {
        struct value key = value_get(element, schema->list_keys[i]);
        const struct schema *key_schema = schema_property(schema->items, schema->list_keys[i]);
        value_write(out, value_exists(key) ? key : key_schema->default_value);
        buf_add_char(out, ' ');
    }
}

struct identity {
    uint64_t hash;
    struct value element;
    size_t index;
};

static int compare_identities(const void *a, const void *b)
{
    const struct identity *one = a, *other = b;
    if (one->hash != other->hash)
        return one->hash < other->hash ? -1 : 1;
    return (one->index > other->index) - (one->index < other->index);
}

static void check_unique(struct check *check, const struct step *at, const struct schema *schema,
                         struct value list)
{
    size_t count = value_count(list), i = 0;
    if (count < 2 || schema->list_type == LIST_ATOMIC || schema->repeatable)
        return;
    autofree struct identity *identities = memory_new(count * sizeof(*identities));
    autobuf struct buf bytes = {0};
    value_each (element, list) {
        buf_clear(&bytes);
        write_identity(&bytes, schema, element);
        identities[i] = (struct identity){str_hash(buf_str(&bytes)), element, i};
        i++;
    }
    qsort(identities, count, sizeof(*identities), compare_identities);
    for (i = 1; i < count; i++) {
        if (identities[i].hash != identities[i - 1].hash)
            continue;
        autobuf struct buf given = {0};
        struct step step = STEP_ELEMENT(at, identities[i].index);
        if (schema->list_type == LIST_MAP) {
            struct step key = STEP_MEMBER(&step, schema->list_keys[0]);
            check_quote(&given, value_get(identities[i].element, schema->list_keys[0]));
            check_say(check, &key, "%s is there already", given.at);
        } else {
            check_quote(&given, identities[i].element);
            check_say(check, &step, "%s is there already", given.at);
        }
    }
}

static void check_list(struct check *check, const struct step *at, const struct schema *schema,
                       struct value list)
{
    if (value_type(list) != VALUE_ARRAY) {
        validate_say_malformed(check, at, "a list", list);
        return;
    }
    size_t malformed = check->malformed;
    int64_t count = 0;
    value_each (element, list) {
        struct step step = STEP_ELEMENT(at, (size_t)count++);
        if (schema->items != NULL)
            validate_value(check, &step, schema->items, element);
    }
    if (check->loose)
        return;
    if (count == 0 && schema->min_items > 0) {
        check_lacks(check, at, "must not be empty");
    } else if (count < schema->min_items) {
        check_say(check, at, "must have at least %lld elements, not %lld", (long long)schema->min_items,
                  (long long)count);
    } else if (schema->max_items >= 0 && count > schema->max_items) {
        check_say(check, at, "must have at most %lld elements, not %lld", (long long)schema->max_items,
                  (long long)count);
    }
    validate_choice(check, at, schema, list);
    if (check->malformed == malformed)
        check_unique(check, at, schema, list);
}

/* ---- mappings ---- */

int schema_check_key(const struct schema *map, struct str key, struct error **err)
{
    if (map->key_check == NULL || map->key_check->check(key))
        return 0;
    return error_make(err, EINVAL, "the key must be %s", map->key_check->wanted);
}

static void check_count(struct check *check, const struct step *at, const struct schema *schema,
                        struct value object)
{
    const struct constraints *more = constraints_of(schema);
    int64_t count = (int64_t)value_count(object);
    if (more->min_properties > 0 && count < more->min_properties)
        check_lacks(check, at, "must have at least %lld members, not %lld", (long long)more->min_properties,
                    (long long)count);
    if (more->max_properties >= 0 && count > more->max_properties)
        check_say(check, at, "must have at most %lld members, not %lld", (long long)more->max_properties,
                  (long long)count);
    validate_choice(check, at, schema, object);
}

static void check_map(struct check *check, const struct step *at, const struct schema *schema,
                      struct value map)
{
    if (value_type(map) != VALUE_OBJECT) {
        validate_say_malformed(check, at, "a mapping", map);
        return;
    }
    value_each (member, map) {
        struct step step = STEP_KEY(at, value_key(member));
        autoerror struct error *err = NULL;
        if (!check->loose && schema_check_key(schema, value_key(member), &err) < 0)
            check_say(check, &step, "%s", err->message);
        validate_value(check, &step, schema->items, member);
    }
    if (!check->loose)
        check_count(check, at, schema, map);
}

static void check_members(struct check *check, const struct step *at, const struct schema *schema,
                          struct value object)
{
    bool others = schema->open || schema->type == SCHEMA_ANY;
    value_each (member, object) {
        struct step step = STEP_MEMBER(at, value_key(member));
        const struct schema *below = schema_property(schema, value_key(member));
        if (below != NULL)
            validate_value(check, &step, below, member);
        else if (!others)
            say_unknown(check, &step, schema);
    }
}

static void check_required(struct check *check, const struct step *at, const struct schema *schema,
                           struct value object)
{
    for (size_t i = 0; i < schema->required_count; i++) {
        struct step step = STEP_MEMBER(at, schema->required[i]);
        if (!value_exists(value_get(object, schema->required[i])))
            check_lacks(check, &step, "is required");
    }
}

/* An object inside another says what it is; its name may be open. */
static void check_resource(struct check *check, const struct step *at, struct value object)
{
    static const char *const names[] = {"apiVersion", "kind"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct value given = value_get(object, str_of(names[i]));
        struct step step = STEP_MEMBER(at, str_of(names[i]));
        if (!value_exists(given) || value_is(given, ""))
            check_lacks(check, &step, "is required");
    }
    struct str kind = value_str(value_at(object, "kind"));
    struct step step = STEP_MEMBER(at, STR("kind"));
    if (kind.length != 0 && !format_find(STR("kind"))->check(kind))
        validate_say_given(check, &step, format_find(STR("kind"))->wanted, value_at(object, "kind"));
}

static void check_object(struct check *check, const struct step *at, const struct schema *schema,
                         struct value object)
{
    if (value_type(object) != VALUE_OBJECT) {
        validate_say_malformed(check, at, "a mapping", object);
        return;
    }
    check_members(check, at, schema, object);
    if (check->loose)
        return;
    if (schema->embedded)
        check_resource(check, at, object);
    check_required(check, at, schema, object);
    check_count(check, at, schema, object);
}

/* ---- all of them ---- */

static void check_type(struct check *check, const struct step *at, const struct schema *schema,
                       struct value v)
{
    enum value_type type = value_type(v);
    bool any = schema->type == SCHEMA_ANY;
    if (schema->type == SCHEMA_MAP)
        check_map(check, at, schema, v);
    else if (schema->type == SCHEMA_OBJECT || (any && type == VALUE_OBJECT))
        check_object(check, at, schema, v);
    else if (schema->type == SCHEMA_ARRAY || (any && type == VALUE_ARRAY))
        check_list(check, at, schema, v);
    else
        validate_scalar(check, at, schema, v);
}

static void check_rules(struct check *check, const struct step *at, const struct schema *schema,
                        struct value v)
{
    for (size_t i = 0; schema->rules != NULL && schema->rules[i] != NULL; i++)
        if (schema->rules[i]->check != NULL)
            schema->rules[i]->check(check, at, v);
}

void validate_value(struct check *check, const struct step *at, const struct schema *schema, struct value v)
{
    size_t malformed = check->malformed;
    bool loose = check->loose;
    if ((schema->nullable || loose) && value_type(v) == VALUE_NULL) {
        validate_choice(check, at, schema, v); /* where there are choices, null has to be one */
        return;
    }
    check->discreet = schema->secrets;
    check->loose |= schema->unchecked;
    check_type(check, at, schema, v);
    if (check->malformed == malformed && !check->loose) {
        if (schema->constraints != NULL)
            validate_branches(check, at, schema, v);
        check_rules(check, at, schema, v);
    }
    check->loose = loose;
}

/* Of built-in kinds only those without a domain are taken that Kubernetes knows. */
static void check_finalizers(struct check *check, struct value object)
{
    const struct step metadata = STEP_MEMBER(NULL, STR("metadata")),
                      list = STEP_MEMBER(&metadata, STR("finalizers"));
    const struct format *format = format_find(STR("finalizer"));
    size_t index = 0;
    value_each (finalizer, value_at(object, "metadata", "finalizers")) {
        struct step step = STEP_ELEMENT(&list, index++);
        if (value_type(finalizer) == VALUE_STRING && !format->check(value_str(finalizer)))
            validate_say_given(check, &step, format->wanted, finalizer);
    }
}

static void check_all(struct check *check, const struct kind *kind, struct value object)
{
    struct str name = value_str(value_at(object, "metadata", "name"));
    if (name.length != 0 && !kind->name_check->check(name)) {
        struct step metadata = STEP_MEMBER(NULL, STR("metadata"));
        struct step step = STEP_MEMBER(&metadata, STR("name"));
        validate_say_given(check, &step, kind->name_check->wanted, value_at(object, "metadata", "name"));
    }
    validate_value(check, NULL, kind_form(kind)->schema, object);
    if (!kind->custom && !kind->defines)
        check_finalizers(check, object);
}

int object_validate(const struct kind *kind, struct value object, bool draft, struct error **err)
{
    struct check check = {.draft = draft};
    check_all(&check, kind, object);
    return check_result(&check, EINVAL, err);
}

int schema_validate(const struct schema *schema, struct value v, struct error **err)
{
    struct check check = {0};
    validate_value(&check, NULL, schema, v);
    return check_result(&check, EINVAL, err);
}

int schema_check_shape(const struct schema *object, struct value document, const char *member,
                       struct error **err)
{
    struct check check = {.loose = true};
    struct step step = STEP_MEMBER(NULL, str_of(member));
    const struct schema *schema = schema_property(object, step.name);
    struct value v = value_get(document, step.name);
    if (schema != NULL && value_exists(v))
        validate_value(&check, &step, schema, v);
    return check_result(&check, EINVAL, err);
}

void object_missing(const struct kind *kind, struct value object, struct buf *out)
{
    struct check check = {.draft = true};
    check_all(&check, kind, object);
    buf_add_str(out, buf_str(&check.missing));
    (void)check_result(&check, EINVAL, NULL);
}

int object_check_name(const struct kind *kind, struct str name, struct error **err)
{
    if (kind->name_check->check(name))
        return 0;
    autobuf struct buf quoted = {0};
    json_write_string(&quoted, name);
    return error_make(err, EINVAL, "the name of a " STR_FORMAT " must be %s, not %s",
                      STR_ARGS(kind_form(kind)->singular), kind->name_check->wanted, quoted.at);
}

/* ---- from one version to the next ---- */

static struct value find_by_keys(const struct schema *schema, struct value list, struct value wanted)
{
    value_each (element, list) {
        bool same = true;
        for (size_t i = 0; i < schema->list_key_count && same; i++)
            same = value_equal(value_get(element, schema->list_keys[i]),
                               value_get(wanted, schema->list_keys[i]));
        if (same)
            return element;
    }
    return VALUE_ABSENT;
}

static void check_update(struct check *check, const struct step *at, const struct schema *schema,
                         struct value before, struct value after)
{
    if (!schema->guarded)
        return;
    bool unset = !value_exists(before) || value_type(before) == VALUE_NULL ||
                 (value_type(before) == VALUE_STRING && value_str(before).length == 0);
    if (schema->immutable && !value_equal(before, after)) {
        check_say(check, at, "can't be changed after creation");
        return;
    }
    if (schema->write_once && !unset && !value_equal(before, after)) {
        autobuf struct buf was = {0};
        check_quote(&was, before);
        if (schema->secrets)
            check_say(check, at, "can't be changed once it is set");
        else
            check_say(check, at, "can't be changed, it is %s", was.at);
        return;
    }
    for (size_t i = 0; schema->update_rules != NULL && schema->update_rules[i] != NULL; i++)
        if (schema->update_rules[i]->update != NULL)
            schema->update_rules[i]->update(check, at, before, after);
    if (schema->type == SCHEMA_OBJECT) {
        for (size_t i = 0; i < schema->property_count; i++) {
            struct step step = STEP_MEMBER(at, schema->properties[i].name);
            check_update(check, &step, schema->properties[i].schema,
                         value_get(before, schema->properties[i].name),
                         value_get(after, schema->properties[i].name));
        }
    } else if (schema->type == SCHEMA_ARRAY && schema->list_type == LIST_MAP) {
        size_t index = 0;
        value_each (element, after) {
            struct step step = STEP_ELEMENT(at, index++);
            struct value old = find_by_keys(schema, before, element);
            if (value_exists(old))
                check_update(check, &step, schema->items, old, element);
        }
    }
}

int object_validate_update(const struct kind *kind, struct value before, struct value after,
                           struct error **err)
{
    struct check check = {0};
    check_update(&check, NULL, kind_form(kind)->schema, before, after);
    return check_result(&check, EPERM, err);
}
