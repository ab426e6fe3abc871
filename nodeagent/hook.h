/* One run of a lifecycle hook (postStart, preStop), on the event loop: exec, httpGet or sleep.
 *
 * A hook is run as a probe is tried (probe_run.h), but for four things: there is no timeout (preStop is given
 * up by its container's grace), an HTTP hook has succeeded whatever the answer's status is, an HTTPS hook
 * that finds a server without TLS asks it in plain, and there is `sleep`. That is how Kubernetes has it
 * (pkg/kubelet/lifecycle/handlers.go). tcpSocket has been accepted for long, and has never done anything but
 * fail; so it does here.
 */
#ifndef PODTREE_HOOK_H
#define PODTREE_HOOK_H

#include "nodeagent/probe_run.h"

struct hook;

struct hook_target {
    struct value handler;   /* lifecycle.postStart or .preStop: these two are only used during the call */
    struct value container; /* whose ports have names */
    const char *address;    /* these three are as a probe's target has them */
    int namespace;
    struct probe_exec exec;
};

/* `error` says why it has failed, `warning` what there is to be said of one that hasn't; they live until the
 * call returns. */
typedef void hook_done_fn(void *context, struct error *error, struct str warning);

/* Begins it. `done` is called once, never from inside this function; the hook is gone then. */
struct hook *hook_start(struct loop *loop, const struct hook_target *target, hook_done_fn *done,
                        void *context);
/* Gives it up: `done` will not be called. NULL is fine. */
void hook_forget(struct hook *hook);

#endif
