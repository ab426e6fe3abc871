/* One try of a probe, on the event loop: tcpSocket, httpGet, exec. Nothing blocks, and nothing lives longer
 * than the probe's timeout.
 *
 * **Where connections begin.** A probe without `host` goes to the pod's own address. Pods have no network
 * but their sandbox's loopback, so such a connection has to begin inside the sandbox's network namespace: a
 * socket belongs for ever to the namespace that its thread was in when it was made, whoever uses it then. A
 * thread that lives only for that (setns, socket; waited for, some ten microseconds, neither call can
 * block) makes it. Not a process: forking the agent costs more than the whole probe, and the socket would
 * have to be sent back. Nor the agent's own thread: if the way back failed, the agent would be stuck in a
 * pod. A probe that names a host goes from the node's network, as in Kubernetes; it must be an address or
 * "localhost", because asking for a name could block.
 *
 * **Not there**: HTTPS and grpc. Such a try can't be made (PROBE_ERRED), so that it says so in the pod's
 * events and never counts. For HTTPS, without verification as Kubernetes has it, OpenSSL (Debian's
 * libssl-dev) would be the library: it is the one that the distribution's security team minds most, and with
 * a pair of memory BIOs it needs no descriptor of its own, so it fits between this module's socket and
 * probe_http.h.
 */
#ifndef PODTREE_PROBE_RUN_H
#define PODTREE_PROBE_RUN_H

#include "lib/loop.h"
#include "nodeagent/probe.h"

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
    bool any_answer; /* of HTTP: whatever its status says */
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
