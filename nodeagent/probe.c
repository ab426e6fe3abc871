#include "nodeagent/probe.h"

#include "lib/clock.h"

/* How often a try that can't be made is made before it is said (the kubelet's maxProbeRetries). */
#define TRIES_WITH_ERRORS 3

/* As in Kubernetes, where events that come again are counted (client-go's EventAggregator). */
#define COMPLAINTS_FORGOTTEN_MS (10 * 60 * 1000)
#define NEWS_AT_MOST_EACH_MS    (10 * 1000)

static const struct kind {
    struct str member;
    const char *title, *name; /* in sentences */
    enum probe_verdict first; /* before there were enough results */
    bool ends_container;      /* when it fails, and it stops when the pod is deleted */
} kinds[PROBE_KINDS] = {
    [PROBE_STARTUP] = {{"startupProbe", 12}, "Startup", "startup", PROBE_UNKNOWN, true},
    [PROBE_LIVENESS] = {{"livenessProbe", 13}, "Liveness", "liveness", PROBE_GOOD, true},
    [PROBE_READINESS] = {{"readinessProbe", 14}, "Readiness", "readiness", PROBE_BAD, false},
};

struct str probe_member(enum probe_kind kind)
{
    return kinds[kind].member;
}

/* ---- the spec ---- */

/* 0 is what a number that isn't there reads as in Kubernetes: the default stands for it. */
static int64_t number_or(struct value spec, struct str key, int64_t otherwise)
{
    int64_t number = value_int_or(value_get(spec, key), 0);
    return number > 0 ? number : otherwise;
}

static struct probe_spec read_spec(struct value spec)
{
    return (struct probe_spec){
        .present = value_type(spec) == VALUE_OBJECT,
        .initial_delay_ms = number_or(spec, STR("initialDelaySeconds"), 0) * 1000,
        .period_ms = number_or(spec, STR("periodSeconds"), 10) * 1000,
        .timeout_ms = number_or(spec, STR("timeoutSeconds"), 1) * 1000,
        .success_threshold = number_or(spec, STR("successThreshold"), 1),
        .failure_threshold = number_or(spec, STR("failureThreshold"), 3),
        .grace_seconds = value_int_or(value_get(spec, STR("terminationGracePeriodSeconds")), -1),
    };
}

static void begin_anew(struct probe *probe, const struct kind *kind)
{
    *probe =
        (struct probe){.spec = probe->spec, .not_before_ms = probe->not_before_ms, .verdict = kind->first};
}

void probes_init(struct probes *probes, struct value container, int64_t now_ms, int64_t agent_ms,
                 const int random[PROBE_KINDS])
{
    *probes = (struct probes){.attempt = -1};
    for (int i = 0; i < PROBE_KINDS; i++) {
        struct probe *probe = &probes->of[i];
        probe->spec = read_spec(value_get(container, kinds[i].member));
        if (now_ms - agent_ms < probe->spec.period_ms)
            probe->not_before_ms = now_ms + probe->spec.period_ms * random[i] / 1000;
        begin_anew(probe, &kinds[i]);
    }
}

/* ---- when to try ---- */

void probes_follow(struct probes *probes, const struct probe_container *container)
{
    probes->ending = container->pod_deleted;
    if (!container->running || container->attempt == probes->attempt)
        return;
    probes->attempt = container->attempt;
    for (int i = 0; i < PROBE_KINDS; i++)
        begin_anew(&probes->of[i], &kinds[i]);
}

static bool is_current(const struct probes *probes, const struct probe_container *container)
{
    return container->running && container->attempt == probes->attempt;
}

/* Times that lie ahead although they are past come from a clock that was set back: nothing waits for them. */
static int64_t due_ms(const struct probe *probe, int64_t started_ms, int64_t now_ms)
{
    if (probe->tried_ms != 0)
        return probe->errors > 0 || probe->tried_ms > now_ms ? now_ms
                                                             : probe->tried_ms + probe->spec.period_ms;
    int64_t due = started_ms > now_ms ? now_ms : started_ms + probe->spec.initial_delay_ms;
    bool spread = probe->not_before_ms > due && probe->not_before_ms <= now_ms + probe->spec.period_ms;
    return spread ? probe->not_before_ms : due;
}

bool probes_due(const struct probes *probes, enum probe_kind kind, const struct probe_container *container,
                int64_t now_ms, int64_t *wake_ms)
{
    const struct probe *probe = &probes->of[kind];
    if (!probe->spec.present || !is_current(probes, container) || probe->trying || probe->hold)
        return false;
    if (kinds[kind].ends_container && container->pod_deleted)
        return false;
    if (probes_started(probes, container) == (kind == PROBE_STARTUP))
        return false;
    int64_t due = due_ms(probe, container->started_ms, now_ms);
    if (due <= now_ms)
        return true;
    if (*wake_ms == 0 || due < *wake_ms)
        *wake_ms = due;
    return false;
}

/* ---- what a try means ---- */

void probes_begin(struct probes *probes, enum probe_kind kind, int64_t now_ms)
{
    probes->of[kind].trying = true;
    /* Retries belong to the try whose tick it was. */
    if (probes->of[kind].errors == 0)
        probes->of[kind].tried_ms = now_ms;
}

static void say(struct probe_event *event, enum probe_kind kind, const char *reason, const char *what,
                struct str output)
{
    autobuf struct buf text = {0};
    buf_addf(&text, "%s probe %s: ", kinds[kind].title, what);
    buf_add_str(&text, output);
    event->reason = reason;
    event->message = buf_take(&text);
}

