/* Named defaults of the kinds beside pods: services, storage, network, access, limits. */
#include "fsd/default.h"

void default_finalizer(struct value object, const char *finalizer)
{
    struct value metadata = value_at(object, "metadata");
    struct value list = value_at(metadata, "finalizers");
    if (value_type(metadata) != VALUE_OBJECT || value_exists(value_at(metadata, "deletionTimestamp")) ||
        !default_is_or_absent(list, VALUE_ARRAY))
        return;
    value_each (each, list)
        if (value_is(each, finalizer))
            return;
    value_append_str(value_ensure_array(metadata, STR("finalizers")), str_of(finalizer));
}

static void default_text(struct value v, const char *member, const char *text)
{
    struct value known = value_get(v, str_of(member));
    if (!value_exists(known) || value_is(known, ""))
        value_setf(v, str_of(member), "%s", text);
}

static void default_copy(struct value v, const char *member, struct value from)
{
    if (!value_exists(value_get(v, str_of(member))))
        value_set_copy(v, str_of(member), from);
}

/* The mapping two steps below a mapping, made where there is nothing; absent where there is something else.
 */
static struct value ensure_below(struct value v, const char *first, const char *second)
{
    struct value between = value_get(v, str_of(first)), below = value_get(between, str_of(second));
    if (value_type(v) != VALUE_OBJECT || !default_is_or_absent(between, VALUE_OBJECT) ||
        !default_is_or_absent(below, VALUE_OBJECT))
        return VALUE_ABSENT;
    return value_ensure_object(value_ensure_object(v, str_of(first)), str_of(second));
}

static bool has_node_ports(struct value type)
{
    return value_is(type, "NodePort") || value_is(type, "LoadBalancer");
}

static void service(struct value spec)
{
    struct value type = value_at(spec, "type");
    if (value_is(value_at(spec, "sessionAffinity"), "ClientIP") &&
        !value_exists(value_at(spec, "sessionAffinityConfig")))
        value_set_object(spec, STR("sessionAffinityConfig"));
    bool external = value_count(value_at(spec, "externalIPs")) != 0;
    if (has_node_ports(type) || (external && !value_is(type, "ExternalName")))
        default_text(spec, "externalTrafficPolicy", "Cluster");
    if (!value_is(type, "ExternalName") && !value_exists(value_at(spec, "internalTrafficPolicy")))
        value_setf(spec, STR("internalTrafficPolicy"), "Cluster");
    if (value_is(type, "LoadBalancer") && !value_exists(value_at(spec, "allocateLoadBalancerNodePorts")))
        value_set_bool(spec, STR("allocateLoadBalancerNodePorts"), true);
    if (value_is(type, "ExternalName"))
        return;
    /* Who says the addresses himself may have them of both families. */
    if (value_is(value_at(spec, "clusterIP"), "None") && value_count(value_at(spec, "selector")) == 0 &&
        !value_exists(value_at(spec, "ipFamilyPolicy")) && value_count(value_at(spec, "ipFamilies")) == 0) {
        value_setf(spec, STR("ipFamilyPolicy"), "RequireDualStack");
        struct value families = value_ensure_array(spec, STR("ipFamilies"));
        value_append_str(families, STR("IPv4"));
        value_append_str(families, STR("IPv6"));
    }
    /* Else one, the cluster's. Which address it becomes is decided when it is made. */
    if (!value_exists(value_at(spec, "ipFamilyPolicy")))
        value_setf(spec, STR("ipFamilyPolicy"), "SingleStack");
    if (value_count(value_at(spec, "ipFamilies")) == 0 &&
        value_is(value_at(spec, "ipFamilyPolicy"), "SingleStack"))
        value_append_str(value_ensure_array(spec, STR("ipFamilies")), STR("IPv4"));
    struct value address = value_at(spec, "clusterIP");
    if (value_str(address).length != 0 && value_count(value_at(spec, "clusterIPs")) == 0)
        value_append_str(value_ensure_array(spec, STR("clusterIPs")), value_str(address));
}

