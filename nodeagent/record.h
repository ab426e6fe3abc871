/* What the agent knows of a pod: its sandbox, and of each container the newest attempt and how earlier ones
 * ended.
 *
 * It is kept in STATE/pods/<uid>/pod.json, written before something is begun ("creating attempt 3") and after
 * it has happened, so that an agent that starts knows what its predecessor was about. The file is not synced:
 * after a power failure nothing runs any more anyway, and how often it had been restarted is in the tree too.
 *
 * Everything about running things is in here and nothing else is: what to do next (decide.h) and what to say
 * of it (status.h) are functions of a record, the pod's document and the clock.
 */
#ifndef PODTREE_RECORD_H
#define PODTREE_RECORD_H

#include "lib/doc.h"
#include "nodeagent/place.h"

/* How an attempt ended. */
struct ending {
    bool valid;
    int attempt, exit_code;
    int64_t started_ms, finished_ms; /* started 0: it never ran */
    char *reason;                    /* Completed, Error, OOMKilled, StartError, ContainerStatusUnknown */
    char *message;                   /* or NULL */
};

/* What a container is to its pod. */
enum container_role {
    ROLE_ORDINARY,
    ROLE_INIT,    /* it must have ended with 0 before the next one begins */
    ROLE_SIDECAR, /* an init container that is always run again: the next one begins when it has started */
};

enum container_state {
    CONTAINER_NONE,     /* no attempt yet, or the newest has ended: see `end` */
    CONTAINER_CREATING, /* the newest attempt is being made */
    CONTAINER_CREATED,  /* made, not yet started */
    CONTAINER_RUNNING,
};

struct container_record {
    char *name;
    enum container_role role;
    enum container_state state;
    int attempt;      /* the newest; -1: none yet */
    bool remains;     /* of the newest attempt there may be something to be removed */
    bool start_asked; /* it may have been started: if nobody can say what became of it, it ran */
    int64_t started_ms;
    char *image;    /* that the newest attempt was asked to be made of, in the pod's words; NULL: not known */
    char *image_id; /* what that was */
    int stop_signal; /* that asks it to stop, as that image says: the name may mean another by then */
    struct ending end, previous_end;      /* of the newest attempt that has ended, and of the one before */
    int64_t backoff_ms, backoff_since_ms; /* how long to wait after an end; since when it is that long */
    bool done; /* an init container or a sidecar has done its part for this sandbox: ended with 0, or
                  started once */
    bool post_start_due;   /* its hook has not ended yet: it doesn't count as running before */
    int64_t asked_ms;      /* since when it has been ending: its grace has begun; 0: it isn't */
    bool pre_stop_due;     /* its hook has not ended yet: the signal waits for it */
    int64_t signalled_ms;  /* when it got the signal that asks it to stop; 0: not yet */
    int64_t grace_seconds; /* that it gets where its pod goes on; -1: what the pod says */
    bool killed;           /* SIGKILL was sent */
    struct doc *at_end; /* what its end needs of its spec where the pod isn't known any more; NULL: nothing */
    bool again; /* the next attempt is due, whatever policy and pauses say: it ended for another image */
    /* not kept: */
    bool adopted;                /* the newest attempt was begun by an earlier agent */
    bool busy;                   /* something is being done with it that will call back */
    bool hooking;                /* one of its hooks is running */
    bool starting, unready;      /* its startup or readiness probe hasn't succeeded yet */
    char *unfit;                 /* why it has to be ended, as a sentence; NULL: it hasn't */
    int64_t unfit_grace_seconds; /* what it gets for that; -1: what the pod says */
    char *hook_failure; /* the newest attempt ends, or has ended, because of that: a sentence; NULL: no */
    char *waiting_reason, *waiting_message; /* why it can't be made at present */
    int64_t retry_ms;                       /* when to try again; 0: nothing is in the way */
    int64_t pause_ms;                       /* from the last try until then; 0: none has failed */
    int64_t log_seen;                       /* log_rotation.h's */
};

enum sandbox_state {
    SANDBOX_NONE,
    SANDBOX_READY,
    SANDBOX_ENDED, /* what is left of it must be removed */
};

struct pod_record {
    char *uid, *namespace, *name;
    int64_t grace_seconds, priority;
    bool host_network;
    struct container_record *containers; /* as in the pod: init containers and sidecars, then the others */
    int container_count;
    bool admitted;  /* the node has taken it */
    bool is_static; /* it comes from a file of the machine */
    char *failure_reason,
        *failure_message;          /* why it has failed, where it is not for what its containers did */
    int64_t failure_grace_seconds; /* what its containers get then at most; 0: what the pod says */
    char *said_in_vain; /* the lines of its fields without effect (effect.h) that its events have; or NULL */
    /* not kept: */
    enum sandbox_state sandbox;
    bool sandbox_busy;
    char *sandbox_complaint;
    int64_t sandbox_retry_ms;
    int sandbox_failures;
    bool over;         /* its containers have ended for good, or have to end */
    bool volumes_gone; /* they have been taken away because it is over */
};

