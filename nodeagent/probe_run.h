/* One try of a probe, on the event loop: exec, httpGet, tcpSocket, grpc. Nothing blocks, and nothing lives
 * longer than the probe's timeout.
 *
 * What is said and heard is probe_http.h's and probe_grpc.h's, how it gets there probe_connection.h's. As in
 * Kubernetes redirects are followed only to the same host: elsewhere somebody else would answer for the
 * container, which is a success with a warning. A gRPC server that can't be connected to is tried again each
 * second until the timeout, as grpc-go does.
 */
#ifndef PODTREE_PROBE_RUN_H
#define PODTREE_PROBE_RUN_H

#include "nodeagent/probe_connection.h"

/* Kubernetes keeps that much of what a command says. */
enum { PROBE_OUTPUT_BYTES = 10 * 1024 };

struct probe_run;

/* Runs a command in the container; whoever does calls probe_run_exec_ended() once, later or at once, unless
 * it is told before to forget it. */
struct probe_exec {
    int (*start)(void *context, struct probe_run *run, struct value command, struct error **err);
    void (*forget)(void *context, struct probe_run *run); /* ends the command */
    void *context;
};

struct probe_target {
    struct value probe;     /* as in the container: these two are only used during the call */
    struct value container; /* whose ports have names */
    int64_t timeout_ms;
    const char *address; /* the pod's: where a probe without host goes */
    int namespace;       /* its network: a pidfd of the sandbox (or an open ns/net); -1: the node's.
                            It stays the caller's, and open as long as the probe runs. */
    struct probe_exec exec;
    bool hook; /* it is no probe but a hook (hook.h): any status of HTTP will do */
};

/* `output` lives until the call returns; the probe_run is gone then. */
typedef void probe_run_done_fn(void *context, enum probe_outcome outcome, struct str output);

/* Begins a try. `done` is called once, never from inside this function. */
struct probe_run *probe_run_start(struct loop *loop, const struct probe_target *target,
                                  probe_run_done_fn *done, void *context);
/* Gives it up: `done` will not be called. NULL is fine. */
void probe_run_forget(struct probe_run *run);

/* The command that it asked for has ended with that exit code; with an error it could not be run. Takes the
 * error. */
void probe_run_exec_ended(struct probe_run *run, int exit_code, struct str output, struct error *error);

/* The number of a port that is given by number or by name; an error when the container has no such port. */
int probe_port(struct value port, struct value container, int64_t *number, struct error **err);

#endif
