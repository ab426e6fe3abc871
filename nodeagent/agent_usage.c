/* Tells the tree what the node and its pods use. */
#include "lib/clock.h"
#include "lib/file.h"
#include "nodeagent/agent_private.h"

#define RESOURCE "nodes.metrics.k8s.io"
/* The first figures come soon. */
#define FIRST_WINDOW_MS 1000

static void add_container(struct agent *agent, const struct pod *pod,
                          const struct container_record *container, struct value containers)
{
    struct usage_sample sample;
    autodoc struct doc *list = doc_new();
    if (container->state != CONTAINER_RUNNING ||
        !runtime_usage(agent->runtime, pod->record->uid, container->name, container->attempt, &sample))
        return;
    autofree char *id = place_container_id(pod->record->uid, container->name, container->attempt);
    if (!usage_note(agent->usage, str_of(id), &sample, doc_root(list)))
        return;
    struct value entry = value_append_object(containers);
    value_set_str(entry, STR("name"), str_of(container->name));
    value_set_copy(entry, STR("usage"), doc_root(list));
}

static void add_pod(struct agent *agent, const struct pod *pod, struct value pods)
{
    const struct pod_record *record = pod->record;
    autodoc struct doc *doc = doc_new();
    struct value entry = doc_root(doc);
    if (record->name == NULL)
        return;
    value_set_str(entry, STR("name"), str_of(record->name));
    value_set_str(entry, STR("namespace"), str_of(record->namespace));
    struct value mirror = record->is_static ? pod_mirror(pod) : VALUE_ABSENT;
    value_set_str(entry, STR("uid"),
                  value_exists(mirror) ? value_str(value_at(mirror, "metadata", "uid"))
                                       : str_of(record->uid));
    struct value containers = value_set_array(entry, STR("containers"));
    for (int i = 0; i < record->container_count; i++)
        add_container(agent, pod, &record->containers[i], containers);
    if (value_count(containers) > 0)
        value_append_copy(pods, entry);
}

static void add_machine(struct agent *agent, struct value list)
{
    autobuf struct buf stat = {0}, meminfo = {0};
    struct usage_sample sample;
    if (file_read("/proc/stat", &stat, NULL) == 0 && file_read("/proc/meminfo", &meminfo, NULL) == 0 &&
        usage_of_machine(buf_str(&stat), buf_str(&meminfo), &sample))
        usage_note(agent->usage, STR("node"), &sample, list);
}

/* Fills the object; false when there is nothing to compare with yet. */
static bool look(struct agent *agent, struct value object)
{
    char now[CLOCK_TEXT];
    usage_begin(agent->usage, clock_ms());
    add_machine(agent, value_set_object(object, STR("usage")));
    struct value pods = value_set_array(object, STR("pods"));
    for (const struct pod *pod = NULL; (pod = agent_next_pod(agent, pod)) != NULL;)
        add_pod(agent, pod, pods);
    int64_t window = usage_end(agent->usage);
    clock_format(clock_wall_ms(), now);
    value_set_str(object, STR("timestamp"), str_of(now));
    value_setf(object, STR("window"), "%lld.%03llds", (long long)window / 1000, (long long)window % 1000);
    return window > 0;
}

void agent_say_usage(void *context)
{
    struct agent *agent = context;
    const char *node = agent->options.node;
    autodoc struct doc *doc = doc_new();
    struct value request = outbox_request(doc, "patch", RESOURCE, NULL, node);
    bool known = look(agent, value_set_object(request, STR("merge")));
    if (known)
        outbox_put(agent->outbox, MESSAGE_USAGE, node, request);
    agent->usage_timer =
        loop_timer(agent->loop, known ? USAGE_WINDOW_MS : FIRST_WINDOW_MS, agent_say_usage, agent);
}

void agent_say_usage_exists(struct agent *agent)
{
    autodoc struct doc *doc = doc_new();
    struct value object = outbox_creation(doc);
    value_set_str(object, STR("apiVersion"), STR("metrics.k8s.io/v1beta1"));
    value_set_str(object, STR("kind"), STR("NodeMetrics"));
    value_set_str(value_set_object(object, STR("metadata")), STR("name"), str_of(agent->options.node));
    outbox_put(agent->outbox, MESSAGE_USAGE_CREATE, agent->options.node, doc_root(doc));
    loop_remove(agent->usage_timer);
    agent->usage_timer = loop_timer(agent->loop, FIRST_WINDOW_MS, agent_say_usage, agent);
}