/* Takes the event back where it is no news. The last try's beginning will do for the time. */
static void thin_out(struct probe *probe, struct probe_event *event)
{
    int64_t now_ms = probe->tried_ms;
    uint64_t sentence = str_hash(str_of(event->message));
    if (probe->complaints == 0 || now_ms - probe->complained_ms > COMPLAINTS_FORGOTTEN_MS) {
        probe->complaints = 0;
        probe->complaining_ms = now_ms;
    }
    probe->complained_ms = now_ms;
    int count = ++probe->complaints;
    bool is_new = sentence != probe->said && now_ms - probe->said_ms >= NEWS_AT_MOST_EACH_MS;
    if ((count & (count - 1)) != 0 && !is_new) {
        free(event->message);
        *event = (struct probe_event){0};
        return;
    }
    probe->said = sentence;
    probe->said_ms = now_ms;
    if (count == 1)
        return;
    char time[CLOCK_TEXT];
    clock_duration(now_ms - probe->complaining_ms, time);
    autobuf struct buf text = {0};
    buf_addf(&text, "%s (x%d over %s)", event->message, count, time);
    free(event->message);
    event->message = buf_take(&text);
}

/* It counts neither way; true while it is to be tried again at once. */
static void count_error(struct probe *probe, enum probe_kind kind, struct str output,
                        struct probe_event *event)
{
    if (++probe->errors < TRIES_WITH_ERRORS)
        return;
    probe->errors = 0;
    say(event, kind, "Unhealthy", "errored and resulted in unknown state", output);
}

static bool count_result(struct probe *probe, const struct kind *kind, enum probe_verdict result)
{
    int64_t threshold = result == PROBE_GOOD ? probe->spec.success_threshold : probe->spec.failure_threshold;
    probe->errors = 0;
    probe->run = probe->last == result ? probe->run + 1 : 1;
    probe->last = result;
    if (probe->run < threshold)
        return false;
    bool changes = probe->verdict != result;
    probe->verdict = result;
    probe->hold = kind->ends_container && result == PROBE_BAD;
    return changes;
}

static bool end_try(struct probe *probe, enum probe_kind kind, enum probe_outcome outcome, struct str output,
                    struct probe_event *event)
{
    switch (outcome) {
    case PROBE_ERRED:
        count_error(probe, kind, output, event);
        return false;
    case PROBE_FAILED:
        say(event, kind, "Unhealthy", "failed", output);
        return count_result(probe, &kinds[kind], PROBE_BAD);
    case PROBE_WARNED:
        say(event, kind, "ProbeWarning", "warning", output);
        break;
    case PROBE_SUCCEEDED:
        break;
    }
    return count_result(probe, &kinds[kind], PROBE_GOOD);
}

bool probes_end(struct probes *probes, enum probe_kind kind, int attempt, enum probe_outcome outcome,
                struct str output, struct probe_event *event)
{
    struct probe *probe = &probes->of[kind];
    if (attempt != probes->attempt || !probe->trying)
        return false;
    probe->trying = false;
    /* It was under way when the deletion came: what it found must not end the container. */
    if (probes->ending && kinds[kind].ends_container)
        return false;
    bool changes = end_try(probe, kind, outcome, output, event);
    if (event->reason != NULL)
        thin_out(probe, event);
    return changes;
}

/* ---- the verdicts ---- */

bool probes_started(const struct probes *probes, const struct probe_container *container)
{
    const struct probe *startup = &probes->of[PROBE_STARTUP];
    if (!container->running)
        return false;
    if (!startup->spec.present)
        return true;
    return container->attempt == probes->attempt &&
           (container->pod_deleted ? !startup->hold : startup->verdict == PROBE_GOOD);
}

bool probes_ready(const struct probes *probes, const struct probe_container *container)
{
    const struct probe *readiness = &probes->of[PROBE_READINESS];
    if (!probes_started(probes, container))
        return false;
    return !readiness->spec.present ||
           (container->attempt == probes->attempt && readiness->verdict == PROBE_GOOD);
}

enum probe_kind probes_failed(const struct probes *probes, const struct probe_container *container)
{
    enum probe_kind kind = 0;
    if (!is_current(probes, container) || container->pod_deleted)
        return PROBE_KINDS;
    while (kind < PROBE_KINDS && !(probes->of[kind].spec.present && probes->of[kind].hold))
        kind++;
    return kind;
}

int64_t probes_grace_seconds(const struct probes *probes, enum probe_kind failed, struct value pod)
{
    int64_t of_pod = value_int_or(value_at(pod, "spec", "terminationGracePeriodSeconds"), 30);
    int64_t of_deletion = value_int_or(value_at(pod, "metadata", "deletionGracePeriodSeconds"), -1);
    if (of_deletion >= 0)
        return of_deletion;
    if (failed == PROBE_KINDS || probes->of[failed].spec.grace_seconds < 0)
        return of_pod;
    return probes->of[failed].spec.grace_seconds;
}

char *probe_killing(enum probe_kind failed, const char *container, bool restarts)
{
    autobuf struct buf text = {0};
    buf_addf(&text, "Container %s failed %s probe%s", container, kinds[failed].name,
             restarts ? ", will be restarted" : "");
    return buf_take(&text);
}
