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

enum container_state {
    CONTAINER_NONE,     /* no attempt yet, or the newest has ended: see `end` */
    CONTAINER_CREATING, /* the newest attempt is being made */
    CONTAINER_CREATED,  /* made, not yet started */
    CONTAINER_RUNNING,
};

struct container_record {
    char *name;
    enum container_state state;
    int attempt;  /* the newest; -1: none yet */
    bool remains; /* of the newest attempt there may be something to be removed */
    int64_t started_ms;
    char *image;    /* that the newest attempt was asked to be made of, in the pod's words; NULL: not known */
    char *image_id; /* what that was */
    struct ending end, previous_end;      /* of the newest attempt that has ended, and of the one before */
    int64_t backoff_ms, backoff_since_ms; /* how long to wait after an end; since when it is that long */
    int64_t asked_ms;                     /* when it was asked to stop; 0: not */
    bool killed;                          /* SIGKILL was sent */
    bool again; /* the next attempt is due, whatever policy and pauses say: it ended for another image */
    /* not kept: */
    bool adopted;                           /* the newest attempt was begun by an earlier agent */
    bool busy;                              /* something is being done with it that will call back */
    char *waiting_reason, *waiting_message; /* why it can't be made at present */
    int64_t retry_ms;                       /* when to try again; 0: nothing is in the way */
    int failures;                           /* in a row */
    int64_t log_seen;                       /* log_rotation.h's */
};

enum sandbox_state {
    SANDBOX_NONE,
    SANDBOX_READY,
    SANDBOX_ENDED, /* what is left of it must be removed */
};

struct pod_record {
    char *uid, *namespace, *name;
    int64_t grace_seconds;
    struct container_record *containers;
    int container_count;
    /* not kept: */
    enum sandbox_state sandbox;
    bool sandbox_busy;
    char *sandbox_complaint;
    int64_t sandbox_retry_ms;
    int sandbox_failures;
    bool over; /* its containers have ended for good */
};

/* A record of a pod of which there is none yet. What the pod's status says of earlier containers is taken
 * over: they ran under an agent whose state is lost. */
struct pod_record *record_new(struct value pod, int64_t now_ms);
/* A record of a pod of which only remains are known. */
struct pod_record *record_stray(const char *uid);
/* The tree has it after all: whose remains they are, and what containers it has beside those that were found.
 * Nothing happens to a record that is not such a one. */
void record_identify(struct pod_record *record, struct value pod, int64_t now_ms);
/* Of such a pod or of an earlier one's: a container that was being made. Nothing happens when it is known. */
void record_add_remains(struct pod_record *record, const char *name, int attempt);
void record_free(struct pod_record *record);
static inline void cleanup_record(struct pod_record **record)
{
    record_free(*record);
}
#define autorecord cleanup(cleanup_record)

/* NULL when there is none or it can't be read. */
struct pod_record *record_load(const struct place *place, const char *uid, struct error **err);
int record_save(const struct place *place, const struct pod_record *record, struct error **err);

struct container_record *record_container(struct pod_record *record, const char *name);

/* What the pod says of the container; absent when it says nothing. */
struct value record_spec(const struct container_record *container, struct value pod);
/* Does the pod ask for another image than the one that the container was last to be made of? */
bool record_asks_other_image(const struct container_record *container, struct value pod);
/* It is to be made of this one. If that is another than before, what went wrong with that doesn't count: it
 * waits for nothing and the pauses begin again. */
void record_set_image(struct container_record *container, struct str image);

/* The newest attempt has ended. Takes nothing; strings are copied. */
void record_end(struct container_record *container, int exit_code, int64_t finished_ms, const char *reason,
                const char *message);
/* It turns out that the newest attempt was never made. */
void record_undo_attempt(struct container_record *container);
/* It can't be made: why, and when to try again (10 s, then twice as long each time, up to 5 minutes). */
void record_wait(struct container_record *container, const char *reason, const char *message, int64_t now_ms);
void record_stop_waiting(struct container_record *container);

/* Before an attempt after an end: how long the next pause will be. As Kubernetes: the first one none, then 10
 * s, twice as long each time up to 5 minutes, from the beginning again after 10 minutes of running. One that
 * was changed had no failure. */
void record_raise_backoff(struct container_record *container, int64_t now_ms);
/* Until when to wait before the next attempt; 0: no need. */
int64_t record_backoff_until(const struct container_record *container);

#endif
