/* The probes of a container: when each is to be tried, and what the results mean. Nothing here touches the
 * machine; probe_run.h does the trying.
 *
 * The rules are those of Kubernetes 1.32's kubelet (pkg/kubelet/prober):
 *
 *  - A container without startup probe has started as soon as it runs. One with a startup probe has started
 *    when that has succeeded; until then liveness and readiness aren't tried. Afterwards it is at rest until
 *    the container runs anew.
 *  - A verdict changes only after `failureThreshold` or `successThreshold` equal results in a row. Before the
 *    first change readiness counts as failed, liveness as succeeded, startup as unknown.
 *  - When liveness or startup has failed, the container has to be ended, and that probe is at rest until
 *    there is a new one. Every new attempt of a container begins anew.
 *  - A try that could not be made (no such port, the runtime refused) is made again at once, three times
 *    altogether; then it is said and thrown away: it counts neither way.
 *  - When the pod is being deleted, liveness and startup stop and count as succeeded; readiness goes on: that
 *    is how a pod that drains leaves its Services.
 *  - An agent that has just started doesn't try everything at once: in the first period of its life, a
 *    probe waits for a random part of its period.
 *
 * One thing is more exact than there: the kubelet's ticks begin when it hears of the pod, so that the first
 * try is up to a period late (and it hurries a readiness probe along when it looks at the pod). Here the
 * first try is made when initialDelaySeconds are over and, for liveness and readiness, the container has
 * started; the next one `periodSeconds` after that began, or as soon as it has ended if it took longer.
 */
#ifndef PODTREE_PROBE_H
#define PODTREE_PROBE_H

#include "lib/doc.h"

enum probe_kind { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, PROBE_KINDS };

/* What the container's spec says, in milliseconds. */
struct probe_spec {
    bool present;
    int64_t initial_delay_ms, period_ms, timeout_ms;
    int64_t success_threshold, failure_threshold;
    int64_t grace_seconds; /* between asking and killing a container that has failed it; -1: the pod's */
};

/* How one try ended. */
enum probe_outcome {
    PROBE_SUCCEEDED,
    PROBE_WARNED, /* succeeded, and something has to be said */
    PROBE_FAILED,
    PROBE_ERRED, /* it could not be made */
};

enum probe_verdict { PROBE_UNKNOWN, PROBE_GOOD, PROBE_BAD };

struct probe {
    struct probe_spec spec;
    int64_t not_before_ms; /* the agent has just started */
    /* of the container's newest attempt: */
    enum probe_verdict verdict;
    enum probe_verdict last; /* the result of the last try */
    int64_t run;             /* how many such there were in a row */
    int errors;              /* in a row */
    int64_t tried_ms;        /* when the last try began; 0: there was none */
    bool trying, hold;       /* a try is under way; none until there is a new attempt */
    int complaints;          /* how many there were since … */
    int64_t complaining_ms, complained_ms, said_ms; /* … when; the last one; the last that was said, and */
    uint64_t said;                                  /* what it was (str_hash) */
};

/* All probes of one container. */
struct probes {
    struct probe of[PROBE_KINDS];
    int attempt; /* of the container, whose results these are; -1: none yet */
    bool ending; /* the pod is being deleted */
};

/* The container as it is now. */
struct probe_container {
    bool running;
    int attempt;
    int64_t started_ms; /* when it began to run */
    bool pod_deleted;
};

/* The probe's member in a container: "livenessProbe" … */
struct str probe_member(enum probe_kind kind);

/* Begins with a container's spec. `agent_ms` is since when the agent runs; `random` is a number from 0 to 999
 * for each probe, which spreads them in the agent's first seconds. */
void probes_init(struct probes *probes, struct value container, int64_t now_ms, int64_t agent_ms,
                 const int random[PROBE_KINDS]);

/* Brings them up to date with the container: to be called before anything is asked of them, whenever
 * something may have changed. */
void probes_follow(struct probes *probes, const struct probe_container *container);

/* Is a try due? If not, brings *wake_ms forward to when one will be (0: no need to look again). */
bool probes_due(const struct probes *probes, enum probe_kind kind, const struct probe_container *container,
                int64_t now_ms, int64_t *wake_ms);

/* A try begins. */
void probes_begin(struct probes *probes, enum probe_kind kind, int64_t now_ms);

/* What is to be said of a try: an event of type Warning. */
/* Of a probe that fails and fails it is said less and less often, and how often it has by then: the first
 * time, the second, the fourth … and at once what is new, if nothing was said within some seconds. */
struct probe_event {
    const char *reason; /* Unhealthy, ProbeWarning; NULL: nothing is to be said */
    char *message;      /* to be freed */
};

/* The try of that attempt of the container has ended; the result of an older attempt's is dropped. `output`
 * is what there is to be said of it. Says in *event (given empty) what the pod's events are to be told; true
 * when the verdict has changed, so that the pod's status and what is to be done have to be looked at. */
bool probes_end(struct probes *probes, enum probe_kind kind, int attempt, enum probe_outcome outcome,
                struct str output, struct probe_event *event);

/* ---- the verdicts ---- on a container that `probes_follow` was told of */

/* What status.containerStatuses[].started and .ready say. */
bool probes_started(const struct probes *probes, const struct probe_container *container);
bool probes_ready(const struct probes *probes, const struct probe_container *container);

/* Which probe says that the container has to be ended; PROBE_KINDS: none. Whether it is run again is up to
 * the pod's restartPolicy. */
enum probe_kind probes_failed(const struct probes *probes, const struct probe_container *container);

/* How long the container gets to end: what the failed probe says of it, but for a pod that is being deleted
 * the time that the deletion gives. */
int64_t probes_grace_seconds(const struct probes *probes, enum probe_kind failed, struct value pod);

/* The message of the event Killing (of type Normal; to be freed). */
char *probe_killing(enum probe_kind failed, const char *container, bool restarts);

#endif
