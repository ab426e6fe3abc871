#include "nodeagent/downward.h"

#include "lib/quantity.h"
#include "nodeagent/document.h"
#include <errno.h>
#include <inttypes.h>

/* ---- fields ---- */

bool downward_subscripted(struct value pod, struct str path, struct buf *out)
{
    static const char *const maps[] = {"labels", "annotations"};
    const struct str end = STR("']");
    for (size_t i = 0; i < COUNT(maps); i++) {
        autobuf struct buf begin = {0};
        buf_addf(&begin, "metadata.%s['", maps[i]);
        if (!str_starts(path, buf_str(&begin)) || !str_ends(path, end) ||
            path.length < begin.length + end.length)
            continue;
        struct str key = str_cut(path, begin.length, path.length - begin.length - end.length);
        buf_add_str(out, value_str(value_get(value_at(pod, "metadata", maps[i]), key)));
        return true;
    }
    return false;
}

/* ---- containers ---- */

int downward_container(struct value pod, struct str name, struct value *container, bool *initial,
                       struct error **err)
{
    *container = document_container(pod, name, initial);
    if (value_exists(*container))
        return 0;
    return error_make(err, EINVAL, "container " STR_FORMAT " not found", STR_ARGS(name));
}

/* ---- resources ---- */

static const struct resource {
    const char *name;
    bool is_prefix;
    /* Of the amount and of the divisor, which so are in the same unit: thousandths for cpu, wholes for the
     * rest. */
    bool (*read)(struct str text, int64_t *amount);
    bool defaulted; /* the node stands in for the limit: not for what is never given out twice */
} resources[] = {
    {"cpu", false, quantity_milli, true},
    {"memory", false, quantity_units, true},
    {"ephemeral-storage", false, quantity_units, true},
    {"hugepages-", true, quantity_units, false},
};

static const struct resource *find_resource(struct str name)
{
    for (size_t i = 0; i < COUNT(resources); i++)
        if (resources[i].is_prefix ? str_starts(name, str_of(resources[i].name))
                                   : str_is(name, resources[i].name))
            return &resources[i];
    return NULL;
}

/* What is 0 isn't set, neither as a limit nor as a divisor. */
static int64_t amount_of(const struct resource *resource, struct value list, struct str name)
{
    int64_t amount = 0;
    struct value quantity = value_get(list, name);
    return value_exists(quantity) && resource->read(value_str(quantity), &amount) ? amount : 0;
}

/* A request that isn't set is the limit: the tree says so too when it fills a pod in. */
static int64_t amount_in(const struct resource *resource, struct value container, bool limit, struct str name,
                         struct value allocatable)
{
    struct value limits = value_at(container, "resources", "limits");
    struct value requests = value_at(container, "resources", "requests");
    if (!limit && value_exists(value_get(requests, name)))
        return amount_of(resource, requests, name);
    int64_t amount = amount_of(resource, limits, name);
    return limit && amount == 0 && resource->defaulted ? amount_of(resource, allocatable, name) : amount;
}

int downward_resource(struct value container, struct value reference, struct value allocatable,
                      struct buf *out, struct error **err)
{
    struct str path = value_str(value_get(reference, STR("resource"))), name = path, list = STR_NONE;
    str_split(&name, '.', &list);
    bool limit = str_is(list, "limits");
    const struct resource *resource = limit || str_is(list, "requests") ? find_resource(name) : NULL;
    if (resource == NULL)
        return error_make(err, EINVAL, "Unsupported container resource : " STR_FORMAT, STR_ARGS(path));
    int64_t amount = amount_in(resource, container, limit, name, allocatable);
    int64_t divisor = amount_of(resource, reference, STR("divisor"));
    if (divisor <= 0)
        resource->read(STR("1"), &divisor);
    buf_addf(out, "%" PRId64, amount / divisor + (amount % divisor > 0));
    return 0;
}
