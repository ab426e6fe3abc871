/* Rules of the kinds that make pods from a template. */
#include "fsd/rules.h"
#include "lib/selector.h"

static void selector_matches_template(struct check *check, const struct step *at, struct value spec)
{
    struct value selector = value_at(spec, "selector"), template = value_at(spec, "template");
    struct step selector_step = STEP_MEMBER(at, STR("selector"));
    if (!value_exists(selector))
        return;
    if (value_count(value_at(selector, "matchLabels")) == 0 &&
        value_count(value_at(selector, "matchExpressions")) == 0) {
        check_lacks(check, &selector_step, "must not be empty: it would select every pod");
        return;
    }
    if (!value_exists(template) || selector_matches(selector, value_at(template, "metadata", "labels")))
        return;
    struct step template_step = STEP_MEMBER(at, STR("template"));
    struct step metadata = STEP_MEMBER(&template_step, STR("metadata"));
    struct step labels = STEP_MEMBER(&metadata, STR("labels"));
    check_lacks(check, &labels, "must match the selector, or the pods would not be found again");
}

static void pods_restart_always(struct check *check, const struct step *at, struct value spec)
{
    struct value policy = value_at(spec, "template", "spec", "restartPolicy");
    struct step template = STEP_MEMBER(at, STR("template"));
    struct step pod = STEP_MEMBER(&template, STR("spec"));
    struct step step = STEP_MEMBER(&pod, STR("restartPolicy"));
    if (value_exists(policy) && !value_is(policy, "Always"))
        check_say(check, &step, "must be Always, not \"" STR_FORMAT "\"", STR_ARGS(value_str(policy)));
    struct step deadline = STEP_MEMBER(&pod, STR("activeDeadlineSeconds"));
    if (value_exists(value_at(spec, "template", "spec", "activeDeadlineSeconds")))
        check_say(check, &deadline, "must not be there: these pods run without end");
}

static void deployment(struct check *check, const struct step *at, struct value spec)
{
    int64_t ready = value_int_or(value_at(spec, "minReadySeconds"), 0), deadline;
    struct step step = STEP_MEMBER(at, STR("progressDeadlineSeconds"));
    if (value_int(value_at(spec, "progressDeadlineSeconds"), &deadline) && deadline <= ready)
        check_say(check, &step, "must be more than minReadySeconds (%lld), not %lld", (long long)ready,
                  (long long)deadline);
}

/* 0 and 0%. */
static bool is_zero(struct value v)
{
    struct str text = value_str(v);
    size_t zeros = 0;
    while (zeros < text.length && text.at[zeros] == '0')
        zeros++;
    return zeros != 0 && (zeros == text.length || (zeros + 1 == text.length && text.at[zeros] == '%'));
}

static void deployment_strategy(struct check *check, const struct step *at, struct value strategy)
{
    struct value rolling = value_at(strategy, "rollingUpdate");
    struct value type = value_at(strategy, "type");
    struct step rolling_step = STEP_MEMBER(at, STR("rollingUpdate"));
    if (value_is(type, "Recreate") && value_exists(rolling))
        check_say(check, &rolling_step, "must not be there when type is Recreate");
    struct value unavailable = value_at(rolling, "maxUnavailable"), surge = value_at(rolling, "maxSurge");
    struct step step = STEP_MEMBER(&rolling_step, STR("maxUnavailable"));
    if (is_zero(unavailable) && is_zero(surge))
        check_say(check, &step, "must not be 0 when maxSurge is 0: nothing could ever be replaced");
    struct str text = value_str(unavailable);
    int64_t percent;
    if (str_ends(text, STR("%")) && str_to_int64((struct str){text.at, text.length - 1}, &percent) &&
        percent > 100)
        check_say(check, &step, "must be at most 100%%, not " STR_FORMAT, STR_ARGS(text));
}

/* Its selector is a plain map of labels. */
static void replication_controller(struct check *check, const struct step *at, struct value spec)
{
    struct value selector = value_at(spec, "selector"),
                 labels = value_at(spec, "template", "metadata", "labels");
    struct step selector_step = STEP_MEMBER(at, STR("selector")),
                template_step = STEP_MEMBER(at, STR("template"));
    struct step metadata = STEP_MEMBER(&template_step, STR("metadata")),
                step = STEP_MEMBER(&metadata, STR("labels"));
    if (value_count(selector) == 0)
        check_lacks(check, &selector_step, "must not be empty: it would select every pod");
    value_each (label, selector)
        if (!value_equal(value_get(labels, value_key(label)), label)) {
            check_lacks(check, &step, "must match the selector, or the pods would not be found again");
            return;
        }
}

const struct rule rules_of_workloads[] = {
    {"replicationController", replication_controller, NULL},
    {"selectorMatchesTemplate", selector_matches_template, NULL},
    {"podsRestartAlways", pods_restart_always, NULL},
    {"deployment", deployment, NULL},
    {"deploymentStrategy", deployment_strategy, NULL},
    {NULL, NULL, NULL},
};
