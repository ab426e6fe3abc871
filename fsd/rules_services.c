/* Rules of services and of what stands behind them. */
#include "fsd/formats.h"
#include "fsd/rules.h"

static bool is_headless(struct value spec)
{
    return value_is(value_at(spec, "clusterIP"), "None");
}

/* A name for each port, as soon as there are two; and each of them once. */
static void ports_apart(struct check *check, const struct step *at, struct value ports)
{
    size_t i = 0, count = value_count(ports);
    value_each (port, ports) {
        struct step step = STEP_ELEMENT(at, i), name_step = STEP_MEMBER(&step, STR("name"));
        struct str name = value_str(value_at(port, "name"));
        if (count > 1 && name.length == 0)
            check_lacks(check, &name_step, "is required where there are several ports");
        for (size_t other = 0; other < i; other++) {
            struct value before = value_element(ports, other);
            if (name.length != 0 && str_equal(value_str(value_at(before, "name")), name))
                check_say(check, &name_step, "\"" STR_FORMAT "\" is there already", STR_ARGS(name));
            if (value_equal(value_at(before, "port"), value_at(port, "port")) &&
                value_equal(value_at(before, "protocol"), value_at(port, "protocol"))) {
                struct step number = STEP_MEMBER(&step, STR("port"));
                check_say(check, &number, "is there already with this protocol");
            }
        }
        i++;
    }
}

static void node_ports(struct check *check, const struct step *at, struct value spec)
{
    struct value type = value_at(spec, "type");
    bool has_them = value_is(type, "NodePort") || value_is(type, "LoadBalancer");
    size_t i = 0;
    struct step ports = STEP_MEMBER(at, STR("ports"));
    value_each (port, value_at(spec, "ports")) {
        struct step step = STEP_ELEMENT(&ports, i++), number = STEP_MEMBER(&step, STR("nodePort"));
        if (!has_them && value_int_or(value_at(port, "nodePort"), 0) != 0)
            check_say(check, &number, "must not be there when type is " STR_FORMAT,
                      STR_ARGS(value_str(type)));
    }
}

/* What only some types of services have. */
static void only_of_type(struct check *check, const struct step *at, struct value spec)
{
    static const struct {
        const char *member, *types[2];
    } rows[] = {
        {"externalTrafficPolicy", {"NodePort", "LoadBalancer"}},
        {"healthCheckNodePort", {"LoadBalancer", "LoadBalancer"}},
        {"loadBalancerSourceRanges", {"LoadBalancer", "LoadBalancer"}},
        {"loadBalancerClass", {"LoadBalancer", "LoadBalancer"}},
        {"allocateLoadBalancerNodePorts", {"LoadBalancer", "LoadBalancer"}},
    };
    struct value type = value_at(spec, "type");
    bool external = value_count(value_at(spec, "externalIPs")) != 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct value v = value_get(spec, str_of(rows[i].member));
        bool may =
            value_is(type, rows[i].types[0]) || value_is(type, rows[i].types[1]) || (i == 0 && external);
        struct step step = STEP_MEMBER(at, str_of(rows[i].member));
        bool empty =
            !value_exists(v) || value_is(v, "") || (value_type(v) == VALUE_ARRAY && value_count(v) == 0);
        if (!may && !empty)
            check_say(check, &step, "must not be there when type is " STR_FORMAT, STR_ARGS(value_str(type)));
    }
}

static void cluster_ips(struct check *check, const struct step *at, struct value spec)
{
    struct value one = value_at(spec, "clusterIP"), all = value_at(spec, "clusterIPs");
    struct step one_step = STEP_MEMBER(at, STR("clusterIP")), step = STEP_MEMBER(at, STR("clusterIPs"));
    const struct format *ip = format_find(STR("ip"));
    struct str text = value_str(one);
    if (value_is(value_at(spec, "type"), "ExternalName")) {
        if (text.length != 0)
            check_say(check, &one_step, "must not be there when type is ExternalName");
        return;
    }
    if (value_count(all) == 0 && text.length != 0 && !is_headless(spec) && !ip->check(text))
        check_say(check, &step, "must be empty, None or an IP address, not \"" STR_FORMAT "\"",
                  STR_ARGS(text));
    if (is_headless(spec) && !value_is(value_at(spec, "type"), "ClusterIP"))
        check_say(check, &one_step, "None is only for the type ClusterIP");
    size_t i = 0;
    value_each (address, all) {
        struct step element = STEP_ELEMENT(&step, i);
        if (i == 0 && text.length != 0 && !str_equal(value_str(address), text))
            check_say(check, &element, "must be the same as clusterIP");
        if (!(value_is(address, "None") && i == 0) && !ip->check(value_str(address)))
            check_say(check, &element, "must be an IP address, not \"" STR_FORMAT "\"",
                      STR_ARGS(value_str(address)));
        i++;
    }
    if (i > 2)
        check_say(check, &step, "must have at most 2 elements, not %zu", i);
}

