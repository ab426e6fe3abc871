#include "fsd/usage.h"

#include "lib/quantity.h"

static __int128 amount_in(struct value list, struct str resource)
{
    __int128 amount = 0;
    struct value given = value_get(list, resource);
    return value_exists(given) && quantity_nano(value_str(given), &amount) ? amount : 0;
}

/* ---- pods ---- */

bool usage_of_containers(struct value pod_spec, const char *member, struct str resource, __int128 *amount,
                         struct str *like)
{
    __int128 sidecars = 0, most = 0;
    bool any = false;
    *amount = 0;
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < COUNT(lists); i++)
        value_each (container, value_get(pod_spec, str_of(lists[i]))) {
            struct value amounts = value_get(value_at(container, "resources"), str_of(member));
            __int128 own = amount_in(amounts, resource);
            if (like != NULL && !any)
                *like = value_str(value_get(amounts, resource));
            any |= value_exists(value_get(amounts, resource));
            if (i == 0) {
                *amount += own;
                continue;
            }
            if (sidecars + own > most)
                most = sidecars + own;
            if (value_is(value_at(container, "restartPolicy"), "Always"))
                sidecars += own;
        }
    *amount += sidecars;
    if (most > *amount)
        *amount = most;
    return any;
}

/* What has ended for good uses nothing any more, but is there (QuotaV1Pod). */
static bool has_ended(struct value pod)
{
    struct value phase = value_at(pod, "status", "phase");
    return value_is(phase, "Succeeded") || value_is(phase, "Failed");
}

/* requests.cpu, limits.cpu, and by the name alone what is requested. The overhead belongs to the requests,
 * and to limits where there are any. */
static __int128 of_pod(struct value pod, struct str name)
{
    static const struct {
        const char *prefix, *member;
    } forms[] = {{"requests.", "requests"}, {"limits.", "limits"}, {"", "requests"}};
    struct value spec = value_at(pod, "spec");
    if (has_ended(pod))
        return 0;
    if (str_is(name, "pods"))
        return USAGE_ONE;
    size_t form = 0;
    while (!str_starts(name, str_of(forms[form].prefix)))
        form++;
    size_t skipped = strlen(forms[form].prefix);
    struct str resource = {name.at + skipped, name.length - skipped};
    __int128 amount;
    (void)usage_of_containers(spec, forms[form].member, resource, &amount, NULL);
    bool limited = strcmp(forms[form].member, "limits") == 0;
    return limited && amount == 0 ? 0 : amount + amount_in(value_at(spec, "overhead"), resource);
}

/* ---- services and claims ---- */

static __int128 of_service(struct value service, struct str name)
{
    struct value spec = value_at(service, "spec"), type = value_at(spec, "type");
    bool balanced = value_is(type, "LoadBalancer");
    if (str_is(name, "services"))
        return USAGE_ONE;
    if (str_is(name, "services.loadbalancers"))
        return balanced ? USAGE_ONE : 0;
    if (!str_is(name, "services.nodeports") || !(balanced || value_is(type, "NodePort")))
        return 0;
    struct value allocates = value_at(spec, "allocateLoadBalancerNodePorts");
    bool all = !balanced || !value_exists(allocates) || value_true(allocates);
    __int128 count = 0;
    value_each (port, value_at(spec, "ports"))
        count += all || value_int_or(value_at(port, "nodePort"), 0) != 0;
    return count * USAGE_ONE;
}

#define OF_CLASS ".storageclass.storage.k8s.io/"

static __int128 of_claim(struct value claim, struct str name)
{
    struct value class =
        value_at(claim, "metadata", "annotations", "volume.beta.kubernetes.io/storage-class");
    if (!value_exists(class))
        class = value_at(claim, "spec", "storageClassName");
    struct str rest = name, of_class = value_str(class);
    const char *mark = memmem(name.at, name.length, OF_CLASS, strlen(OF_CLASS));
    if (mark != NULL) {
        if (!str_equal((struct str){name.at, (size_t)(mark - name.at)}, of_class))
            return 0;
        rest.at = mark + strlen(OF_CLASS);
        rest.length = (size_t)(name.at + name.length - rest.at);
    }
    if (str_is(rest, "persistentvolumeclaims"))
        return USAGE_ONE;
    return str_is(rest, "requests.storage")
               ? amount_in(value_at(claim, "spec", "resources", "requests"), STR("storage"))
               : 0;
}

/* ---- all kinds ---- */

static __int128 of_counted(struct value object, struct str name)
{
    (void)object;
    (void)name;
    return USAGE_ONE;
}

/* Whatever is counted by its plural is so by the old names of these, too. */
static const struct {
    const char *kind;
    __int128 (*usage)(struct value object, struct str name);
    const char *only; /* this resource; NULL: what the function knows */
} rows[] = {
    {"Pod", of_pod, NULL},
    {"Service", of_service, NULL},
    {"PersistentVolumeClaim", of_claim, NULL},
    {"ConfigMap", of_counted, "configmaps"},
    {"Secret", of_counted, "secrets"},
    {"ReplicationController", of_counted, "replicationcontrollers"},
    {"ResourceQuota", of_counted, "resourcequotas"},
};

bool usage_is_said(const struct kind *kind)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].only == NULL && kind_is(kind, "", rows[i].kind))
            return true;
    return false;
}

