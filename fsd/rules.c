#include "fsd/rules.h"

/* ---- what several rules are made of ---- */

static bool is_among(struct str name, const char *const *names)
{
    while (*names != NULL && !str_is(name, *names))
        names++;
    return *names != NULL;
}

/* A list or a mapping without anything in it, beside another one or none at all. */
static bool both_empty(struct value v, struct value other)
{
    enum value_type type = value_type(v);
    return (type == VALUE_ARRAY || type == VALUE_OBJECT) && value_count(v) == 0 && value_count(other) == 0 &&
           (!value_exists(other) || value_type(other) == type);
}

void rule_fixed(struct check *check, const struct step *at, struct value before, struct value after,
                const char *const *free_members, const char *sentence)
{
    struct value sides[] = {before, after};
    for (size_t side = 0; side < 2; side++)
        value_each (member, sides[side]) {
            struct str name = value_key(member);
            struct value other = value_get(sides[1 - side], name);
            struct step step = STEP_MEMBER(at, name);
            bool told = side == 1 && value_exists(other);
            if (!told && !is_among(name, free_members) && !both_empty(member, other) &&
                !value_equal(member, other))
                check_say(check, &step, "%s", sentence);
        }
}

/* ---- rules of every object ---- */

static void object_meta(struct check *check, const struct step *at, struct value metadata)
{
    size_t total = 0;
    struct value annotations = value_at(metadata, "annotations");
    value_each (annotation, annotations)
        total += value_key(annotation).length + value_str(annotation).length;
    struct step step = STEP_MEMBER(at, STR("annotations"));
    if (total > ANNOTATIONS_AT_MOST)
        check_say(check, &step, "must have at most %u bytes together, not %zu", ANNOTATIONS_AT_MOST, total);
}

static void label_selector_requirement(struct check *check, const struct step *at, struct value v)
{
    struct value operator= value_at(v, "operator");
    bool wants = value_is(operator, "In") || value_is(operator, "NotIn");
    struct step step = STEP_MEMBER(at, STR("values"));
    if (!value_exists(operator))
        return; /* required, and to be told first */
    if (wants && value_count(value_at(v, "values")) == 0)
        check_lacks(check, &step, "is required when operator is " STR_FORMAT, STR_ARGS(value_str(operator)));
    if (!wants && value_count(value_at(v, "values")) != 0)
        check_say(check, &step, "must not be there when operator is " STR_FORMAT,
                  STR_ARGS(value_str(operator)));
}

/* ---- ConfigMap ---- */

#define DATA_AT_MOST (1024 * 1024)

static void data_keys(struct check *check, const struct step *at, struct value object)
{
    struct value data = value_at(object, "data"), binary = value_at(object, "binaryData");
    struct step step = STEP_MEMBER(at, STR("data"));
    size_t total = 0;
    value_each (entry, data)
        total += value_str(entry).length;
    value_each (entry, binary) {
        total += value_str(entry).length / 4 * 3;
        struct step key = STEP_KEY(&step, value_key(entry));
        if (value_exists(value_get(data, value_key(entry))))
            check_say(check, &key, "is in binaryData too");
    }
    if (total > DATA_AT_MOST)
        check_say(check, &step, "must have at most %d bytes together, not %zu", DATA_AT_MOST, total);
}

static void immutable_data(struct check *check, const struct step *at, struct value before,
                           struct value after)
{
    static const char *const members[] = {"immutable", "data", "binaryData"};
    if (!value_true(value_at(before, "immutable")))
        return;
    for (size_t i = 0; i < COUNT(members); i++) {
        struct str name = str_of(members[i]);
        struct value old = value_get(before, name), new = value_get(after, name);
        bool both_empty = value_count(old) == 0 && value_count(new) == 0 && i != 0;
        struct step step = STEP_MEMBER(at, name);
        if (!both_empty && !value_equal(old, new))
            check_say(check, &step, "can't be changed while immutable is true");
    }
}

/* ---- Event ---- */

/* It is where its object is; what happened to one without a namespace is in default. */
static void event(struct check *check, const struct step *at, struct value object)
{
    struct str own = value_str(value_at(object, "metadata", "namespace")),
               about = value_str(value_at(object, "involvedObject", "namespace"));
    struct step involved = STEP_MEMBER(at, STR("involvedObject")),
                step = STEP_MEMBER(&involved, STR("namespace"));
    if (own.length != 0 && !str_equal(about.length != 0 ? about : STR("default"), own))
        check_say(check, &step, "must be \"" STR_FORMAT "\", as the event's, not \"" STR_FORMAT "\"",
                  STR_ARGS(own), STR_ARGS(about));
}

/* ---- the table ---- */

static const struct rule rules_of_all[] = {
    {"objectMeta", object_meta, NULL},
    {"labelSelectorRequirement", label_selector_requirement, NULL},
    {"dataKeys", data_keys, NULL},
    {"immutableData", NULL, immutable_data},
    {"event", event, NULL},
    {NULL, NULL, NULL},
};

const struct rule *rule_find(struct str name)
{
    static const struct rule *const tables[] = {
        rules_of_all,     rules_of_pods,      rules_of_containers, rules_of_pod_values, rules_of_workloads,
        rules_of_jobs,    rules_of_admission, rules_of_secrets,    rules_of_services,   rules_of_storage,
        rules_of_network, rules_of_access,    rules_of_scaling,    rules_of_custom};
    for (size_t i = 0; i < COUNT(tables); i++)
        for (const struct rule *rule = tables[i]; rule->name != NULL; rule++)
            if (str_is(name, rule->name))
                return rule;
    return NULL;
}
