#include "nodeagent/demand.h"

#include "lib/quantity.h"
#include "nodeagent/document.h"

const struct resource resource_cpu = {"cpu", quantity_milli};
const struct resource resource_memory = {"memory", quantity_units};
const struct resource resource_storage = {"ephemeral-storage", quantity_units};

int64_t demand_amount(struct value list, const struct resource *resource)
{
    int64_t amount = 0;
    struct value quantity = value_get(list, str_of(resource->name));
    return value_exists(quantity) && resource->read(value_str(quantity), &amount) ? amount : 0;
}

typedef int64_t container_amount_fn(struct value container, const struct resource *resource);

static int64_t container_limit(struct value container, const struct resource *resource)
{
    return demand_amount(value_at(container, "resources", "limits"), resource);
}

int64_t demand_container_request(struct value container, const struct resource *resource)
{
    struct value requests = value_at(container, "resources", "requests");
    bool says = value_exists(value_get(requests, str_of(resource->name)));
    return says ? demand_amount(requests, resource) : container_limit(container, resource);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* An init container without an amount of its own counts as having one when sidecars before it have, as in
 * Kubernetes. */
static int64_t combine(struct value spec, container_amount_fn *amount_of, const struct resource *resource,
                       bool *of_all)
{
    int64_t sum = 0, sidecars = 0, most = 0;
    *of_all = true;
    value_each (container, value_get(spec, STR("containers"))) {
        int64_t one = amount_of(container, resource);
        *of_all &= one != 0;
        sum += one;
    }
    value_each (container, value_get(spec, STR("initContainers"))) {
        int64_t beside = amount_of(container, resource) + sidecars;
        *of_all &= beside != 0;
        most = larger(most, beside);
        if (document_is_sidecar(container))
            sidecars = beside;
    }
    return larger(sum + sidecars, most);
}

static int64_t overhead(struct value spec, const struct resource *resource)
{
    return demand_amount(value_get(spec, STR("overhead")), resource);
}

int64_t demand_request(struct value pod, const struct resource *resource)
{
    struct value spec = value_get(pod, STR("spec"));
    bool of_all;
    return combine(spec, demand_container_request, resource, &of_all) + overhead(spec, resource);
}

int64_t demand_limit(struct value pod, const struct resource *resource, bool *of_all)
{
    struct value spec = value_get(pod, STR("spec"));
    int64_t limit = combine(spec, container_limit, resource, of_all);
    return limit != 0 ? limit + overhead(spec, resource) : 0;
}
