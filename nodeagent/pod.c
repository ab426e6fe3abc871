/* One pod: asks decide() what to do, has the runtime do it, writes down what happens, and tells the tree. */
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/decide.h"
#include "nodeagent/image.h"
#include "nodeagent/oci.h"
#include "nodeagent/security.h"
#include "nodeagent/status.h"
#include <errno.h>
#include <signal.h>

/* After the machine (not the pod) failed to do something. */
#define MACHINE_RETRY_MS 1000

/* A verb on its way: of which pod and container. A pod isn't freed while one is. */
struct step {
    struct pod *pod;
    int container;
};

static struct step *step_new(struct pod *pod, int container)
{
    struct step *step = memory_new(sizeof(*step));
    *step = (struct step){pod, container};
    return step;
}

static void step_end(void *context, struct pod **pod, struct container_record **container)
{
    autofree struct step *step = context;
    *pod = step->pod;
    if (container == NULL)
        return;
    *container = &step->pod->record->containers[step->container];
    (*container)->busy = false;
}

struct pod *pod_new(struct agent *agent, struct pod_record *record)
{
    struct pod *pod = memory_zeroed(1, sizeof(*pod));
    *pod = (struct pod){.agent = agent, .record = record};
    pod->by_uid.key = str_of(record->uid);
    map_insert(&agent->pods, &pod->by_uid);
    return pod;
}

void pod_free(struct pod *pod)
{
    map_remove(&pod->agent->pods, &pod->by_uid);
    loop_remove(pod->timer);
    doc_free(pod->document);
    doc_free(pod->status);
    record_free(pod->record);
    free(pod);
}

static const struct place *place_of(const struct pod *pod)
{
    return pod->agent->options.place;
}

/* "default/web-1", for the log. */
#define POD_FORMAT    "%s/%s"
#define POD_ARGS(pod) (pod)->record->namespace, (pod)->record->name

static void save(struct pod *pod)
{
    autoerror struct error *error = NULL;
    if (record_save(place_of(pod), pod->record, &error) < 0)
        log_error("pod " POD_FORMAT ": %s", POD_ARGS(pod), error_message(error));
}

/* ---- the sandbox ---- */

static void fail_sandbox(struct pod *pod, const char *what, const char *complaint)
{
    struct pod_record *record = pod->record;
    free(record->sandbox_complaint);
    record->sandbox_complaint = str_dup(str_of(complaint));
    record->sandbox = SANDBOX_ENDED;
    record->sandbox_retry_ms =
        clock_wall_ms() +
        MACHINE_RETRY_MS * (record->sandbox_failures < 10 ? ++record->sandbox_failures : 10);
    log_error("pod " POD_FORMAT ": cannot %s the sandbox: %s", POD_ARGS(pod), what, complaint);
    if (record->sandbox_failures == 1)
        pod_say_event(pod, "Warning", "FailedCreatePodSandBox", "cannot %s the sandbox: %s", what, complaint);
}

static void on_sandbox_run(void *context, struct error *error)
{
    struct pod *pod;
    step_end(context, &pod, NULL);
    pod->record->sandbox_busy = false;
    if (error != NULL) {
        fail_sandbox(pod, "make", error_message(error));
    } else {
        pod->record->sandbox = SANDBOX_READY;
        pod->record->sandbox_failures = 0;
        free(take_pointer(pod->record->sandbox_complaint));
    }
    pod_sync(pod);
}

static const char *hostname_of(const struct pod *pod, char hostname[64])
{
    struct str wanted = value_str(value_at(pod_document(pod), "spec", "hostname"));
    if (wanted.length == 0)
        wanted = str_of(pod->record->name);
    /* Names of pods may be longer than host names, which end with no dot or dash. */
    size_t length = wanted.length < 63 ? wanted.length : 63;
    while (length > 0 && (wanted.at[length - 1] == '-' || wanted.at[length - 1] == '.'))
        length--;
    memcpy(hostname, wanted.at, length);
    hostname[length] = '\0';
    return hostname;
}

