#include "fsd/default.h"

#include "fsd/validate.h"
#include "lib/base64.h"
#include "lib/quantity.h"

/* Defaults come before the check of types, so they must leave alone what is malformed: it is to be refused.
 */

/* ---- named defaults ---- */

static bool has_capital(struct str s)
{
    for (size_t i = 0; i < s.length; i++)
        if (s.at[i] >= 'A' && s.at[i] <= 'Z')
            return true;
    return false;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* A piece of a repository's name: a-z and 0-9, between them ., _, __ or any number of hyphens. */
static bool is_component(struct str s)
{
    size_t run = 0; /* of what is between */
    for (size_t i = 0; i < s.length; i++) {
        char c = s.at[i];
        if (is_plain(c)) {
            run = 0;
            continue;
        }
        bool goes_on = run == 0 || (s.at[i - 1] == c && (c == '-' || (c == '_' && run == 1)));
        if (i == 0 || !goes_on || (c != '-' && c != '_' && c != '.'))
            return false;
        run++;
    }
    return s.length != 0 && run == 0;
}

static bool is_registry(struct str s)
{
    return str_is(s, "localhost") || memchr(s.at, '.', s.length) != NULL ||
           memchr(s.at, ':', s.length) != NULL || has_capital(s);
}

#define REPOSITORY_AT_MOST 255

/* Does the reference say, or mean, the tag latest? With a digest, or when it is no reference, it doesn't. */
static bool means_latest(struct str image)
{
    struct str rest = image, first = STR_NONE, name, piece;
    if (str_split(&rest, '/', &first) && rest.at != NULL && is_registry(first)) {
        if (first.length == 0 || !(is_plain(first.at[0]) || has_capital((struct str){first.at, 1})))
            return false;
    } else {
        rest = image;
    }
    struct str tag = rest;
    if (!str_split(&tag, ':', &name) || name.length > REPOSITORY_AT_MOST)
        return false;
    while (str_split(&name, '/', &piece))
        if (!is_component(piece))
            return false;
    return tag.at == NULL || str_is(tag, "latest");
}

/* Kubernetes: Always for :latest, which moves, IfNotPresent for what should stay. */
static void image_pull_policy(struct value container)
{
    struct value policy = value_at(container, "imagePullPolicy");
    if (value_exists(policy) && !value_is(policy, ""))
        return;
    bool latest = means_latest(value_str(value_at(container, "image")));
    value_setf(container, STR("imagePullPolicy"), "%s", latest ? "Always" : "IfNotPresent");
}

/* The old name of serviceAccountName is kept equal to it. */
static void pod_spec(struct value spec)
{
    struct value name = value_at(spec, "serviceAccountName");
    struct value old = value_at(spec, "serviceAccount");
    if (value_str(name).length != 0)
        value_set_copy(spec, STR("serviceAccount"), name);
    else if (value_str(old).length != 0)
        value_set_copy(spec, STR("serviceAccountName"), old);
}

/* What is limited and not requested is requested as far as it is limited. */
static void requests_from_limits(struct value container)
{
    struct value limits = value_at(container, "resources", "limits");
    if (value_count(limits) == 0 || value_type(limits) != VALUE_OBJECT ||
        !default_is_or_absent(value_at(container, "resources", "requests"), VALUE_OBJECT))
        return;
    struct value requests = value_ensure_object(value_at(container, "resources"), STR("requests"));
    value_each (limit, limits)
        if (!value_exists(value_get(requests, value_key(limit))))
            value_set_copy(requests, value_key(limit), limit);
}

/* In the host's network a container's port is the host's. */
static void host_ports(struct value container)
{
    value_each (port, value_at(container, "ports"))
        if (value_type(port) == VALUE_OBJECT && value_int_or(value_at(port, "hostPort"), 0) == 0 &&
            value_exists(value_at(port, "containerPort")))
            value_set_copy(port, STR("hostPort"), value_at(port, "containerPort"));
}

/* What is filled in for a pod, and not for a template, which becomes one. */
static void pod(struct value spec)
{
    if (!value_exists(value_at(spec, "enableServiceLinks")))
        value_set_bool(spec, STR("enableServiceLinks"), true);
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < 2; i++)
        value_each (container, value_get(spec, str_of(lists[i]))) {
            if (value_type(container) != VALUE_OBJECT)
                continue;
            requests_from_limits(container);
            if (value_true(value_at(spec, "hostNetwork")))
                host_ports(container);
        }
}

