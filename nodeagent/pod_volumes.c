/* The volumes of a pod that runs here: set up before its sandbox, brought up to date when what they are made
 * from changes, taken away when nothing of the pod is left. */
#include "nodeagent/agent_private.h"

#include "lib/file.h"
#include "lib/log.h"
#include "nodeagent/volume.h"
#include "nodeagent/volume_mounts.h"

static char *volumes_of(const struct pod *pod)
{
    return place_volumes(pod->agent->options.place, pod->record->uid);
}

static int with_objects(struct pod *pod,
                        int (*bring)(const char *volumes, const struct volume_world *world,
                                     struct error **err),
                        struct error **err)
{
    autoobjects struct pod_objects objects = {0};
    autofree char *volumes = volumes_of(pod);
    struct value document = pod_document(pod);
    int result = pod_objects_read(&objects, pod, err);
    struct volume_world world = {
        .pod = document,
        .find = pod_objects_find,
        .context = &objects,
        .allocatable = agent_allocatable(pod->agent),
        .fs_group = value_int_or(value_at(document, "spec", "securityContext", "fsGroup"), -1),
    };
    return result < 0 ? result : bring(volumes, &world, err);
}

int pod_set_up_volumes(struct pod *pod, struct error **err)
{
    if (value_count(value_at(pod_document(pod), "spec", "volumes")) == 0)
        return 0;
    int result = with_objects(pod, volumes_set_up, err);
    return result < 0 ? result : 0;
}

void pod_update_volumes(struct pod *pod)
{
    autofree char *volumes = volumes_of(pod);
    autoerror struct error *error = NULL;
    if (pod->document == NULL || access(volumes, F_OK) != 0 || with_objects(pod, volumes_update, &error) >= 0)
        return;
    pod_say_event(pod, "Warning", "FailedMount", "%s", error_message(error));
}

int pod_bind_volumes(struct pod *pod, struct value container, struct value variables, struct error **err)
{
    autofree char *volumes = volumes_of(pod);
    int recursive_read_only = runtime_recursive_read_only(pod->agent->runtime, container, err);
    if (recursive_read_only < 0)
        return recursive_read_only;
    struct volume_mounts wanted = {.recursive_read_only = recursive_read_only != 0,
                                   .pod = pod_document(pod),
                                   .container = container,
                                   .variables = variables,
                                   .volumes = volumes};
    return volume_mounts_bind(&wanted, err);
}

int pod_tear_down_volumes(const struct pod *pod, struct error **err)
{
    autofree char *volumes = volumes_of(pod);
    return volumes_tear_down(volumes, pod_place(pod)->state, err);
}
