/* What admission.c asks of the agent, and what becomes of its answer. */
#include "lib/clock.h"
#include "lib/file.h"
#include "nodeagent/admission.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/document.h"
#include "nodeagent/node.h"
#include "nodeagent/preemption.h"
#include "nodeagent/quality.h"

static bool makes_room(const struct pod_record *record)
{
    return record->failure_reason != NULL && strcmp(record->failure_reason, PREEMPTION_REASON) == 0;
}

/* Those that the node has taken and that have not ended. A critical pod waits until they have gone that make
 * room, for whichever other (pod_is_held): so they take nothing from it, and nobody else has to go as long as
 * that is enough. */
static struct pod **other_pods(const struct pod *pod, size_t *count)
{
    const struct agent *agent = pod->agent;
    bool critical = quality_is_critical(pod_document(pod));
    struct pod **others = memory_zeroed(agent->pods.count + 1, sizeof(*others));
    for (struct pod *other = NULL; (other = agent_next_pod(agent, other)) != NULL;)
        if (other != pod && other->record->admitted && other->document != NULL &&
            !document_has_ended(pod_document(other)) && !(critical && makes_room(other->record)))
            others[(*count)++] = other;
    return others;
}

/* All that stands in a document is its pod's. */
static struct value *documents_of(struct pod *const *pods, size_t count)
{
    struct value *documents = memory_zeroed(count + 1, sizeof(*documents));
    for (size_t i = 0; i < count; i++)
        documents[i] = pod_document(pods[i]);
    return documents;
}

static void make_room(struct pod *const *others, const bool *goes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (goes[i] && !others[i]->record->over)
            pod_preempt(others[i]);
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
    autofree struct pod **others = other_pods(pod, &count);
    autofree struct value *documents = documents_of(others, count);
    autofree bool *goes = memory_zeroed(count + 1, sizeof(*goes));
    struct admission_input input = {
        .pod = pod_document(pod),
        .others = documents,
        .other_count = count,
        .node = agent->options.node,
        .labels = own_labels(object, agent),
        .taints = node != NULL ? node->taints : VALUE_ABSENT,
        .allocatable = agent_allocatable(agent),
        .goes = goes,
    };
    bool admitted = admission_check(&input, refusal);
    if (admitted)
        make_room(others, goes, count);
    return admitted;
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

/* ---- others first ---- */

static bool is_ending_for_another(const struct pod_record *record)
{
    return makes_room(record) && !record_is_at_rest(record);
}

/* As in a graceful shutdown of a node in Kubernetes. */
static bool ends_before(const struct pod_record *record, const struct pod_record *other)
{
    return other->priority < QUALITY_SYSTEM_CRITICAL && record->priority >= QUALITY_SYSTEM_CRITICAL;
}

bool pod_is_held(const struct pod *pod)
{
    bool ending_all = pod->agent->options.end_pods, held = false;
    if (!ending_all && (pod->record->sandbox != SANDBOX_NONE || !quality_is_critical(pod_document(pod))))
        return false;
    for (struct map_node *node = NULL; !held && (node = map_next(&pod->agent->pods, node)) != NULL;) {
        const struct pod_record *other = map_entry(node, struct pod, by_uid)->record;
        held = ending_all ? ends_before(pod->record, other) : is_ending_for_another(other);
    }
    return held;
}
