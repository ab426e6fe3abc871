/* What the agent does about the images of all its pods: it has them pulled, and has those removed that nobody
 * needs. */
#include "nodeagent/agent_private.h"
#include "nodeagent/collector.h"
#include <errno.h>

#define PULLS       3
#define PROGRESS_MS 30000

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

int agent_open_images(struct agent *agent, struct error **err)
{
    struct puller_options options = {
        .place = agent->options.place, .parallel = PULLS, .progress_ms = PROGRESS_MS};
    agent->puller = puller_new(agent->loop, &options, err);
    if (agent->puller == NULL)
        return -EIO;
    agent->collector =
        collector_new(agent->loop, agent->options.place, &agent->options.images, agent_say_of_node, agent);
    return 0;
}

void agent_close_images(struct agent *agent)
{
    puller_free(agent->puller);
    collector_free(agent->collector);
}
