#include "nodeagent/admission.h"

#include "lib/selector.h"
#include "lib/taint.h"
#include "nodeagent/document.h"
#include "nodeagent/preemption.h"
#include "nodeagent/quality.h"
#include "nodeagent/sysctl.h"

void admission_clear(struct admission_refusal *refusal)
{
    free(refusal->reason);
    free(refusal->message);
    *refusal = (struct admission_refusal){0};
}

/* Returns false, so that a check can end with it. */
__attribute__((format(printf, 3, 4))) static bool refuse(struct admission_refusal *refusal,
                                                         const char *reason, const char *format, ...)
{
    autobuf struct buf message = {0};
    va_list args;
    va_start(args, format);
    buf_vaddf(&message, format, args);
    va_end(args);
    refusal->reason = str_dup(str_of(reason));
    refusal->message = buf_take(&message);
    return false;
}

static bool refuse_predicate(struct admission_refusal *refusal, const char *name, const char *sentence)
{
    return refuse(refusal, name, "Predicate %s failed: %s", name, sentence);
}

static struct value spec_of(struct value pod)
{
    return value_get(pod, STR("spec"));
}

/* ---- what the pod is ---- */

static bool check_sysctls(const struct admission_input *input, struct admission_refusal *refusal)
{
    autosysctls struct sysctls sysctls = {0};
    autoerror struct error *error = NULL;
    return sysctls_of_pod(&sysctls, input->pod, &error) == 0 ||
           refuse(refusal, SYSCTL_REFUSED, "%s", error_message(error));
}

static bool check_system_label(const struct admission_input *input, struct admission_refusal *refusal)
{
    struct value label = value_get(value_at(input->pod, "metadata", "labels"), STR("kubernetes.io/os"));
    return !value_exists(label) || value_is(label, "linux") ||
           refuse(refusal, "PodOSSelectorNodeLabelDoesNotMatch",
                  "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label");
}

static bool check_system(const struct admission_input *input, struct admission_refusal *refusal)
{
    struct value name = value_at(spec_of(input->pod), "os", "name");
    return !value_exists(name) || value_is(name, "linux") ||
           refuse(refusal, "PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS");
}

/* ---- resources ---- */

struct shortage {
    int resource;
    int64_t asked, used, there;
};

/* What nobody has told the node of is another's affair (the kubelet's removeMissingExtendedResources). */
static bool is_counted(const struct admission_input *input, int resource)
{
    struct str name = resource_name(resource);
    return !resource_is_extended(name) || value_exists(value_get(input->allocatable, name));
}

static bool refuse_shortage(struct admission_refusal *refusal, const struct shortage *shortage)
{
    struct str name = resource_name(shortage->resource);
    autobuf struct buf reason = {0};
    buf_addf(&reason, "OutOf" STR_FORMAT, STR_ARGS(name));
    return refuse(
        refusal, reason.at,
        "Node didn't have enough resource: " STR_FORMAT ", requested: %lld, used: %lld, capacity: %lld",
        STR_ARGS(name), (long long)shortage->asked, (long long)shortage->used, (long long)shortage->there);
}

struct reckoning {
    const struct admission_input *input;
    struct amounts asked, used, there, lacking;
    struct shortage first; /* that is named */
    bool any;
};

static void reckon_one(struct reckoning *reckoning, int resource)
{
    struct shortage shortage = {resource, amounts_get(&reckoning->asked, resource),
                                amounts_get(&reckoning->used, resource),
                                amounts_get(&reckoning->there, resource)};
    int64_t lacking = shortage.asked - (shortage.there - shortage.used);
    if (shortage.asked == 0 || lacking <= 0 || !is_counted(reckoning->input, resource))
        return;
    amounts_set(&reckoning->lacking, resource, lacking);
    if (!reckoning->any)
        reckoning->first = shortage;
    reckoning->any = true;
}

static void reckon(struct reckoning *reckoning, const struct admission_input *input)
{
    static const enum resource natives[] = {RESOURCE_PODS, RESOURCE_CPU, RESOURCE_MEMORY, RESOURCE_STORAGE};
    reckoning->input = input;
    demand_of_pod(&reckoning->asked, spec_of(input->pod));
    for (size_t i = 0; i < input->other_count; i++) {
        autoamounts struct amounts other = {0};
        demand_of_pod(&other, spec_of(input->others[i]));
        amounts_add(&reckoning->used, &other, 1);
    }
    amounts_read(&reckoning->there, input->allocatable);
    for (size_t i = 0; i < COUNT(natives); i++)
        reckon_one(reckoning, (int)natives[i]);
    for (size_t i = 0; i < reckoning->asked.count; i++)
        reckon_one(reckoning, (int)reckoning->asked.others[i].resource);
}

static void reckoning_clear(struct reckoning *reckoning)
{
    amounts_clear(&reckoning->asked);
    amounts_clear(&reckoning->used);
    amounts_clear(&reckoning->there);
    amounts_clear(&reckoning->lacking);
}

/* ---- where it wants to be ---- */

