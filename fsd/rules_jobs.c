/* Rules of jobs, and of those that are made from a template again and again. */
#include "fsd/rules.h"
#include "lib/name.h"
#include "lib/selector.h"

#define MANY_COMPLETIONS        100000 /* with these and more, less of other things is possible */
#define INDEXED_AT_MOST         100000
#define INDEXED_OF_MANY_AT_MOST 10000

static bool is_indexed(struct value spec)
{
    return value_is(value_at(spec, "completionMode"), "Indexed");
}

static void at_most(struct check *check, const struct step *at, struct value spec, const char *member,
                    int64_t most, const char *when)
{
    int64_t number;
    struct step step = STEP_MEMBER(at, str_of(member));
    if (value_int(value_get(spec, step.name), &number) && number > most)
        check_say(check, &step, "must be at most %lld%s, not %lld", (long long)most, when, (long long)number);
}

/* ---- what belongs to indexes ---- */

static void indexed(struct check *check, const struct step *at, struct value spec)
{
    static const char when[] = " when completionMode is Indexed",
                      many[] = " when there are so many completions with backoffLimitPerIndex";
    int64_t completions = value_int_or(value_at(spec, "completions"), 0);
    struct step step = STEP_MEMBER(at, STR("completions")),
                failed_step = STEP_MEMBER(at, STR("maxFailedIndexes"));
    if (!value_exists(value_at(spec, "completions")))
        check_lacks(check, &step, "is required when completionMode is Indexed");
    else if (completions < INDEXED_AT_MOST)
        at_most(check, at, spec, "maxFailedIndexes", completions, ", the completions");
    at_most(check, at, spec, "parallelism", INDEXED_AT_MOST, when);
    at_most(check, at, spec, "maxFailedIndexes", INDEXED_AT_MOST, when);
    if (completions <= MANY_COMPLETIONS || !value_exists(value_at(spec, "backoffLimitPerIndex")))
        return;
    if (!value_exists(value_at(spec, "maxFailedIndexes")))
        check_lacks(check, &failed_step, "is required when there are more than %d completions",
                    MANY_COMPLETIONS);
    at_most(check, at, spec, "parallelism", INDEXED_OF_MANY_AT_MOST, many);
    at_most(check, at, spec, "maxFailedIndexes", INDEXED_OF_MANY_AT_MOST, many);
}

static void only_indexed(struct check *check, const struct step *at, struct value spec)
{
    static const char *const members[] = {"backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"};
    for (size_t i = 0; i < COUNT(members); i++) {
        struct step step = STEP_MEMBER(at, str_of(members[i]));
        if (value_exists(value_get(spec, step.name)))
            check_say(check, &step, "must not be there unless completionMode is Indexed");
    }
}

/* 1,3-5,7: in order, below the completions. Returns how many these are; -1: it isn't like that. */
static int64_t count_indexes(struct str text, int64_t completions)
{
    int64_t count = 0, last = -1;
    struct str piece, low;
    while (text.length != 0 && str_split(&text, ',', &piece)) {
        int64_t first, end;
        if (!str_split(&piece, '-', &low) || !str_to_int64(low, &first))
            return -1;
        end = first;
        if (piece.at != NULL && (!str_to_int64(piece, &end) || end <= first))
            return -1;
        if (first <= last || end >= completions)
            return -1;
        count += end - first + 1;
        last = end;
    }
    return count;
}

static void success_rule(struct check *check, const struct step *at, struct value rule, int64_t completions)
{
    struct value indexes = value_at(rule, "succeededIndexes"), wanted = value_at(rule, "succeededCount");
    struct step indexes_step = STEP_MEMBER(at, STR("succeededIndexes"));
    int64_t most = completions;
    if (!value_exists(indexes) && !value_exists(wanted))
        check_lacks(check, at, "must have succeededIndexes, succeededCount or both");
    if (value_exists(indexes)) {
        most = count_indexes(value_str(indexes), completions);
        if (most < 0)
            check_say(check, &indexes_step, "must be indexes below %lld in order, as 1,3-5",
                      (long long)completions);
    }
    if (most >= 0)
        at_most(check, at, rule, "succeededCount", most, ", the number of indexes");
}

/* ---- what failures lead to ---- */

static bool has_container(struct value pod, struct value name)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < COUNT(lists); i++)
        value_each (container, value_get(pod, str_of(lists[i])))
            if (value_equal(value_at(container, "name"), name))
                return true;
    return false;
}