/* It leads to the port of the same number, unless it says where to. */
static void service_port(struct value port)
{
    struct value target = value_at(port, "targetPort");
    int64_t number;
    bool unset = !value_exists(target) || value_is(target, "") || (value_int(target, &number) && number == 0);
    if (unset && value_exists(value_at(port, "port")))
        value_set_copy(port, STR("targetPort"), value_at(port, "port"));
}

/* Labels and selector may be left out: the template's are meant. */
static void replication_controller(struct value object)
{
    struct value spec = value_at(object, "spec"), labels = value_at(spec, "template", "metadata", "labels");
    if (value_count(labels) == 0 || value_type(labels) != VALUE_OBJECT)
        return;
    if (value_count(value_at(spec, "selector")) == 0)
        value_set_copy(spec, STR("selector"), labels);
    struct value metadata = value_at(object, "metadata");
    if (value_type(metadata) == VALUE_OBJECT && value_count(value_at(metadata, "labels")) == 0)
        value_set_copy(metadata, STR("labels"), labels);
}

/* For containers: what is given for one limit counts for those that are left out. */
static void limit_range_item(struct value item)
{
    static const char *const steps[][2] = {
        {"default", "max"}, {"defaultRequest", "default"}, {"defaultRequest", "min"}};
    if (!value_is(value_at(item, "type"), "Container"))
        return;
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct value from = value_get(item, str_of(steps[i][1]));
        if (value_type(from) != VALUE_OBJECT)
            continue;
        value_each (amount, from) {
            struct value to = value_ensure_object(item, str_of(steps[i][0]));
            if (!value_exists(value_get(to, value_key(amount))))
                value_set_copy(to, value_key(amount), amount);
        }
    }
}

static void subject(struct value v)
{
    struct value kind = value_at(v, "kind");
    if (value_is(kind, "User") || value_is(kind, "Group"))
        default_text(v, "apiGroup", "rbac.authorization.k8s.io");
}

/* It is about what comes in, and, if it says something of that, about what goes out. */
static void network_policy(struct value spec)
{
    if (value_count(value_at(spec, "policyTypes")) != 0)
        return;
    struct value types = value_ensure_array(spec, STR("policyTypes"));
    value_append_str(types, STR("Ingress"));
    if (value_count(value_at(spec, "egress")) != 0)
        value_append_str(types, STR("Egress"));
}

/* The generation that a template had before there were revisions. */
static void daemon_set(struct value object)
{
    struct value annotations = ensure_below(object, "metadata", "annotations");
    if (value_exists(annotations))
        default_text(annotations, "deprecated.daemonset.template.generation", "1");
}

/* Where pods are replaced one after another, there is how. */
static void rolling(struct value strategy)
{
    struct value type = value_at(strategy, "type");
    if ((!value_exists(type) || value_is(type, "") || value_is(type, "RollingUpdate")) &&
        !value_exists(value_at(strategy, "rollingUpdate")))
        value_set_object(strategy, STR("rollingUpdate"));
}

/* The claims of a template are objects, and say so. */
static void stateful_set(struct value spec)
{
    value_each (claim, value_at(spec, "volumeClaimTemplates")) {
        if (value_type(claim) != VALUE_OBJECT)
            continue;
        default_text(claim, "apiVersion", "v1");
        default_text(claim, "kind", "PersistentVolumeClaim");
        if (!value_exists(value_at(claim, "status")))
            value_setf(value_ensure_object(claim, STR("status")), STR("phase"), "Pending");
    }
}

static void default_number(struct value v, const char *member, int64_t number)
{
    if (!value_exists(value_get(v, str_of(member))))
        value_set_int(v, str_of(member), number);
}

