/* Rules of network policies and ingresses. */
#include "fsd/rules.h"
#include <arpa/inet.h>

/* ---- NetworkPolicy ---- */

static void network_policy_peer(struct check *check, const struct step *at, struct value peer)
{
    bool block = value_exists(value_at(peer, "ipBlock"));
    bool selector =
        value_exists(value_at(peer, "podSelector")) || value_exists(value_at(peer, "namespaceSelector"));
    struct step step = STEP_MEMBER(at, STR("ipBlock"));
    if (!block && !selector)
        check_lacks(check, at, "must have podSelector, namespaceSelector or ipBlock");
    if (block && selector)
        check_say(check, &step, "must not be there beside a selector");
}

static void network_policy_port(struct check *check, const struct step *at, struct value v)
{
    struct value port = value_at(v, "port"), end = value_at(v, "endPort");
    int64_t first, last;
    struct step step = STEP_MEMBER(at, STR("endPort"));
    if (!value_exists(end))
        return;
    if (!value_int(port, &first))
        check_say(check, &step, "must not be there when port is no number");
    else if (value_int(end, &last) && last < first)
        check_say(check, &step, "must be at least port (%lld), not %lld", (long long)first, (long long)last);
}

struct network {
    unsigned char bytes[16];
    int family, bits;
};

static bool read_network(struct str text, struct network *network)
{
    struct str address;
    int64_t bits;
    if (!str_split(&text, '/', &address) || !str_to_int64(text, &bits))
        return false;
    autofree char *name = str_dup(address);
    network->family = strchr(name, ':') != NULL ? AF_INET6 : AF_INET;
    network->bits = (int)bits;
    return inet_pton(network->family, name, network->bytes) == 1;
}

static bool is_inside(const struct network *inner, const struct network *outer)
{
    if (inner->family != outer->family || inner->bits <= outer->bits)
        return false;
    for (int bit = 0; bit < outer->bits; bit++)
        if (((inner->bytes[bit / 8] ^ outer->bytes[bit / 8]) >> (7 - bit % 8) & 1) != 0)
            return false;
    return true;
}

static void ip_block(struct check *check, const struct step *at, struct value block)
{
    struct network outer, inner;
    struct step list = STEP_MEMBER(at, STR("except"));
    size_t i = 0;
    if (!read_network(value_str(value_at(block, "cidr")), &outer))
        return;
    value_each (except, value_at(block, "except")) {
        struct step step = STEP_ELEMENT(&list, i++);
        if (read_network(value_str(except), &inner) && !is_inside(&inner, &outer))
            check_say(check, &step, "must be a strict part of cidr, not " STR_FORMAT,
                      STR_ARGS(value_str(except)));
    }
}

/* ---- Ingress ---- */

static void ingress(struct check *check, const struct step *at, struct value spec)
{
    if (value_count(value_at(spec, "rules")) == 0 && !value_exists(value_at(spec, "defaultBackend")))
        check_lacks(check, at, "must have rules or defaultBackend");
}

/* The annotation is what the field was before there was one. */
static void ingress_class(struct check *check, const struct step *at, struct value object)
{
    struct step metadata = STEP_MEMBER(at, STR("metadata")),
                annotations = STEP_MEMBER(&metadata, STR("annotations")),
                step = STEP_KEY(&annotations, STR("kubernetes.io/ingress.class"));
    if (value_exists(value_get(value_at(object, "metadata", "annotations"), step.name)) &&
        value_exists(value_at(object, "spec", "ingressClassName")))
        check_say(check, &step, "must not be there beside spec.ingressClassName");
}

static void ingress_backend(struct check *check, const struct step *at, struct value backend)
{
    static const char *const names[] = {"service", "resource", NULL};
    rule_one_of(check, at, backend, names, true);
}

static void service_backend_port(struct check *check, const struct step *at, struct value port)
{
    bool name = value_str(value_at(port, "name")).length != 0,
         number = value_int_or(value_at(port, "number"), 0) != 0;
    if (name && number)
        check_say(check, at, "must have only one of name, number");
    if (!name && !number)
        check_lacks(check, at, "must have a name or a number");
}

static void ingress_path(struct check *check, const struct step *at, struct value v)
{
    static const char *const parts[] = {"//", "/./", "/../", "%2f", "%2F"}, *const ends[] = {"/..", "/."};
    struct value path = value_at(v, "path"), type = value_at(v, "pathType");
    struct str text = value_str(path);
    struct step step = STEP_MEMBER(at, STR("path"));
    bool free_form = value_is(type, "ImplementationSpecific");
    if (!value_exists(type) || (free_form && text.length == 0))
        return;
    if (text.length == 0 || text.at[0] != '/') {
        check_say(check, &step, "must be an absolute path");
        return;
    }
    for (size_t i = 0; i < COUNT(parts) && !free_form; i++)
        if (memmem(text.at, text.length, parts[i], strlen(parts[i])) != NULL)
            check_say(check, &step, "must not contain %s", parts[i]);
    for (size_t i = 0; i < COUNT(ends) && !free_form; i++)
        if (str_ends(text, str_of(ends[i])))
            check_say(check, &step, "must not end with %s", ends[i]);
}

static void ingress_class_parameters(struct check *check, const struct step *at, struct value v)
{
    bool of_namespace = value_is(value_at(v, "scope"), "Namespace");
    bool has = value_str(value_at(v, "namespace")).length != 0;
    struct step step = STEP_MEMBER(at, STR("namespace"));
    if (of_namespace && !has)
        check_lacks(check, &step, "is required when scope is Namespace");
    if (!of_namespace && has)
        check_say(check, &step, "must not be there when scope is Cluster");
}

const struct rule rules_of_network[] = {
    {"networkPolicyPeer", network_policy_peer, NULL},
    {"networkPolicyPort", network_policy_port, NULL},
    {"ipBlock", ip_block, NULL},
    {"ingress", ingress, NULL},
    {"ingressClass", ingress_class, NULL},
    {"ingressBackend", ingress_backend, NULL},
    {"serviceBackendPort", service_backend_port, NULL},
    {"ingressPath", ingress_path, NULL},
    {"ingressClassParameters", ingress_class_parameters, NULL},
    {NULL, NULL, NULL},
};
