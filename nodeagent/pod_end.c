/* How the containers of one pod end: asked, signalled, killed, and what is left of them removed; and what is
 * noted when one has ended, by itself or not. When each of that is to be done is decided elsewhere. */
#include "lib/clock.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/log.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/decide.h"
#include "nodeagent/preemption.h"
#include "nodeagent/storage.h"
#include "nodeagent/termination.h"
#include <signal.h>

/* Its grace begins. */
static void ask_container(struct pod *pod, struct container_record *container, const char *why)
{
    container->asked_ms = clock_wall_ms();
    container->pre_stop_due = pod_has_hook(pod, container, HOOK_PRE_STOP);
    container->grace_seconds = container->unfit != NULL ? container->unfit_grace_seconds : -1;
    container->hooking = false;
    pod_forget_hooks(pod, container->name);
    pod_save(pod);
    fault_point("end-asked");
    pod_say_event(pod, "Normal", "Killing", "%s", why);
}

void pod_stop_container(struct pod *pod, struct container_record *container)
{
    autofree char *why = container->unfit != NULL ? str_dup(str_of(container->unfit))
                                                  : path_format("Stopping container %s", container->name);
    ask_container(pod, container, why);
}

/* As it is said in Kubernetes. */
void pod_change_container(struct pod *pod, struct container_record *container)
{
    autofree char *why = path_format("Container %s definition changed, will be restarted", container->name);
    container->again = true;
    ask_container(pod, container, why);
}

/* Whether the signal comes to a process or not: its end will be told, or has been on its way already. A hook
 * that still runs has taken all of the grace. It is written down afterwards: an agent that dies in between
 * leaves a container that is signalled twice, rather than one that never hears it and is killed. */
void pod_signal_container(struct pod *pod, struct container_record *container)
{
    container->signalled_ms = clock_wall_ms();
    pod_forget_hooks(pod, container->name);
    runtime_signal_container(pod->agent->runtime, pod->record->uid, container->name, container->attempt,
                             container->stop_signal != 0 ? container->stop_signal : SIGTERM);
    fault_point("signalled");
    pod_save(pod);
}

void pod_kill_container(struct pod *pod, struct container_record *container)
{
    container->killed = true;
    pod_forget_hooks(pod, container->name);
    pod_save(pod);
    if (container->asked_ms == 0)
        pod_say_event(pod, "Normal", "Killing", "Stopping container %s", container->name);
    runtime_signal_container(pod->agent->runtime, pod->record->uid, container->name, container->attempt,
                             SIGKILL);
    fault_point("killed");
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
    pod_save(pod);
    fault_point("removal-recorded");
    pod_sync(pod);
}

void pod_remove_container(struct pod *pod, struct container_record *container)
{
    container->busy = true;
    runtime_remove_container(pod->agent->runtime, pod->record->uid, container->name, container->attempt,
                             on_removed, step_new(pod, container));
}

/* Only pods that have to go for the node's sake, not for what they did, get a DisruptionTarget condition. */
void pod_evict(struct pod *pod, const char *message)
{
    pod_say_event(pod, "Warning", STORAGE_EVICTED, "%s", message);
    record_fail(pod->record, STORAGE_EVICTED, message);
    pod->record->failure_grace_seconds = STORAGE_EVICTION_GRACE_SECONDS;
    pod_save(pod);
    pod_sync(pod);
}

void pod_preempt(struct pod *pod)
{
    pod_say_event(pod, "Warning", PREEMPTION_REASON, "%s", PREEMPTION_MESSAGE);
    record_fail(pod->record, PREEMPTION_REASON, PREEMPTION_MESSAGE);
    pod_save(pod);
    pod_sync_later(pod, 0);
}

static const char *reason_of(const struct runtime_end *end)
{
    return end->lost             ? "ContainerStatusUnknown"
           : end->out_of_memory  ? "OOMKilled"
           : end->exit_code == 0 ? "Completed"
                                 : "Error";
}

void pod_note_end(struct pod *pod, struct container_record *container, const struct runtime_end *end)
{
    struct termination termination = {
        .place = pod_place(pod),
        .uid = pod->record->uid,
        .name = container->name,
        .attempt = container->attempt,
        .container = record_spec(container, pod_document(pod)),
        .failed = end->exit_code != 0,
        .containers = pod->record->container_count,
    };
    autofree char *message =
        end->lost ? str_dup(STR("the container's monitor was lost")) : termination_message(&termination);
    if (container->started_ms == 0)
        container->started_ms = end->finished_ms;
    record_end(container, end->exit_code, end->finished_ms, reason_of(end), message);
}

void pod_container_ended(struct pod *pod, const char *name, int attempt, const struct runtime_end *end)
{
    struct container_record *container = record_container(pod->record, name);
    if (container == NULL || container->attempt != attempt ||
        (container->state != CONTAINER_RUNNING && container->state != CONTAINER_CREATED))
        return;
    if (end->never_ran) {
        /* This attempt is not spent. Nothing is to blame where the agent that was about to start it died. */
        if (!container->adopted)
            record_wait(container, "CreateContainerError", "the container ended before it was started",
                        clock_wall_ms());
        record_unmake(container);
        pod_save(pod);
        pod_sync(pod);
        return;
    }
    pod_forget_hooks(pod, name);
    pod_note_end(pod, container, end);
    fault_point("ended");
    pod_save(pod);
    fault_point("end-recorded");
    int64_t now = clock_wall_ms();
    if (pod->document != NULL && !pod->record->over && decide_restarts(pod_document(pod), container) &&
        record_backoff_until(container) > now)
        pod_say_event(pod, "Warning", "BackOff", "Back-off restarting failed container %s in pod %s_%s(%s)",
                      name, pod->record->name, pod->record->namespace, pod->record->uid);
    pod_sync(pod);
}
