#include "reconcilers/workload.h"

#include "lib/selector.h"
#include <stdio.h>

/* ---- indexes ---- */

static struct str controller_uid(const void *object, size_t n)
{
    const struct owner *controller = meta_of(object)->controller;
    return n == 0 && controller != NULL ? controller->uid : STR_NONE;
}

static struct str orphan_namespace(const void *object, size_t n)
{
    return n == 0 && meta_of(object)->controller == NULL ? meta_of(object)->namespace : STR_NONE;
}

static struct str namespace_value(const void *object, size_t n)
{
    return n == 0 ? meta_of(object)->namespace : STR_NONE;
}

const struct cache_index pods_by_controller = {&pod_view, controller_uid, NULL};
const struct cache_index replicasets_by_controller = {&replicaset_view, controller_uid, NULL};
const struct cache_index orphan_pods = {&pod_view, orphan_namespace, NULL};
const struct cache_index orphan_replicasets = {&replicaset_view, orphan_namespace, NULL};
const struct cache_index replicasets_by_namespace = {&replicaset_view, namespace_value, NULL};
const struct cache_index deployments_by_namespace = {&deployment_view, namespace_value, NULL};

/* ---- owners ---- */

static void append_owner(struct value references, const struct owner *owner)
{
    struct value reference = value_append_object(references);
    value_set_str(reference, STR("apiVersion"), owner->api_version);
    value_set_str(reference, STR("kind"), owner->kind);
    value_set_str(reference, STR("name"), owner->name);
    value_set_str(reference, STR("uid"), owner->uid);
    if (owner->controller)
        value_set_bool(reference, STR("controller"), true);
    if (owner->blocks_deletion)
        value_set_bool(reference, STR("blockOwnerDeletion"), true);
}

static void append_controller(struct value references, const struct meta *owner)
{
    append_owner(references, &(struct owner){.api_version = str_of(owner->view->api_version),
                                             .kind = str_of(owner->view->kind),
                                             .name = owner->name,
                                             .uid = owner->uid,
                                             .controller = true,
                                             .blocks_deletion = true});
}

void set_controller(struct value metadata, const struct meta *owner)
{
    append_controller(value_set_array(metadata, STR("ownerReferences")), owner);
}

void plan_owners(struct pass *pass, const struct meta *child, const bool *keep, const struct meta *added)
{
    struct doc *merge = doc_new();
    struct value metadata = value_set_object(doc_root(merge), STR("metadata"));
    struct value references = value_set_array(metadata, STR("ownerReferences"));
    for (size_t i = 0; i < child->owner_count; i++)
        if (keep == NULL || keep[i])
            append_owner(references, &child->owners[i]);
    if (added != NULL)
        append_controller(references, added);
    if (value_count(references) == 0)
        value_set_null(metadata, STR("ownerReferences"));
    plan_patch(pass, child, merge);
}

/* ---- claims ---- */

/* Its other owners stay. */
static void plan_release(struct pass *pass, const struct meta *child)
{
    autofree bool *keep = memory_zeroed(child->owner_count, sizeof(*keep));
    for (size_t i = 0; i < child->owner_count; i++)
        keep[i] = &child->owners[i] != child->controller;
    plan_owners(pass, child, keep, NULL);
}

bool plan_claims(struct pass *pass, const struct family *family, const struct meta *owner,
                 struct value selector)
{
    bool planned = false;
    const void *child = NULL;
    while ((child = pass_find(pass, family->orphans, owner->namespace, child)) != NULL)
        if (!is_terminating(child) && selector_matches(selector, meta_of(child)->labels)) {
            plan_owners(pass, child, NULL, owner);
            planned = true;
        }
    while ((child = pass_find(pass, family->owned, owner->uid, child)) != NULL)
        if (!is_terminating(child) && !selector_matches(selector, meta_of(child)->labels)) {
            plan_release(pass, child);
            planned = true;
        }
    return planned;
}

void wake_wanting(struct keys *keys, const struct cache *cache, const struct cache_index *owners,
                  struct value (*selector)(const void *owner), const void *child)
{
    if (child == NULL || meta_of(child)->controller != NULL || is_terminating(child))
        return;
    const void *owner = NULL;
    while ((owner = cache_find(cache, owners, meta_of(child)->namespace, owner)) != NULL)
        if (selector_matches(selector(owner), meta_of(child)->labels))
            keys_add(keys, key_of(owner));
}

/* ---- names ---- */

static const char safe_characters[] = "bcdfghjklmnpqrstvwxz2456789";
enum { SAFE_COUNT = sizeof(safe_characters) - 1 };

void safe_suffix(uint64_t number, size_t count, char *out)
{
    for (size_t i = 0; i < count; i++, number /= SAFE_COUNT)
        out[i] = safe_characters[number % SAFE_COUNT];
    out[count] = '\0';
}

void safe_hash(uint32_t number, char out[SAFE_HASH_TEXT])
{
    snprintf(out, SAFE_HASH_TEXT, "%u", number);
    for (char *c = out; *c != '\0'; c++)
        *c = safe_characters[(unsigned char)*c % SAFE_COUNT];
}