static void say_what_has_no_effect(const struct pod *pod)
{
    autobuf struct buf fields = {0};
    security_without_effect(&fields, pod_document(pod));
    if (fields.length != 0)
        pod_say_event(pod, "Warning", "WithoutEffect", "without effect on this node: %s", fields.at);
}

static void run_sandbox(struct pod *pod)
{
    char hostname[64];
    autosysctls struct security_sysctls sysctls = {0};
    autoerror struct error *error = NULL;
    if (security_sysctls(&sysctls, pod_document(pod), &error) < 0) {
        fail_sandbox(pod, "make", error_message(error));
        return;
    }
    if (pod->record->sandbox_failures == 0)
        say_what_has_no_effect(pod);
    autofree char *title = path_format(POD_FORMAT, POD_ARGS(pod));
    struct sandbox_config config = {
        .uid = pod->record->uid, .title = title, .hostname = hostname_of(pod, hostname), .sysctls = sysctls};
    save(pod);
    pod->record->sandbox_busy = true;
    runtime_run_sandbox(pod->agent->runtime, &config, on_sandbox_run, step_new(pod, -1));
}

static void stop_sandbox(struct pod *pod)
{
    if (runtime_stop_sandbox(pod->agent->runtime, pod->record->uid))
        pod->record->sandbox_busy = true; /* until pod_sandbox_ended */
    else
        pod->record->sandbox = SANDBOX_ENDED;
}

static void remove_sandbox(struct pod *pod)
{
    autoerror struct error *error = NULL;
    if (runtime_remove_sandbox(pod->agent->runtime, pod->record->uid, &error) == 0) {
        pod->record->sandbox = SANDBOX_NONE;
        return;
    }
    /* Processes that have just been killed take a moment to leave. */
    pod->record->sandbox_retry_ms = clock_wall_ms() + 20;
    if (error->number != EBUSY)
        fail_sandbox(pod, "remove", error_message(error));
}

void pod_sandbox_ended(struct pod *pod)
{
    bool expected = pod->record->sandbox_busy;
    pod->record->sandbox_busy = false;
    pod->record->sandbox = SANDBOX_ENDED;
    if (!expected)
        pod_say_event(pod, "Normal", "SandboxChanged", "the pod's sandbox has ended, it will be made again");
    pod_sync(pod);
}

/* ---- making containers ---- */

static void fail_to_make(struct pod *pod, struct container_record *container, const char *message)
{
    record_end(container, 128, clock_wall_ms(), "StartError", message);
    save(pod);
    pod_say_event(pod, "Warning", "Failed", "Error: %s", message);
}

static void on_created(void *context, struct error *error)
{
    struct pod *pod;
    struct container_record *container;
    step_end(context, &pod, &container);
    if (error != NULL) {
        fail_to_make(pod, container, error_message(error));
    } else {
        container->state = CONTAINER_CREATED;
        pod_say_event(pod, "Normal", "Created", "Created container %s", container->name);
    }
    pod_sync(pod);
}

static void on_started(void *context, struct error *error)
{
    struct pod *pod;
    struct container_record *container;
    step_end(context, &pod, &container);
    if (container->state != CONTAINER_CREATED) {
        pod_sync(pod); /* it has ended already */
        return;
    }
    if (error != NULL) {
        fail_to_make(pod, container, error_message(error));
    } else {
        container->state = CONTAINER_RUNNING;
        container->started_ms = clock_wall_ms();
        save(pod);
        pod_say_event(pod, "Normal", "Started", "Started container %s", container->name);
    }
    pod_sync(pod);
}

/* It can't be made at present. */
static void hold_back(struct pod *pod, struct container_record *container, const char *reason,
                      const char *complaint)
{
    bool first = container->failures == 0;
    record_wait(container, reason, complaint, clock_wall_ms());
    if (first)
        pod_say_event(pod, "Warning", "Failed", "Error: %s: %s", reason, complaint);
}

