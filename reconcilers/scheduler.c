#include "reconcilers/scheduler.h"

#include "lib/condition.h"
#include "reconcilers/placement.h"

/* All pods that wait for a node are one problem with one key, "/cluster": a pass places them one after the
 * other, those of higher priority first and then the older, and each sees what those before it were promised.
 * The cache has every promise of the last pass before the next one begins (lib/controller.h, 3), so nothing
 * has to be remembered between passes, and a burst spreads as well as a trickle.
 *
 * What the nodes have given away is summed up by an index, pod by pod as they come and go. When a pod fits
 * nowhere, those that ask for the same fit nowhere either: a thousand replicas too many cost one search.
 *
 * A pod that can't be placed is looked at again when a node changes in a way that matters or a pod leaves its
 * node. Its reason is written, and told as an event, only when it is another one than before. */

static const struct key cluster = {{"", 0}, {"cluster", 7}};

/* ---- what there is ---- */

static bool waits(const struct pod *pod)
{
    return pod->node.length == 0 && pod_is_active(pod) && !pod->gated &&
           (pod->scheduler_name.length == 0 || str_is(pod->scheduler_name, "default-scheduler"));
}

static struct str waiting_value(const void *object, size_t n)
{
    return n == 0 && waits(object) ? STR("") : STR_NONE;
}

/* Until its containers have ended a pod keeps what it was promised, also while it is being deleted. */
static struct str node_value(const void *object, size_t n)
{
    const struct pod *pod = object;
    return n == 0 && pod->node.length != 0 && !pod_has_ended(pod) ? pod->node : STR_NONE;
}

static const struct amounts *requests_of(const void *object)
{
    return ((const struct pod *)object)->requests;
}

static const struct cache_index waiting_pods = {&pod_view, waiting_value, NULL};
static const struct cache_index pods_on_node = {&pod_view, node_value, requests_of};

static size_t find_places(struct pass *pass, struct place **places)
{
    size_t count = 0, capacity = 0;
    const struct node *node = NULL;
    while ((node = pass_next(pass, &node_view, node)) != NULL) {
        array_grow(*places, count, capacity);
        struct place *place = &(*places)[count++];
        *place = (struct place){.node = node};
        amounts_add(&place->promised, pass_totals(pass, &pods_on_node, node->meta.name), 1);
    }
    return count;
}

static int compare_urgency(const void *a, const void *b)
{
    const struct pod *left = *(const struct pod *const *)a, *right = *(const struct pod *const *)b;
    if (left->priority != right->priority)
        return left->priority > right->priority ? -1 : 1;
    if (left->meta.created_ms != right->meta.created_ms)
        return left->meta.created_ms < right->meta.created_ms ? -1 : 1;
    return str_compare(left->meta.uid, right->meta.uid);
}

static size_t find_waiting(struct pass *pass, const struct pod ***pods)
{
    size_t count = 0, capacity = 0;
    const struct pod *pod = NULL;
    while ((pod = pass_find(pass, &waiting_pods, STR(""), pod)) != NULL) {
        array_grow(*pods, count, capacity);
        (*pods)[count++] = pod;
    }
    if (count > 1)
        qsort(*pods, count, sizeof(**pods), compare_urgency);
    return count;
}

/* ---- what is said ---- */

/* The pod's status with another PodScheduled. */
static void plan_scheduled(struct pass *pass, const struct pod *pod, const char *status, const char *reason,
                           struct str message)
{
    struct doc *merge = doc_new();
    struct value conditions = value_exists(pod->conditions)
                                  ? value_set_copy(doc_root(merge), STR("conditions"), pod->conditions)
                                  : value_set_array(doc_root(merge), STR("conditions"));
    condition_set(conditions, "PodScheduled", status, reason, message, pass_now(pass));
    plan_status(pass, &pod->meta, merge);
}

