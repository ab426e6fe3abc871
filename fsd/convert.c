#include "fsd/convert.h"

/* Before there were metrics of all sorts, there was the use of processors. */
static void autoscaler_v1(struct value object)
{
    struct value spec = value_at(object, "spec"), percent = value_at(spec, "targetCPUUtilizationPercentage");
    int64_t utilization;
    if (!value_int(percent, &utilization))
        return;
    value_remove(percent);
    struct value metric = value_append_object(value_ensure_array(spec, STR("metrics")));
    value_setf(metric, STR("type"), "Resource");
    struct value resource = value_set_object(metric, STR("resource"));
    value_setf(resource, STR("name"), "cpu");
    struct value target = value_set_object(resource, STR("target"));
    value_setf(target, STR("type"), "Utilization");
    value_set_int(target, STR("averageUtilization"), utilization);
}

convert_version *convert_find(struct str name)
{
    return str_is(name, "autoscalerV1") ? autoscaler_v1 : NULL;
}
