/* One pod: asks decide() what to do, has it done, writes down what happens, and tells the tree. */
#include "lib/clock.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/log.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/decide.h"
#include "nodeagent/document.h"
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

static void run_post_start(struct pod *pod, struct container_record *container)
{
    pod_run_hook(pod, container, HOOK_POST_START);
}

static void run_pre_stop(struct pod *pod, struct container_record *container)
{
    pod_run_hook(pod, container, HOOK_PRE_STOP);
}

/* How each action is carried out, on the pod or on one of its containers. Those that need the record would be
 * done again by an agent that only knows what was last written down. */
static const struct {
    void (*on_pod)(struct pod *pod);
    void (*on_container)(struct pod *pod, struct container_record *container);
    bool needs_record;
} actions[] = {
    [ACTION_RUN_SANDBOX] = {.on_pod = pod_run_sandbox, .needs_record = true},
    [ACTION_STOP_SANDBOX] = {.on_pod = pod_stop_sandbox},
    [ACTION_REMOVE_SANDBOX] = {.on_pod = pod_remove_sandbox},
    [ACTION_CREATE] = {.on_container = pod_create_container, .needs_record = true},
    [ACTION_START] = {.on_container = pod_start_container, .needs_record = true},
    [ACTION_POST_START] = {.on_container = run_post_start},
    [ACTION_ASK] = {.on_container = pod_stop_container},
    [ACTION_CHANGE] = {.on_container = pod_change_container},
    [ACTION_PRE_STOP] = {.on_container = run_pre_stop},
    [ACTION_SIGNAL] = {.on_container = pod_signal_container},
    [ACTION_KILL] = {.on_container = pod_kill_container},
    [ACTION_REMOVE] = {.on_container = pod_remove_container, .needs_record = true},
    [ACTION_REMOVE_VOLUMES] = {.on_pod = remove_volumes},
    [ACTION_FINISH] = {.on_pod = finish},
};

static void perform(struct pod *pod, const struct action *action)
{
    if (actions[action->kind].on_pod != NULL)
        actions[action->kind].on_pod(pod);
    else
        actions[action->kind].on_container(pod, &pod->record->containers[action->container]);
}

/* Of a pod that is to go no container is run again: remains may be removed whatever is written down, and
 * perhaps it is its going that makes room for records. */
static bool may_perform(const struct pod *pod, enum action_kind kind, bool saved)
{
    bool goes = pod->document == NULL || document_is_deleted(pod_document(pod));
    return saved || !actions[kind].needs_record || (kind == ACTION_REMOVE && goes);
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
    circumstances.held = pod_is_held(pod);
    bool was_over = pod->record->over;
    pod_probe(pod, circumstances.now_ms, &decision.wake_ms);
    decide(pod->record, &circumstances, &decision);
    if (!was_over && pod->record->failure_reason != NULL)
        pod_say_event(pod, "Normal", pod->record->failure_reason, "%s", pod->record->failure_message);
    int64_t wake_ms = decision.wake_ms;
    bool last = false, saved = !pod->unsaved || decision.count == 0 || pod_save(pod);
    for (int i = 0; i < decision.count && !last; i++) {
        last = decision.actions[i].kind == ACTION_FINISH;
        if (!last && may_perform(pod, decision.actions[i].kind, saved))
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

/* Files of a volume may show them. */
static bool has_other_metadata(struct value before, struct value now)
{
    return !value_equal(value_at(before, "metadata", "labels"), value_at(now, "metadata", "labels")) ||
           !value_equal(value_at(before, "metadata", "annotations"),
                        value_at(now, "metadata", "annotations"));
}

/* A pod that runs may be given tolerations and containers for debugging. */
static bool asks_for_other_things(const struct pod *pod, struct value now)
{
    return pod->record->admitted && !pod->record->over && value_exists(now) &&
           !value_equal(value_get(pod_document(pod), STR("spec")), value_get(now, STR("spec")));
}

void pod_set_document(struct pod *pod, struct doc *document)
{
    bool differs = pod->document != NULL && has_other_metadata(pod_document(pod), doc_root(document));
    bool asks = asks_for_other_things(pod, doc_root(document));
    doc_free(pod->document);
    pod->document = document;
    if (differs)
        pod_update_volumes(pod);
    if (document != NULL)
        record_learn(pod->record, pod_document(pod));
    if (asks)
        pod_say_what_has_no_effect(pod);
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
