#include "reconcilers/deployment.h"

#include "reconcilers/deployment_private.h"
#include "reconcilers/workload.h"
#include <stdio.h>

/* A pass finds the deployment's replica sets, tells which has its template, lets rollout.c decide the
 * numbers, and plans what differs. A template's set is named after a hash of the template, and so is made
 * once whoever makes it; should the name be taken by something else, the hash is drawn again with a count. */

static const struct family family = {&replicasets_by_controller, &orphan_replicasets};

struct scene {
    struct pass *pass;
    const struct deployment *deployment;
    const struct replicaset *current; /* the one with the deployment's template; NULL: none yet */
    struct rollout rollout;
    size_t capacity;
    int64_t last_revision; /* the highest of the old sets' */
};

/* ---- the sets ---- */

static int64_t annotated(const struct replicaset *set, const char *name)
{
    int64_t number;
    return str_to_int64(value_str(value_get(set->annotations, str_of(name))), &number) ? number : -1;
}

static struct part part_of(const struct replicaset *set, bool is_new)
{
    return (struct part){.set = set,
                         .is_new = is_new,
                         .replicas = set->replicas,
                         .available = set->available_replicas,
                         .has = set->has_replicas,
                         .desired = annotated(set, DESIRED_ANNOTATION),
                         .most = annotated(set, MAX_ANNOTATION)};
}

/* By creation, and by name where that is the same. */
static bool is_older(const struct meta *a, const struct meta *b)
{
    return a->created_ms != b->created_ms ? a->created_ms < b->created_ms : str_compare(a->name, b->name) < 0;
}

static int compare_age(const void *a, const void *b)
{
    const struct part *left = a, *right = b;
    if (left->is_new != right->is_new)
        return left->is_new ? -1 : 1;
    if (left->set == right->set)
        return 0;
    return is_older(&left->set->meta, &right->set->meta) ? -1 : 1;
}

static struct part *add_part(struct scene *scene, struct part part)
{
    struct rollout *rollout = &scene->rollout;
    array_grow(rollout->parts, rollout->count, scene->capacity);
    rollout->parts[rollout->count] = part;
    return &rollout->parts[rollout->count++];
}

static bool has_pods_left(const struct scene *scene, const struct replicaset *set)
{
    const struct pod *pod = NULL;
    while ((pod = pass_find(scene->pass, &pods_by_controller, set->meta.uid, pod)) != NULL)
        if (!pod_has_ended(pod))
            return true;
    return false;
}

/* If there are several sets with the template, the oldest is the one. */
static void find_sets(struct scene *scene)
{
    const struct deployment *deployment = scene->deployment;
    const struct replicaset *set = NULL;
    while ((set = pass_find(scene->pass, family.owned, deployment->meta.uid, set)) != NULL)
        if (!is_terminating(set) && set->template_hash == deployment->template_hash &&
            (scene->current == NULL || is_older(&set->meta, &scene->current->meta)))
            scene->current = set;
    while ((set = pass_find(scene->pass, family.owned, deployment->meta.uid, set)) != NULL) {
        if (is_terminating(set))
            continue;
        add_part(scene, part_of(set, set == scene->current));
        if (set == scene->current)
            continue;
        if (set->revision > scene->last_revision)
            scene->last_revision = set->revision;
        scene->rollout.old_pods_left |= deployment->recreate && has_pods_left(scene, set);
    }
    if (scene->rollout.count != 0)
        qsort(scene->rollout.parts, scene->rollout.count, sizeof(*scene->rollout.parts), compare_age);
}

/* ---- a new set ---- */

static int64_t revision_to_be(const struct scene *scene)
{
    int64_t own = scene->current != NULL ? scene->current->revision : 0;
    return own > scene->last_revision ? own : scene->last_revision + 1;
}

static void template_name(const struct deployment *deployment, char hash[SAFE_HASH_TEXT])
{
    char seed[64];
    int length = snprintf(seed, sizeof(seed), "%llx/%lld", (unsigned long long)deployment->template_hash,
                          (long long)deployment->collision_count);
    uint64_t number = str_hash((struct str){seed, (size_t)length});
    safe_hash((uint32_t)(number ^ number >> 32), hash);
}

/* The deployment's own annotations, but for those that say something of itself alone. */
static void copy_annotations(struct value to, const struct deployment *deployment)
{
    static const char *const own[] = {"kubectl.kubernetes.io/last-applied-configuration", REVISION_ANNOTATION,
                                      DESIRED_ANNOTATION, MAX_ANNOTATION,
                                      "deployment.kubernetes.io/revision-history"};
    value_each (annotation, deployment->annotations) {
        bool skip = false;
        for (size_t i = 0; i < COUNT(own); i++)
            skip |= str_is(value_key(annotation), own[i]);
        if (!skip)
            value_set_copy(to, value_key(annotation), annotation);
    }
}

static void set_number(struct value annotations, const char *name, int64_t number)
{
    value_setf(annotations, str_of(name), "%lld", (long long)number);
}