/* NULL when it can't be had at present; then the container waits, and its status says why. */
static struct doc *find_image(struct pod *pod, struct container_record *container, struct value spec)
{
    autofree char *name = str_dup(value_str(value_get(spec, STR("image"))));
    autoerror struct error *error = NULL;
    struct doc *image = image_find(place_of(pod)->state, name, &error);
    if (image != NULL)
        return image;
    const char *reason = error->number == EINVAL ? "InvalidImageName" : "ImagePullBackOff";
    if (error->number == ENOENT && value_is(value_get(spec, STR("imagePullPolicy")), "Never"))
        reason = "ErrImageNeverPull";
    hold_back(pod, container, reason, error_message(error));
    return NULL;
}

static bool is_unsupported(struct pod *pod, struct container_record *container)
{
    autofree char *complaint = status_unsupported(pod_document(pod));
    if (complaint == NULL)
        return false;
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

static void create_container(struct pod *pod, int i)
{
    struct container_record *container = &pod->record->containers[i];
    struct value spec = record_spec(container, pod_document(pod));
    record_set_image(container, value_str(value_get(spec, STR("image"))));
    if (is_unsupported(pod, container))
        return;
    autodoc struct doc *image = find_image(pod, container, spec);
    if (image == NULL || is_insecure(pod, container, spec, doc_root(image)))
        return;
    autoerror struct error *error = NULL;
    autodoc struct doc *variables = pod_variables(pod, spec, &error);
    if (variables == NULL) {
        hold_back(pod, container, "CreateContainerConfigError", error_message(error));
        return;
    }
    if (container->end.valid)
        record_raise_backoff(container, clock_wall_ms());
    container->attempt++;
    container->adopted = container->again = false;
    container->state = CONTAINER_CREATING;
    container->remains = true;
    free(container->image_id);
    container->image_id = str_dup(value_str(value_get(doc_root(image), STR("id"))));
    save(pod);
    char hostname[64];
    struct runtime_container config = {.uid = pod->record->uid,
                                       .name = container->name,
                                       .attempt = container->attempt,
                                       .pod = pod_document(pod),
                                       .spec = spec,
                                       .variables = doc_root(variables),
                                       .image = doc_root(image),
                                       .hostname = hostname_of(pod, hostname)};
    struct step *step = step_new(pod, i);
    if (runtime_create_container(pod->agent->runtime, &config, on_created, step, &error) < 0) {
        free(step);
        hold_back(pod, container, "CreateContainerError", error_message(error));
        return;
    }
    record_stop_waiting(container);
    container->busy = true;
    pod_say_event(pod, "Normal", "Pulled", "Container image \"" STR_FORMAT "\" already present on machine",
                  STR_ARGS(value_str(value_get(spec, STR("image")))));
}

static void start_container(struct pod *pod, int i)
{
    struct container_record *container = &pod->record->containers[i];
    container->busy = true;
    runtime_start_container(pod->agent->runtime, pod->record->uid, container->name, container->attempt,
                            on_started, step_new(pod, i));
}

/* ---- ending containers ---- */

static int stop_signal(const struct pod *pod, const struct container_record *container)
{
    autodoc struct doc *image =
        container->image != NULL ? image_find(place_of(pod)->state, container->image, NULL) : NULL;
    return oci_stop_signal(value_get(doc_root(image), STR("config")));
}

/* Whether the signal comes to a process or not: its end will be told, or has been on its way already. */
static void ask_to_stop(struct pod *pod, struct container_record *container)
{
    container->asked_ms = clock_wall_ms();
    save(pod);
    runtime_signal_container(pod->agent->runtime, pod->record->uid, container->name, container->attempt,
                             stop_signal(pod, container));
}

static void ask_container(struct pod *pod, int i)
{
    struct container_record *container = &pod->record->containers[i];
    ask_to_stop(pod, container);
    pod_say_event(pod, "Normal", "Killing", "Stopping container %s", container->name);
}

/* As it is said in Kubernetes. */
static void change_container(struct pod *pod, int i)
{
    struct container_record *container = &pod->record->containers[i];
    container->again = true;
    ask_to_stop(pod, container);
    pod_say_event(pod, "Normal", "Killing", "Container %s definition changed, will be restarted",
                  container->name);
}

static void kill_container(struct pod *pod, int i)
{
    struct container_record *container = &pod->record->containers[i];
    container->killed = true;
    save(pod);
    if (container->asked_ms == 0)
        pod_say_event(pod, "Normal", "Killing", "Killing container %s", container->name);
    runtime_signal_container(pod->agent->runtime, pod->record->uid, container->name, container->attempt,
                             SIGKILL);
}

static void on_removed(void *context, struct error *error)
{
    struct pod *pod;
    struct container_record *container;
    step_end(context, &pod, &container);
    if (error != NULL) {
        log_error("pod " POD_FORMAT ": cannot remove container %s: %s", POD_ARGS(pod), container->name,
                  error_message(error));
        pod_sync_later(pod, MACHINE_RETRY_MS);
        return;
    }
    if (container->state != CONTAINER_NONE)
        record_undo_attempt(container);
    container->remains = false;
    save(pod);
    pod_sync(pod);
}

static void remove_container(struct pod *pod, int i)
{
    struct container_record *container = &pod->record->containers[i];
    container->busy = true;
    runtime_remove_container(pod->agent->runtime, pod->record->uid, container->name, container->attempt,
                             on_removed, step_new(pod, i));
}

static const char *reason_of(const struct runtime_end *end)
{
    return end->lost             ? "ContainerStatusUnknown"
           : end->out_of_memory  ? "OOMKilled"
           : end->exit_code == 0 ? "Completed"
                                 : "Error";
}

static void note_end(struct container_record *container, const struct runtime_end *end)
{
    if (container->started_ms == 0)
        container->started_ms = end->finished_ms;
    record_end(container, end->exit_code, end->finished_ms, reason_of(end),
               end->lost ? "the container's monitor was lost" : NULL);
}

void pod_container_ended(struct pod *pod, const char *name, int attempt, const struct runtime_end *end)
{
    struct container_record *container = record_container(pod->record, name);
    if (container == NULL || container->attempt != attempt ||
        (container->state != CONTAINER_RUNNING && container->state != CONTAINER_CREATED))
        return;
    if (end->never_ran && container->adopted) {
        /* The agent that was about to start it died over it: this attempt is not spent. */
        container->state = CONTAINER_CREATING;
        pod_sync(pod);
        return;
    }
    note_end(container, end);
    save(pod);
    int64_t now = clock_wall_ms();
    if (pod->document != NULL && decide_restarts(pod_document(pod), container) &&
        record_backoff_until(container) > now)
        pod_say_event(pod, "Warning", "BackOff", "Back-off restarting failed container %s in pod %s_%s(%s)",
                      name, pod->record->name, pod->record->namespace, pod->record->uid);
    pod_sync(pod);
}

/* ---- bringing it along ---- */

static void finish(struct pod *pod)
{
    if (pod->document == NULL || pod->agent->outbox == NULL)
        pod_forget(pod);
    else if (!pod->finishing)
        pod_say_finished(pod);
}

static void perform(struct pod *pod, const struct action *action)
{
    switch (action->kind) {
    case ACTION_RUN_SANDBOX:
        run_sandbox(pod);
        break;
    case ACTION_STOP_SANDBOX:
        stop_sandbox(pod);
        break;
    case ACTION_REMOVE_SANDBOX:
        remove_sandbox(pod);
        break;
    case ACTION_CREATE:
        create_container(pod, action->container);
        break;
    case ACTION_START:
        start_container(pod, action->container);
        break;
    case ACTION_ASK:
        ask_container(pod, action->container);
        break;
    case ACTION_CHANGE:
        change_container(pod, action->container);
        break;
    case ACTION_KILL:
        kill_container(pod, action->container);
        break;
    case ACTION_REMOVE:
        remove_container(pod, action->container);
        break;
    case ACTION_FINISH:
        finish(pod);
        break;
    }
}

static void on_due(void *context)
{
    struct pod *pod = context;
    pod->timer = NULL;
    pod_sync(pod);
}

void pod_sync_later(struct pod *pod, int64_t after_ms)
{
    loop_remove(pod->timer);
    pod->timer = loop_timer(pod->agent->loop, after_ms, on_due, pod);
}

void pod_sync(struct pod *pod)
{
    if (!pod->agent->ready)
        return;
    struct circumstances circumstances = {
        .pod = pod_document(pod), .now_ms = clock_wall_ms(), .ending_all = pod->agent->options.end_pods};
    struct decision decision = {0};
    decide(pod->record, &circumstances, &decision);
    int64_t wake_ms = decision.wake_ms;
    bool last = false;
    for (int i = 0; i < decision.count && !last; i++) {
        last = decision.actions[i].kind == ACTION_FINISH;
        if (!last)
            perform(pod, &decision.actions[i]);
    }
    pod_say_status(pod, circumstances.now_ms);
    /* What was done at once may make the next thing possible; what was begun calls back. */
    if (decision.count > 0 && !last)
        pod_sync_later(pod, 0);
    else if (wake_ms != 0)
        pod_sync_later(pod, wake_ms - circumstances.now_ms);
    decision_free(&decision);
    if (last)
        finish(pod); /* the pod may be gone afterwards */
}

/* A record that an earlier version wrote, or that was made of remains, doesn't say of what its containers
 * are: then it is what the pod says when it is first seen. */
static void learn_images(struct pod *pod)
{
    for (int i = 0; i < pod->record->container_count; i++) {
        struct container_record *container = &pod->record->containers[i];
        struct value image = value_get(record_spec(container, pod_document(pod)), STR("image"));
        if (container->image == NULL && container->state != CONTAINER_NONE && value_exists(image))
            record_set_image(container, value_str(image));
    }
}

void pod_set_document(struct pod *pod, struct doc *document)
{
    doc_free(pod->document);
    pod->document = document;
    if (document != NULL) {
        pod->record->grace_seconds =
            value_int_or(value_at(pod_document(pod), "spec", "terminationGracePeriodSeconds"), 30);
        learn_images(pod);
    }
    pod_sync_later(pod, 0);
}

void pod_retry_images(struct pod *pod)
{
    for (int i = 0; i < pod->record->container_count; i++)
        pod->record->containers[i].retry_ms = 0;
    pod_sync_later(pod, 0);
}

void pod_forget(struct pod *pod)
{
    autofree char *directory = place_pod_state(place_of(pod), pod->record->uid);
    autoerror struct error *error = NULL;
    if (directory_remove(directory, &error) < 0)
        log_error("pod " POD_FORMAT ": %s", POD_ARGS(pod), error_message(error));
    pod_free(pod);
}

/* ---- after a restart ---- */

static void adopt_container(struct pod *pod, struct container_record *container)
{
    struct runtime_end end = {.exit_code = 128 + SIGKILL, .finished_ms = clock_wall_ms(), .lost = true};
    if (container->state == CONTAINER_NONE)
        return;
    enum runtime_state found = runtime_adopt_container(pod->agent->runtime, pod->record->uid, container->name,
                                                       container->attempt, &end);
    bool was_running = container->state == CONTAINER_RUNNING;
    container->adopted = true;
    switch (found) {
    case RUNTIME_RUNNING:
        if (!was_running)
            container->started_ms = clock_wall_ms();
        container->state = CONTAINER_RUNNING;
        break;
    case RUNTIME_CREATED:
        container->state = CONTAINER_CREATED;
        break;
    case RUNTIME_ENDED:
        note_end(container, &end);
        break;
    case RUNTIME_ABSENT:
        if (was_running)
            note_end(container, &end);
        else
            container->state = CONTAINER_CREATING; /* its remains will be removed, and it made again */
        break;
    }
}

void pod_adopt(struct pod *pod)
{
    struct pod_record *record = pod->record;
    for (int i = 0; i < record->container_count; i++)
        adopt_container(pod, &record->containers[i]);
    record->sandbox =
        runtime_adopt_sandbox(pod->agent->runtime, record->uid) > 0 ? SANDBOX_READY : SANDBOX_ENDED;
}
