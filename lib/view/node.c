#include "lib/views.h"

static bool is_ready(struct value conditions)
{
    value_each (condition, conditions)
        if (value_is(value_get(condition, STR("type")), "Ready"))
            return value_is(value_get(condition, STR("status")), "True");
    return false;
}

static struct str internal_address(struct value addresses)
{
    value_each (address, addresses)
        if (value_is(value_get(address, STR("type")), "InternalIP"))
            return value_str(value_get(address, STR("address")));
    return STR_NONE;
}

static const struct amounts *keep_allocatable(struct keeper *keeper, struct value list)
{
    autoamounts struct amounts amounts = {0};
    amounts_read(&amounts, list);
    return keep_amounts(keeper, &amounts);
}

static void fill(struct keeper *keeper, struct value object, void *view)
{
    struct node *node = view;
    struct value spec = value_get(object, STR("spec")), status = value_get(object, STR("status"));
    struct value allocatable = value_get(status, STR("allocatable"));
    node->unschedulable = value_true(value_get(spec, STR("unschedulable")));
    node->taints = keep_value(keeper, value_get(spec, STR("taints")));
    node->ready = is_ready(value_get(status, STR("conditions")));
    node->has_status = value_exists(allocatable);
    node->allocatable = keep_allocatable(keeper, allocatable);
    node->address = keep_str(keeper, internal_address(value_get(status, STR("addresses"))));
}

const struct view node_view = {
    .resource = "nodes", .api_version = "v1", .kind = "Node", .size = sizeof(struct node), .fill = fill};