static void annotate_size(struct value annotations, const struct deployment *deployment)
{
    set_number(annotations, DESIRED_ANNOTATION, deployment->replicas);
    set_number(annotations, MAX_ANNOTATION, deployment->replicas + rollout_surge(deployment));
}

/* A copy of the selector that asks for the hash as well. */
static void set_selector(struct value spec, const struct deployment *deployment, const char *hash)
{
    struct value selector = value_set_copy(spec, STR("selector"), deployment->selector);
    value_set_str(value_ensure_object(selector, STR("matchLabels")), STR(POD_TEMPLATE_HASH), str_of(hash));
}

static struct doc *make_set(const struct scene *scene, const char *hash, struct str name, int64_t replicas)
{
    const struct deployment *deployment = scene->deployment;
    struct doc *doc = doc_new();
    struct value set = doc_root(doc);
    value_set_str(set, STR("apiVersion"), str_of(replicaset_view.api_version));
    value_set_str(set, STR("kind"), str_of(replicaset_view.kind));
    struct value metadata = value_set_object(set, STR("metadata"));
    value_set_str(metadata, STR("name"), name);
    value_set_str(metadata, STR("namespace"), deployment->meta.namespace);
    struct value template_labels = value_at(deployment->template, "metadata", "labels");
    struct value labels = value_exists(template_labels)
                              ? value_set_copy(metadata, STR("labels"), template_labels)
                              : value_set_object(metadata, STR("labels"));
    value_set_str(labels, STR(POD_TEMPLATE_HASH), str_of(hash));
    struct value annotations = value_set_object(metadata, STR("annotations"));
    copy_annotations(annotations, deployment);
    annotate_size(annotations, deployment);
    set_number(annotations, REVISION_ANNOTATION, revision_to_be(scene));
    set_controller(metadata, &deployment->meta);
    struct value spec = value_set_object(set, STR("spec"));
    value_set_int(spec, STR("replicas"), replicas);
    if (deployment->min_ready_seconds != 0)
        value_set_int(spec, STR("minReadySeconds"), deployment->min_ready_seconds);
    set_selector(spec, deployment, hash);
    struct value template = value_set_copy(spec, STR("template"), deployment->template);
    value_set_copy(value_ensure_object(template, STR("metadata")), STR("labels"), labels);
    return doc;
}

static void plan_new_set(struct scene *scene, int64_t replicas)
{
    const struct meta *meta = &scene->deployment->meta;
    char hash[SAFE_HASH_TEXT];
    template_name(scene->deployment, hash);
    autobuf struct buf name = {0};
    buf_addf(&name, STR_FORMAT "-%s", STR_ARGS(meta->name), hash);
    if (pass_get(scene->pass, &replicaset_view, (struct key){meta->namespace, buf_str(&name)}) != NULL) {
        struct doc *merge = doc_new(); /* it is somebody else's, or on its way out: take another name */
        value_set_int(doc_root(merge), STR("collisionCount"), scene->deployment->collision_count + 1);
        plan_status(scene->pass, meta, merge);
        return;
    }
    plan_create(scene->pass, &replicaset_view, make_set(scene, hash, buf_str(&name), replicas));
    plan_event(scene->pass, meta, EVENT_NORMAL, "ScalingReplicaSet",
               "Scaled up replica set %s from 0 to %lld", name.at, (long long)replicas);
}

/* ---- changes of sets ---- */

static void plan_scale(struct scene *scene, const struct part *part)
{
    struct doc *merge = doc_new();
    struct value root = doc_root(merge);
    struct value metadata = value_set_object(root, STR("metadata"));
    annotate_size(value_set_object(metadata, STR("annotations")), scene->deployment);
    value_set_int(value_set_object(root, STR("spec")), STR("replicas"), part->wanted);
    plan_patch(scene->pass, &part->set->meta, merge);
    plan_event(scene->pass, &scene->deployment->meta, EVENT_NORMAL, "ScalingReplicaSet",
               "Scaled %s replica set " STR_FORMAT " from %lld to %lld",
               part->wanted > part->replicas ? "up" : "down", STR_ARGS(part->set->meta.name),
               (long long)part->replicas, (long long)part->wanted);
}

/* What the set should say without any change of its size: what size the deployment had, and for the current
 * one the revision and what of the deployment goes over to it. */
static void plan_annotations(struct scene *scene, const struct part *part)
{
    struct doc *merge = doc_new();
    struct value root = doc_root(merge);
    struct value annotations = value_set_object(value_set_object(root, STR("metadata")), STR("annotations"));
    if (part->replicas > 0)
        annotate_size(annotations, scene->deployment);
    bool differs = false;
    if (part->is_new) {
        copy_annotations(annotations, scene->deployment);
        set_number(annotations, REVISION_ANNOTATION, revision_to_be(scene));
        differs = part->set->min_ready_seconds != scene->deployment->min_ready_seconds;
        if (differs)
            value_set_int(value_set_object(root, STR("spec")), STR("minReadySeconds"),
                          scene->deployment->min_ready_seconds);
    }
    value_each (annotation, annotations)
        differs |= !value_equal(value_get(part->set->annotations, value_key(annotation)), annotation);
    if (differs)
        plan_patch(scene->pass, &part->set->meta, merge);
    else
        doc_free(merge);
}

