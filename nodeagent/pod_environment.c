/* What environment.c asks of the agent. */
#include "nodeagent/agent_private.h"
#include "nodeagent/environment.h"

struct context {
    struct pod *pod;
    struct pod_objects *objects;
};

static struct value find(void *context, const char *kind, struct str name)
{
    return pod_objects_find(((struct context *)context)->objects, kind, name);
}

static void warn(void *context, const char *sentence)
{
    pod_say_event(((struct context *)context)->pod, "Warning", ENVIRONMENT_WARNING, "%s", sentence);
}

struct doc *pod_variables(struct pod *pod, struct value container, struct error **err)
{
    const struct agent *agent = pod->agent;
    autoobjects struct pod_objects objects = {0};
    if (pod_objects_read(&objects, pod, err) < 0)
        return NULL;
    struct context context = {pod, &objects};
    struct environment_input input = {
        .pod = pod_document(pod),
        .container = container,
        .allocatable = agent_allocatable(agent),
        .host_addresses = agent->address,
        .find = find,
        .warn = warn,
        .context = &context,
    };
    return environment_variables(&input, err);
}