static void external_name(struct check *check, const struct step *at, struct value spec)
{
    struct str name = value_str(value_at(spec, "externalName"));
    struct step step = STEP_MEMBER(at, STR("externalName"));
    const struct format *format = format_find(STR("dns-subdomain"));
    struct str bare = {name.at,
                       name.length != 0 && name.at[name.length - 1] == '.' ? name.length - 1 : name.length};
    if (name.length == 0)
        check_lacks(check, &step, "is required when type is ExternalName");
    else if (!format->check(bare))
        check_say(check, &step, "must be %s, not \"" STR_FORMAT "\"", format->wanted, STR_ARGS(name));
}

static void service(struct check *check, const struct step *at, struct value spec)
{
    struct step ports = STEP_MEMBER(at, STR("ports"));
    bool names_external = value_is(value_at(spec, "type"), "ExternalName");
    if (!names_external && !is_headless(spec) && value_count(value_at(spec, "ports")) == 0)
        check_lacks(check, &ports, "is required");
    ports_apart(check, &ports, value_at(spec, "ports"));
    node_ports(check, at, spec);
    only_of_type(check, at, spec);
    cluster_ips(check, at, spec);
    if (names_external)
        external_name(check, at, spec);
    struct step affinity = STEP_MEMBER(at, STR("sessionAffinityConfig"));
    if (value_exists(value_at(spec, "sessionAffinityConfig")) &&
        value_is(value_at(spec, "sessionAffinity"), "None"))
        check_say(check, &affinity, "must not be there when sessionAffinity is None");
}

/* ---- Endpoints ---- */

static void endpoint_subset(struct check *check, const struct step *at, struct value subset)
{
    struct step ports = STEP_MEMBER(at, STR("ports"));
    size_t i = 0, count = value_count(value_at(subset, "ports"));
    if (value_count(value_at(subset, "addresses")) + value_count(value_at(subset, "notReadyAddresses")) == 0)
        check_lacks(check, at, "must have addresses or notReadyAddresses");
    value_each (port, value_at(subset, "ports")) {
        struct step step = STEP_ELEMENT(&ports, i++), name = STEP_MEMBER(&step, STR("name"));
        if (count > 1 && value_str(value_at(port, "name")).length == 0)
            check_lacks(check, &name, "is required where there are several ports");
    }
}

/* All addresses of a slice are of its kind. */
static void endpoint_slice(struct check *check, const struct step *at, struct value slice)
{
    static const struct {
        const char *type, *format;
    } rows[] = {{"IPv4", "endpoint-ip"}, {"IPv6", "endpoint-ip"}, {"FQDN", "dns-subdomain"}};
    struct step list = STEP_MEMBER(at, STR("endpoints"));
    size_t i = 0;
    value_each (endpoint, value_at(slice, "endpoints")) {
        struct step step = STEP_ELEMENT(&list, i++), addresses = STEP_MEMBER(&step, STR("addresses"));
        size_t j = 0;
        value_each (address, value_at(endpoint, "addresses")) {
            struct step element = STEP_ELEMENT(&addresses, j++);
            bool colon = value_str(address).length != 0 &&
                         memchr(value_str(address).at, ':', value_str(address).length) != NULL;
            for (size_t k = 0; k < COUNT(rows); k++) {
                if (!value_is(value_at(slice, "addressType"), rows[k].type))
                    continue;
                if (!format_find(str_of(rows[k].format))->check(value_str(address)) || colon != (k == 1))
                    check_say(check, &element, "must be an address of the type %s, not \"" STR_FORMAT "\"",
                              rows[k].type, STR_ARGS(value_str(address)));
            }
        }
    }
}

const struct rule rules_of_services[] = {
    {"endpointSlice", endpoint_slice, NULL},
    {"service", service, NULL},
    {"endpointSubset", endpoint_subset, NULL},
    {NULL, NULL, NULL},
};
