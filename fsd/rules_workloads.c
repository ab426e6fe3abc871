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

static bool is_zero_or_absent(struct value v)
{
    int64_t number;
    return !value_exists(v) || (value_int(v, &number) && number == 0) || is_zero(v);
}

static void daemon_set_strategy(struct check *check, const struct step *at, struct value strategy)
{
    struct value update = value_at(strategy, "rollingUpdate");
    struct step rolling = STEP_MEMBER(at, STR("rollingUpdate")),
                step = STEP_MEMBER(&rolling, STR("maxUnavailable"));
    if (!value_is(value_at(strategy, "type"), "RollingUpdate"))
        return;
    bool surge = !is_zero_or_absent(value_at(update, "maxSurge"));
    bool unavailable = !is_zero_or_absent(value_at(update, "maxUnavailable"));
    if (!surge && !unavailable)
        check_say(check, &step, "must not be 0 when maxSurge is 0: nothing could ever be replaced");
    if (surge && unavailable)
        check_say(check, &step, "must be 0 when maxSurge is not: only one of them");
}

/* How pods are replaced one after another. */
static void stateful_set_strategy(struct check *check, const struct step *at, struct value strategy)
{
    struct step step = STEP_MEMBER(at, STR("rollingUpdate"));
    if (value_exists(value_at(strategy, "rollingUpdate")) && value_is(value_at(strategy, "type"), "OnDelete"))
        check_say(check, &step, "must not be there when type is OnDelete");
}

static void stateful_set_update(struct check *check, const struct step *at, struct value before,
                                struct value after)
{
    static const char *const free_members[] = {"replicas",
                                               "ordinals",
                                               "template",
                                               "updateStrategy",
                                               "minReadySeconds",
                                               "persistentVolumeClaimRetentionPolicy",
                                               NULL};
    rule_fixed(check, at, before, after, free_members, "can't be changed after creation");
}

/* A disk of Google's can be written by one machine only, and several pods may come to several. */
static void shared_disks(struct check *check, const struct step *at, struct value spec)
{
    struct step template = STEP_MEMBER(at, STR("template")), pod = STEP_MEMBER(&template, STR("spec")),
                list = STEP_MEMBER(&pod, STR("volumes"));
    size_t i = 0;
    if (value_int_or(value_at(spec, "replicas"), 2) < 2)
        return;
    value_each (volume, value_at(spec, "template", "spec", "volumes")) {
        struct step element = STEP_ELEMENT(&list, i++),
                    disk = STEP_MEMBER(&element, STR("gcePersistentDisk")),
                    step = STEP_MEMBER(&disk, STR("readOnly"));
        if (value_exists(value_at(volume, "gcePersistentDisk")) &&
            !value_true(value_at(volume, "gcePersistentDisk", "readOnly")))
            check_say(check, &step, "must be true where there are several pods");
    }
}

static void disruption_budget(struct check *check, const struct step *at, struct value spec)
{
    static const char *const names[] = {"minAvailable", "maxUnavailable", NULL};
    rule_one_of(check, at, spec, names, false);
}

#define HIGHEST_PRIORITY 1000000000

static void priority_class(struct check *check, const struct step *at, struct value class)
{
    int64_t priority;
    static const char *const known[] = {"system-cluster-critical", "system-node-critical"};
    struct step step = STEP_MEMBER(at, STR("value")), metadata = STEP_MEMBER(at, STR("metadata")),
                name_step = STEP_MEMBER(&metadata, STR("name"));
    struct str name = value_str(value_at(class, "metadata", "name"));
    bool of_system = str_starts(name, STR("system-"));
    if (of_system && !str_is(name, known[0]) && !str_is(name, known[1]))
        check_say(check, &name_step, "must not begin with system-: such names are the system's");
    if (!of_system && value_int(value_at(class, "value"), &priority) && priority > HIGHEST_PRIORITY)
        check_say(check, &step, "must be at most %d, not %lld", HIGHEST_PRIORITY, (long long)priority);
}

const struct rule rules_of_workloads[] = {
    {"daemonSetStrategy", daemon_set_strategy, NULL},
    {"statefulSetStrategy", stateful_set_strategy, NULL},
    {"statefulSet", NULL, stateful_set_update},
    {"sharedDisks", shared_disks, NULL},
    {"disruptionBudget", disruption_budget, NULL},
    {"priorityClass", priority_class, NULL},
    {"replicationController", replication_controller, NULL},
    {"selectorMatchesTemplate", selector_matches_template, NULL},
    {"podsRestartAlways", pods_restart_always, NULL},
    {"deployment", deployment, NULL},
    {"deploymentStrategy", deployment_strategy, NULL},
    {NULL, NULL, NULL},
};
