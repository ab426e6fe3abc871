/* The probes of one pod: brings together when they are tried and what they mean (probe.h), the trying
 * (probe_run.h), and the record, in which decide() and the status find what came out. */
#include "lib/clock.h"
#include "nodeagent/agent_private.h"
#include "nodeagent/decide.h"
#include "nodeagent/document.h"
#include "nodeagent/probe.h"
#include "nodeagent/reach.h"

/* One try of one probe, while it is under way. */
struct attempted {
    struct pod_check *check;
    enum probe_kind kind;
    int attempt; /* of the container */
    struct probe_run *run;
    struct reach reach;
};

/* The probes of one container. */
struct pod_check {
    struct pod_check *next;
    struct pod *pod;
    char *container;
    struct probes probes;
    struct attempted tries[PROBE_KINDS];
};

static void give_up(struct attempted *try)
{
    probe_run_forget(try->run);
    try->run = NULL;
    reach_close(&try->reach);
}

void pod_forget_probes(struct pod *pod)
{
    while (pod->checks != NULL) {
        struct pod_check *check = pod->checks;
        pod->checks = check->next;
        for (int i = 0; i < PROBE_KINDS; i++)
            give_up(&check->tries[i]);
        free(check->container);
        free(check);
    }
}

/* ---- what they say ---- */

/* A pod that comes to its end is drained like one that is being deleted. */
static bool is_ending(const struct pod *pod)
{
    return pod->record->over || pod->agent->options.end_pods || pod->document == NULL ||
           document_is_deleted(pod_document(pod));
}

static struct probe_container facts(const struct pod *pod, const struct container_record *container)
{
    return (struct probe_container){.running = record_runs(container),
                                    .attempt = container->attempt,
                                    .started_ms = container->started_ms,
                                    .pod_deleted = is_ending(pod)};
}

static bool is_run_after_failure(const struct pod *pod, const struct container_record *container)
{
    return container->role == ROLE_SIDECAR ||
           !value_is(value_at(pod_document(pod), "spec", "restartPolicy"), "Never");
}

static void note(const struct pod_check *check, struct container_record *container)
{
    const struct pod *pod = check->pod;
    struct probe_container is = facts(pod, container);
    container->starting = is.running && !probes_started(&check->probes, &is);
    container->unready = is.running && !probes_ready(&check->probes, &is);
    enum probe_kind failed = probes_failed(&check->probes, &is);
    if (failed == PROBE_KINDS)
        return;
    autofree char *why = probe_killing(failed, container->name, is_run_after_failure(pod, container));
    record_set_unfit(container, why, probes_grace_seconds(&check->probes, failed, pod_document(pod)));
}

/* ---- trying ---- */

static void on_tried(void *context, enum probe_outcome outcome, struct str output)
{
    struct attempted *try = context;
    struct pod *pod = try->check->pod;
    struct probe_event event = {0};
    try->run = NULL;
    reach_close(&try->reach);
    probes_end(&try->check->probes, try->kind, try->attempt, outcome, output, &event);
    if (event.reason != NULL)
        pod_say_event(pod, "Warning", event.reason, "%s", event.message);
    free(event.message);
    pod_sync(pod);
}

static void begin(struct pod_check *check, enum probe_kind kind, const struct container_record *container,
                  struct value spec, int64_t now_ms)
{
    struct attempted *try = &check->tries[kind];
    const struct agent *agent = check->pod->agent;
    if (reach_open(&try->reach, agent->runtime, agent->options.place, check->pod->record->uid,
                   container->name, container->attempt, NULL) < 0)
        return; /* its end will be told in a moment */
    struct probe_target target = {.probe = value_get(spec, probe_member(kind)),
                                  .container = spec,
                                  .timeout_ms = check->probes.of[kind].spec.timeout_ms,
                                  .address = pod_address(check->pod),
                                  .namespace = try->reach.namespace,
                                  .exec = reach_exec(&try->reach)};
    probes_begin(&check->probes, kind, now_ms);
    try->check = check;
    try->kind = kind;
    try->attempt = container->attempt;
    try->run = probe_run_start(agent->loop, &target, on_tried, try);
}

static void try_what_is_due(struct pod_check *check, const struct container_record *container,
                            struct value spec, int64_t now_ms, int64_t *wake_ms)
{
    struct probe_container is = facts(check->pod, container);
    probes_follow(&check->probes, &is);
    for (int kind = 0; kind < PROBE_KINDS; kind++) {
        struct attempted *try = &check->tries[kind];
        if (try->run != NULL && (!is.running || try->attempt != container->attempt))
            give_up(try);
        if (try->run == NULL && probes_due(&check->probes, (enum probe_kind)kind, &is, now_ms, wake_ms))
            begin(check, (enum probe_kind)kind, container, spec, now_ms);
    }
}

/* ---- the probes of a container ---- */

static bool has_probes(struct value spec)
{
    bool any = false;
    for (int kind = 0; kind < PROBE_KINDS; kind++)
        any |= value_exists(value_get(spec, probe_member((enum probe_kind)kind)));
    return any;
}

/* What the tree says of a container that an earlier agent began stays true until it is tried: a restart of
 * the agent takes no pod out of its Services, and nothing is started up twice. */
static void take_over(struct pod_check *check, const struct container_record *container)
{
    struct value status = document_container_status(pod_document(check->pod), container->name);
    struct probe_container is = facts(check->pod, container);
    probes_follow(&check->probes, &is);
    if (value_int_or(value_get(status, STR("restartCount")), -1) != container->attempt)
        return;
    if (value_true(value_get(status, STR("started"))))
        check->probes.of[PROBE_STARTUP].verdict = PROBE_GOOD;
    if (value_true(value_get(status, STR("ready"))))
        check->probes.of[PROBE_READINESS].verdict = PROBE_GOOD;
}

static struct pod_check *check_of(struct pod *pod, const struct container_record *container,
                                  struct value spec, int64_t now_ms)
{
    for (struct pod_check *check = pod->checks; check != NULL; check = check->next)
        if (strcmp(check->container, container->name) == 0)
            return check;
    struct pod_check *check = memory_zeroed(1, sizeof(*check));
    *check =
        (struct pod_check){.next = pod->checks, .pod = pod, .container = str_dup(str_of(container->name))};
    int spread[PROBE_KINDS];
    for (int i = 0; i < PROBE_KINDS; i++)
        spread[i] = (int)(random() % 1000);
    probes_init(&check->probes, spec, now_ms, pod->agent->begun_ms, spread);
    if (container->adopted && record_runs(container))
        take_over(check, container);
    pod->checks = check;
    return check;
}

void pod_probe(struct pod *pod, int64_t now_ms, int64_t *wake_ms)
{
    for (int i = 0; i < pod->record->container_count; i++) {
        struct container_record *container = &pod->record->containers[i];
        struct value spec = record_spec(container, pod_document(pod));
        if (!has_probes(spec))
            continue;
        struct pod_check *check = check_of(pod, container, spec, now_ms);
        try_what_is_due(check, container, spec, now_ms, wake_ms);
        note(check, container);
    }
}
