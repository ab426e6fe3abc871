/* Measures what pods with limits take of the disk, one after another, with a program that gives way to all
 * others; and evicts those that take too much. */
#include "lib/file.h"
#include "lib/log.h"
#include "lib/process.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/storage.h"
#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* As the kubelet: between the end of one round and the beginning of the next. */
#define ROUND_MS 10000
/* Whatever is in the way of measuring one pod must not spare the others for ever. */
#define MEASURE_TIMEOUT_MS 600000
#define LOWEST_PRIORITY    19

struct storage_watch {
    struct agent *agent;
    struct loop_source *timer;
    struct process *process;
    char *uid;       /* that is being measured */
    struct buf uids; /* to be measured in this round, with a NUL behind each */
    size_t next;
};

/* Static pods are never evicted, as in the kubelet (IsCriticalPod). */
static bool is_to_be_measured(const struct pod *pod)
{
    return pod->document != NULL && !pod->record->is_static && pod->record->sandbox == SANDBOX_READY &&
           !pod->record->over && storage_is_limited(pod_document(pod));
}

static void measure_next(struct storage_watch *watch);

static void on_round_due(void *context)
{
    struct storage_watch *watch = context;
    watch->timer = NULL;
    watch->next = 0;
    buf_clear(&watch->uids);
    for (const struct pod *pod = NULL; (pod = agent_next_pod(watch->agent, pod)) != NULL;)
        if (is_to_be_measured(pod))
            buf_add(&watch->uids, pod->record->uid, strlen(pod->record->uid) + 1);
    measure_next(watch);
}

static void on_measured(void *context, const struct process_result *result)
{
    struct storage_watch *watch = context;
    autofree char *uid = take_pointer(watch->uid);
    struct pod *pod = agent_find_pod(watch->agent, str_of(uid));
    watch->process = NULL;
    /* It complains of files that have gone meanwhile, and has counted the others. */
    if (pod != NULL && is_to_be_measured(pod)) {
        autofree char *directory = place_pod_state(pod_place(pod), uid);
        autofree char *excess = storage_excess(pod_document(pod), directory, result->output);
        if (excess != NULL)
            pod_evict(pod, excess);
    }
    measure_next(watch);
}

static void give_way(pid_t pid)
{
    if (setpriority(PRIO_PROCESS, (id_t)pid, LOWEST_PRIORITY) < 0 ||
        syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)) < 0)
        log_warning("cannot lower the priority of process %d: %m", (int)pid);
}

static bool begin(struct storage_watch *watch, const char *uid)
{
    static int64_t complained;
    autofree char *directory = place_pod_state(watch->agent->options.place, uid);
    const char *const argv[] = {STORAGE_DU, directory, NULL};
    struct process_plan plan = {.argv = argv, .timeout_ms = MEASURE_TIMEOUT_MS};
    autoerror struct error *error = NULL;
    watch->process = process_start(watch->agent->loop, &plan, on_measured, watch, &error);
    if (watch->process != NULL)
        give_way(process_pid(watch->process));
    else if (log_due(&complained, 60))
        log_warning("cannot measure what pods take of the disk: %s", error_message(error));
    return watch->process != NULL;
}

static void measure_next(struct storage_watch *watch)
{
    while (watch->next < watch->uids.length) {
        const char *uid = watch->uids.at + watch->next;
        watch->next += strlen(uid) + 1;
        if (agent_find_pod(watch->agent, str_of(uid)) != NULL && begin(watch, uid)) {
            watch->uid = str_dup(str_of(uid));
            return;
        }
    }
    watch->timer = loop_timer(watch->agent->loop, ROUND_MS, on_round_due, watch);
}

void agent_watch_storage(struct agent *agent)
{
    struct storage_watch *watch = memory_zeroed(1, sizeof(*watch));
    watch->agent = agent;
    watch->timer = loop_timer(agent->loop, ROUND_MS, on_round_due, watch);
    agent->storage = watch;
}

void agent_forget_storage(struct agent *agent)
{
    struct storage_watch *watch = agent->storage;
    if (watch == NULL)
        return;
    loop_remove(watch->timer);
    if (watch->process != NULL)
        process_abandon(watch->process);
    free(watch->uid);
    buf_free(&watch->uids);
    free(watch);
}
