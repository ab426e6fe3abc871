/* Rules of a pod's values that have to fit each other, or what they are for: Kubernetes 1.32 refuses the same
 * (pkg/apis/core/validation). */
#include "fsd/formats.h"
#include "fsd/rules.h"
#include "lib/quantity.h"

/* Calls for each element of the list, with the step that leads to it. */
typedef void element_fn(struct check *check, const struct step *at, struct value element, struct value spec);

static void each_element(struct check *check, const struct step *above, struct value list, const char *name,
                         element_fn *element, struct value spec)
{
    struct step step = STEP_MEMBER(above, str_of(name));
    size_t index = 0;
    value_each (v, list) {
        struct step at = STEP_ELEMENT(&step, index++);
        element(check, &at, v, spec);
    }
}

static void each_container(struct check *check, const struct step *at, struct value spec, element_fn *element)
{
    static const char *const lists[] = {"initContainers", "containers"};
    for (size_t i = 0; i < COUNT(lists); i++)
        each_element(check, at, value_get(spec, str_of(lists[i])), lists[i], element, spec);
}

/* ---- ports of the node ---- */

static bool is_same_port(struct value a, struct value b)
{
    return value_equal(value_at(a, "hostPort"), value_at(b, "hostPort")) &&
           str_equal(value_str(value_at(a, "protocol")), value_str(value_at(b, "protocol"))) &&
           str_equal(value_str(value_at(a, "hostIP")), value_str(value_at(b, "hostIP")));
}

/* Is it wanted by another that comes before it? */
static bool is_taken(struct value spec, struct value port)
{
    value_each (container, value_at(spec, "containers"))
        value_each (other, value_at(container, "ports")) {
            if (other.at == port.at)
                return false;
            if (is_same_port(other, port))
                return true;
        }
    return false;
}

static void host_port(struct check *check, const struct step *at, struct value port, struct value spec)
{
    int64_t number = value_int_or(value_at(port, "hostPort"), 0);
    struct step step = STEP_MEMBER(at, STR("hostPort"));
    if (number != 0 && is_taken(spec, port))
        check_say(check, &step, "%lld is there already: the node has each port once", (long long)number);
}

static void host_ports(struct check *check, const struct step *at, struct value container, struct value spec)
{
    each_element(check, at, value_at(container, "ports"), "ports", host_port, spec);
}

/* ---- hooks that sleep ---- */

static void sleeps(struct check *check, const struct step *at, struct value container, struct value spec)
{
    static const char *const hooks[] = {"postStart", "preStop"};
    int64_t grace = value_int_or(value_at(spec, "terminationGracePeriodSeconds"), 30);
    struct step lifecycle = STEP_MEMBER(at, STR("lifecycle"));
    for (size_t i = 0; i < COUNT(hooks); i++) {
        struct step hook = STEP_MEMBER(&lifecycle, str_of(hooks[i]));
        struct step sleep = STEP_MEMBER(&hook, STR("sleep")), seconds = STEP_MEMBER(&sleep, STR("seconds"));
        int64_t given = value_int_or(value_at(container, "lifecycle", hooks[i], "sleep", "seconds"), 0);
        if (given > grace)
            check_say(check, &seconds, "must be at most terminationGracePeriodSeconds (%lld), not %lld",
                      (long long)grace, (long long)given);
    }
}

/* ---- sysctls ---- */

/* Whose they are: of a namespace that the pod may share with the machine. */
static const struct {
    const char *prefix, *member;
} shared_sysctls[] = {
    {"net.", "hostNetwork"},   {"kernel.shm", "hostIPC"}, {"kernel.msg", "hostIPC"},
    {"kernel.sem", "hostIPC"}, {"fs.mqueue.", "hostIPC"},
};

/* "net/ipv4/x" is another way to write "net.ipv4.x". */
static bool is_same_sysctl(struct str a, struct str b)
{
    bool same = a.length == b.length;
    for (size_t i = 0; same && i < a.length; i++)
        same = (a.at[i] == '/' ? '.' : a.at[i]) == (b.at[i] == '/' ? '.' : b.at[i]);
    return same;
}

static void sysctl(struct check *check, const struct step *at, struct value v, struct value spec)
{
    struct step step = STEP_MEMBER(at, STR("name"));
    struct str name = value_str(value_at(v, "name"));
    value_each (other, value_at(spec, "securityContext", "sysctls")) {
        if (other.at == v.at)
            break;
        if (is_same_sysctl(value_str(value_at(other, "name")), name)) {
            check_say(check, &step, "\"" STR_FORMAT "\" is there already", STR_ARGS(name));
            break;
        }
    }
    for (size_t i = 0; i < COUNT(shared_sysctls); i++) {
        struct str prefix = str_of(shared_sysctls[i].prefix);
        bool meant = name.length >= prefix.length && is_same_sysctl(str_cut(name, 0, prefix.length), prefix);
        if (meant && value_true(value_get(spec, str_of(shared_sysctls[i].member))))
            check_say(check, &step, "must not be \"" STR_FORMAT "\" when %s is true", STR_ARGS(name),
                      shared_sysctls[i].member);
    }
}

/* ---- names to look in ---- */

#define SEARCHES_AT_MOST 2048 /* characters of all together */

/* A name may end with a dot. */
static void search(struct check *check, const struct step *at, struct value v, struct value spec)
{
    const struct format *subdomain = format_find(STR("dns-subdomain"));
    struct str name = value_str(v);
    (void)spec;
    if (name.length > 1 && str_ends(name, STR(".")))
        name.length--;
    if (value_type(v) == VALUE_STRING && !subdomain->check(name) && !str_is(name, "."))
        check_say(check, at, "must be %s, not \"" STR_FORMAT "\"", subdomain->wanted, STR_ARGS(name));
}

