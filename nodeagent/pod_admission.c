/* What admission.c asks of the agent, and what becomes of its answer. */
#include "lib/clock.h"
#include "lib/file.h"
#include "nodeagent/admission.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/document.h"
#include "nodeagent/node.h"

/* Those that the node has taken and that have not ended (all that stands in a document is theirs). */
static struct value *other_pods(const struct pod *pod, size_t *count)
{
    struct map *pods = &pod->agent->pods;
    struct value *others = memory_zeroed(pods->count + 1, sizeof(*others));
    for (struct map_node *node = NULL; (node = map_next(pods, node)) != NULL;) {
        const struct pod *other = map_entry(node, struct pod, by_uid);
        if (other != pod && other->record->admitted && other->document != NULL &&
            !document_has_ended(pod_document(other)))
            others[(*count)++] = pod_document(other);
    }
    return others;
}

/* One that has run here has been taken, whatever the node says now. */
static bool is_settled(const struct pod *pod)
{
    bool began = false;
    for (int i = 0; i < pod->record->container_count; i++)
        began |= pod->record->containers[i].attempt >= 0;
    return began || document_has_ended(pod_document(pod));
}

/* Before the tree has its node: the labels with which it will be made. */
static struct value own_labels(struct doc *object, const struct agent *agent)
{
    const struct own_node *node = agent_own_node(agent);
    if (node != NULL)
        return node->meta.labels;
    node_object(doc_root(object), agent->options.node);
    return value_at(doc_root(object), "metadata", "labels");
}

static bool is_admitted(struct pod *pod, struct admission_refusal *refusal)
{
    const struct agent *agent = pod->agent;
    const struct own_node *node = agent_own_node(agent);
    autodoc struct doc *object = doc_new();
    size_t count = 0;
    autofree struct value *others = other_pods(pod, &count);
    struct admission_input input = {
        .pod = pod_document(pod),
        .others = others,
        .other_count = count,
        .node = agent->options.node,
        .labels = own_labels(object, agent),
        .taints = node != NULL ? node->taints : VALUE_ABSENT,
        .allocatable = value_get(doc_root(agent->node_status), STR("allocatable")),
    };
    return admission_check(&input, refusal);
}

void pod_admit(struct pod *pod)
{
    struct pod_record *record = pod->record;
    cleanup(admission_clear) struct admission_refusal refusal = {0};
    bool deleted = document_is_deleted(pod_document(pod));
    if (record->admitted || record->over || pod->document == NULL || deleted || pod->agent->options.end_pods)
        return;
    int64_t begun_us = clock_us();
    bool settled = is_settled(pod);
    record->admitted = settled || is_admitted(pod, &refusal);
    if (record->admitted) {
        if (!settled)
            pod_say_event(pod, "Normal", "Admitted", "Admitted by node %s in %lld ms",
                          pod->agent->options.node, (long long)(clock_us() - begun_us) / 1000);
        return;
    }
    autofree char *message = path_format(ADMISSION_REFUSED "%s", refusal.message);
    record_fail(record, refusal.reason, message);
    pod_say_event(pod, "Warning", refusal.reason, "%s", refusal.message);
}