static void job(struct value spec)
{
    if (!value_exists(value_at(spec, "completions")) && !value_exists(value_at(spec, "parallelism"))) {
        value_set_int(spec, STR("completions"), 1);
        value_set_int(spec, STR("parallelism"), 1);
    }
    default_number(spec, "parallelism", 1);
    bool by_index = value_exists(value_at(spec, "backoffLimitPerIndex"));
    default_number(spec, "backoffLimit", by_index ? INT32_MAX : 6);
    default_text(spec, "completionMode", "NonIndexed");
    if (!value_exists(value_at(spec, "suspend")))
        value_set_bool(spec, STR("suspend"), false);
    if (!value_exists(value_at(spec, "manualSelector")))
        value_set_bool(spec, STR("manualSelector"), false);
    if (!value_exists(value_at(spec, "podReplacementPolicy")))
        value_setf(spec, STR("podReplacementPolicy"), "%s",
                   value_exists(value_at(spec, "podFailurePolicy")) ? "Failed" : "TerminatingOrFailed");
}

#define JOB_UID_LABEL "batch.kubernetes.io/controller-uid"

/* Pods of a job are told from those of others by its uid, unless it says itself how. */
static void job_selector(struct value metadata, struct value spec)
{
    static const struct {
        const char *label, *from;
    } rows[] = {{"job-name", "name"},
                {"batch.kubernetes.io/job-name", "name"},
                {"controller-uid", "uid"},
                {JOB_UID_LABEL, "uid"}};
    struct value uid = value_at(metadata, "uid"),
                 labels = ensure_below(value_at(spec, "template"), "metadata", "labels"),
                 selected = ensure_below(spec, "selector", "matchLabels");
    for (size_t i = 0; value_exists(labels) && i < COUNT(rows); i++)
        default_copy(labels, rows[i].label, value_get(metadata, str_of(rows[i].from)));
    if (value_exists(selected))
        default_copy(selected, JOB_UID_LABEL, uid);
}

/* An object that isn't made, but only asked about, has no uid yet. */
static void job_object(struct value object)
{
    struct value metadata = value_at(object, "metadata"), spec = value_at(object, "spec");
    if (value_str(value_at(metadata, "uid")).length != 0 && value_type(spec) == VALUE_OBJECT &&
        !value_true(value_at(spec, "manualSelector")))
        job_selector(metadata, spec);
    struct value labels = value_at(spec, "template", "metadata", "labels");
    if (value_type(labels) == VALUE_OBJECT && value_count(labels) != 0 &&
        value_type(metadata) == VALUE_OBJECT && value_count(value_at(metadata, "labels")) == 0)
        value_set_copy(metadata, STR("labels"), labels);
}

void default_add_metric(struct value spec, int64_t percent)
{
    struct value metric = value_append_object(value_ensure_array(spec, STR("metrics")));
    value_setf(metric, STR("type"), "Resource");
    struct value resource = value_set_object(metric, STR("resource"));
    value_setf(resource, STR("name"), "cpu");
    struct value target = value_set_object(resource, STR("target"));
    value_setf(target, STR("type"), "Utilization");
    value_set_int(target, STR("averageUtilization"), percent);
}

/* 80 percent of the processors where nothing is said; and how fast it may go. */
static void autoscaler(struct value spec)
{
    static const struct {
        const char *direction;
        int64_t window;
        struct {
            const char *type;
            int64_t value;
        } policies[2];
    } rows[] = {{"scaleUp", 0, {{"Pods", 4}, {"Percent", 100}}},
                {"scaleDown", -1, {{"Percent", 100}, {NULL, 0}}}};
    if (value_count(value_at(spec, "metrics")) == 0)
        default_add_metric(spec, 80);
    struct value behavior = value_at(spec, "behavior");
    if (value_type(behavior) != VALUE_OBJECT)
        return;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct value rules = value_ensure_object(behavior, str_of(rows[i].direction));
        if (value_type(rules) != VALUE_OBJECT)
            continue;
        if (rows[i].window >= 0)
            default_number(rules, "stabilizationWindowSeconds", rows[i].window);
        if (value_exists(value_at(rules, "policies")))
            continue;
        struct value policies = value_set_array(rules, STR("policies"));
        for (size_t j = 0; j < COUNT(rows[i].policies) && rows[i].policies[j].type != NULL; j++) {
            struct value policy = value_append_object(policies);
            value_setf(policy, STR("type"), "%s", rows[i].policies[j].type);
            value_set_int(policy, STR("value"), rows[i].policies[j].value);
            value_set_int(policy, STR("periodSeconds"), 15);
        }
    }
}

