#include "lib/views.h"

static void fill(struct keeper *keeper, struct value object, void *view)
{
    struct owned *owned = view;
    struct value finalizers = value_at(object, "metadata", "finalizers");
    owned->finalizers = keep_value(keeper, finalizers);
    value_each (finalizer, finalizers) {
        owned->orphans_dependents |= value_is(finalizer, "orphan");
        owned->deletes_dependents |= value_is(finalizer, "foregroundDeletion");
    }
}

static struct str uid_value(const void *object, size_t n)
{
    return n == 0 ? meta_of(object)->uid : STR_NONE;
}

static struct str owner_value(const void *object, size_t n)
{
    return n < meta_of(object)->owner_count ? meta_of(object)->owners[n].uid : STR_NONE;
}

static struct str namespace_value(const void *object, size_t n)
{
    return n == 0 ? meta_of(object)->namespace : STR_NONE;
}

static struct cache_index *index_new(const struct view *view, struct str (*value)(const void *, size_t))
{
    struct cache_index *index = memory_new(sizeof(*index));
    *index = (struct cache_index){view, value, NULL};
    return index;
}

struct owned_kind *owned_kind_new(struct str resource)
{
    struct owned_kind *kind = memory_new(sizeof(*kind));
    kind->view = (struct view){
        .resource = str_dup(resource), .size = sizeof(struct owned), .metadata_only = true, .fill = fill};
    kind->by_uid = index_new(&kind->view, uid_value);
    kind->by_owner = index_new(&kind->view, owner_value);
    kind->by_namespace = index_new(&kind->view, namespace_value);
    return kind;
}

void owned_kind_free(struct owned_kind *kind)
{
    free(kind->by_uid);
    free(kind->by_owner);
    free(kind->by_namespace);
    free((char *)kind->view.resource);
    free(kind);
}
