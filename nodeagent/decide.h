/* What to do next with a pod: a pure function of what should be (its document), what is (its record), and the
 * clock.
 *
 * A pod begins with its init containers, one after another: each must have ended with 0 before the next one
 * begins. A sidecar among them (one with restartPolicy Always) goes on; what comes after it waits only until
 * it has started. Then come the ordinary containers. The pod is over when those have ended for good, or an
 * init container has; what still runs is then ended as in a pod that is deleted: each container is asked
 * (its preStop hook is run, then it gets a signal) and killed when its grace is over; sidecars hear the
 * signal after all ordinary containers have ended, the last one first. What such a pod had is taken away,
 * although its object may stay for long: its sandbox, and its volumes with what they hold in memory or on
 * disk.
 *
 * It looks at the whole pod each time and says everything that can be done now; what is being done already
 * (busy) is left alone. So it doesn't matter whether the pod has just come, was found after a restart or has
 * been changed meanwhile: the same state leads to the same steps.
 */
#ifndef PODTREE_DECIDE_H
#define PODTREE_DECIDE_H

#include "nodeagent/record.h"

enum action_kind {
    ACTION_RUN_SANDBOX,
    ACTION_STOP_SANDBOX,
    ACTION_REMOVE_SANDBOX,
    ACTION_CREATE, /* the next attempt of a container */
    ACTION_START,
    ACTION_POST_START, /* run that hook */
    ACTION_ASK,        /* to stop: its grace begins */
    ACTION_CHANGE,     /* likewise, and to run another image then */
    ACTION_PRE_STOP,   /* run that hook */
    ACTION_SIGNAL,     /* that asks it to stop */
    ACTION_KILL,
    ACTION_REMOVE, /* what there is of the newest attempt */
    ACTION_REMOVE_VOLUMES,
    ACTION_FINISH, /* nothing is left: the pod's object may go */
};

struct action {
    enum action_kind kind;
    int container;
};

struct decision {
    struct action *actions;
    int count, capacity;
    int64_t wake_ms; /* look again at that time; 0: no need */
};

struct circumstances {
    struct value pod; /* absent: there is no such pod any more */
    int64_t now_ms;   /* wall clock */
    bool ending_all;  /* the node is being cleared */
    bool held;        /* others have to end before it begins, or, where all end, before it ends */
};

/* What a pod says that was active for longer than it may be. */
#define DEADLINE_REASON  "DeadlineExceeded"
#define DEADLINE_MESSAGE "Pod was active on the node longer than the specified deadline"

/* Fills an empty decision (to be freed with decision_free). Notes in the record what can be concluded: that
 * the pod is over (record->over, record_fail), that a sidecar has done its part. */
void decide(struct pod_record *record, const struct circumstances *circumstances, struct decision *decision);
void decision_free(struct decision *decision);

/* Is the container to be run again after it has ended? The pod's restartPolicy says so: of init containers
 * only those that failed, of sidecars all; if it ended because another image was asked for it is. */
bool decide_restarts(struct value pod, const struct container_record *container);

#endif
