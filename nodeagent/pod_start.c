/* How the containers of one pod begin: made of what the pod and its image say, and started. When each of that
 * is to be done is decided elsewhere. */
#include "lib/clock.h"
#include "lib/demand.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/effect.h"
#include "nodeagent/image_name.h"
#include "nodeagent/oci.h"
#include "nodeagent/quality.h"
#include "nodeagent/security.h"
#include <errno.h>
#include <linux/capability.h>

/* It calls when it has; this is only to look again some time. */
#define RUNTIME_ANSWERS_MS 30000

static void fail_to_make(struct pod *pod, struct container_record *container, const char *message)
{
    record_end(container, 128, clock_wall_ms(), "StartError", message);
    pod_save(pod);
    pod_say_event(pod, "Warning", "Failed", "Error: %s", message);
}

/* It can't be made at present. An event says only what is new. */
static void hold_back(struct pod *pod, struct container_record *container, const char *reason,
                      const char *complaint)
{
    bool news = container->waiting_message == NULL || strcmp(container->waiting_message, complaint) != 0;
    record_wait(container, reason, complaint, clock_wall_ms());
    if (news)
        pod_say_event(pod, "Warning", "Failed", "Error: %s", complaint);
}

/* What the runtime says against the container itself is an end of it; after anything else it is made or
 * started again, whatever its pod's policy is: it has not run. */
static void on_created(void *context, struct error *error)
{
    struct pod *pod;
    struct container_record *container;
    int64_t taken_ms = step_end(context, &pod, &container);
    fault_point("container-created");
    if (error != NULL && error->number == EINVAL) {
        fail_to_make(pod, container, error_message(error));
    } else if (error != NULL) {
        hold_back(pod, container, "CreateContainerError", error_message(error));
    } else {
        container->state = CONTAINER_CREATED;
        pod_say_event(pod, "Normal", "Created", "Created container %s in %lld ms", container->name,
                      (long long)taken_ms);
    }
    pod_sync(pod);
}

static void on_started(void *context, struct error *error)
{
    struct pod *pod;
    struct container_record *container;
    int64_t taken_ms = step_end(context, &pod, &container);
    if (container->state != CONTAINER_CREATED) {
        pod_sync(pod); /* it has ended already */
        return;
    }
    if (error != NULL && error->number == EAGAIN) {
        hold_back(pod, container, "RunContainerError", error_message(error));
    } else if (error != NULL) {
        fail_to_make(pod, container, error_message(error));
    } else {
        record_stop_waiting(container);
        container->state = CONTAINER_RUNNING;
        container->started_ms = clock_wall_ms();
        container->post_start_due = pod_has_hook(pod, container, HOOK_POST_START);
        fault_point("started");
        pod_save(pod);
        fault_point("start-recorded");
        pod_say_event(pod, "Normal", "Started", "Started container %s in %lld ms", container->name,
                      (long long)taken_ms);
    }
    pod_sync(pod);
}

static bool is_unsupported(struct pod *pod, struct container_record *container)
{
    autobuf struct buf lines = {0}, fields = {0};
    effect_refused(&lines, pod_document(pod));
    struct str rest = buf_str(&lines);
    if (!effect_next(&rest, STR_NONE, SIZE_MAX, &fields))
        return false;
    autofree char *complaint = path_format("not possible on this node: %s", fields.at);
    hold_back(pod, container, "CreateContainerConfigError", complaint);
    return true;
}

static bool is_insecure(struct pod *pod, struct container_record *container, struct value spec,
                        struct value image)
{
    struct security_input input = {.pod = pod_document(pod),
                                   .container = spec,
                                   .image_user = value_str(value_at(image, "config", "User"))};
    autoerror struct error *error = NULL;
    if (security_check(&input, &error) == 0)
        return false;
    hold_back(pod, container, SECURITY_CONTAINER_REFUSED, error_message(error));
    return true;
}

/* Who may not (as a node within a container) can protect nothing better than it is protected itself. */
static int attainable_score(int wanted)
{
    int64_t own;
    autobuf struct buf text = {0};
    bool may = (security_held() >> CAP_SYS_RESOURCE & 1) != 0;
    if (may || file_read("/proc/self/oom_score_adj", &text, NULL) < 0 ||
        !str_to_int64(str_trim(buf_str(&text)), &own) || wanted > own)
        return wanted;
    return (int)own;
}

