/* Torture of a node: pods come and go on a real node agent while it, the monitors of its containers, the OCI
 * runtime, the containers and their sandboxes are killed, the disk is full, the runtime hangs, the machine
 * goes down.
 *
 * The agent is started and restarted by the torture itself: its state lies on a small disk of its own, and
 * its run directory on another that a "reboot" takes away. */
#ifndef PODTREE_TORTURE_NODE_H
#define PODTREE_TORTURE_NODE_H

#include "tests/torture/torture.h"
#include <sys/types.h>

#define NODE_NAME "tortured"
/* Set before anything is forked. */
struct node {
    const char *podtree;
    const char *oci, *oci_name; /* the OCI runtime behind `runtime`, which is called like it: to the agent
                                   names make a difference (nodeagent/maker.h) */
    char *directory, *mount, *control_state, *control_run; /* of fsd */
    char *disk, *run_disk, *state, *run;                   /* of the agent */
    char *said;                                            /* where containers write, through a hostPath */
    char *agent_program, *runtime, *hang, *cgroup;         /* cgroup: below each hierarchy's mount */
    char *fault, *gate;                                    /* lib/fault.h */
    char *token; /* what the names of this torture's pods begin with, and their containers have in TORTURE */
    bool strict; /* nothing is killed that may take the outcome of a container with it */
    bool all_at_once; /* every process of a kind is killed, not one drawn by lot */
};
extern struct node node;

/* ---- node.c ---- */

/* What may befall it. `befall` returns false when there was nothing to be done it to. */
struct adversity {
    const char *name;
    unsigned often;
    bool takes_outcomes; /* of containers with it */
    bool (*befall)(void);
};
#define ADVERSITIES 8
extern const struct adversity adversities[ADVERSITIES];
/* Has it been asked for? */
bool is_victim(const struct adversity *adversity);

/* ---- node_faults.c: the same at chosen moments ---- */

/* The next of the agent's fault points with the next of what is asked for; `only` may name a point. */
void meet_fault_point(const char *only);
void report_fault_points(void);

/* ---- node_machine.c ---- */

void machine_prepare(void);
void machine_clear(void);
/* Starts a process that keeps the agent running until machine_stop(). */
void machine_start(void);
void machine_stop(void);
/* The agent's process; 0 at a moment when there is none. */
pid_t machine_agent(void);
/* Has it ended in another way than by being killed? Says it. */
bool machine_has_crashed(void);

/* Adversities. */
bool kill_agent(void);
bool kill_monitor(void);
bool kill_runtime(void);
bool kill_container(void);
bool kill_sandbox(void);
bool fill_disk(void);
bool hang_runtime(void);
bool reboot(void);

/* ---- node_look.c: what there is on the machine, without asking the agent ---- */

/* Calls for each process of the node that is in a group of that kind: "monitor", "sandbox", "container". */
typedef void look_process_fn(void *context, pid_t pid);
void look_at_processes(const char *kind, look_process_fn *found, void *context);
/* Names something that is left of the pod, or of all with uid NULL; false when there is nothing. */
bool look_for_remains(const char *uid, struct buf *what);
/* Two processes that both are the first of the same container, or the sandbox of the same pod; or a container
 * of which nobody knows. Goes on until it is all over. */
void look_for_doubles(void);

/* ---- node_pods.c ---- */

/* Makes pods, waits for what has to become of them, removes them: until the end. */
void run_pods(int slot);
void prepare_pods(void);

#endif
