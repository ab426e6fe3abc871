/* The lifecycle hooks of one pod's containers. When one has to run is decided elsewhere; here it is run, and
 * what comes of it goes into the record. A hook that was running when its agent died is run again by the next
 * one: they run at least once. */
#include "lib/fault.h"
#include "lib/log.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/hook.h"
#include "nodeagent/reach.h"

struct pod_hook {
    struct pod_hook *next;
    struct pod *pod;
    char *container;
    enum pod_hook_kind kind;
    struct hook *hook;
    struct reach reach;
};

static const struct kind {
    const char *member, *failed, *sentence;
} kinds[] = {
    [HOOK_POST_START] = {"postStart", "FailedPostStartHook", "PostStartHook failed"},
    [HOOK_PRE_STOP] = {"preStop", "FailedPreStopHook", "PreStopHook failed"},
};

/* What the pod says of the container; where it isn't known any more, because the node is being cleared or the
 * pod has just gone, what was kept for that. */
static struct value spec_of(const struct pod *pod, const struct container_record *container)
{
    struct value spec = record_spec(container, pod_document(pod));
    return value_exists(spec) ? spec : doc_root(container->at_end);
}

static struct value handler_of(const struct pod *pod, const struct container_record *container,
                               enum pod_hook_kind kind)
{
    return value_at(spec_of(pod, container), "lifecycle", kinds[kind].member);
}

bool pod_has_hook(const struct pod *pod, const struct container_record *container, enum pod_hook_kind kind)
{
    return value_exists(handler_of(pod, container, kind));
}

static void remove_hook(struct pod_hook **at)
{
    struct pod_hook *hook = *at;
    *at = hook->next;
    hook_forget(hook->hook);
    reach_close(&hook->reach);
    free(hook->container);
    free(hook);
}

void pod_forget_hooks(struct pod *pod, const char *container)
{
    for (struct pod_hook **at = &pod->hooks; *at != NULL;)
        if (container == NULL || strcmp((*at)->container, container) == 0)
            remove_hook(at);
        else
            at = &(*at)->next;
}

/* As the kubelet's status has it. */
static char *describe(const struct pod *pod, const struct container_record *container, struct value handler,
                      const struct error *error)
{
    struct value command = value_at(handler, "exec", "command"), http = value_get(handler, STR("httpGet"));
    autobuf struct buf text = {0};
    if (value_exists(command)) {
        buf_add_text(&text, "Exec lifecycle hook ([");
        value_each (word, command)
            buf_addf(&text, "%s" STR_FORMAT, str_ends(buf_str(&text), STR("([")) ? "" : " ",
                     STR_ARGS(value_str(word)));
        buf_add_text(&text, "])");
    } else if (value_exists(http)) {
        buf_addf(&text, "HTTP lifecycle hook (" STR_FORMAT ")",
                 STR_ARGS(value_str(value_get(http, STR("path")))));
    } else {
        buf_add_text(&text, "Lifecycle hook");
    }
    buf_addf(&text, " for Container \"%s\" in Pod \"%s_%s(%s)\" failed - error: %s", container->name,
             pod->record->name, pod->record->namespace, pod->record->uid, error_message(error));
    return buf_take(&text);
}

/* What it says is in the status and the log: Kubernetes keeps it out of the events, where others read it. A
 * container whose first hook has failed has to be ended, with that word for a reason. */
static void note_end(struct pod *pod, struct container_record *container, enum pod_hook_kind kind,
                     const struct error *error)
{
    const struct kind *row = &kinds[kind];
    autofree char *sentence =
        error != NULL ? describe(pod, container, handler_of(pod, container, kind), error) : NULL;
    container->hooking = false;
    if (error != NULL) {
        log_warning("%s: %s", row->failed, sentence);
        pod_say_event(pod, "Warning", row->failed, "%s", row->sentence);
    }
    if (kind == HOOK_PRE_STOP)
        container->pre_stop_due = false;
    else if (error == NULL)
        container->post_start_due = false;
    else
        record_fail_hook(container, row->failed, sentence);
    pod_save(pod);
}

static void on_done(void *context, struct error *error, struct str warning)
{
    struct pod_hook *hook = context;
    struct pod *pod = hook->pod;
    struct container_record *container = record_container(pod->record, hook->container);
    struct pod_hook **at = &pod->hooks;
    while (*at != hook)
        at = &(*at)->next;
    hook->hook = NULL;
    fault_point("hook-ended");
    if (warning.length > 0)
        pod_say_event(pod, "Warning", "LifecycleHTTPFallback", STR_FORMAT, STR_ARGS(warning));
    note_end(pod, container, hook->kind, error);
    remove_hook(at);
    pod_sync(pod);
}

void pod_run_hook(struct pod *pod, struct container_record *container, enum pod_hook_kind kind)
{
    struct value handler = handler_of(pod, container, kind);
    autoerror struct error *error = NULL;
    if (!value_exists(handler)) {
        note_end(pod, container, kind, NULL);
        return;
    }
    struct pod_hook *hook = memory_zeroed(1, sizeof(*hook));
    if (reach_open(&hook->reach, pod->agent->runtime, pod->agent->options.place, pod->record->uid,
                   container->name, container->attempt, &error) < 0) {
        free(hook);
        note_end(pod, container, kind, error);
        return;
    }
    hook->next = pod->hooks;
    hook->pod = pod;
    hook->container = str_dup(str_of(container->name));
    hook->kind = kind;
    pod->hooks = hook;
    struct hook_target target = {.handler = handler,
                                 .container = spec_of(pod, container),
                                 .address = pod_address(pod),
                                 .namespace = hook->reach.namespace,
                                 .exec = reach_exec(&hook->reach)};
    container->hooking = true;
    hook->hook = hook_start(pod->agent->loop, &target, on_done, hook);
    fault_point("hook-begun");
}
