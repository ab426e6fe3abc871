/* What a gRPC probe says and hears, without the connection: one call of grpc.health.v1.Health/Check in plain
 * HTTP/2, whose frames and headers are libnghttp2's. The two messages of the protocol have one field each, so
 * they are written and read by hand.
 *
 * The answers mean, and are worded, what they do in Kubernetes 1.32 (pkg/probe/grpc over grpc-go): only
 * SERVING is a success, everything else has failed. A server counts as connected when it has said its
 * settings: what goes wrong before that is no answer, and worth another connection while there is time.
 */
#ifndef PODTREE_PROBE_GRPC_H
#define PODTREE_PROBE_GRPC_H

#include "nodeagent/probe.h"
#include "nodeagent/probe_http.h"

struct probe_grpc;

/* Begins a call: of the address, which stays there as long as the call, host and port count. */
struct probe_grpc *probe_grpc_new(const struct probe_url *to, struct str service, int64_t timeout_ms);
void probe_grpc_free(struct probe_grpc *call); /* NULL is fine */

/* Adds what has to be sent now. */
void probe_grpc_send(struct probe_grpc *call, struct buf *out);
/* What has come; `closed` says that no more will. */
void probe_grpc_receive(struct probe_grpc *call, struct str bytes, bool closed);
/* The connection is lost, for that reason. */
void probe_grpc_lose(struct probe_grpc *call, const char *why);

enum probe_grpc_progress {
    GRPC_CONNECTING,
    GRPC_UNCONNECTED, /* and nothing will come of it */
    GRPC_CALLING,
    GRPC_ANSWERED, /* or lost on the way */
};
enum probe_grpc_progress probe_grpc_progress(const struct probe_grpc *call);

/* What the answer means, and the sentence that says it. */
enum probe_outcome probe_grpc_judge(const struct probe_grpc *call, struct buf *sentence);
/* The sentence for a call that has taken too long. */
void probe_grpc_time_out(const struct probe_grpc *call, struct buf *sentence);

#endif
