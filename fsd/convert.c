#include "fsd/convert.h"

#include "fsd/default.h"

/* Before there were metrics of all sorts, there was the use of processors. */
static void autoscaler_v1(struct value object)
{
    struct value spec = value_at(object, "spec"), percent = value_at(spec, "targetCPUUtilizationPercentage");
    int64_t utilization;
    if (!value_int(percent, &utilization))
        return;
    value_remove(percent);
    default_add_metric(spec, utilization);
}

convert_version *convert_find(struct str name)
{
    return str_is(name, "autoscalerV1") ? autoscaler_v1 : NULL;
}
