#include "reconcilers/gc.h"

/* A namespace that is being deleted: everything in it is deleted, and when nothing is left, its finalizer
 * "kubernetes" (in the spec) is taken away; that lets it go. Nothing can be made in such a namespace, so what
 * has been read up to the version of its deletion is all that it ever holds. */

static const struct owned_kinds *kinds;

static bool waits_for_us(const struct namespace *namespace)
{
    value_each (finalizer, namespace->finalizers)
        if (value_is(finalizer, "kubernetes"))
            return is_terminating(namespace);
    return false;
}

static void plan_release(struct pass *pass, const struct namespace *namespace)
{
    struct doc *merge = doc_new();
    struct value finalizers =
        value_set_array(value_set_object(doc_root(merge), STR("spec")), STR("finalizers"));
    value_each (finalizer, namespace->finalizers)
        if (!value_is(finalizer, "kubernetes"))
            value_append_copy(finalizers, finalizer);
    plan_patch(pass, &namespace->meta, merge);
}

static int reconcile(struct pass *pass, struct key key, struct error **err)
{
    (void)err;
    const struct namespace *namespace = pass_get(pass, &namespace_view, key);
    if (namespace == NULL || !waits_for_us(namespace))
        return 0;
    bool empty = true;
    for (size_t i = 0; i < kinds->count; i++) {
        const struct owned_kind *kind = kinds->kinds[i];
        if (cache_reached(pass_cache(pass), &kind->view) < namespace->meta.version) {
            pass_need(pass, &kind->view, namespace->meta.version);
            empty = false;
        }
        const struct owned *object = NULL;
        for (; (object = pass_find(pass, kind->by_namespace, key.name, object)) != NULL; empty = false)
            if (!is_terminating(object))
                plan_delete(pass, &object->meta, -1);
    }
    if (empty)
        plan_release(pass, namespace);
    return 0;
}

/* What goes may have been the last; what comes was made in time. */
static void wake_namespace(struct keys *keys, const struct controller *controller, const struct cache *cache,
                           const void *before, const void *now)
{
    (void)controller;
    if (before != NULL && now != NULL)
        return;
    struct key key = {STR(""), meta_of(now != NULL ? now : before)->namespace};
    const void *namespace = key.name.length != 0 ? cache_get(cache, &namespace_view, key) : NULL;
    if (namespace != NULL && is_terminating(namespace))
        keys_add(keys, key);
}

const struct controller *namespace_controller(const struct owned_kinds *all)
{
    static struct controller controller = {.name = "namespace", .reconcile = reconcile};
    kinds = all;
    struct watch *watches = memory_zeroed(all->count + 2, sizeof(*watches));
    const struct cache_index **indexes = memory_zeroed(all->count + 1, sizeof(*indexes));
    watches[0] = (struct watch){&namespace_view, wake_self};
    for (size_t i = 0; i < all->count; i++) {
        watches[i + 1] = (struct watch){&all->kinds[i]->view, wake_namespace};
        indexes[i] = all->kinds[i]->by_namespace;
    }
    free((void *)controller.watches); /* of those before */
    controller.watches = watches;
    free((void *)controller.indexes);
    controller.indexes = indexes;
    return &controller;
}
