/* The images of one pod's containers: when to pull, what to say of it, and how long to wait after a failure.
 *
 * The rules and the sentences are the kubelet's (pkg/kubelet/images/image_manager.go). A pause between pulls
 * belongs to a pod and an image: 10 s, twice as long each time up to 5 minutes. In it the container says
 * ImagePullBackOff; right after the failure it says ErrImagePull for a moment, with what went wrong.
 */
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/image_name.h"
#include "nodeagent/pull_secret.h"
#include <inttypes.h>
#include <stdio.h>

#define ERROR_SHOWS_MS 1000
/* A pull calls when it is done; this is only to look again some time. */
#define PULLING_MS (60 * 60 * 1000)

/* A container that needs, or has needed, an image that had to be pulled. */
struct image_wait {
    struct image_wait *next;
    struct pod *pod;
    char *container;
    char *asked;       /* the image, in the pod's words */
    char *name;        /* in its normal form */
    struct pull *pull; /* under way */
    bool pulled;       /* for the attempt that comes next */
    char *complaint;   /* of the last pull */
    int64_t pause_ms, until_ms;
};

/* ---- what is waited for ---- */

static void clear_wait(struct image_wait *wait)
{
    if (wait->pull != NULL)
        pull_forget(wait->pull);
    free(wait->container);
    free(wait->asked);
    free(wait->name);
    free(wait->complaint);
}

/* What went wrong with another image doesn't count for this one. */
static struct image_wait *wait_of(struct pod *pod, const char *container, struct str asked, const char *name)
{
    struct image_wait *wait = pod->image_waits;
    while (wait != NULL && strcmp(wait->container, container) != 0)
        wait = wait->next;
    if (wait != NULL && str_is(asked, wait->asked))
        return wait;
    if (wait == NULL) {
        wait = memory_zeroed(1, sizeof(*wait));
        wait->next = pod->image_waits;
        pod->image_waits = wait;
    } else {
        clear_wait(wait);
    }
    *wait = (struct image_wait){.next = wait->next,
                                .pod = pod,
                                .container = str_dup(str_of(container)),
                                .asked = str_dup(asked),
                                .name = str_dup(str_of(name))};
    return wait;
}

void pod_forget_images(struct pod *pod)
{
    struct image_wait *next;
    for (struct image_wait *wait = take_pointer(pod->image_waits); wait != NULL; wait = next) {
        next = wait->next;
        clear_wait(wait);
        free(wait);
    }
}

/* ---- saying ---- */

/* The container can't be made before `retry_ms` (0: when it is usual). The reason is said when it is new. */
static void hold_back(struct pod *pod, struct container_record *container, const char *reason,
                      const char *message, int64_t retry_ms)
{
    bool new = container->waiting_reason == NULL || strcmp(container->waiting_reason, reason) != 0;
    record_wait(container, reason, message, clock_wall_ms());
    if (retry_ms != 0)
        container->retry_ms = retry_ms;
    if (new)
        pod_say_event(pod, "Warning", "Failed", "Error: %s", reason);
}

static void say_pulled(const struct image_wait *wait, const struct pull_result *result)
{
    char took[CLOCK_TEXT], waited[CLOCK_TEXT];
    autodoc struct doc *image = runtime_image_status(wait->pod->agent->runtime, wait->name, NULL);
    clock_duration(result->took_ms, took);
    clock_duration(result->waited_ms, waited);
    pod_say_event(wait->pod, "Normal", "Pulled",
                  "Successfully pulled image \"%s\" in %s (%s including waiting). Image size: %" PRId64
                  " bytes.",
                  wait->asked, took, waited, value_int_or(value_get(doc_root(image), STR("size")), 0));
}

/* ---- pulling ---- */

static void on_progress(void *context, const char *sentence)
{
    const struct image_wait *wait = context;
    pod_say_event(wait->pod, "Normal", "Pulling", "Still pulling image \"%s\": %s", wait->asked, sentence);
}

static void fail(struct image_wait *wait, struct container_record *container, const char *complaint)
{
    struct pod *pod = wait->pod;
    int64_t now = clock_wall_ms();
    free(wait->complaint);
    wait->complaint = str_dup(str_of(complaint));
    wait->pause_ms = record_longer_pause(wait->pause_ms);
    wait->until_ms = now + wait->pause_ms;
    pod_say_event(pod, "Warning", "Failed", "Failed to pull image \"%s\": %s", wait->asked, complaint);
    hold_back(pod, container, "ErrImagePull", complaint, now + ERROR_SHOWS_MS);
}

static void on_done(void *context, const struct pull_result *result)
{
    struct image_wait *wait = context;
    struct pod *pod = wait->pod;
    struct container_record *container = record_container(pod->record, wait->container);
    wait->pull = NULL;
    if (result->complaint != NULL) {
        fail(wait, container, result->complaint);
    } else {
        say_pulled(wait, result);
        wait->pulled = true;
        wait->pause_ms = wait->until_ms = 0;
        container->retry_ms = 0;
    }
    pod_sync(pod);
}

