/* One pod: asks decide() what to do, has the runtime do it, writes down what happens, and tells the tree. */
#include "lib/clock.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/log.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/decide.h"
#include "nodeagent/demand.h"
#include "nodeagent/document.h"
#include "nodeagent/effect.h"
#include "nodeagent/image.h"
#include "nodeagent/oci.h"
#include "nodeagent/quality.h"
#include "nodeagent/security.h"
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>

struct step *step_new(struct pod *pod, const struct container_record *container)
{
    struct step *step = memory_new(sizeof(*step));
    *step = (struct step){.pod = pod,
                          .container = container != NULL ? str_dup(str_of(container->name)) : NULL,
                          .begun_us = clock_us()};
    return step;
}

void step_free(struct step *step)
{
    free(step->container);
    free(step);
}

int64_t step_end(void *context, struct pod **pod, struct container_record **container)
{
    struct step *step = context;
    int64_t taken_ms = (clock_us() - step->begun_us) / 1000;
    *pod = step->pod;
    if (container != NULL) {
        *container = record_container(step->pod->record, step->container);
        (*container)->busy = false;
    }
    step_free(step);
    return taken_ms;
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
    pod_forget_images(pod);
    pod_forget_probes(pod);
    pod_forget_hooks(pod, NULL);
    doc_free(pod->document);
    doc_free(pod->status);
    free(pod->told);
    buf_free(&pod->held);
    record_free(pod->record);
    free(pod);
}

bool pod_save(struct pod *pod)
{
    autoerror struct error *error = NULL;
    bool told = pod->unsaved;
    pod->unsaved = record_save(pod_place(pod), pod->record, &error) < 0;
    if (pod->unsaved && !told)
        log_error("pod " POD_FORMAT ": cannot write its record: %s", POD_ARGS(pod), error_message(error));
    return !pod->unsaved;
}

/* ---- making containers ---- */

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
    autobuf struct buf fields = {0};
    effect_refused(&fields, pod_document(pod));
    if (fields.length == 0)
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
        demand_amount(value_get(doc_root(pod->agent->node_status), STR("capacity")), &resource_memory);
    return attainable_score(quality_oom_score(pod_document(pod), container, memory));
}

static void create_container(struct pod *pod, int i)
{
    struct container_record *container = &pod->record->containers[i];
    struct value spec = record_spec(container, pod_document(pod));
    record_set_image(container, value_str(value_get(spec, STR("image"))));
    if (is_unsupported(pod, container))
        return;
    autodoc struct doc *image = pod_image(pod, container, spec);
    if (image == NULL || is_insecure(pod, container, spec, doc_root(image)))
        return;
    autoerror struct error *error = NULL;
    autodoc struct doc *variables = pod_variables(pod, spec, &error);
    if (variables == NULL) {
        hold_back(pod, container, "CreateContainerConfigError", error_message(error));
        return;
    }
    if (pod_bind_volumes(pod, spec, doc_root(variables), &error) < 0) {
        hold_back(pod, container, "CreateContainerConfigError", error_message(error));
        return;
    }
    fault_point("volumes-bound");
    if (container->end.valid)
        record_raise_backoff(container, clock_wall_ms());
    container->attempt++;
    container->adopted = container->again = container->start_asked = false;
    container->state = CONTAINER_CREATING;
    container->remains = true;
    free(container->image_id);
    container->image_id = image_reference(doc_root(image));
    container->stop_signal = oci_stop_signal(value_get(doc_root(image), STR("config")));
    record_keep_for_end(container, spec);
    if (!pod_save(pod)) {
        hold_back(pod, container, "CreateContainerError", "cannot write the pod's record");
        return;
    }
    fault_point("container-recorded");
    char hostname[NAMES_HOSTNAME];
    struct runtime_container config = {.uid = pod->record->uid,
                                       .name = container->name,
                                       .attempt = container->attempt,
                                       .pod = pod_document(pod),
                                       .spec = spec,
                                       .variables = doc_root(variables),
                                       .image = doc_root(image),
                                       .hostname = pod_hostname(pod, hostname),
                                       .oom_score = oom_score(pod, spec)};
    struct step *step = step_new(pod, container);
    if (runtime_create_container(pod->agent->runtime, &config, on_created, step, &error) < 0) {
        step_free(step);
        hold_back(pod, container, "CreateContainerError", error_message(error));
        return;
    }
    record_stop_waiting(container);
    container->busy = true;
    pod_image_used(pod, container, doc_root(image));
}

