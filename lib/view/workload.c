#include "lib/views.h"

/* Replica sets and deployments have a template in common. Two templates are the same when they are equal but
 * for the label that the deployment itself adds. */

static uint64_t hash_template(struct value template)
{
    autodoc struct doc *copy = doc_copy(template);
    struct value root = doc_root(copy);
    if (value_type(root) == VALUE_OBJECT) {
        struct value labels = value_at(root, "metadata", "labels");
        value_unset(labels, STR(POD_TEMPLATE_HASH));
        value_sort(root);
    }
    autobuf struct buf text = {0};
    value_write(&text, root);
    uint64_t hash = str_hash(buf_str(&text));
    return hash != 0 ? hash : 1;
}

static struct int_or_percent int_or_percent(struct value value, struct int_or_percent otherwise)
{
    struct int_or_percent result = {0};
    struct str text = value_str(value);
    result.percent = str_ends(text, STR("%"));
    if (result.percent)
        text.length--;
    return str_to_int64(text, &result.number) ? result : otherwise;
}

static int64_t number_at(struct value parent, const char *name, int64_t otherwise)
{
    return value_int_or(value_get(parent, str_of(name)), otherwise);
}

static void fill_replicaset(struct keeper *keeper, struct value object, void *view)
{
    struct replicaset *set = view;
    struct value spec = value_get(object, STR("spec")), status = value_get(object, STR("status"));
    set->replicas = number_at(spec, "replicas", 1);
    set->min_ready_seconds = number_at(spec, "minReadySeconds", 0);
    set->selector = keep_value(keeper, value_get(spec, STR("selector")));
    set->template = keep_value(keeper, value_get(spec, STR("template")));
    set->template_hash = hash_template(set->template);
    set->status = keep_value(keeper, status);
    set->annotations = keep_value(keeper, value_at(object, "metadata", "annotations"));
    set->observed_generation = number_at(status, "observedGeneration", 0);
    set->has_replicas = number_at(status, "replicas", 0);
    set->ready_replicas = number_at(status, "readyReplicas", 0);
    set->available_replicas = number_at(status, "availableReplicas", 0);
    if (!str_to_int64(value_str(value_get(set->annotations, STR(REVISION_ANNOTATION))), &set->revision))
        set->revision = 0;
}

const struct view replicaset_view = {.resource = "replicasets.apps",
                                     .api_version = "apps/v1",
                                     .kind = "ReplicaSet",
                                     .size = sizeof(struct replicaset),
                                     .fill = fill_replicaset};

static void fill_deployment(struct keeper *keeper, struct value object, void *view)
{
    static const struct int_or_percent quarter = {25, true};
    struct deployment *deployment = view;
    struct value spec = value_get(object, STR("spec")), status = value_get(object, STR("status"));
    struct value strategy = value_get(spec, STR("strategy"));
    struct value rolling = value_get(strategy, STR("rollingUpdate"));
    deployment->replicas = number_at(spec, "replicas", 1);
    deployment->min_ready_seconds = number_at(spec, "minReadySeconds", 0);
    deployment->revision_history_limit = number_at(spec, "revisionHistoryLimit", 10);
    deployment->progress_deadline_seconds = number_at(spec, "progressDeadlineSeconds", 600);
    deployment->paused = value_true(value_get(spec, STR("paused")));
    deployment->recreate = value_is(value_get(strategy, STR("type")), "Recreate");
    deployment->max_surge = int_or_percent(value_get(rolling, STR("maxSurge")), quarter);
    deployment->max_unavailable = int_or_percent(value_get(rolling, STR("maxUnavailable")), quarter);
    deployment->selector = keep_value(keeper, value_get(spec, STR("selector")));
    deployment->template = keep_value(keeper, value_get(spec, STR("template")));
    deployment->template_hash = hash_template(deployment->template);
    deployment->status = keep_value(keeper, status);
    deployment->annotations = keep_value(keeper, value_at(object, "metadata", "annotations"));
    deployment->collision_count = number_at(status, "collisionCount", 0);
}

const struct view deployment_view = {.resource = "deployments.apps",
                                     .api_version = "apps/v1",
                                     .kind = "Deployment",
                                     .size = sizeof(struct deployment),
                                     .fill = fill_deployment};
