/* Tells the tree of the node itself: that it is there, how it is, and, by its lease, that it lives. */
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/process.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/node.h"

#define LEASE_MS       10000
#define NODE_STATUS_MS (5 * 60 * 1000)

/* "runc://1.1.5": the first line of what it says of itself is "runc version 1.1.5". */
static char *ask_runtime_version(const char *runtime)
{
    const char *const argv[] = {runtime, "--version", NULL};
    struct process_plan plan = {.argv = argv, .timeout_ms = 10000};
    autobuf struct buf output = {0};
    autoerror struct error *error = NULL;
    if (process_run(&plan, &output, &error) < 0)
        log_warning("%s", error_message(error));
    struct str rest = buf_str(&output), line = STR_NONE, name = STR_NONE, word = STR_NONE;
    str_split(&rest, '\n', &line);
    str_split(&line, ' ', &name);
    while (str_split(&line, ' ', &word))
        ;
    if (str_ends(word, STR("+ds1")))
        word.length -= 4; /* Debian's mark of a repacked source */
    return path_format(STR_FORMAT "://" STR_FORMAT, STR_ARGS(name), STR_ARGS(word));
}

static void say_node_exists(struct agent *agent)
{
    autodoc struct doc *doc = doc_new();
    node_object(outbox_creation(doc), agent->options.node);
    outbox_put(agent->outbox, MESSAGE_NODE_CREATE, agent->options.node, doc_root(doc));
}

static void say_node_status(void *context)
{
    struct agent *agent = context;
    const char *node = agent->options.node;
    autodoc struct doc *doc = doc_new();
    node_status(doc_root(agent->node_status), node, agent->options.place->state, agent->address,
                agent->runtime_version, clock_wall_ms());
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

void agent_begin_node(struct agent *agent)
{
    agent->runtime_version = ask_runtime_version(agent->options.place->runtime);
    agent_say_node(agent);
    say_alive(agent);
}