static void definition_condition(struct value definition, const char *type, const char *reason,
                                 const char *message)
{
    struct value list = value_ensure_array(value_ensure_object(definition, STR("status")), STR("conditions"));
    value_each (each, list)
        if (value_is(value_at(each, "type"), type))
            return;
    struct value condition = value_append_object(list);
    value_set_copy(condition, STR("lastTransitionTime"),
                   value_at(definition, "metadata", "creationTimestamp"));
    value_setf(condition, STR("message"), "%s", message);
    value_setf(condition, STR("reason"), "%s", reason);
    value_setf(condition, STR("status"), "True");
    value_setf(condition, STR("type"), "%s", type);
}

/* Versions in which there may be objects: the one in which they are kept now, and those before it. */
static void note_stored_version(struct value definition)
{
    struct value list = value_ensure_array(value_at(definition, "status"), STR("storedVersions"));
    value_each (version, value_at(definition, "spec", "versions")) {
        bool known = !value_true(value_at(version, "storage"));
        value_each (each, list)
            known = known || value_equal(each, value_at(version, "name"));
        if (!known)
            value_append_str(list, value_str(value_at(version, "name")));
    }
}

static void definition_names(struct value names)
{
    struct value kind = value_at(names, "kind");
    autobuf struct buf text = {0};
    buf_add_str(&text, value_str(kind));
    for (size_t i = 0; i < text.length; i++)
        text.at[i] = (char)(text.at[i] >= 'A' && text.at[i] <= 'Z' ? text.at[i] | 0x20 : text.at[i]);
    if (text.length == 0)
        return;
    default_text(names, "singular", text.at);
    buf_clear(&text);
    buf_addf(&text, STR_FORMAT "List", STR_ARGS(value_str(kind)));
    default_text(names, "listKind", text.at);
}

/* There is nobody who would have to establish it: with the definition there is the kind (custom.h). */
static void definition(struct value object)
{
    struct value names = value_at(object, "spec", "names"), status = value_at(object, "status");
    if (value_type(names) != VALUE_OBJECT ||
        !value_exists(value_at(object, "metadata", "creationTimestamp")) ||
        !default_is_or_absent(status, VALUE_OBJECT))
        return;
    definition_names(names);
    default_finalizer(object, "customresourcecleanup.apiextensions.k8s.io");
    definition_condition(object, "NamesAccepted", "NoConflicts", "no conflicts found");
    definition_condition(object, "Established", "InitialNamesAccepted",
                         "the initial names have been accepted");
    value_set_copy(value_at(object, "status"), STR("acceptedNames"), names);
    note_stored_version(object);
}

const struct default_rule default_rules_of_kinds[] = {
    {"definition", definition},
    {"daemonSet", daemon_set},
    {"daemonSetStrategy", rolling},
    {"statefulSetStrategy", rolling},
    {"statefulSet", stateful_set},
    {"job", job},
    {"jobObject", job_object},
    {"autoscaler", autoscaler},
    {"service", service},
    {"servicePort", service_port},
    {"replicationController", replication_controller},
    {"limitRangeItem", limit_range_item},
    {"subject", subject},
    {"networkPolicy", network_policy},
    {NULL, NULL},
};
