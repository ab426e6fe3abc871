/* What environment.c asks of the agent. */
#include "nodeagent/agent_private.h"
#include "nodeagent/environment.h"

static void warn(void *context, const char *sentence)
{
    pod_say_event(context, "Warning", ENVIRONMENT_WARNING, "%s", sentence);
}

struct doc *pod_variables(struct pod *pod, struct value container, struct error **err)
{
    const struct agent *agent = pod->agent;
    struct environment_input input = {
        .pod = pod_document(pod),
        .container = container,
        .allocatable = value_get(doc_root(agent->node_status), STR("allocatable")),
        .host_addresses = agent->address,
        .warn = warn,
        .context = pod,
    };
    return environment_variables(&input, err);
}