static int oom_score(const struct pod *pod, struct value container)
{
    int64_t memory =
        demand_amount(value_get(doc_root(pod->agent->node_status), STR("capacity")), RESOURCE_MEMORY);
    return attainable_score(quality_oom_score(pod_document(pod), container, memory));
}

/* Right after the agent's start it isn't known yet whether the OCI runtime can do what the mounts ask for:
 * that is no complaint. When it has answered, pods are tried again. */
static bool awaits_runtime(struct pod *pod, struct container_record *container, struct value spec)
{
    bool awaits = runtime_recursive_read_only(pod->agent->runtime, spec, NULL) == -EAGAIN;
    if (awaits)
        container->retry_ms = clock_wall_ms() + RUNTIME_ANSWERS_MS;
    return awaits;
}

/* What a container is made of: all of it has to be there before an attempt counts. */
struct parts {
    struct value spec;
    struct doc *image, *variables;
};

static void parts_clear(struct parts *parts)
{
    doc_free(parts->image);
    doc_free(parts->variables);
}

/* False when something is missing: then the container waits, and says for what. */
static bool gather(struct pod *pod, struct container_record *container, struct parts *parts)
{
    autoerror struct error *error = NULL;
    if (is_unsupported(pod, container) || awaits_runtime(pod, container, parts->spec))
        return false;
    parts->image = pod_image(pod, container, parts->spec);
    if (parts->image == NULL || is_insecure(pod, container, parts->spec, doc_root(parts->image)))
        return false;
    parts->variables = pod_variables(pod, parts->spec, &error);
    if (parts->variables == NULL ||
        pod_bind_volumes(pod, parts->spec, doc_root(parts->variables), &error) < 0) {
        hold_back(pod, container, "CreateContainerConfigError", error_message(error));
        return false;
    }
    fault_point("volumes-bound");
    return true;
}

static int make(struct pod *pod, const struct container_record *container, const struct parts *parts,
                struct error **err)
{
    char hostname[NAMES_HOSTNAME];
    struct runtime_container config = {.uid = pod->record->uid,
                                       .name = container->name,
                                       .attempt = container->attempt,
                                       .pod = pod_document(pod),
                                       .spec = parts->spec,
                                       .variables = doc_root(parts->variables),
                                       .image = doc_root(parts->image),
                                       .hostname = pod_hostname(pod, hostname),
                                       .oom_score = oom_score(pod, parts->spec)};
    struct step *step = step_new(pod, container);
    int result = runtime_create_container(pod->agent->runtime, &config, on_created, step, err);
    if (result < 0)
        step_free(step);
    return result;
}

void pod_create_container(struct pod *pod, struct container_record *container)
{
    cleanup(parts_clear) struct parts parts = {.spec = record_spec(container, pod_document(pod))};
    autoerror struct error *error = NULL;
    record_set_image(container, value_str(value_get(parts.spec, STR("image"))));
    if (!gather(pod, container, &parts))
        return;
    struct value image = doc_root(parts.image);
    autofree char *image_id = image_reference(image);
    record_begin(container, parts.spec, image_id, oci_stop_signal(value_get(image, STR("config"))),
                 clock_wall_ms());
    if (!pod_save(pod)) {
        hold_back(pod, container, "CreateContainerError", "cannot write the pod's record");
        return;
    }
    fault_point("container-recorded");
    if (make(pod, container, &parts, &error) < 0) {
        hold_back(pod, container, "CreateContainerError", error_message(error));
        return;
    }
    record_stop_waiting(container);
    container->busy = true;
    pod_image_used(pod, container, image);
}

void pod_start_container(struct pod *pod, struct container_record *container)
{
    container->start_asked = true;
    if (!pod_save(pod))
        return;
    fault_point("start-asked");
    container->busy = true;
    runtime_start_container(pod->agent->runtime, pod->record->uid, container->name, container->attempt,
                            on_started, step_new(pod, container));
}