static void start_container(struct pod *pod, int i)
{
    struct container_record *container = &pod->record->containers[i];
    container->start_asked = true;
    if (!pod_save(pod))
        return;
    fault_point("start-asked");
    container->busy = true;
    runtime_start_container(pod->agent->runtime, pod->record->uid, container->name, container->attempt,
                            on_started, step_new(pod, container));
}

/* ---- bringing it along ---- */

static void remove_volumes(struct pod *pod)
{
    autoerror struct error *error = NULL;
    pod->record->volumes_gone = pod_tear_down_volumes(pod, &error) == 0;
    if (pod->record->volumes_gone)
        return;
    log_error("pod " POD_FORMAT ": %s", POD_ARGS(pod), error_message(error));
    pod->record->sandbox_retry_ms = clock_wall_ms() + MACHINE_RETRY_MS;
}

static void finish(struct pod *pod)
{
    autoerror struct error *error = NULL;
    if (pod_tear_down_volumes(pod, &error) < 0) {
        log_error("pod " POD_FORMAT ": %s", POD_ARGS(pod), error_message(error));
        pod_sync_later(pod, MACHINE_RETRY_MS);
        return;
    }
    fault_point("volumes-removed");
    if (pod->document == NULL || pod->agent->outbox == NULL || pod->record->is_static) {
        pod_forget(pod);
    } else if (!pod->finishing) {
        pod_say_finished(pod);
    }
}

static struct container_record *container_of(const struct pod *pod, const struct action *action)
{
    return &pod->record->containers[action->container];
}

static void perform(struct pod *pod, const struct action *action)
{
    switch (action->kind) {
    case ACTION_RUN_SANDBOX:
        pod_run_sandbox(pod);
        break;
    case ACTION_STOP_SANDBOX:
        pod_stop_sandbox(pod);
        break;
    case ACTION_REMOVE_SANDBOX:
        pod_remove_sandbox(pod);
        break;
    case ACTION_CREATE:
        create_container(pod, action->container);
        break;
    case ACTION_START:
        start_container(pod, action->container);
        break;
    case ACTION_POST_START:
        pod_run_hook(pod, container_of(pod, action), HOOK_POST_START);
        break;
    case ACTION_ASK:
        pod_stop_container(pod, container_of(pod, action));
        break;
    case ACTION_CHANGE:
        pod_change_container(pod, container_of(pod, action));
        break;
    case ACTION_PRE_STOP:
        pod_run_hook(pod, container_of(pod, action), HOOK_PRE_STOP);
        break;
    case ACTION_SIGNAL:
        pod_signal_container(pod, container_of(pod, action));
        break;
    case ACTION_KILL:
        pod_kill_container(pod, container_of(pod, action));
        break;
    case ACTION_REMOVE:
        pod_remove_container(pod, container_of(pod, action));
        break;
    case ACTION_REMOVE_VOLUMES:
        remove_volumes(pod);
        break;
    case ACTION_FINISH:
        finish(pod);
        break;
    }
}

/* What an agent would do again that only knows what was last written down; but not of a pod that is to go:
 * none of its containers is run again, and perhaps it is its going that makes room for records. */
