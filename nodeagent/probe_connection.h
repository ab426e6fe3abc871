/* A connection of a probe, on the event loop: TCP, or TLS upon it. Nothing blocks.
 *
 * **Where connections begin.** A probe without `host` goes to the pod's own address. Pods have no network
 * but their sandbox's loopback, so such a connection has to begin inside the sandbox's network namespace: a
 * socket belongs for ever to the namespace that its thread was in when it was made, whoever uses it then. So
 * the agent's thread steps in there, makes the socket and steps back: three calls that don't block, some
 * microseconds. A thread or a process that lived only for that would cost more than all the rest of a probe.
 * An agent that could not step back would end at once: containers don't need it, and its successor begins
 * at home. A probe that names a host goes from the node's network, as in Kubernetes, which is also asked what
 * the name means.
 */
#ifndef PODTREE_PROBE_CONNECTION_H
#define PODTREE_PROBE_CONNECTION_H

#include "lib/loop.h"
#include "nodeagent/probe.h"
#include "nodeagent/probe_http.h"

struct probe_connection;

/* Who is called, never from inside a function below; each of these may close the connection. What is left
 * NULL is not wanted. Bytes and sentences live as long as the connection, at most until the call returns. */
struct probe_listener {
    /* TCP has connected. Nothing more is told. */
    void (*opened)(void *context);
    /* What has come. `closed`: no more will, and nothing more is told. */
    void (*received)(void *context, struct str bytes, bool closed);
    /* It is over, and nothing more is told; the sentence is as Go's. PROBE_ERRED: for a reason that is not
     * the other side's. */
    void (*failed)(void *context, enum probe_outcome outcome, const char *sentence);
    void *context;
};

/* Begins to connect; of the address, scheme, host and port count, and it stays there as long as the
 * connection. `namespace` is a pidfd of a sandbox (or an open ns/net), -1: the node's network. */
struct probe_connection *probe_connection_open(struct loop *loop, const struct probe_url *to, int namespace,
                                               const struct probe_listener *listener, struct error **err);
/* Says something, as soon as the connection is there: before that, or when called from it. */
void probe_connection_send(struct probe_connection *connection, struct str bytes);
/* NULL is fine. */
void probe_connection_close(struct probe_connection *connection);

#endif
