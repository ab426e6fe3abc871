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

static const struct operator
{
    const char *name;
    bool (*holds)(struct value label, struct value values);
}
operators[] = {
    {"In", is_in},
    {"NotIn", is_not_in},
    {"Exists", is_there},
    {"DoesNotExist", is_not_there},
};

/* An operator that doesn't exist holds for nothing. */
static bool holds(struct value expression, struct value labels)
{
    struct value name = value_get(expression, STR("operator"));
    struct value label = value_get(labels, value_str(value_get(expression, STR("key"))));
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (value_is(name, operators[i].name))
            return operators[i].holds(label, value_get(expression, STR("values")));
    return false;
}

bool selector_matches(struct value selector, struct value labels)
{
    if (value_type(selector) != VALUE_OBJECT)
        return false;
    value_each (expression, value_get(selector, STR("matchExpressions")))
        if (!holds(expression, labels))
            return false;
    return selector_has_pairs(value_get(selector, STR("matchLabels")), labels);
}