static bool needs_record(const struct pod *pod, enum action_kind kind)
{
    bool goes = pod->document == NULL || document_is_deleted(pod_document(pod));
    return kind == ACTION_CREATE || kind == ACTION_START || kind == ACTION_RUN_SANDBOX ||
           (kind == ACTION_REMOVE && !goes);
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
    if (!pod->agent->ready[pod->record->is_static ? SOURCE_FILES : SOURCE_TREE])
        return;
    struct circumstances circumstances = {
        .pod = pod_document(pod), .now_ms = clock_wall_ms(), .ending_all = pod->agent->options.end_pods};
    struct decision decision = {0};
    pod_admit(pod);
    bool was_over = pod->record->over;
    pod_probe(pod, circumstances.now_ms, &decision.wake_ms);
    decide(pod->record, &circumstances, &decision);
    if (!was_over && pod->record->failure_reason != NULL)
        pod_say_event(pod, "Normal", pod->record->failure_reason, "%s", pod->record->failure_message);
    int64_t wake_ms = decision.wake_ms;
    bool last = false, saved = !pod->unsaved || decision.count == 0 || pod_save(pod);
    for (int i = 0; i < decision.count && !last; i++) {
        last = decision.actions[i].kind == ACTION_FINISH;
        if (!last && (saved || !needs_record(pod, decision.actions[i].kind)))
            perform(pod, &decision.actions[i]);
    }
    pod_say_status(pod, circumstances.now_ms);
    /* What was done at once may make the next thing possible; what was begun calls back. */
    if (decision.count > 0 && !last)
        pod_sync_later(pod, pod->unsaved ? MACHINE_RETRY_MS : 0);
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

/* Files of a volume may show them. */
static bool has_other_metadata(struct value before, struct value now)
{
    return !value_equal(value_at(before, "metadata", "labels"), value_at(now, "metadata", "labels")) ||
           !value_equal(value_at(before, "metadata", "annotations"),
                        value_at(now, "metadata", "annotations"));
}

void pod_set_document(struct pod *pod, struct doc *document)
{
    bool differs = pod->document != NULL && has_other_metadata(pod_document(pod), doc_root(document));
    doc_free(pod->document);
    pod->document = document;
    if (differs)
        pod_update_volumes(pod);
    if (document != NULL) {
        pod->record->grace_seconds =
            value_int_or(value_at(pod_document(pod), "spec", "terminationGracePeriodSeconds"), 30);
        pod->record->host_network = value_true(value_at(pod_document(pod), "spec", "hostNetwork"));
        learn_images(pod);
    }
    pod_sync_later(pod, 0);
}

void pod_retry(struct pod *pod)
{
    pod->record->sandbox_retry_ms = 0;
    for (int i = 0; i < pod->record->container_count; i++)
        pod->record->containers[i].retry_ms = 0;
    pod_sync_later(pod, 0);
}

void pod_forget(struct pod *pod)
{
    autofree char *directory = place_pod_state(pod_place(pod), pod->record->uid);
    autoerror struct error *error = NULL;
    if (directory_remove(directory, &error) == 0) {
        fault_point("pod-forgotten");
        struct agent *agent = pod->agent;
        if (pod->record->is_static)
            agent_deliver_static_pods(agent);
        pod_free(pod);
        agent_share(agent);
        return;
    }
    log_error("pod " POD_FORMAT ": %s", POD_ARGS(pod), error_message(error));
    doc_free(take_pointer(pod->document));
    pod_sync_later(pod, MACHINE_RETRY_MS);
}

/* ---- after a restart ---- */

static void adopt_container(struct pod *pod, struct container_record *container)
{
    struct runtime_end end = {.exit_code = 128 + SIGKILL, .finished_ms = clock_wall_ms(), .lost = true};
    if (container->state == CONTAINER_NONE)
        return;
    struct runtime_target target = {pod->record->uid, container->name, container->attempt};
    bool was_running = container->state == CONTAINER_RUNNING, asked = was_running || container->start_asked;
    enum runtime_state found = runtime_adopt_container(pod->agent->runtime, &target, asked, &end);
    container->adopted = true;
    switch (found) {
    case RUNTIME_RUNNING:
        if (!was_running) {
            container->started_ms = clock_wall_ms();
            container->post_start_due = true; /* if it has one */
        }
        container->state = CONTAINER_RUNNING;
        container->killed = false; /* it was written down before it was done */
        break;
    case RUNTIME_CREATED:
        container->state = CONTAINER_CREATED;
        break;
    case RUNTIME_ENDED:
    case RUNTIME_ABSENT:
        if (asked && !end.never_ran)
            pod_note_end(pod, container, &end);
        else
            record_unmake(container);
        break;
    }
}

void pod_adopt(struct pod *pod)
{
    struct pod_record *record = pod->record;
    for (int i = 0; i < record->container_count; i++)
        adopt_container(pod, &record->containers[i]);
    pod->unsaved = true; /* what was found out now can't be once more when remains have been removed */
    record->sandbox =
        runtime_adopt_sandbox(pod->agent->runtime, record->uid) > 0 ? SANDBOX_READY : SANDBOX_ENDED;
}