static void plan_revision(struct scene *scene, int64_t revision)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)revision);
    if (value_is(value_get(scene->deployment->annotations, STR(REVISION_ANNOTATION)), text))
        return;
    struct doc *merge = doc_new();
    struct value metadata = value_set_object(doc_root(merge), STR("metadata"));
    value_set_str(value_set_object(metadata, STR("annotations")), STR(REVISION_ANNOTATION), str_of(text));
    plan_patch_any(scene->pass, &scene->deployment->meta, merge);
}

static void plan_parts(struct scene *scene)
{
    for (size_t i = 0; i < scene->rollout.count; i++) {
        const struct part *part = &scene->rollout.parts[i];
        if (part->set == NULL)
            plan_new_set(scene, part->wanted);
        else if (part->wanted != part->replicas)
            plan_scale(scene, part);
        else
            plan_annotations(scene, part);
    }
}

/* Old sets beyond the limit go, when all is done; those of the lowest revisions first. */
static int compare_revision(const void *a, const void *b)
{
    const struct part *left = a, *right = b;
    if (left->set->revision != right->set->revision)
        return left->set->revision < right->set->revision ? -1 : 1;
    return compare_age(a, b);
}

static void plan_cleanup(struct scene *scene)
{
    autofree struct part *idle = memory_zeroed(scene->rollout.count, sizeof(*idle));
    int64_t count = 0;
    for (size_t i = 0; i < scene->rollout.count; i++) {
        const struct part *part = &scene->rollout.parts[i];
        if (!part->is_new && part->replicas == 0 && part->has == 0 &&
            part->set->observed_generation >= part->set->meta.generation)
            idle[count++] = *part;
    }
    qsort(idle, (size_t)count, sizeof(*idle), compare_revision);
    for (int64_t i = 0; i < count - scene->deployment->revision_history_limit; i++)
        plan_delete(scene->pass, &idle[i].set->meta, -1);
}

/* ---- the pass ---- */

static void reconcile_deployment(struct scene *scene)
{
    const struct deployment *deployment = scene->deployment;
    find_sets(scene);
    bool known = scene->current != NULL;
    if (!known && !deployment->paused) {
        struct part *added = add_part(scene, (struct part){.is_new = true, .desired = -1, .most = -1});
        struct part made = *added;
        memmove(scene->rollout.parts + 1, scene->rollout.parts,
                (scene->rollout.count - 1) * sizeof(*scene->rollout.parts));
        scene->rollout.parts[0] = made;
    }
    rollout_decide(&scene->rollout);
    plan_parts(scene);
    if (known)
        plan_revision(scene, revision_to_be(scene));
    if (deployment_is_complete(&scene->rollout, scene->current))
        plan_cleanup(scene);
    plan_deployment_status(scene->pass, &scene->rollout, scene->current);
}

static int reconcile(struct pass *pass, struct key key, struct error **err)
{
    (void)err;
    const struct deployment *deployment = pass_get(pass, &deployment_view, key);
    if (deployment == NULL || is_terminating(deployment))
        return 0;
    if (plan_claims(pass, &family, &deployment->meta, deployment->selector))
        return 0;
    struct scene scene = {.pass = pass, .deployment = deployment, .rollout.deployment = deployment};
    reconcile_deployment(&scene);
    free(scene.rollout.parts);
    return 0;
}

/* ---- waking ---- */

static struct value selector_of(const void *deployment)
{
    return ((const struct deployment *)deployment)->selector;
}

static void wake_for_set(struct keys *keys, const struct controller *controller, const struct cache *cache,
                         const void *before, const void *now)
{
    wake_controller(keys, controller, cache, before, now);
    wake_wanting(keys, cache, &deployments_by_namespace, selector_of, now);
}

/* A pod that has ended may be the last one for which a Recreate waits. */
static void wake_for_pod(struct keys *keys, const struct controller *controller, const struct cache *cache,
                         const void *before, const void *now)
{
    (void)controller;
    struct key set_key, key;
    if (before == NULL || (now != NULL && !pod_has_ended(now)) ||
        !controller_key(before, &replicaset_view, &set_key))
        return;
    const void *set = cache_get(cache, &replicaset_view, set_key);
    if (!controller_key(set, &deployment_view, &key))
        return;
    const struct deployment *deployment = cache_get(cache, &deployment_view, key);
    if (deployment != NULL && deployment->recreate)
        keys_add(keys, key);
}

static const struct watch watches[] = {
    {&deployment_view, wake_self}, {&replicaset_view, wake_for_set}, {&pod_view, wake_for_pod}, {0}};
static const struct cache_index *const indexes[] = {&replicasets_by_controller, &orphan_replicasets,
                                                    &deployments_by_namespace, &pods_by_controller, NULL};

const struct controller deployment_controller = {
    .name = "deployment", .watches = watches, .indexes = indexes, .reconcile = reconcile};