static void plan_binding(struct pass *pass, const struct pod *pod, const struct node *node)
{
    struct doc *merge = doc_new();
    value_set_str(value_set_object(doc_root(merge), STR("spec")), STR("nodeName"), node->meta.name);
    plan_patch_any(pass, &pod->meta, merge);
    plan_event(pass, &pod->meta, EVENT_NORMAL, "Scheduled",
               "Successfully assigned " STR_FORMAT "/" STR_FORMAT " to " STR_FORMAT,
               STR_ARGS(pod->meta.namespace), STR_ARGS(pod->meta.name), STR_ARGS(node->meta.name));
    plan_scheduled(pass, pod, "True", "", STR(""));
}

static void plan_refusal(struct pass *pass, const struct pod *pod, struct str why)
{
    if (str_equal(pod->unscheduled_because, why))
        return;
    plan_scheduled(pass, pod, "False", "Unschedulable", why);
    plan_event(pass, &pod->meta, EVENT_WARNING, "FailedScheduling", STR_FORMAT, STR_ARGS(why));
}

/* ---- the pass ---- */

/* Reasons of this pass, the last one first in line: replicas come in a row. */
struct refusals {
    struct refusal {
        const struct pod *pod;
        struct buf why;
    } * rows;
    size_t count, capacity;
};

static const struct buf *refusal_find(const struct refusals *refusals, const struct pod *pod)
{
    for (size_t i = refusals->count; i > 0; i--)
        if (placement_same(refusals->rows[i - 1].pod, pod))
            return &refusals->rows[i - 1].why;
    return NULL;
}

static void place_pod(struct pass *pass, struct place *places, size_t count, const struct pod *pod,
                      struct refusals *refusals)
{
    const struct buf *known = refusal_find(refusals, pod);
    if (known != NULL) {
        plan_refusal(pass, pod, buf_str(known));
        return;
    }
    struct buf why = {0};
    struct place *place = placement_choose(places, count, pod, &why);
    if (place != NULL) {
        placement_assume(place, pod);
        plan_binding(pass, pod, place->node);
        return;
    }
    plan_refusal(pass, pod, buf_str(&why));
    array_grow(refusals->rows, refusals->count, refusals->capacity);
    refusals->rows[refusals->count++] = (struct refusal){pod, why};
}

static int reconcile(struct pass *pass, struct key key, struct error **err)
{
    (void)key;
    (void)err;
    autofree const struct pod **pods = NULL;
    size_t pod_count = find_waiting(pass, &pods);
    if (pod_count == 0)
        return 0;
    autofree struct place *places = NULL;
    size_t place_count = find_places(pass, &places);
    struct refusals refusals = {0};
    for (size_t i = 0; i < pod_count; i++)
        place_pod(pass, places, place_count, pods[i], &refusals);
    for (size_t i = 0; i < place_count; i++)
        amounts_clear(&places[i].promised);
    for (size_t i = 0; i < refusals.count; i++)
        buf_free(&refusals.rows[i].why);
    free(refusals.rows);
    return 0;
}

/* ---- waking ---- */

/* A pod that waits, or one that leaves room. */
static void wake_for_pod(struct keys *keys, const struct controller *controller, const struct cache *cache,
                         const void *before, const void *now)
{
    (void)controller;
    (void)cache;
    bool waiting = now != NULL && waits(now);
    bool leaves = before != NULL && node_value(before, 0).length != 0 &&
                  (now == NULL || node_value(now, 0).length == 0);
    if (waiting || leaves)
        keys_add(keys, cluster);
}

static bool is_same_node(const struct node *a, const struct node *b)
{
    return a->unschedulable == b->unschedulable && a->ready == b->ready && a->taints.doc == b->taints.doc &&
           a->allocatable == b->allocatable && a->meta.labels.doc == b->meta.labels.doc;
}

static void wake_for_node(struct keys *keys, const struct controller *controller, const struct cache *cache,
                          const void *before, const void *now)
{
    (void)controller;
    (void)cache;
    if (before == NULL || now == NULL || !is_same_node(before, now))
        keys_add(keys, cluster);
}

static const struct watch watches[] = {{&pod_view, wake_for_pod}, {&node_view, wake_for_node}, {0}};
static const struct cache_index *const indexes[] = {&waiting_pods, &pods_on_node, NULL};

const struct controller scheduler_controller = {
    .name = "scheduler", .watches = watches, .indexes = indexes, .reconcile = reconcile};