#define COUNTED "count/"

__int128 usage_of(const struct kind *kind, struct value object, struct str resource)
{
    size_t prefix = strlen(COUNTED);
    if (str_starts(resource, STR(COUNTED)))
        return str_equal((struct str){resource.at + prefix, resource.length - prefix}, kind->resource)
                   ? USAGE_ONE
                   : 0;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (kind_is(kind, "", rows[i].kind))
            return rows[i].only == NULL || str_is(resource, rows[i].only) ? rows[i].usage(object, resource)
                                                                          : 0;
    return 0;
}

/* ---- scopes ---- */

static bool asks_for_something(struct value container)
{
    static const char *const lists[] = {"requests", "limits"};
    struct value resources = value_at(container, "resources");
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct value amounts = value_get(resources, str_of(lists[i]));
        if (amount_in(amounts, STR("cpu")) != 0 || amount_in(amounts, STR("memory")) != 0)
            return true;
    }
    return false;
}

static bool is_best_effort(struct value spec)
{
    value_each (container, value_at(spec, "containers"))
        if (asks_for_something(container))
            return false;
    value_each (container, value_at(spec, "initContainers"))
        if (asks_for_something(container))
            return false;
    return true;
}

/* Of any of its terms, which lie two or three levels deep. */
static bool looks_elsewhere(struct value v)
{
    if (value_count(value_at(v, "namespaces")) != 0 || value_exists(value_at(v, "namespaceSelector")))
        return true;
    if (value_exists(value_at(v, "labelSelector")))
        return false;
    value_each (below, v)
        if (looks_elsewhere(below))
            return true;
    return false;
}

static bool is_in(struct value list, struct str text)
{
    value_each (each, list)
        if (str_equal(value_str(each), text))
            return true;
    return false;
}

/* `requirement`: operator and values; absent: Exists */
static bool is_in_one(struct value spec, struct str scope, struct value requirement)
{
    struct value affinity = value_at(spec, "affinity"), operator= value_at(requirement, "operator");
    struct str class = value_str(value_at(spec, "priorityClassName"));
    bool ends = value_exists(value_at(spec, "activeDeadlineSeconds"));
    if (str_is(scope, "Terminating") || str_is(scope, "NotTerminating"))
        return ends == str_is(scope, "Terminating");
    if (str_is(scope, "BestEffort") || str_is(scope, "NotBestEffort"))
        return is_best_effort(spec) == str_is(scope, "BestEffort");
    if (str_is(scope, "CrossNamespacePodAffinity"))
        return looks_elsewhere(value_at(affinity, "podAffinity")) ||
               looks_elsewhere(value_at(affinity, "podAntiAffinity"));
    if (!str_is(scope, "PriorityClass"))
        return false;
    bool listed = class.length != 0 && is_in(value_at(requirement, "values"), class);
    if (value_is(operator, "In"))
        return listed;
    if (value_is(operator, "NotIn"))
        return !listed;
    return (class.length != 0) != value_is(operator, "DoesNotExist");
}

bool usage_is_in_scope(const struct kind *kind, struct value object, struct value quota_spec)
{
    struct value spec = value_at(object, "spec"), scopes = value_at(quota_spec, "scopes"),
                 requirements = value_at(quota_spec, "scopeSelector", "matchExpressions");
    if (!kind_is(kind, "", "Pod"))
        return value_count(scopes) == 0 && value_count(requirements) == 0;
    value_each (scope, scopes)
        if (!is_in_one(spec, value_str(scope), VALUE_ABSENT))
            return false;
    value_each (requirement, requirements)
        if (!is_in_one(spec, value_str(value_at(requirement, "scopeName")), requirement))
            return false;
    return true;
}

/* ---- what has to be said ---- */

static void add_missing(struct value list, const char *member, const char *resource, struct buf *out)
{
    value_each (container, list) {
        struct value amounts = value_get(value_at(container, "resources"), str_of(member));
        if (!value_exists(value_get(amounts, str_of(resource))))
            buf_addf(out, "%s" STR_FORMAT, out->length != 0 ? "," : "",
                     STR_ARGS(value_str(value_at(container, "name"))));
    }
}

void usage_missing(const struct kind *kind, struct value object, struct value hard, struct buf *out)
{
    static const struct {
        const char *name, *member, *resource;
    } named[] = {{"cpu", "requests", "cpu"},
                 {"limits.cpu", "limits", "cpu"},
                 {"limits.memory", "limits", "memory"},
                 {"memory", "requests", "memory"},
                 {"requests.cpu", "requests", "cpu"},
                 {"requests.memory", "requests", "memory"}};
    if (!kind_is(kind, "", "Pod"))
        return;
    for (size_t i = 0; i < COUNT(named); i++) {
        autobuf struct buf containers = {0};
        if (!value_exists(value_get(hard, str_of(named[i].name))))
            continue;
        add_missing(value_at(object, "spec", "containers"), named[i].member, named[i].resource, &containers);
        add_missing(value_at(object, "spec", "initContainers"), named[i].member, named[i].resource,
                    &containers);
        if (containers.length != 0)
            buf_addf(out, "%s%s for: %s", out->length != 0 ? "; " : "", named[i].name, containers.at);
    }
}
