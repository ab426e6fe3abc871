#include "reconcilers/gc.h"

#include "reconcilers/workload.h"

/* An object whose owners are all gone is deleted. A key is the uid of an owner; its pass looks at those who
 * name it.
 *
 * That an owner is gone must be certain, and a cache may lag. Here versions help: they are one counter for
 * the whole store, an owner is older than any reference to it, and so, if the owner's kind has been read up
 * to the version of the object that names it and the owner isn't there, then it has been deleted. A pass that
 * isn't there yet says what it needs (pass_need), which has the tree read. Deletions carry the version that
 * was seen: if somebody has given the object another owner meanwhile, nothing happens and the pass looks
 * again.
 *
 * An owner that is itself being deleted may ask for more with a finalizer: "foregroundDeletion" waits until
 * the dependents that block it are gone, "orphan" lets all dependents go before. */

static const struct owned_kinds *kinds;

/* ---- who is there ---- */

static const struct owned *find_by_uid(const struct cache *cache, struct str uid)
{
    const struct owned *found = NULL;
    for (size_t i = 0; found == NULL && i < kinds->count; i++)
        found = cache_find(cache, kinds->kinds[i]->by_uid, uid, NULL);
    return found;
}

/* Walks over all who name the owner, of all kinds. */
struct dependents {
    const struct cache *cache;
    struct str owner;
    size_t kind;
    const struct owned *last;
};

static const struct owned *dependents_next(struct dependents *d)
{
    for (; d->kind < kinds->count; d->kind++) {
        d->last = cache_find(d->cache, kinds->kinds[d->kind]->by_owner, d->owner, d->last);
        if (d->last != NULL)
            return d->last;
    }
    return NULL;
}

static bool has_dependents(const struct cache *cache, struct str uid)
{
    return dependents_next(&(struct dependents){cache, uid, 0, NULL}) != NULL;
}

/* ---- owners ---- */

enum ownership {
    OWNER_LIVES,
    OWNER_WAITS,  /* it is being deleted, and waits for its dependents */
    OWNER_UNSURE, /* we must read more first, or don't know such a kind */
    OWNER_GONE
};

static enum ownership look_at_owner(struct pass *pass, const struct owned *object, const struct owner *owner)
{
    const struct owned *found = find_by_uid(pass_cache(pass), owner->uid);
    bool elsewhere = found != NULL && found->meta.namespace.length != 0 &&
                     !str_equal(found->meta.namespace, object->meta.namespace);
    if (found != NULL && !elsewhere)
        return is_terminating(found) && found->deletes_dependents ? OWNER_WAITS : OWNER_LIVES;
    const struct owned_kind *kind = owned_kinds_find(kinds, owner->api_version, owner->kind);
    if (kind == NULL)
        return OWNER_UNSURE;
    if (cache_reached(pass_cache(pass), &kind->view) >= object->meta.version)
        return OWNER_GONE;
    pass_need(pass, &kind->view, object->meta.version);
    return OWNER_UNSURE;
}

/* With no owner left the object goes; with some left it forgets those that are gone. */
static void collect(struct pass *pass, const struct owned *object)
{
    size_t count = object->meta.owner_count, of[OWNER_GONE + 1] = {0};
    autofree bool *keep = memory_zeroed(count, sizeof(*keep));
    for (size_t i = 0; i < count; i++) {
        enum ownership ownership = look_at_owner(pass, object, &object->meta.owners[i]);
        keep[i] = ownership == OWNER_LIVES || ownership == OWNER_UNSURE;
        of[ownership]++;
    }
    if (of[OWNER_UNSURE] != 0 || of[OWNER_LIVES] == count)
        return;
    if (of[OWNER_LIVES] != 0)
        plan_owners(pass, &object->meta, keep, NULL);
    else
        plan_delete_unchanged(pass, &object->meta);
}

/* ---- owners that are being deleted and wait ---- */

/* All kinds have been read up to the owner's deletion: who names it now is all there will ever be. */
static bool knows_all_dependents(struct pass *pass, const struct owned *owner)
{
    bool all = true;
    for (size_t i = 0; i < kinds->count; i++) {
        const struct view *view = &kinds->kinds[i]->view;
        if (cache_reached(pass_cache(pass), view) < owner->meta.version) {
            pass_need(pass, view, owner->meta.version);
            all = false;
        }
    }
    return all;
}

