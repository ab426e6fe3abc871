/* TLS as probes and hooks speak it, without the connection: bytes of the wire go in and come out, and so do
 * bytes in plain. OpenSSL has a memory for each direction instead of a descriptor, so nothing here waits.
 *
 * **Nobody is verified.** As in Kubernetes (pkg/probe/http, InsecureSkipVerify), what is asked is whether the
 * container answers, not who it is; for the same reason no certificate is shown, and nothing that is too weak
 * to be trusted is refused: old signatures, short keys, servers that can't renegotiate securely. Only TLS 1.2
 * and 1.3 are spoken, as there.
 */
#ifndef PODTREE_PROBE_TLS_H
#define PODTREE_PROBE_TLS_H

#include "lib/error.h"
#include "lib/str.h"

/* The sentence for a server that has answered in plain HTTP; Go's, and Kubernetes too knows the case by it.
 */
#define PROBE_TLS_PLAIN_HTTP "http: server gave HTTP response to HTTPS client"

struct probe_tls;

/* `host` is whom the other side is to think that it is asked for; of an address nothing is said. */
struct probe_tls *probe_tls_new(const char *host, struct error **err);
void probe_tls_free(struct probe_tls *tls); /* NULL is fine */

/* Says something; it waits for the handshake, which begins with the first such call. What has to be sent now
 * is added to `wire`, here and below. */
int probe_tls_send(struct probe_tls *tls, struct str plain, struct buf *wire, struct error **err);
/* Takes what has come from the wire; what that says is added to `plain`. The sentence of an error is Go's. */
int probe_tls_receive(struct probe_tls *tls, struct str arrived, struct buf *wire, struct buf *plain,
                      struct error **err);
/* Has the other side said that it is done? */
bool probe_tls_is_closed(const struct probe_tls *tls);
/* Takes leave. */
void probe_tls_close(struct probe_tls *tls, struct buf *wire);

#endif
