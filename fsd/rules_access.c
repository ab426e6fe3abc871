/* Rules of roles and who has them. */
#include "fsd/formats.h"
#include "fsd/rules.h"

#define GROUP "rbac.authorization.k8s.io"

/* What a rule of a role is about: resources of groups, or, cluster-wide, paths that are no resources'. */
static void rule_of_role(struct check *check, const struct step *at, struct value rule, bool paths_may_be)
{
    static const struct {
        const char *member, *missing;
    } rows[] = {{"apiGroups", "is required: a rule about resources names at least one group"},
                {"resources", "is required: a rule about resources names at least one"}};
    bool paths = value_count(value_at(rule, "nonResourceURLs")) != 0;
    struct step step = STEP_MEMBER(at, STR("nonResourceURLs"));
    if (paths && !paths_may_be)
        check_say(check, &step, "must not be there: what has a namespace has no such paths");
    if (paths &&
        (value_count(value_at(rule, "apiGroups")) != 0 || value_count(value_at(rule, "resources")) != 0 ||
         value_count(value_at(rule, "resourceNames")) != 0))
        check_say(check, &step, "must not be there beside resources");
    for (size_t i = 0; i < COUNT(rows) && !paths; i++) {
        struct step member = STEP_MEMBER(at, str_of(rows[i].member));
        if (value_count(value_get(rule, str_of(rows[i].member))) == 0)
            check_lacks(check, &member, "%s", rows[i].missing);
    }
}

static void role_rule(struct check *check, const struct step *at, struct value rule)
{
    rule_of_role(check, at, rule, false);
}

static void cluster_role_rule(struct check *check, const struct step *at, struct value rule)
{
    rule_of_role(check, at, rule, true);
}

static void referred_kind(struct check *check, const struct step *at, struct value reference, bool roles_too)
{
    struct value kind = value_at(reference, "kind");
    struct step step = STEP_MEMBER(at, STR("kind"));
    if (value_exists(kind) && !value_is(kind, "ClusterRole") && !(roles_too && value_is(kind, "Role")))
        check_say(check, &step, "must be %s, not \"" STR_FORMAT "\"",
                  roles_too ? "one of Role, ClusterRole" : "ClusterRole", STR_ARGS(value_str(kind)));
}

static void role_ref(struct check *check, const struct step *at, struct value reference)
{
    referred_kind(check, at, reference, true);
}

static void cluster_role_ref(struct check *check, const struct step *at, struct value reference)
{
    referred_kind(check, at, reference, false);
}

static void subject(struct check *check, const struct step *at, struct value v)
{
    bool account = value_is(value_at(v, "kind"), "ServiceAccount");
    struct value group = value_at(v, "apiGroup");
    struct step step = STEP_MEMBER(at, STR("apiGroup")), namespace = STEP_MEMBER(at, STR("namespace"));
    const char *wanted = account ? "" : GROUP;
    if (!str_is(value_str(group), wanted))
        check_say(check, &step, "must be \"%s\", not \"" STR_FORMAT "\"", wanted, STR_ARGS(value_str(group)));
    struct step name = STEP_MEMBER(at, STR("name"));
    if (account && !format_find(STR("dns-subdomain"))->check(value_str(value_at(v, "name"))))
        check_say(check, &name, "must be %s, not \"" STR_FORMAT "\"",
                  format_find(STR("dns-subdomain"))->wanted, STR_ARGS(value_str(value_at(v, "name"))));
    if (!account && value_str(value_at(v, "namespace")).length != 0)
        check_say(check, &namespace, "must not be there: only a ServiceAccount has one");
}

/* Where the binding has no namespace, its accounts say theirs. */
static void subject_of_cluster(struct check *check, const struct step *at, struct value v)
{
    struct step step = STEP_MEMBER(at, STR("namespace"));
    if (value_is(value_at(v, "kind"), "ServiceAccount") && value_str(value_at(v, "namespace")).length == 0)
        check_lacks(check, &step, "is required");
}

const struct rule rules_of_access[] = {
    {"roleRule", role_rule, NULL},
    {"clusterRoleRule", cluster_role_rule, NULL},
    {"roleRef", role_ref, NULL},
    {"clusterRoleRef", cluster_role_ref, NULL},
    {"subject", subject, NULL},
    {"subjectOfCluster", subject_of_cluster, NULL},
    {NULL, NULL, NULL},
};
