#include "lib/views.h"

static void fill(struct keeper *keeper, struct value object, void *view)
{
    struct owned *owned = view;
    struct value finalizers = value_at(object, "metadata", "finalizers");
    owned->finalizers = keep_value(keeper, finalizers);
    value_each (finalizer, finalizers) {
        owned->orphan_dependents |= value_is(finalizer, "orphan");
        owned->delete_dependents |= value_is(finalizer, "foregroundDeletion");
    }
}

const struct view *owned_view_new(struct str resource)
{
    struct view *view = memory_new(sizeof(*view));
    *view = (struct view){
        .resource = str_dup(resource), .size = sizeof(struct owned), .metadata_only = true, .fill = fill};
    return view;
}
