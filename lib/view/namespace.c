#include "lib/views.h"

static void fill(struct keeper *keeper, struct value object, void *view)
{
    struct namespace *namespace = view;
    namespace->finalizers = keep_value(keeper, value_at(object, "spec", "finalizers"));
}

const struct view namespace_view = {.resource = "namespaces",
                                    .api_version = "v1",
                                    .kind = "Namespace",
                                    .size = sizeof(struct namespace),
                                    .fill = fill};
