#include "lib/taint.h"

static bool tolerates(struct value toleration, struct value taint)
{
    struct value key = value_get(toleration, STR("key")), effect = value_get(toleration, STR("effect"));
    struct value value = value_get(toleration, STR("value"));
    if (value_str(effect).length != 0 && !value_equal(effect, value_get(taint, STR("effect"))))
        return false;
    bool exists = value_is(value_get(toleration, STR("operator")), "Exists");
    if (value_str(key).length == 0)
        return exists;
    if (!value_equal(key, value_get(taint, STR("key"))))
        return false;
    return exists || str_equal(value_str(value), value_str(value_get(taint, STR("value"))));
}

bool taint_is_tolerated(struct value taint, struct value tolerations)
{
    value_each (toleration, tolerations)
        if (tolerates(toleration, taint))
            return true;
    return false;
}
