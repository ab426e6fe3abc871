#include "lib/demand.h"

enum { LIKELY_CPU_MILLI = 100, LIKELY_MEMORY = 200 * 1024 * 1024 };

static struct value spec_of(struct value pod)
{
    return value_get(pod, STR("spec"));
}

int64_t demand_amount(struct value list, enum resource resource)
{
    autoamounts struct amounts amounts = {0};
    amounts_read(&amounts, list);
    return amounts_get(&amounts, (int)resource);
}

/* ---- one container ---- */

typedef void container_amounts_fn(struct amounts *amounts, struct value container);

static void add_limits(struct amounts *amounts, struct value container)
{
    autoamounts struct amounts own = {0};
    amounts_read(&own, value_at(container, "resources", "limits"));
    amounts_add(amounts, &own, 1);
}

static int64_t likely(struct value limits, struct value requests, struct str name, int64_t asked,
                      int64_t otherwise)
{
    return value_exists(value_get(limits, name)) || value_exists(value_get(requests, name)) ? asked
                                                                                            : otherwise;
}

static void add_requests(struct amounts *amounts, struct value container)
{
    autoamounts struct amounts own = {0};
    struct value resources = value_get(container, STR("resources"));
    struct value limits = value_get(resources, STR("limits"));
    struct value requests = value_get(resources, STR("requests"));
    amounts_read(&own, limits);
    amounts_read(&own, requests);
    own.native[RESOURCE_LIKELY_CPU] =
        likely(limits, requests, STR("cpu"), own.native[RESOURCE_CPU], LIKELY_CPU_MILLI);
    own.native[RESOURCE_LIKELY_MEMORY] =
        likely(limits, requests, STR("memory"), own.native[RESOURCE_MEMORY], LIKELY_MEMORY);
    amounts_add(amounts, &own, 1);
}

int64_t demand_container_request(struct value container, enum resource resource)
{
    autoamounts struct amounts amounts = {0};
    add_requests(&amounts, container);
    return amounts_get(&amounts, (int)resource);
}

/* ---- a pod ---- */

/* Of which of these somebody has none. */
typedef bool missing_set[RESOURCE_NATIVE];

static void note_missing(missing_set missing, const struct amounts *amounts)
{
    for (int i = 0; i < RESOURCE_NATIVE; i++)
        missing[i] |= amounts->native[i] == 0;
}

/* An init container without an amount of its own counts as having one when sidecars before it have, as in
 * Kubernetes. */
static void combine(struct amounts *total, struct value spec, container_amounts_fn *add, missing_set missing)
{
    autoamounts struct amounts sidecars = {0}, most = {0};
    value_each (container, value_get(spec, STR("containers"))) {
        autoamounts struct amounts own = {0};
        add(&own, container);
        note_missing(missing, &own);
        amounts_add(total, &own, 1);
    }
    value_each (container, value_get(spec, STR("initContainers"))) {
        autoamounts struct amounts beside = {0};
        add(&beside, container);
        amounts_add(&beside, &sidecars, 1);
        note_missing(missing, &beside);
        amounts_raise(&most, &beside);
        if (value_is(value_get(container, STR("restartPolicy")), "Always"))
            add(&sidecars, container);
    }
    amounts_add(total, &sidecars, 1);
    amounts_raise(total, &most);
}

static void read_overhead(struct amounts *amounts, struct value spec)
{
    amounts_read(amounts, value_get(spec, STR("overhead")));
    amounts->native[RESOURCE_LIKELY_CPU] = amounts->native[RESOURCE_CPU];
    amounts->native[RESOURCE_LIKELY_MEMORY] = amounts->native[RESOURCE_MEMORY];
}

void demand_of_pod(struct amounts *amounts, struct value spec)
{
    autoamounts struct amounts overhead = {0};
    missing_set missing = {0};
    combine(amounts, spec, add_requests, missing);
    read_overhead(&overhead, spec);
    amounts_add(amounts, &overhead, 1);
    amounts->native[RESOURCE_PODS] = 1;
}

int64_t demand_request(struct value pod, enum resource resource)
{
    autoamounts struct amounts amounts = {0};
    demand_of_pod(&amounts, spec_of(pod));
    return amounts_get(&amounts, (int)resource);
}

int64_t demand_limit(struct value pod, enum resource resource, bool *of_all)
{
    autoamounts struct amounts limits = {0}, overhead = {0};
    missing_set missing = {0};
    combine(&limits, spec_of(pod), add_limits, missing);
    read_overhead(&overhead, spec_of(pod));
    int64_t limit = limits.native[resource];
    *of_all = !missing[resource];
    return limit != 0 ? limit + overhead.native[resource] : 0;
}
