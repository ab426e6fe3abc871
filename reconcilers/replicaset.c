#include "reconcilers/replicaset.h"

#include "lib/condition.h"
#include "lib/selector.h"
#include "reconcilers/ranking.h"
#include "reconcilers/trouble.h"
#include "reconcilers/workload.h"
#include <stdio.h>

/* A pass counts the set's active pods and plans what is missing or too many, and the status that it sees.
 *
 * Pods are made in batches of 1, 2, 4, …: each waits until the last one has been carried out, so that what
 * can't succeed (a quota, a refused template) fails once and not a thousand times. That costs a round a
 * batch, and the runtime makes a round as short as a write.
 *
 * A pod's name is drawn from the set's uid and version. Whoever looks at the same state draws the same names:
 * a second instance, or one that was killed before it heard what became of its plan, finds them taken and
 * makes no doubles. The version moves with the status after every batch, so a name doesn't come back. */

enum {
    BATCH_MOST = 500,
    NAME_BASE_MOST = 57, /* so that the whole is a label */
    SUFFIX_LENGTH = 5
};

static const struct family family = {&pods_by_controller, &orphan_pods};

/* ---- making and deleting ---- */

/* The n-th name of this state that no pod has. */
static void draw_name(struct pass *pass, const struct replicaset *set, uint64_t *n, struct buf *name)
{
    const struct meta *meta = &set->meta;
    struct str base = meta->name;
    if (base.length > NAME_BASE_MOST)
        base.length = NAME_BASE_MOST;
    do {
        char seed[128], suffix[SUFFIX_LENGTH + 1];
        int length = snprintf(seed, sizeof(seed), STR_FORMAT "/%lld/%llu", STR_ARGS(meta->uid),
                              (long long)meta->version, (unsigned long long)(*n)++);
        if (length >= (int)sizeof(seed))
            length = (int)sizeof(seed) - 1;
        safe_suffix(str_hash((struct str){seed, (size_t)length}), SUFFIX_LENGTH, suffix);
        buf_clear(name);
        buf_addf(name, STR_FORMAT "-%s", STR_ARGS(base), suffix);
    } while (pass_get(pass, &pod_view, (struct key){meta->namespace, buf_str(name)}) != NULL);
}

static struct doc *make_pod(const struct replicaset *set, struct str name)
{
    struct doc *doc = doc_new();
    struct value pod = doc_root(doc);
    value_set_str(pod, STR("apiVersion"), str_of(pod_view.api_version));
    value_set_str(pod, STR("kind"), str_of(pod_view.kind));
    struct value metadata = value_set_copy(pod, STR("metadata"), value_get(set->template, STR("metadata")));
    if (value_type(metadata) != VALUE_OBJECT)
        metadata = value_set_object(pod, STR("metadata"));
    value_set_str(metadata, STR("name"), name);
    value_set_str(metadata, STR("namespace"), set->meta.namespace);
    set_controller(metadata, &set->meta);
    value_set_copy(pod, STR("spec"), value_get(set->template, STR("spec")));
    return doc;
}

static void plan_pods(struct pass *pass, const struct replicaset *set, int64_t missing)
{
    int64_t *batch = pass_memory(pass);
    if (*batch == 0 || pass_failures(pass) != 0)
        *batch = 1;
    int64_t count = *batch < missing ? *batch : missing;
    *batch = *batch * 2 < BATCH_MOST ? *batch * 2 : BATCH_MOST;
    autobuf struct buf name = {0};
    uint64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        draw_name(pass, set, &n, &name);
        plan_create(pass, &pod_view, make_pod(set, buf_str(&name)));
        plan_event(pass, &set->meta, EVENT_NORMAL, "SuccessfulCreate", "Created pod: %s", name.at);
    }
}

/* The active pods of the set and of those that have the same controller. */
static size_t related_pods(struct pass *pass, const struct replicaset *set, const struct pod ***pods)
{
    size_t count = 0, capacity = 0;
    const struct replicaset *sister = set;
    bool alone = set->meta.controller == NULL;
    if (!alone)
        sister = pass_find(pass, &replicasets_by_controller, set->meta.controller->uid, NULL);
    while (sister != NULL) {
        const struct pod *pod = NULL;
        while ((pod = pass_find(pass, &pods_by_controller, sister->meta.uid, pod)) != NULL)
            if (pod_is_active(pod)) {
                array_grow(*pods, count, capacity);
                (*pods)[count++] = pod;
            }
        sister =
            alone ? NULL : pass_find(pass, &replicasets_by_controller, set->meta.controller->uid, sister);
    }
    return count;
}

static void plan_deletions(struct pass *pass, const struct replicaset *set, int64_t surplus)
{
    autofree const struct pod **related = NULL;
    size_t related_count = related_pods(pass, set, &related), count = 0;
    autofree struct candidate *candidates = memory_zeroed(related_count, sizeof(*candidates));
    for (size_t i = 0; i < related_count; i++)
        if (str_equal(related[i]->meta.controller->uid, set->meta.uid))
            candidates[count++].pod = related[i];
    rank_candidates(candidates, count, related, related_count);
    for (size_t i = 0; i < count && (int64_t)i < surplus && i < BATCH_MOST; i++) {
        plan_delete(pass, &candidates[i].pod->meta, -1);
        plan_event(pass, &set->meta, EVENT_NORMAL, "SuccessfulDelete", "Deleted pod: " STR_FORMAT,
                   STR_ARGS(candidates[i].pod->meta.name));
    }
}