static void failure_policy(struct check *check, const struct step *at, struct value spec)
{
    struct step policy = STEP_MEMBER(at, STR("podFailurePolicy")), rules = STEP_MEMBER(&policy, STR("rules"));
    size_t i = 0;
    value_each (rule, value_at(spec, "podFailurePolicy", "rules")) {
        struct step step = STEP_ELEMENT(&rules, i++), action = STEP_MEMBER(&step, STR("action")),
                    codes = STEP_MEMBER(&step, STR("onExitCodes")),
                    container = STEP_MEMBER(&codes, STR("containerName"));
        struct value name = value_at(rule, "onExitCodes", "containerName");
        if (value_is(value_at(rule, "action"), "FailIndex") &&
            !value_exists(value_at(spec, "backoffLimitPerIndex")))
            check_say(check, &action, "must not be FailIndex unless backoffLimitPerIndex is set");
        if (value_exists(name) && !has_container(value_at(spec, "template", "spec"), name))
            check_say(check, &container, "there is no container \"" STR_FORMAT "\"",
                      STR_ARGS(value_str(name)));
    }
}

static void pod_failure_rule(struct check *check, const struct step *at, struct value rule)
{
    bool codes = value_exists(value_at(rule, "onExitCodes"));
    bool conditions = value_count(value_at(rule, "onPodConditions")) != 0;
    if (codes == conditions)
        check_lacks(check, at, "must have one of onExitCodes, onPodConditions");
}

static void exit_codes(struct check *check, const struct step *at, struct value v)
{
    struct step list = STEP_MEMBER(at, STR("values"));
    bool in = value_is(value_at(v, "operator"), "In");
    int64_t last = INT64_MIN, code;
    size_t i = 0;
    if (value_exists(value_at(v, "values")) && value_count(value_at(v, "values")) == 0)
        return; /* required, and told already */
    value_each (each, value_at(v, "values")) {
        struct step step = STEP_ELEMENT(&list, i++);
        if (!value_int(each, &code))
            return;
        if (in && code == 0)
            check_say(check, &step, "must not be 0 when operator is In");
        if (code < last)
            check_say(check, &step, "must be more than the one before");
        last = code;
    }
}

/* ---- the whole ---- */

/* Pods that end must not be begun again for ever. */
static void restart_policy(struct check *check, const struct step *at, struct value spec)
{
    struct value policy = value_at(spec, "template", "spec", "restartPolicy");
    struct step template = STEP_MEMBER(at, STR("template")), pod = STEP_MEMBER(&template, STR("spec"));
    struct step step = STEP_MEMBER(&pod, STR("restartPolicy"));
    if (!value_exists(value_at(spec, "template", "spec")))
        return;
    if (!value_is(policy, "OnFailure") && !value_is(policy, "Never"))
        check_say(check, &step, "must be one of OnFailure, Never, not \"" STR_FORMAT "\"",
                  STR_ARGS(value_str(policy)));
    else if (value_exists(value_at(spec, "podFailurePolicy")) && !value_is(policy, "Never"))
        check_say(check, &step, "must be Never where there is a podFailurePolicy");
}

static void job_spec(struct check *check, const struct step *at, struct value spec)
{
    struct step replacement = STEP_MEMBER(at, STR("podReplacementPolicy")),
                per_index = STEP_MEMBER(at, STR("backoffLimitPerIndex")),
                success = STEP_MEMBER(at, STR("successPolicy")), rules = STEP_MEMBER(&success, STR("rules"));
    size_t i = 0;
    restart_policy(check, at, spec);
    failure_policy(check, at, spec);
    if (value_exists(value_at(spec, "maxFailedIndexes")) &&
        !value_exists(value_at(spec, "backoffLimitPerIndex")))
        check_lacks(check, &per_index, "is required when maxFailedIndexes is set");
    if (value_exists(value_at(spec, "podFailurePolicy")) &&
        value_is(value_at(spec, "podReplacementPolicy"), "TerminatingOrFailed"))
        check_say(check, &replacement, "must be Failed where there is a podFailurePolicy");
    if (!is_indexed(spec)) {
        only_indexed(check, at, spec);
        return;
    }
    indexed(check, at, spec);
    value_each (rule, value_at(spec, "successPolicy", "rules")) {
        struct step step = STEP_ELEMENT(&rules, i++);
        success_rule(check, &step, rule, value_int_or(value_at(spec, "completions"), 0));
    }
}

/* Its labels and its selector are made from name and uid (default_kinds.c), unless it says that it makes them
 * itself: what is there must be just these. */
