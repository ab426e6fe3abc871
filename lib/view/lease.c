#include "lib/views.h"

static void fill(struct keeper *keeper, struct value object, void *view)
{
    struct lease *lease = view;
    struct value spec = value_get(object, STR("spec"));
    lease->holder = keep_str(keeper, value_str(value_get(spec, STR("holderIdentity"))));
    lease->renewed_ms = view_time(value_get(spec, STR("renewTime")));
}

const struct view lease_view = {.resource = "leases.coordination.k8s.io",
                                .api_version = "coordination.k8s.io/v1",
                                .kind = "Lease",
                                .size = sizeof(struct lease),
                                .fill = fill};