static bool check_affinity(const struct admission_input *input, struct admission_refusal *refusal)
{
    struct value required = value_at(spec_of(input->pod), "affinity", "nodeAffinity",
                                     "requiredDuringSchedulingIgnoredDuringExecution");
    return (selector_has_pairs(value_get(spec_of(input->pod), STR("nodeSelector")), input->labels) &&
            selector_matches_node(required, input->labels, str_of(input->node))) ||
           refuse_predicate(refusal, "NodeAffinity", "node(s) didn't match Pod's node affinity/selector");
}

static bool check_name(const struct admission_input *input, struct admission_refusal *refusal)
{
    return value_is(value_get(spec_of(input->pod), STR("nodeName")), input->node) ||
           refuse_predicate(refusal, "NodeName", "node(s) didn't match the requested node name");
}

/* ---- ports of the node ---- */

/* Calls for each port that it wants of the node, until `meets` says true. */
typedef bool meets_fn(struct value port, struct value context);

static bool any_in(struct value containers, bool only_sidecars, meets_fn *meets, struct value context)
{
    value_each (container, containers)
        if (!only_sidecars || document_is_sidecar(container))
            value_each (port, value_get(container, STR("ports")))
                if (value_int_or(value_get(port, STR("hostPort")), 0) != 0 && meets(port, context))
                    return true;
    return false;
}

static bool any_port(struct value pod, meets_fn *meets, struct value context)
{
    return any_in(value_get(spec_of(pod), STR("containers")), false, meets, context) ||
           any_in(value_get(spec_of(pod), STR("initContainers")), true, meets, context);
}

static struct str text_or(struct value text, const char *otherwise)
{
    struct str says = value_str(text);
    return says.length != 0 ? says : str_of(otherwise);
}

/* An address of 0.0.0.0, which is the default, is all of them. */
static bool collides(struct value a, struct value b)
{
    struct str address_a = text_or(value_get(a, STR("hostIP")), "0.0.0.0");
    struct str address_b = text_or(value_get(b, STR("hostIP")), "0.0.0.0");
    return value_equal(value_get(a, STR("hostPort")), value_get(b, STR("hostPort"))) &&
           str_equal(text_or(value_get(a, STR("protocol")), "TCP"),
                     text_or(value_get(b, STR("protocol")), "TCP")) &&
           (str_equal(address_a, address_b) || str_is(address_a, "0.0.0.0") || str_is(address_b, "0.0.0.0"));
}

static bool is_wanted_too(struct value port, struct value other)
{
    return any_port(other, collides, port);
}

static bool check_ports(const struct admission_input *input, struct admission_refusal *refusal)
{
    for (size_t i = 0; i < input->other_count; i++)
        if (any_port(input->pod, is_wanted_too, input->others[i]))
            return refuse_predicate(refusal, "NodePorts",
                                    "node(s) didn't have free ports for the requested pod ports");
    return true;
}

/* ---- taints ---- */

/* The others are the scheduler's affair. */
static bool check_taints(const struct admission_input *input, struct admission_refusal *refusal)
{
    struct value tolerations = value_get(spec_of(input->pod), STR("tolerations"));
    value_each (taint, input->taints)
        if (value_is(value_get(taint, STR("effect")), "NoExecute") && !taint_is_tolerated(taint, tolerations))
            return refuse_predicate(refusal, "TaintToleration",
                                    "node(s) had taints that the pod didn't tolerate");
    return true;
}

/* ---- the chain ---- */

typedef bool check_fn(const struct admission_input *input, struct admission_refusal *refusal);

static bool check_all(check_fn *const *checks, size_t count, const struct admission_input *input,
                      struct admission_refusal *refusal)
{
    for (size_t i = 0; i < count; i++)
        if (!checks[i](input, refusal))
            return false;
    return true;
}

/* Others have to go for one that is critical. */
static bool make_room(const struct reckoning *reckoning, struct admission_refusal *refusal)
{
    const struct admission_input *input = reckoning->input;
    autofree char *why = NULL;
    return preemption_choose(input->pod, &reckoning->lacking, input->others, input->other_count, input->goes,
                             &why) ||
           refuse(refusal, "UnexpectedAdmissionError",
                  "Unexpected error while attempting to recover from admission failure: preemption: error "
                  "finding a set of pods to preempt: %s",
                  why);
}

/* The place comes after the room in what is said, but nobody goes for a pod that can't be here anyway. */
bool admission_check(const struct admission_input *input, struct admission_refusal *refusal)
{
    static check_fn *const of_pod[] = {check_sysctls, check_system_label, check_system};
    static check_fn *const of_place[] = {check_affinity, check_name, check_ports, check_taints};
    cleanup(reckoning_clear) struct reckoning reckoning = {0};
    if (!check_all(of_pod, COUNT(of_pod), input, refusal))
        return false;
    if (value_exists(input->allocatable))
        reckon(&reckoning, input);
    bool critical = quality_is_critical(input->pod);
    if (reckoning.any && !critical)
        return refuse_shortage(refusal, &reckoning.first);
    return check_all(of_place, COUNT(of_place), input, refusal) &&
           (!reckoning.any || make_room(&reckoning, refusal));
}