/* A record of a pod of which there is none yet. What the pod's status says of earlier containers is taken
 * over: they ran under an agent whose state is lost. */
struct pod_record *record_new(struct value pod, int64_t now_ms);
/* A record of a pod of which only remains are known. */
struct pod_record *record_stray(const char *uid);
/* Brings it into line with the pod's document: of remains, whose they are; which containers there are beside
 * those that it knows, what they are to the pod, and in which order. */
void record_identify(struct pod_record *record, struct value pod, int64_t now_ms);
/* What its end will need of the document, when that has gone; and of what its containers are, where an
 * earlier version's record or one that was made of remains doesn't say it. */
void record_learn(struct pod_record *record, struct value pod);
/* Of such a pod or of an earlier one's: a container that was being made. Nothing happens when it is known. */
void record_add_remains(struct pod_record *record, const char *name, int attempt);
void record_free(struct pod_record *record);
static inline void cleanup_record(struct pod_record **record)
{
    record_free(*record);
}
#define autorecord cleanup(cleanup_record)

/* record_file.c: its file. Both say in *err which file it was; NULL when there is none or it can't be read,
 * else the record is to be freed. */
struct pod_record *record_load(const struct place *place, const char *uid, struct error **err);
int record_save(const struct place *place, const struct pod_record *record, struct error **err);

struct container_record *record_container(struct pod_record *record, const char *name);

/* It gets a new sandbox: what init containers did for the last one has to be done again. */
void record_renew_sandbox(struct pod_record *record);
/* The pod is over, and has failed: a word and a sentence for its status. */
void record_fail(struct pod_record *record, const char *reason, const char *message);
/* Has the node refused it? */
static inline bool record_is_refused(const struct pod_record *record)
{
    return !record->admitted && record->failure_reason != NULL;
}
/* Is nothing of it there that takes anything of the machine but disk? */
bool record_is_at_rest(const struct pod_record *record);
/* Have all init containers and sidecars done their part? */
bool record_is_initialized(const struct pod_record *record);
/* It has to be ended, for that reason (a sentence, copied). The first one counts. */
void record_set_unfit(struct container_record *container, const char *why, int64_t grace_seconds);

/* The newest attempt has to be ended because its postStart hook has failed. */
void record_fail_hook(struct container_record *container, const char *why, const char *sentence);
/* Until when its status says so, and not what it waits for; 0: it doesn't. */
int64_t record_hook_failure_until(const struct container_record *container);
/* Keeps of a container's spec what its end will need: the preStop hook, and the ports that it may name. */
void record_keep_for_end(struct container_record *container, struct value spec);

/* Has it come to run, as its status says it: with the postStart hook behind it? */
static inline bool record_runs(const struct container_record *container)
{
    return container->state == CONTAINER_RUNNING && !container->post_start_due;
}

/* What the pod says of the container; absent when it says nothing. */
struct value record_spec(const struct container_record *container, struct value pod);
/* Does the pod ask for another image than the one that the container was last to be made of? */
bool record_asks_other_image(const struct container_record *container, struct value pod);
/* It is to be made of this one. If that is another than before, what went wrong with that doesn't count: it
 * waits for nothing and the pauses begin again. */
void record_set_image(struct container_record *container, struct str image);

/* Another attempt is about to be made: of what the spec says, and of that image (its id is copied), whose
 * signal asks it to stop. */
void record_begin(struct container_record *container, struct value spec, const char *image_id,
                  int stop_signal, int64_t now_ms);
/* The newest attempt has ended. Takes nothing; strings are copied. */
void record_end(struct container_record *container, int exit_code, int64_t finished_ms, const char *reason,
                const char *message);
/* It turns out that the newest attempt has not run, and will not: its remains are to be removed. */
void record_unmake(struct container_record *container);
/* They have been: there was no such attempt. */
void record_undo_attempt(struct container_record *container);
/* The pause after one of that length, as the kubelet makes them (MaxContainerBackOff): 10 s after none, then
 * twice as long each time, up to 5 minutes. */
int64_t record_longer_pause(int64_t pause_ms);
/* It can't be made: why; it is tried again after a longer pause than the last one. */
void record_wait(struct container_record *container, const char *reason, const char *message, int64_t now_ms);
void record_stop_waiting(struct container_record *container);

/* Before an attempt after an end: how long the pause after it will be. As Kubernetes: the first one none,
 * then longer and longer, from the beginning again after 10 minutes of running. One that was changed had no
 * failure. */
void record_raise_backoff(struct container_record *container, int64_t now_ms);
/* Until when to wait before the next attempt; 0: no need. */
int64_t record_backoff_until(const struct container_record *container);

#endif
