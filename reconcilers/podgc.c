#include "reconcilers/podgc.h"

#include "lib/views.h"

/* A pod that is bound to a node which is gone will never be ended by it. After a while, in which the node may
 * be registered again, it is ended here. Keys are pods. */

enum { QUARANTINE_MS = 40 * 1000 };

static struct str node_value(const void *object, size_t n)
{
    const struct pod *pod = object;
    return n == 0 && pod->node.length != 0 ? pod->node : STR_NONE;
}

static const struct cache_index pods_of_node = {&pod_view, node_value, NULL};

/* The memory is when the node was missed first. */
static int reconcile(struct pass *pass, struct key key, struct error **err)
{
    (void)err;
    const struct pod *pod = pass_get(pass, &pod_view, key);
    int64_t *missed_ms = pass_memory(pass);
    if (pod == NULL || pod->node.length == 0 ||
        pass_get(pass, &node_view, (struct key){STR(""), pod->node}) != NULL) {
        *missed_ms = 0;
        return 0;
    }
    if (*missed_ms == 0)
        *missed_ms = pass_now(pass);
    int64_t left = *missed_ms + QUARANTINE_MS - pass_now(pass);
    if (left > 0) {
        pass_again(pass, left);
        return 0;
    }
    plan_delete(pass, &pod->meta, 0);
    plan_event(pass, &pod->meta, EVENT_WARNING, "NodeGone", "Node " STR_FORMAT " does not exist any more",
               STR_ARGS(pod->node));
    return 0;
}

/* Only what is bound anew, to a node that isn't there, needs a look. */
static void wake_for_pod(struct keys *keys, const struct controller *controller, const struct cache *cache,
                         const void *before, const void *now)
{
    (void)controller;
    const struct pod *pod = now, *earlier = before;
    if (pod == NULL || pod->node.length == 0 || (earlier != NULL && earlier->node.length != 0))
        return;
    if (cache_get(cache, &node_view, (struct key){STR(""), pod->node}) == NULL)
        keys_add(keys, key_of(pod));
}

static void wake_for_node(struct keys *keys, const struct controller *controller, const struct cache *cache,
                          const void *before, const void *now)
{
    (void)controller;
    if (before != NULL && now != NULL)
        return;
    struct str name = meta_of(now != NULL ? now : before)->name;
    const struct pod *pod = NULL;
    while ((pod = cache_find(cache, &pods_of_node, name, pod)) != NULL)
        keys_add(keys, key_of(pod));
}

static const struct watch watches[] = {{&pod_view, wake_for_pod}, {&node_view, wake_for_node}, {0}};
static const struct cache_index *const indexes[] = {&pods_of_node, NULL};

const struct controller podgc_controller = {
    .name = "podgc", .watches = watches, .indexes = indexes, .reconcile = reconcile};
