#include "lib/condition.h"

#include "lib/clock.h"

struct value condition_find(struct value conditions, const char *type)
{
    value_each (condition, conditions)
        if (value_is(value_get(condition, STR("type")), type))
            return condition;
    return VALUE_ABSENT;
}

/* Returns whether the member says something else now. */
static bool set_text(struct value condition, struct str key, struct str text)
{
    if (text.length == 0)
        return value_unset(condition, key);
    if (str_equal(value_str(value_get(condition, key)), text))
        return false;
    value_set_str(condition, key, text);
    return true;
}

struct value condition_set(struct value conditions, const char *type, const char *status, const char *reason,
                           struct str message, int64_t now_ms)
{
    struct value condition = condition_find(conditions, type);
    if (!value_exists(condition)) {
        condition = value_append_object(conditions);
        value_set_str(condition, STR("type"), str_of(type));
    }
    bool turned = set_text(condition, STR("status"), str_of(status));
    bool other_reason = set_text(condition, STR("reason"), str_of(reason));
    bool other_message = set_text(condition, STR("message"), message);
    if (turned) {
        char time[CLOCK_TEXT];
        clock_format(now_ms, time);
        value_set_str(condition, STR("lastTransitionTime"), str_of(time));
    }
    return turned || other_reason || other_message ? condition : VALUE_ABSENT;
}

bool condition_remove(struct value conditions, const char *type)
{
    struct value condition = condition_find(conditions, type);
    if (!value_exists(condition))
        return false;
    value_remove(condition);
    return true;
}
