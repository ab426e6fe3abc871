/* Named defaults of the kinds beside pods: services, storage, network, access, limits. */
#include "fsd/default.h"

/* A finalizer that keeps what is in use from going; the controllers take it away. */
static void protect(struct value object, const char *finalizer)
{
    struct value metadata = value_at(object, "metadata");
    struct value list = value_at(metadata, "finalizers");
    if (value_type(metadata) != VALUE_OBJECT || (value_exists(list) && value_type(list) != VALUE_ARRAY))
        return;
    value_each (each, list)
        if (value_is(each, finalizer))
            return;
    value_append_str(value_ensure_array(metadata, STR("finalizers")), str_of(finalizer));
}

static void volume_finalizer(struct value object)
{
    protect(object, "kubernetes.io/pv-protection");
}

static void claim_finalizer(struct value object)
{
    protect(object, "kubernetes.io/pvc-protection");
}

static void default_text(struct value v, const char *member, const char *text)
{
    struct value known = value_get(v, str_of(member));
    if (!value_exists(known) || value_is(known, ""))
        value_setf(v, str_of(member), "%s", text);
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
    /* One family: the cluster's. Which address it becomes is decided when it is made. */
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

const struct default_rule default_rules_of_kinds[] = {
    {"volumeFinalizer", volume_finalizer},
    {"claimFinalizer", claim_finalizer},
    {"service", service},
    {"servicePort", service_port},
    {"replicationController", replication_controller},
    {"limitRangeItem", limit_range_item},
    {"subject", subject},
    {"networkPolicy", network_policy},
    {NULL, NULL},
};