static void begin_pull(struct image_wait *wait)
{
    struct pod *pod = wait->pod;
    autobuf struct buf missing = {0};
    autoobjects struct pod_objects objects = {0};
    autoerror struct error *error = NULL;
    /* Where it can't be told which Secrets there are it goes on without them. */
    if (pod_objects_read_passwords(&objects, pod, &error) < 0)
        log_warning("pod " POD_FORMAT ": its Secrets can't be read: %s", POD_ARGS(pod), error_message(error));
    autodoc struct doc *secrets =
        pull_secrets(pod_document(pod), str_of(wait->name), pod_objects_find, &objects, &missing);
    struct pull_listener listener = {on_progress, on_done, wait};
    if (missing.length != 0)
        pod_say_event(pod, "Warning", "FailedToRetrieveImagePullSecret",
                      "Unable to retrieve some image pull secrets (%s); attempting to pull the image may not "
                      "succeed.",
                      missing.at);
    pod_say_event(pod, "Normal", "Pulling", "Pulling image \"%s\"", wait->asked);
    wait->pull = runtime_pull_image(pod->agent->runtime, wait->name, doc_root(secrets), &listener);
}

/* Sees to it that the image comes; the container waits for that. */
static void pull(struct image_wait *wait, struct container_record *container)
{
    int64_t now = clock_wall_ms();
    if (wait->pull == NULL && now < wait->until_ms) {
        autofree char *message =
            path_format("Back-off pulling image \"%s\": ErrImagePull: %s", wait->asked, wait->complaint);
        if (container->waiting_reason == NULL || strcmp(container->waiting_reason, "ImagePullBackOff") != 0)
            pod_say_event(wait->pod, "Normal", "BackOff", "Back-off pulling image \"%s\"", wait->asked);
        hold_back(wait->pod, container, "ImagePullBackOff", message, wait->until_ms);
        return;
    }
    if (wait->pull == NULL)
        begin_pull(wait);
    container->retry_ms = now + PULLING_MS;
}

/* ---- whether ---- */

enum policy { POLICY_ALWAYS, POLICY_IF_NOT_PRESENT, POLICY_NEVER };

/* Where nothing is said it is Always for the tag latest, which stands for something else every day. */
static enum policy policy_of(struct value spec, const char *name)
{
    struct value policy = value_get(spec, STR("imagePullPolicy"));
    if (value_is(policy, "Never"))
        return POLICY_NEVER;
    if (value_is(policy, "IfNotPresent"))
        return POLICY_IF_NOT_PRESENT;
    return value_is(policy, "Always") || str_is(image_tag(str_of(name)), "latest") ? POLICY_ALWAYS
                                                                                   : POLICY_IF_NOT_PRESENT;
}

static void refuse_name(struct pod *pod, struct container_record *container, struct str asked)
{
    autofree char *message =
        path_format("Failed to apply default image tag \"" STR_FORMAT
                    "\": couldn't parse image name \"" STR_FORMAT "\": invalid reference format",
                    STR_ARGS(asked), STR_ARGS(asked));
    if (container->waiting_reason == NULL)
        pod_say_event(pod, "Warning", "InspectFailed", "%s", message);
    hold_back(pod, container, "InvalidImageName", message, 0);
}

static void refuse_to_pull(struct pod *pod, struct container_record *container, struct str asked)
{
    autofree char *message = path_format(
        "Container image \"" STR_FORMAT "\" is not present with pull policy of Never", STR_ARGS(asked));
    if (container->waiting_reason == NULL)
        pod_say_event(pod, "Warning", "ErrImageNeverPull", "%s", message);
    hold_back(pod, container, "ErrImageNeverPull", message, 0);
}

struct doc *pod_image(struct pod *pod, struct container_record *container, struct value spec)
{
    struct str asked = value_str(value_get(spec, STR("image")));
    autofree char *name = image_normalize(asked, NULL);
    if (name == NULL) {
        refuse_name(pod, container, asked);
        return NULL;
    }
    enum policy policy = policy_of(spec, name);
    struct image_wait *wait = wait_of(pod, container->name, asked, name);
    autodoc struct doc *image = runtime_image_status(pod->agent->runtime, name, NULL);
    if (image != NULL && (policy != POLICY_ALWAYS || wait->pulled))
        return take_pointer(image);
    if (policy == POLICY_NEVER)
        refuse_to_pull(pod, container, asked);
    else
        pull(wait, container);
    return NULL;
}

void pod_image_used(struct pod *pod, const struct container_record *container, struct value image)
{
    for (struct image_wait *wait = pod->image_waits; wait != NULL; wait = wait->next) {
        if (strcmp(wait->container, container->name) != 0)
            continue;
        if (!wait->pulled)
            pod_say_event(pod, "Normal", "Pulled", "Container image \"%s\" already present on machine",
                          wait->asked);
        wait->pulled = false; /* the next attempt asks again */
    }
    autofree char *name = str_dup(value_str(value_get(image, STR("name"))));
    runtime_note_image_use(pod->agent->runtime, name);
}
