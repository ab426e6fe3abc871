#include "lib/selector.h"

static bool says(struct value label, struct value wanted)
{
    return value_exists(label) && value_exists(wanted) && str_equal(value_str(label), value_str(wanted));
}

bool selector_has_pairs(struct value wanted, struct value labels)
{
    value_each (pair, wanted)
        if (!says(value_get(labels, value_key(pair)), pair))
            return false;
    return true;
}

/* ---- expressions ---- */

static bool is_in(struct value label, struct value values)
{
    value_each (value, values)
        if (says(label, value))
            return true;
    return false;
}

static bool is_not_in(struct value label, struct value values)
{
    return !is_in(label, values); /* so also where there is no label */
}

static bool is_there(struct value label, struct value values)
{
    (void)values;
    return value_exists(label);
}

static bool is_not_there(struct value label, struct value values)
{
    (void)values;
    return !value_exists(label);
}

/* Whole numbers, on both sides. */
static bool compares(struct value label, struct value values, int sign)
{
    int64_t is, bound;
    return value_exists(label) && str_to_int64(value_str(label), &is) &&
           str_to_int64(value_str(value_element(values, 0)), &bound) && (sign > 0 ? is > bound : is < bound);
}

static bool is_greater(struct value label, struct value values)
{
    return compares(label, values, 1);
}

static bool is_less(struct value label, struct value values)
{
    return compares(label, values, -1);
}

static const struct operator
{
    const char *name;
    bool (*holds)(struct value label, struct value values);
    bool of_nodes; /* only their selectors have it */
}
operators[] = {
    {"In", is_in, false},        {"NotIn", is_not_in, false},
    {"Exists", is_there, false}, {"DoesNotExist", is_not_there, false},
    {"Gt", is_greater, true},    {"Lt", is_less, true},
};

/* An operator that doesn't exist holds for nothing. */
static bool holds(struct value expression, struct value labels, bool of_node)
{
    struct value name = value_get(expression, STR("operator"));
    struct value label = value_get(labels, value_str(value_get(expression, STR("key"))));
    for (size_t i = 0; i < COUNT(operators); i++)
        if (value_is(name, operators[i].name) && (of_node || !operators[i].of_nodes))
            return operators[i].holds(label, value_get(expression, STR("values")));
    return false;
}

static bool all_hold(struct value expressions, struct value labels, bool of_node)
{
    value_each (expression, expressions)
        if (!holds(expression, labels, of_node))
            return false;
    return true;
}

bool selector_matches(struct value selector, struct value labels)
{
    return value_type(selector) == VALUE_OBJECT &&
           all_hold(value_get(selector, STR("matchExpressions")), labels, false) &&
           selector_has_pairs(value_get(selector, STR("matchLabels")), labels);
}

bool selector_matches_node(struct value selector, struct value labels, struct str name)
{
    if (!value_exists(selector))
        return true;
    autodoc struct doc *fields = doc_new(); /* there is one that can be selected by */
    value_set_str(doc_root(fields), STR("metadata.name"), name);
    value_each (term, value_get(selector, STR("nodeSelectorTerms"))) {
        struct value by_label = value_get(term, STR("matchExpressions"));
        struct value by_field = value_get(term, STR("matchFields"));
        if (value_count(by_label) + value_count(by_field) != 0 && all_hold(by_label, labels, true) &&
            all_hold(by_field, doc_root(fields), true))
            return true;
    }
    return false;
}
