#include "reconcilers/gc.h"

#include "lib/clock.h"

/* A CustomResourceDefinition that is being deleted: the objects of its kind are deleted, and when none is
 * left the finalizer is taken away that holds it; then the kind goes with it. Nothing new of the kind comes
 * meanwhile, so what has been read up to the version of its deletion is all that there ever is. A definition
 * is named after the resource that it defines.
 *
 * Definitions that come and go also change what this program has to follow: then it begins anew. */

#define DEFINITIONS "customresourcedefinitions.apiextensions.k8s.io"
#define CLEANUP     "customresourcecleanup.apiextensions.k8s.io"

static const struct owned_kinds *kinds;
static const struct owned_kind *definitions;
static int64_t read_ms; /* wall clock: when the kinds were read */
static char **uids;     /* of their definitions, as they were first seen; NULL: not yet */
static size_t uid_count;

/* kinds->count where it isn't followed. */
static size_t place_of(struct str resource)
{
    size_t place = 0;
    while (place < kinds->count && !str_is(resource, kinds->kinds[place]->view.resource))
        place++;
    return place;
}

static const struct owned_kind *kind_of(struct str resource)
{
    size_t place = place_of(resource);
    return place < kinds->count ? kinds->kinds[place] : NULL;
}

/* Its directories went with the one before: whoever watches those hears nothing of this one's. */
static bool is_another(const struct owned *definition, size_t place)
{
    if (definition == NULL || place == kinds->count)
        return false;
    if (uids[place] == NULL)
        uids[place] = str_dup(definition->meta.uid);
    return !str_is(definition->meta.uid, uids[place]);
}

static bool waits_for_us(const struct owned *definition)
{
    value_each (finalizer, definition->finalizers)
        if (value_is(finalizer, CLEANUP))
            return is_terminating(definition);
    return false;
}

static void clean_up(struct pass *pass, const struct owned *definition, const struct owned_kind *kind)
{
    if (cache_reached(pass_cache(pass), &kind->view) < definition->meta.version) {
        pass_need(pass, &kind->view, definition->meta.version);
        return;
    }
    const struct owned *object = NULL;
    bool empty = true;
    for (; (object = pass_next(pass, &kind->view, object)) != NULL; empty = false)
        if (!is_terminating(object))
            plan_delete(pass, &object->meta, -1);
    if (empty)
        plan_without_finalizer(pass, definition, CLEANUP);
}

/* A definition that was there when the kinds were read and that they don't know defines none. */
static int reconcile(struct pass *pass, struct key key, struct error **err)
{
    (void)err;
    const struct owned *definition = pass_get(pass, &definitions->view, key);
    const struct owned_kind *kind = kind_of(key.name);
    bool newer = definition != NULL && definition->meta.created_ms + 1000 > read_ms;
    if (kind == NULL ? newer : definition == NULL || is_another(definition, place_of(key.name)))
        pass_begin_anew(pass);
    else if (definition == NULL || !waits_for_us(definition))
        return 0;
    else if (kind != NULL)
        clean_up(pass, definition, kind);
    else
        plan_without_finalizer(pass, definition, CLEANUP);
    return 0;
}

/* What goes may have been the last of its kind. */
static void wake_definition(struct keys *keys, const struct controller *controller, const struct cache *cache,
                            const void *before, const void *now)
{
    (void)controller;
    if (now != NULL)
        return;
    struct key key = {STR(""), str_of(meta_of(before)->view->resource)};
    const struct owned *definition = cache_get(cache, &definitions->view, key);
    if (definition != NULL && is_terminating(definition))
        keys_add(keys, key);
}

const struct controller *definition_controller(const struct owned_kinds *all)
{
    static struct controller controller = {.name = "definition", .reconcile = reconcile};
    for (size_t i = 0; i < uid_count; i++)
        free(uids[i]);
    free(uids);
    kinds = all;
    uid_count = all->count;
    uids = memory_zeroed(uid_count + 1, sizeof(*uids));
    definitions = kind_of(STR(DEFINITIONS));
    read_ms = clock_wall_ms();
    if (definitions == NULL)
        return NULL;
    struct watch *watches = memory_zeroed(all->count + 2, sizeof(*watches));
    watches[0] = (struct watch){&definitions->view, wake_self};
    for (size_t i = 0; i < all->count; i++)
        watches[i + 1] = (struct watch){&all->kinds[i]->view, wake_definition};
    free((void *)controller.watches); /* of those before */
    controller.watches = watches;
    return &controller;
}