static void selector_is_made(struct check *check, const struct step *at, struct value object)
{
    static const struct {
        const char *label, *from;
    } rows[] = {{"controller-uid", "uid"},
                {"job-name", "name"},
                {"batch.kubernetes.io/controller-uid", "uid"},
                {"batch.kubernetes.io/job-name", "name"}};
    struct value spec = value_at(object, "spec"), template = value_at(spec, "template"),
                 labels = value_at(template, "metadata", "labels"), selector = value_at(spec, "selector");
    struct step spec_step = STEP_MEMBER(at, STR("spec")),
                template_step = STEP_MEMBER(&spec_step, STR("template")),
                metadata_step = STEP_MEMBER(&template_step, STR("metadata")),
                labels_step = STEP_MEMBER(&metadata_step, STR("labels")),
                selector_step = STEP_MEMBER(&spec_step, STR("selector"));
    bool manual = value_true(value_at(spec, "manualSelector"));
    autodoc struct doc *made = doc_new();
    for (size_t i = 0; i < COUNT(rows) && value_exists(template); i++) {
        struct step step = STEP_KEY(&labels_step, str_of(rows[i].label));
        struct value wanted = value_at(object, "metadata", rows[i].from);
        if (!value_exists(wanted))
            continue;
        value_set_copy(doc_root(made), step.name, wanted);
        if (!manual && !value_equal(value_get(labels, step.name), wanted))
            check_say(check, &step, "must be \"" STR_FORMAT "\", the job's %s, unless manualSelector is true",
                      STR_ARGS(value_str(wanted)), rows[i].from);
    }
    if (manual && !value_exists(selector))
        check_lacks(check, &selector_step, "is required when manualSelector is true");
    else if (!manual && value_exists(selector) && !selector_matches(selector, doc_root(made)))
        check_say(check, &selector_step,
                  "must not be there, unless manualSelector is true: it is made from the job's uid");
    else if (value_exists(selector) && !selector_matches(selector, labels))
        check_say(check, &labels_step, "must match the selector, or the pods would not be found again");
}

static void job(struct check *check, const struct step *at, struct value object)
{
    struct value spec = value_at(object, "spec");
    struct step metadata = STEP_MEMBER(at, STR("metadata")), step = STEP_MEMBER(&metadata, STR("name"));
    int64_t completions = value_int_or(value_at(spec, "completions"), 0);
    selector_is_made(check, at, object);
    if (!is_indexed(spec) || completions == 0)
        return;
    autobuf struct buf host = {0};
    buf_addf(&host, STR_FORMAT "-%lld", STR_ARGS(value_str(value_at(object, "metadata", "name"))),
             (long long)completions - 1);
    if (!name_is_label(buf_str(&host)))
        check_say(check, &step, "must give its pods names of hosts: %s is no lowercase RFC 1123 label",
                  host.at);
}

/* Where they run may be changed before they do. */
static void job_update(struct check *check, const struct step *at, struct value before, struct value after)
{
    static const char *const fixed[] = {"completions",      "selector",      "template",
                                        "completionMode",   "successPolicy", "backoffLimitPerIndex",
                                        "podFailurePolicy", "managedBy"};
    bool suspended = value_true(value_at(before, "suspend"));
    bool elastic =
        is_indexed(after) && value_equal(value_at(after, "completions"), value_at(after, "parallelism"));
    for (size_t i = 0; i < COUNT(fixed); i++) {
        struct step step = STEP_MEMBER(at, str_of(fixed[i]));
        bool may = (i == 0 && elastic) || (str_is(step.name, "template") && suspended);
        if (!may && !value_equal(value_get(before, step.name), value_get(after, step.name)))
            check_say(check, &step, "can't be changed after creation");
    }
}

/* Jobs that are made from it get theirs then. */
static void job_template(struct check *check, const struct step *at, struct value spec)
{
    static const char *const names[] = {"selector", "manualSelector"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct value given = value_get(spec, str_of(names[i]));
        struct step step = STEP_MEMBER(at, str_of(names[i]));
        if (value_type(given) == VALUE_OBJECT || value_true(given))
            check_say(check, &step, "must not be there: the selectors of these jobs are made for them");
    }
}

const struct rule rules_of_jobs[] = {
    {"jobSpec", job_spec, NULL},
    {"job", job, NULL},
    {"jobChange", NULL, job_update},
    {"jobTemplate", job_template, NULL},
    {"podFailureRule", pod_failure_rule, NULL},
    {"exitCodes", exit_codes, NULL},
    {NULL, NULL, NULL},
};
