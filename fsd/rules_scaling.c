/* Rules of HorizontalPodAutoscaler. */
#include "fsd/rules.h"
#include "lib/quantity.h"

static void autoscaler(struct check *check, const struct step *at, struct value spec)
{
    int64_t least = value_int_or(value_at(spec, "minReplicas"), 1), most;
    struct step step = STEP_MEMBER(at, STR("maxReplicas"));
    if (value_int(value_at(spec, "maxReplicas"), &most) && most < least)
        check_say(check, &step, "must be at least minReplicas (%lld), not %lld", (long long)least,
                  (long long)most);
}

/* The source is the member that is called as the type. */
static void metric(struct check *check, const struct step *at, struct value v)
{
    static const struct {
        const char *type, *member;
    } sources[] = {{"Object", "object"},
                   {"Pods", "pods"},
                   {"Resource", "resource"},
                   {"ContainerResource", "containerResource"},
                   {"External", "external"}};
    for (size_t i = 0; i < COUNT(sources); i++) {
        bool meant = value_is(value_at(v, "type"), sources[i].type);
        bool there = value_exists(value_get(v, str_of(sources[i].member)));
        struct step step = STEP_MEMBER(at, str_of(sources[i].member));
        if (meant && !there)
            check_lacks(check, &step, "is required when type is %s", sources[i].type);
        if (there && !meant)
            check_say(check, &step, "must not be there when type is another than %s", sources[i].type);
    }
}

static void metric_target(struct check *check, const struct step *at, struct value target)
{
    static const char *const amounts[] = {"value", "averageValue"};
    for (size_t i = 0; i < COUNT(amounts); i++) {
        struct value amount = value_get(target, str_of(amounts[i]));
        struct step step = STEP_MEMBER(at, str_of(amounts[i]));
        int64_t milli;
        if (quantity_milli(value_str(amount), &milli) && milli <= 0)
            check_say(check, &step, "must be positive");
    }
}

/* Which of its amounts the target of a metric may have: one, or at least one of them. */
static void check_target(struct check *check, const struct step *at, struct value source, const char *one,
                         const char *other, bool both)
{
    struct value target = value_at(source, "target");
    struct step step = STEP_MEMBER(at, STR("target"));
    bool has_one = one != NULL && value_exists(value_get(target, str_of(one))),
         has_other = value_exists(value_get(target, str_of(other)));
    if (!value_exists(target))
        return;
    if (!has_one && !has_other)
        check_lacks(check, &step, "must have %s%s%s", one != NULL ? one : "", one != NULL ? " or " : "",
                    other);
    if (has_one && has_other && !both)
        check_say(check, &step, "must have only one of %s, %s", one, other);
}

static void metric_of_object(struct check *check, const struct step *at, struct value source)
{
    check_target(check, at, source, "value", "averageValue", true);
}

static void metric_of_outside(struct check *check, const struct step *at, struct value source)
{
    check_target(check, at, source, "value", "averageValue", false);
}

static void metric_of_pods(struct check *check, const struct step *at, struct value source)
{
    check_target(check, at, source, NULL, "averageValue", true);
}

static void metric_of_resource(struct check *check, const struct step *at, struct value source)
{
    check_target(check, at, source, "averageUtilization", "averageValue", false);
}

static void scaling_rules(struct check *check, const struct step *at, struct value rules)
{
    struct value policies = value_at(rules, "policies");
    struct step step = STEP_MEMBER(at, STR("policies"));
    if (value_exists(policies) && value_count(policies) == 0)
        check_lacks(check, &step, "must not be empty");
}

const struct rule rules_of_scaling[] = {
    {"metricOfObject", metric_of_object, NULL},
    {"metricOfOutside", metric_of_outside, NULL},
    {"metricOfPods", metric_of_pods, NULL},
    {"metricOfResource", metric_of_resource, NULL},
    {"autoscaler", autoscaler, NULL},
    {"metric", metric, NULL},
    {"metricTarget", metric_target, NULL},
    {"scalingRules", scaling_rules, NULL},
    {NULL, NULL, NULL},
};