void plan_without_finalizer(struct pass *pass, const struct owned *owner, const char *name)
{
    struct doc *merge = doc_new();
    struct value metadata = value_set_object(doc_root(merge), STR("metadata"));
    struct value finalizers = value_set_array(metadata, STR("finalizers"));
    value_each (finalizer, owner->finalizers)
        if (!value_is(finalizer, name))
            value_append_copy(finalizers, finalizer);
    plan_patch(pass, &owner->meta, merge);
}

static const struct owner *reference_to(const struct owned *object, struct str uid)
{
    for (size_t i = 0; i < object->meta.owner_count; i++)
        if (str_equal(object->meta.owners[i].uid, uid))
            return &object->meta.owners[i];
    return NULL;
}

static void delete_dependents(struct pass *pass, const struct owned *owner)
{
    bool blocked = false;
    struct dependents all = {pass_cache(pass), owner->meta.uid, 0, NULL};
    for (const struct owned *object; (object = dependents_next(&all)) != NULL;) {
        const struct owner *reference = reference_to(object, owner->meta.uid);
        blocked |= reference != NULL && reference->blocks_deletion;
        if (!is_terminating(object))
            collect(pass, object);
    }
    if (!blocked && knows_all_dependents(pass, owner))
        plan_without_finalizer(pass, owner, "foregroundDeletion");
}

static void orphan_dependents(struct pass *pass, const struct owned *owner)
{
    bool left = false;
    struct dependents all = {pass_cache(pass), owner->meta.uid, 0, NULL};
    for (const struct owned *object; (object = dependents_next(&all)) != NULL; left = true) {
        size_t count = object->meta.owner_count;
        autofree bool *keep = memory_zeroed(count, sizeof(*keep));
        for (size_t i = 0; i < count; i++)
            keep[i] = !str_equal(object->meta.owners[i].uid, owner->meta.uid);
        plan_owners(pass, &object->meta, keep, NULL);
    }
    if (!left && knows_all_dependents(pass, owner))
        plan_without_finalizer(pass, owner, "orphan");
}

/* ---- the pass ---- */

static int reconcile(struct pass *pass, struct key key, struct error **err)
{
    (void)err;
    const struct owned *owner = find_by_uid(pass_cache(pass), key.name);
    if (owner != NULL) {
        if (is_terminating(owner) && owner->orphans_dependents)
            orphan_dependents(pass, owner);
        else if (is_terminating(owner) && owner->deletes_dependents)
            delete_dependents(pass, owner);
        return 0;
    }
    struct dependents all = {pass_cache(pass), key.name, 0, NULL};
    for (const struct owned *object; (object = dependents_next(&all)) != NULL;)
        if (!is_terminating(object))
            collect(pass, object);
    return 0;
}

/* ---- waking ---- */

static void add_uid(struct keys *keys, struct str uid)
{
    keys_add(keys, (struct key){STR(""), uid});
}

/* Owners that aren't there, or that wait. */
static void wake_owners(struct keys *keys, const struct cache *cache, const struct owned *object)
{
    for (size_t i = 0; object != NULL && i < object->meta.owner_count; i++) {
        struct str uid = object->meta.owners[i].uid;
        const struct owned *owner = find_by_uid(cache, uid);
        if (owner == NULL || is_terminating(owner))
            add_uid(keys, uid);
    }
}

static void wake(struct keys *keys, const struct controller *controller, const struct cache *cache,
                 const void *before, const void *now)
{
    (void)controller;
    const struct owned *object = now != NULL ? now : before;
    bool gone = now == NULL && has_dependents(cache, object->meta.uid);
    bool waits =
        now != NULL && is_terminating(object) && (object->orphans_dependents || object->deletes_dependents);
    if (gone || waits)
        add_uid(keys, object->meta.uid);
    wake_owners(keys, cache, before);
    wake_owners(keys, cache, now);
}

const struct controller *gc_controller(const struct owned_kinds *all)
{
    static struct controller controller = {.name = "gc", .reconcile = reconcile};
    kinds = all;
    struct watch *watches = memory_zeroed(all->count + 1, sizeof(*watches));
    const struct cache_index **indexes = memory_zeroed(all->count * 2 + 1, sizeof(*indexes));
    for (size_t i = 0; i < all->count; i++) {
        watches[i] = (struct watch){&all->kinds[i]->view, wake};
        indexes[2 * i] = all->kinds[i]->by_uid;
        indexes[2 * i + 1] = all->kinds[i]->by_owner;
    }
    free((void *)controller.watches); /* of those before */
    controller.watches = watches;
    free((void *)controller.indexes);
    controller.indexes = indexes;
    return &controller;
}
