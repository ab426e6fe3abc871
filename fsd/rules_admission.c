/* Rules of webhooks and admission policies: they are kept as Kubernetes would keep them. */
#include "fsd/rules.h"

static void webhook_client(struct check *check, const struct step *at, struct value client)
{
    static const char *const names[] = {"url", "service", NULL};
    rule_one_of(check, at, client, names, true);
}

/* What means all of them stands alone. */
static void admission_rule(struct check *check, const struct step *at, struct value rule)
{
    static const struct {
        const char *member, *all;
    } rows[] = {{"operations", "*"}, {"apiGroups", "*"}, {"apiVersions", "*"}, {"resources", "*/*"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct value list = value_get(rule, str_of(rows[i].member));
        struct step step = STEP_MEMBER(at, str_of(rows[i].member));
        value_each (each, list)
            if (value_is(each, rows[i].all) && value_count(list) > 1)
                check_say(check, &step, "must have nothing beside %s", rows[i].all);
    }
}

static void review_versions(struct check *check, const struct step *at, struct value webhook)
{
    struct value versions = value_at(webhook, "admissionReviewVersions");
    struct step step = STEP_MEMBER(at, STR("admissionReviewVersions"));
    bool known = false;
    value_each (version, versions)
        known |= value_is(version, "v1") || value_is(version, "v1beta1");
    if (value_count(versions) != 0 && !known)
        check_say(check, &step, "must have v1 or v1beta1 among them");
}

static void admission_policy(struct check *check, const struct step *at, struct value spec)
{
    struct value match = value_at(spec, "matchConstraints");
    struct step constraints = STEP_MEMBER(at, STR("matchConstraints")),
                rules = STEP_MEMBER(&constraints, STR("resourceRules"));
    if (value_exists(match) && value_count(value_at(match, "resourceRules")) == 0)
        check_lacks(check, &rules, "is required");
    if (value_count(value_at(spec, "validations")) == 0 &&
        value_count(value_at(spec, "auditAnnotations")) == 0)
        check_lacks(check, at, "must have validations or auditAnnotations");
}

static void param_ref(struct check *check, const struct step *at, struct value reference)
{
    static const char *const names[] = {"name", "selector", NULL};
    rule_one_of(check, at, reference, names, true);
}

static void validation_actions(struct check *check, const struct step *at, struct value spec)
{
    struct step step = STEP_MEMBER(at, STR("validationActions"));
    bool denies = false, warns = false;
    value_each (action, value_at(spec, "validationActions")) {
        denies |= value_is(action, "Deny");
        warns |= value_is(action, "Warn");
    }
    if (denies && warns)
        check_say(check, &step, "must not have both Deny and Warn");
}

const struct rule rules_of_admission[] = {
    {"webhookClient", webhook_client, NULL},
    {"admissionRule", admission_rule, NULL},
    {"reviewVersions", review_versions, NULL},
    {"admissionPolicy", admission_policy, NULL},
    {"paramRef", param_ref, NULL},
    {"validationActions", validation_actions, NULL},
    {NULL, NULL, NULL},
};
