/* What an HTTP probe says and hears, without the connection: the request, the answer, where it redirects to.
 *
 * Only what a probe needs is here: GET, one request a connection, no more of the body than is worth saying.
 * A body counts as complete where its length or its last chunk says so, because some servers leave the
 * connection open although they are asked not to.
 */
#ifndef PODTREE_PROBE_HTTP_H
#define PODTREE_PROBE_HTTP_H

#include "lib/doc.h"

/* Kubernetes keeps that much of a body, and so much head is more than any sane server sends. */
enum { PROBE_HTTP_BODY_BYTES = 10 * 1024, PROBE_HTTP_HEAD_BYTES = 64 * 1024 };

struct probe_url {
    bool tls;
    char *host; /* an IPv6 address without brackets */
    int64_t port;
    char *path; /* with the query; begins with a slash, and has nothing in it that would break a line */
};

/* Makes one; `path` may lack its slash. */
void probe_url_set(struct probe_url *url, bool tls, struct str host, int64_t port, struct str path);
void probe_url_free(struct probe_url *url);
#define autourl cleanup(probe_url_free)
/* As people write it. */
void probe_url_write(struct buf *out, const struct probe_url *url);
/* host:port, with brackets where there have to be some. */
void probe_url_write_authority(struct buf *out, const struct probe_url *url);

/* Where a Location leads from `base`. Fills the empty *next; false when there is no sense in it. */
bool probe_url_follow(const struct probe_url *base, struct str location, struct probe_url *next);

/* As what Kubernetes 1.32 asks: servers have rules for these names. */
#define PROBE_USER_AGENT      "kube-probe/1.32"
#define PROBE_USER_AGENT_HOOK "kube-lifecycle/1.32"

struct probe_http_request {
    struct value headers; /* httpGet.httpHeaders: Host, User-Agent and Accept take the place of ours, an empty
                             one of the latter two leaves it out */
    const char *user_agent;
    bool anonymous; /* without what these say for Authorization */
};
void probe_http_write(struct buf *out, const struct probe_url *url, const struct probe_http_request *request);

struct probe_http_answer {
    enum { HTTP_INCOMPLETE, HTTP_HEAD, HTTP_COMPLETE, HTTP_MALFORMED } progress;
    int status;
    struct str location; /* STR_NONE: it has none */
    struct str body; /* what has come of it, at most PROBE_HTTP_BODY_BYTES; as it was sent, chunks and all */
};

/* Reads what has come so far, from the beginning; `closed` says that no more will come. */
struct probe_http_answer probe_http_read(struct str received, bool closed);

#endif
