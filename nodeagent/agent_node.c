/* Tells the tree of the node itself: that it is there, how it is, and, by its lease, that it lives. */
#include "lib/clock.h"
#include "lib/log.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/node.h"

#define LEASE_MS       10000
#define ASK_AGAIN_MS   10000
#define NODE_STATUS_MS (5 * 60 * 1000)

static void say_node_exists(struct agent *agent)
{
    autodoc struct doc *doc = doc_new();
    node_object(outbox_creation(doc), agent->options.node);
    outbox_put(agent->outbox, MESSAGE_NODE_CREATE, agent->options.node, doc_root(doc));
}

static void look_at_node(struct agent *agent)
{
    struct node_facts facts = {.name = agent->options.node,
                               .state = agent->options.place->state,
                               .address = agent->address,
                               .runtime_version = agent->runtime_version,
                               .runtime_complaint = agent->runtime_complaint};
    node_status(doc_root(agent->node_status), &facts, clock_wall_ms());
}

/* Before the runtime has answered nothing is said: whether the node is ready isn't known yet. */
static void say_node_status(void *context)
{
    struct agent *agent = context;
    const char *node = agent->options.node;
    autodoc struct doc *doc = doc_new();
    look_at_node(agent);
    if (agent->runtime_version == NULL)
        return;
    value_set_copy(outbox_request(doc, "status", "nodes", NULL, node), STR("merge"),
                   doc_root(agent->node_status));
    outbox_put(agent->outbox, MESSAGE_NODE_STATUS, node, doc_root(doc));
    loop_remove(agent->node_timer);
    agent->node_timer = loop_timer(agent->loop, NODE_STATUS_MS, say_node_status, agent);
}

void agent_say_node(struct agent *agent)
{
    say_node_exists(agent);
    say_node_status(agent);
}

void agent_say_lease(struct agent *agent)
{
    autodoc struct doc *doc = doc_new();
    struct value object = outbox_creation(doc);
    value_set_str(object, STR("apiVersion"), STR("coordination.k8s.io/v1"));
    value_set_str(object, STR("kind"), STR("Lease"));
    struct value meta = value_set_object(object, STR("metadata"));
    value_set_str(meta, STR("name"), str_of(agent->options.node));
    value_set_str(meta, STR("namespace"), STR(NODE_LEASE_NAMESPACE));
    node_lease(value_set_object(object, STR("spec")), agent->options.node, clock_wall_ms() * 1000);
    outbox_put(agent->outbox, MESSAGE_LEASE_CREATE, agent->options.node, doc_root(doc));
}

static void say_alive(void *context)
{
    struct agent *agent = context;
    const char *node = agent->options.node;
    autodoc struct doc *doc = doc_new();
    struct value request =
        outbox_request(doc, "patch", "leases.coordination.k8s.io", NODE_LEASE_NAMESPACE, node);
    struct value merge = value_set_object(request, STR("merge"));
    node_lease(value_set_object(merge, STR("spec")), node, clock_wall_ms() * 1000);
    outbox_put(agent->outbox, MESSAGE_LEASE_RENEW, node, doc_root(doc));
    agent->lease_timer = loop_timer(agent->loop, LEASE_MS, say_alive, agent);
}

static void ask_runtime(void *context);

static void on_runtime_status(void *context, const struct runtime_status *status)
{
    struct agent *agent = context;
    free(agent->runtime_version);
    free(agent->runtime_complaint);
    agent->runtime_version = str_dup(str_of(status->version));
    agent->runtime_complaint = status->ready ? NULL : str_dup(str_of(status->complaint));
    if (!status->ready) {
        log_warning("the runtime is not ready: %s", status->complaint);
        agent->runtime_timer = loop_timer(agent->loop, ASK_AGAIN_MS, ask_runtime, agent);
    }
    for (struct pod *pod = NULL; status->ready && (pod = agent_next_pod(agent, pod)) != NULL;)
        pod_retry(pod); /* some may wait for what it can do */
    say_node_status(agent);
}

static void ask_runtime(void *context)
{
    struct agent *agent = context;
    agent->runtime_timer = NULL;
    runtime_status(agent->runtime, on_runtime_status, agent);
}

void agent_begin_node(struct agent *agent)
{
    ask_runtime(agent);
    agent_say_node(agent);
    say_alive(agent);
}

void agent_say_of_node(void *context, const char *type, const char *reason, const char *message)
{
    struct agent *agent = context;
    autodoc struct doc *doc = doc_new();
    struct value request = outbox_request(doc, "event", "nodes", NULL, agent->options.node);
    value_set_str(request, STR("type"), str_of(type));
    value_set_str(request, STR("reason"), str_of(reason));
    value_set_str(request, STR("message"), str_of(message));
    outbox_put(agent->outbox, MESSAGE_EVENT, agent->options.node, request);
}