/* A volume that doesn't say what it is is an empty directory. */
static void volume(struct value v)
{
    value_each (member, v)
        if (!str_is(value_key(member), "name"))
            return;
    value_set_object(v, STR("emptyDir"));
}

static void deployment_strategy(struct value strategy)
{
    struct value type = value_at(strategy, "type");
    if ((!value_exists(type) || value_is(type, "RollingUpdate")) &&
        !value_exists(value_at(strategy, "rollingUpdate")))
        value_set_object(strategy, STR("rollingUpdate"));
}

/* So that a selector can name a namespace. */
static void namespace_label(struct value object)
{
    struct str name = value_str(value_at(object, "metadata", "name"));
    if (name.length == 0 || !default_is_or_absent(value_at(object, "metadata", "labels"), VALUE_OBJECT))
        return;
    struct value labels = value_ensure_object(value_at(object, "metadata"), STR("labels"));
    value_set_str(labels, STR("kubernetes.io/metadata.name"), name);
}

/* Kubernetes' conversion: what is given as text becomes data, and takes the place of what is there. */
static void string_data(struct value secret)
{
    struct value given = value_at(secret, "stringData");
    if (value_type(given) != VALUE_OBJECT || !default_is_or_absent(value_at(secret, "data"), VALUE_OBJECT))
        return;
    value_each (entry, given) {
        if (value_type(entry) != VALUE_STRING)
            continue;
        autobuf struct buf encoded = {0};
        base64_encode(value_str(entry), &encoded);
        value_set_str(value_ensure_object(secret, STR("data")), value_key(entry), buf_str(&encoded));
        value_remove(entry);
    }
    if (value_count(given) == 0)
        value_remove(given);
}

static const struct default_rule default_rules_of_objects[] = {
    {"imagePullPolicy", image_pull_policy},
    {"podSpec", pod_spec},
    {"pod", pod},
    {"volume", volume},
    {"deploymentStrategy", deployment_strategy},
    {"namespaceLabel", namespace_label},
    {"stringData", string_data},
    {NULL, NULL},
};

const struct default_rule *default_rule_find(struct str name)
{
    static const struct default_rule *const tables[] = {default_rules_of_objects, default_rules_of_kinds};
    for (size_t i = 0; i < COUNT(tables); i++)
        for (const struct default_rule *rule = tables[i]; rule->name != NULL; rule++)
            if (str_is(name, rule->name))
                return rule;
    return NULL;
}

/* ---- the walk ---- */

/* Quantities are kept in one form, so that 1024Mi and 1Gi are the same text and a number is a string. */
static void bring_in_form(struct value v)
{
    char text[QUANTITY_TEXT];
    bool number = value_type(v) == VALUE_NUMBER;
    if ((!number && value_type(v) != VALUE_STRING) || !quantity_canonical(value_str(v), text) ||
        (!number && str_is(value_str(v), text)))
        return;
    autodoc struct doc *doc = doc_new();
    value_replace(v, value_set_str(doc_root(doc), STR("quantity"), str_of(text)));
}

static void apply_rules(const struct default_rule *const *rules, struct value v)
{
    for (size_t i = 0; rules != NULL && rules[i] != NULL; i++)
        rules[i]->apply(v);
}

/* Kubernetes' own types can't tell the zero of many fields from nothing. */
static bool is_unset(const struct schema *schema, struct value v)
{
    int64_t number;
    return !value_exists(v) ||
           (schema->zero_unset && (value_is(v, "") || (value_int(v, &number) && number == 0) ||
                                   (value_type(v) == VALUE_BOOL && !value_true(v))));
}

/* What must be there and isn't, where nobody looks: Kubernetes' types have no way to leave it out, and show
 * their zero. */
static void fill_zeros(const struct schema *schema, struct value object)
{
    for (size_t i = 0; i < schema->required_count; i++) {
        const struct schema *property = schema_property(schema, schema->required[i]);
        if (value_exists(value_get(object, schema->required[i])) || property->zero_unset)
            continue;
        if (property->type == SCHEMA_STRING)
            value_set_str(object, schema->required[i], STR(""));
        else if (property->type == SCHEMA_INTEGER)
            value_set_int(object, schema->required[i], 0);
    }
}

/* What a CustomResourceDefinition doesn't call nullable is not there when it is null; a kind that is built in
 * has a zero for it (replace_null()). */