static void searches(struct check *check, const struct step *at, struct value spec)
{
    struct value list = value_at(spec, "dnsConfig", "searches");
    struct step config = STEP_MEMBER(at, STR("dnsConfig")), step = STEP_MEMBER(&config, STR("searches"));
    size_t length = 0;
    each_element(check, &config, list, "searches", search, spec);
    value_each (name, list)
        length += value_str(name).length + (length != 0);
    if (length > SEARCHES_AT_MOST)
        check_say(check, &step, "must have at most %d characters together, not %zu", SEARCHES_AT_MOST,
                  length);
}

static void pod_values(struct check *check, const struct step *at, struct value spec)
{
    struct step context = STEP_MEMBER(at, STR("securityContext"));
    each_element(check, at, value_at(spec, "containers"), "containers", host_ports, spec);
    each_container(check, at, spec, sleeps);
    each_element(check, &context, value_at(spec, "securityContext", "sysctls"), "sysctls", sysctl, spec);
    searches(check, at, spec);
}

/* ---- of a container ---- */

/* Nothing is ended when it fails. */
static void readiness(struct check *check, const struct step *at, struct value container)
{
    struct step probe = STEP_MEMBER(at, STR("readinessProbe"));
    struct step step = STEP_MEMBER(&probe, STR("terminationGracePeriodSeconds"));
    if (value_exists(value_at(container, "readinessProbe", "terminationGracePeriodSeconds")))
        check_say(check, &step, "must not be there: a readiness probe ends nothing");
}

/* What is given out whole, and never twice: what is asked for is the limit. */
static bool is_exact(struct str resource)
{
    return memchr(resource.at, '/', resource.length) != NULL || str_starts(resource, STR("hugepages-"));
}

static void exact_resources(struct check *check, const struct step *at, struct value v)
{
    struct value limits = value_at(v, "limits"), requests = value_at(v, "requests");
    struct step list = STEP_MEMBER(at, STR("requests"));
    bool pages = false;
    value_each (request, requests) {
        struct step step = STEP_KEY(&list, value_key(request));
        struct value limit = value_get(limits, value_key(request));
        int64_t asked, most;
        pages |= str_starts(value_key(request), STR("hugepages-"));
        if (!is_exact(value_key(request)))
            continue;
        if (!value_exists(limit))
            check_say(check, &step, "must have a limit, too: it is not given out twice");
        else if (quantity_units(value_str(request), &asked) && quantity_units(value_str(limit), &most) &&
                 asked < most) /* what is more is said of all resources */
            check_say(check, &step, "must be the limit of " STR_FORMAT ", not " STR_FORMAT,
                      STR_ARGS(value_str(limit)), STR_ARGS(value_str(request)));
    }
    bool beside = value_exists(value_at(requests, "cpu")) || value_exists(value_at(requests, "memory"));
    if (pages && !beside)
        check_say(check, &list, "must have cpu or memory beside hugepages");
}

/* ---- resources as variables and files ---- */

static bool is_one_or_power(int64_t number, int64_t base)
{
    while (number > 1 && number % base == 0)
        number /= base;
    return number == 1;
}

static void check_divisor(struct check *check, const struct step *at, struct str name, struct str divisor)
{
    int64_t number = 0;
    if (str_is(name, "cpu")) {
        if (quantity_milli(divisor, &number) && number != 0 && number != 1 && number != 1000)
            check_say(check, at, "must be 1 or 1m, not " STR_FORMAT, STR_ARGS(divisor));
    } else if (quantity_milli(divisor, &number) && number % 1000 != 0) {
        check_say(check, at, "must be a whole number, not " STR_FORMAT, STR_ARGS(divisor));
    } else if (quantity_units(divisor, &number) && number != 0 && !is_one_or_power(number, 1000) &&
               !is_one_or_power(number, 1024)) {
        check_say(check, at, "must be 1 or a unit, as 1k, 1M, 1Ki, 1Mi, not " STR_FORMAT, STR_ARGS(divisor));
    }
}

static void resource_field(struct check *check, const struct step *at, struct value v)
{
    static const char *const names[] = {"cpu", "memory", "ephemeral-storage"};
    struct str path = value_str(value_at(v, "resource")), name = path, list = STR_NONE;
    struct step step = STEP_MEMBER(at, STR("resource")), divisor = STEP_MEMBER(at, STR("divisor"));
    if (path.length == 0)
        return; /* required, and to be told first */
    (void)str_split(&name, '.', &list);
    bool known = str_starts(name, STR("hugepages-"));
    for (size_t i = 0; i < COUNT(names); i++)
        known |= str_is(name, names[i]);
    if (!known || (!str_is(list, "limits") && !str_is(list, "requests")))
        check_say(check, &step,
                  "must be limits or requests, a dot, and one of cpu, memory, ephemeral-storage, "
                  "hugepages-<size>, not \"" STR_FORMAT "\"",
                  STR_ARGS(path));
    else
        check_divisor(check, &divisor, name, value_str(value_at(v, "divisor")));
}

const struct rule rules_of_pod_values[] = {
    {"podValues", pod_values, NULL},
    {"readiness", readiness, NULL},
    {"exactResources", exact_resources, NULL},
    {"resourceField", resource_field, NULL},
    {NULL, NULL, NULL},
};
