/* The mirrors of static pods in the tree: each shows how its pod is, and nothing that is done to it reaches
 * the pod. One that goes is made again, one that is no pod's is removed. */
#include "lib/log.h"
#include "lib/mirror.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/static_pod.h"

#define AGAIN_MS 5000 /* after the tree has refused something */

struct value pod_mirror(const struct pod *pod)
{
    struct value found = agent_bound_pod(pod->agent, pod->record->namespace, pod->record->name);
    return mirror_of(found).length != 0 ? found : VALUE_ABSENT;
}

static struct str node_uid(const struct agent *agent)
{
    const struct own_node *node = agent_own_node(agent);
    return node != NULL && node->meta.deleted_ms == 0 ? node->meta.uid : STR_NONE;
}

static void create_mirror(struct agent *agent, struct pod *pod)
{
    autodoc struct doc *doc = doc_new();
    static_pod_mirror(outbox_creation(doc), pod_document(pod), agent->options.node, node_uid(agent));
    outbox_put(agent->outbox, MESSAGE_MIRROR, pod->record->uid, doc_root(doc));
}

static void delete_mirror(struct agent *agent, struct value mirror)
{
    struct value meta = value_get(mirror, STR("metadata"));
    autodoc struct doc *doc = doc_new();
    struct value request = doc_root(doc);
    value_set_str(request, STR("op"), STR("delete"));
    value_set_str(request, STR("resource"), STR("pods"));
    value_set_copy(request, STR("namespace"), value_get(meta, STR("namespace")));
    value_set_copy(request, STR("name"), value_get(meta, STR("name")));
    value_set_copy(request, STR("uid"), value_get(meta, STR("uid")));
    value_set_int(request, STR("grace"), 0);
    autofree char *name = str_dup(value_str(value_get(meta, STR("name"))));
    outbox_put(agent->outbox, MESSAGE_MIRROR, name, request);
}

/* What others say of the pod there (conditions), and since when it runs, is what it says itself; but not that
 * it is over: that is for the node alone to say. */
static void take_status(struct pod *pod, struct value mirror)
{
    struct value status = value_get(mirror, STR("status"));
    autodoc struct doc *taken = value_exists(status) ? doc_copy(status) : doc_new();
    struct value phase = value_get(doc_root(pod->status), STR("phase"));
    if (value_exists(phase))
        value_set_copy(doc_root(taken), STR("phase"), phase);
    else
        value_unset(doc_root(taken), STR("phase"));
    if (value_equal(doc_root(taken), value_get(pod_document(pod), STR("status"))))
        return;
    struct doc *document = doc_copy(pod_document(pod));
    value_set_copy(doc_root(document), STR("status"), doc_root(taken));
    pod_set_document(pod, document);
}

static void look_at_pod(struct agent *agent, struct pod *pod)
{
    if (!pod->record->is_static || pod->document == NULL)
        return;
    struct value mirror = pod_mirror(pod);
    switch (static_pod_mirror_step(pod_document(pod), mirror, node_uid(agent))) {
    case MIRROR_CREATE:
        create_mirror(agent, pod);
        break;
    case MIRROR_DELETE:
        delete_mirror(agent, mirror);
        break;
    case MIRROR_KEEP:
        if (value_exists(mirror)) {
            take_status(pod, mirror);
            pod_say_held(pod);
        }
        break;
    }
}

static void remove_stray(void *context, struct value bound)
{
    struct agent *agent = context;
    const struct pod *pod = agent_find_static_pod(agent, value_get(bound, STR("metadata")));
    if (mirror_of(bound).length != 0 && (pod == NULL || pod->document == NULL))
        delete_mirror(agent, bound);
}

static void look(void *context)
{
    struct agent *agent = context;
    agent->mirror_timer = NULL;
    if (!agent->ready[SOURCE_TREE] || !agent->ready[SOURCE_FILES] || agent->outbox == NULL)
        return;
    for (struct pod *pod = NULL; (pod = agent_next_pod(agent, pod)) != NULL;)
        look_at_pod(agent, pod);
    agent_each_bound_pod(agent, remove_stray, agent);
}

static void look_in(struct agent *agent, int64_t after_ms)
{
    if (agent->mirror_timer == NULL || after_ms == 0) {
        loop_remove(agent->mirror_timer);
        agent->mirror_timer = loop_timer(agent->loop, after_ms, look, agent);
    }
}

void agent_mirror_later(struct agent *agent)
{
    look_in(agent, 0);
}

void agent_mirror_answered(struct agent *agent, const char *subject, struct str error, struct str message)
{
    static int64_t complained;
    if (error.length == 0)
        return; /* it will be seen */
    if (!str_is(error, "EEXIST") && log_due(&complained, 10))
        log_warning("mirror of pod %s: the tree refuses: " STR_FORMAT, subject, STR_ARGS(message));
    look_in(agent, AGAIN_MS);
}