/* ---- what there is ---- */

struct census {
    int64_t active, labeled, ready, available;
    int64_t wait_ms; /* until the next one becomes available; -1 */
    struct troubles troubles;
};

static struct census count_pods(struct pass *pass, const struct replicaset *set)
{
    struct census census = {.wait_ms = -1};
    struct value wanted = value_at(set->template, "metadata", "labels");
    const struct pod *pod = NULL;
    while ((pod = pass_find(pass, &pods_by_controller, set->meta.uid, pod)) != NULL) {
        if (!pod_is_active(pod))
            continue;
        int64_t wait_ms;
        census.active++;
        census.labeled += selector_has_pairs(wanted, pod->meta.labels);
        census.ready += pod->ready;
        troubles_add(&census.troubles, pod);
        census.available += pod_is_available(pod, set->min_ready_seconds, pass_now(pass), &wait_ms);
        if (wait_ms >= 0 && (census.wait_ms < 0 || wait_ms < census.wait_ms))
            census.wait_ms = wait_ms;
    }
    return census;
}

/* ReplicaFailure tells why pods can't be made; its change is an event. */
static void set_failure(struct pass *pass, const struct replicaset *set, struct value conditions)
{
    const char *failure = pass_failure(pass);
    if (failure == NULL)
        condition_remove(conditions, REPLICA_FAILURE);
    else if (value_exists(condition_set(conditions, REPLICA_FAILURE, "True", "FailedCreate", str_of(failure),
                                        pass_now(pass))))
        plan_event(pass, &set->meta, EVENT_WARNING, "FailedCreate", "Error creating: %s", failure);
}

/* Conditions are there while something is wrong. */
static void set_conditions(struct pass *pass, const struct replicaset *set, const struct census *census,
                           struct value status)
{
    const struct trouble *trouble = troubles_most(&census->troubles);
    struct value before = value_get(set->status, STR("conditions"));
    if (value_count(before) == 0 && trouble == NULL && pass_failure(pass) == NULL)
        return;
    struct value conditions = value_exists(before) ? value_set_copy(status, STR("conditions"), before)
                                                   : value_set_array(status, STR("conditions"));
    set_failure(pass, set, conditions);
    trouble_tell(conditions, trouble, census->active, pass_now(pass));
}

static void plan_census(struct pass *pass, const struct replicaset *set, const struct census *census)
{
    struct doc *merge = doc_new();
    struct value status = doc_root(merge);
    value_set_int(status, STR("replicas"), census->active);
    value_set_int(status, STR("fullyLabeledReplicas"), census->labeled);
    value_set_int(status, STR("readyReplicas"), census->ready);
    value_set_int(status, STR("availableReplicas"), census->available);
    value_set_int(status, STR("observedGeneration"), set->meta.generation);
    set_conditions(pass, set, census, status);
    plan_status_change(pass, &set->meta, set->status, merge);
    if (census->wait_ms >= 0)
        pass_again(pass, census->wait_ms);
}

static int reconcile(struct pass *pass, struct key key, struct error **err)
{
    (void)err;
    const struct replicaset *set = pass_get(pass, &replicaset_view, key);
    if (set == NULL) {
        *pass_memory(pass) = 0;
        return 0;
    }
    struct census census = count_pods(pass, set);
    plan_census(pass, set, &census);
    troubles_free(&census.troubles);
    if (is_terminating(set) || plan_claims(pass, &family, &set->meta, set->selector))
        return 0;
    if (census.active < set->replicas)
        plan_pods(pass, set, set->replicas - census.active);
    else
        *pass_memory(pass) = 0;
    if (census.active > set->replicas)
        plan_deletions(pass, set, census.active - set->replicas);
    return 0;
}

/* ---- waking ---- */

static struct value selector_of(const void *set)
{
    return ((const struct replicaset *)set)->selector;
}

/* Nothing that a set counts has changed. */
static bool is_same_for_sets(const struct pod *before, const struct pod *now)
{
    return before != NULL && now != NULL && before->phase == now->phase && before->ready == now->ready &&
           is_terminating(before) == is_terminating(now) && str_equal(before->trouble, now->trouble) &&
           str_equal(before->trouble_message, now->trouble_message) &&
           before->meta.labels.doc == now->meta.labels.doc && before->meta.controller != NULL &&
           now->meta.controller != NULL && str_equal(before->meta.controller->uid, now->meta.controller->uid);
}

static void wake_for_pod(struct keys *keys, const struct controller *controller, const struct cache *cache,
                         const void *before, const void *now)
{
    if (is_same_for_sets(before, now))
        return;
    wake_controller(keys, controller, cache, before, now);
    wake_wanting(keys, cache, &replicasets_by_namespace, selector_of, now);
}

static const struct watch watches[] = {{&replicaset_view, wake_self}, {&pod_view, wake_for_pod}, {0}};
static const struct cache_index *const indexes[] = {
    &pods_by_controller, &orphan_pods, &replicasets_by_controller, &replicasets_by_namespace, NULL};

const struct controller replicaset_controller = {
    .name = "replicaset", .watches = watches, .indexes = indexes, .reconcile = reconcile};