static bool is_no_value(const struct schema *schema, struct value v)
{
    return schema->dialect == DIALECT_STRUCTURAL && !schema->nullable && value_type(v) == VALUE_NULL;
}

static void fill_in_member(const struct schema *schema, struct value object, struct str name)
{
    struct value given = value_get(object, name);
    if (value_exists(schema->default_value) && (is_unset(schema, given) || is_no_value(schema, given)))
        value_set_copy(object, name, schema->default_value);
}

static void fill_in(const struct schema *schema, struct value v, bool unchecked);

/* Elements of a list, or entries of a map. */
static void fill_in_each(const struct schema *schema, struct value v, bool unchecked)
{
    value_each (child, v) {
        if (value_exists(schema->default_value) && is_no_value(schema, child))
            value_replace(child, schema->default_value);
        fill_in(schema, child, unchecked);
    }
}

/* `unchecked`: nothing is said of what is wrong below */
static void fill_in(const struct schema *schema, struct value v, bool unchecked)
{
    unchecked |= schema->unchecked;
    if (!schema->wants_defaults && !unchecked)
        return;
    enum value_type type = value_type(v);
    if (str_is(schema->format, "quantity"))
        bring_in_form(v);
    if (type == VALUE_ARRAY && schema->type == SCHEMA_ARRAY)
        fill_in_each(schema->items, v, unchecked);
    if (type != VALUE_OBJECT)
        return;
    if (unchecked)
        fill_zeros(schema, v);
    apply_rules(schema->default_rules, v);
    if (schema->type == SCHEMA_MAP)
        fill_in_each(schema->items, v, unchecked);
    for (size_t i = 0; i < schema->property_count; i++)
        fill_in_member(schema->properties[i].schema, v, schema->properties[i].name);
    value_each (member, v) {
        const struct schema *below = schema_property(schema, value_key(member));
        if (below != NULL)
            fill_in(below, member, unchecked);
    }
}

void schema_default(const struct schema *schema, struct value v)
{
    fill_in(schema, v, false);
}

/* In a list or a map a null can't be left out: it becomes the zero of the type, as in Kubernetes. */
static void replace_null(const struct schema *schema, struct value v)
{
    autodoc struct doc *doc = doc_new();
    struct value zero = doc_root(doc);
    switch (schema->type) {
    case SCHEMA_STRING:
        zero = value_set_str(zero, STR("zero"), str_is(schema->format, "quantity") ? STR("0") : STR(""));
        break;
    case SCHEMA_INTEGER:
    case SCHEMA_NUMBER:
    case SCHEMA_INT_OR_STRING:
        zero = value_set_int(zero, STR("zero"), 0);
        break;
    case SCHEMA_BOOLEAN:
        zero = value_set_bool(zero, STR("zero"), false);
        break;
    case SCHEMA_ARRAY:
        zero = value_set_array(zero, STR("zero"));
        break;
    default:
        break; /* the empty object */
    }
    value_replace(v, zero);
}

static void prune_inside(const struct schema *schema, struct value v)
{
    bool null = value_type(v) == VALUE_NULL && !schema->nullable && schema->type != SCHEMA_ANY;
    if (null && schema->dialect == DIALECT_KINDS)
        replace_null(schema, v);
    schema_prune_nulls(schema, v);
}

/* Where a kind that is built in has a zero, another has nothing, or the default. */
static void prune_entry(const struct schema *schema, struct value entry)
{
    if (is_no_value(schema, entry) && !value_exists(schema->default_value))
        value_remove(entry);
    else
        prune_inside(schema, entry);
}

static void prune_members(const struct schema *schema, struct value v)
{
    value_each (member, v) {
        const struct schema *below = schema_property(schema, value_key(member));
        if (below == NULL)
            continue;
        if ((value_type(member) == VALUE_NULL && !below->nullable) || is_unset(below, member))
            value_remove(member);
        else
            schema_prune_nulls(below, member);
    }
}

void schema_prune_nulls(const struct schema *schema, struct value v)
{
    enum value_type type = value_type(v);
    if (type == VALUE_OBJECT && schema->type == SCHEMA_MAP) {
        value_each (entry, v)
            prune_entry(schema->items, entry);
    } else if (type == VALUE_OBJECT) {
        prune_members(schema, v);
    } else if (type == VALUE_ARRAY && schema->type == SCHEMA_ARRAY) {
        value_each (element, v)
            prune_inside(schema->items, element);
    }
}
