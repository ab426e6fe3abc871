/* A server of grpc.health.v1.Health for tests, without a socket: bytes go in and come out. */
#ifndef PODTREE_TESTS_HEALTH_SERVER_H
#define PODTREE_TESTS_HEALTH_SERVER_H

#include "lib/str.h"

/* What it answers to each call. */
struct health_answer {
    const char *status; /* of HTTP; NULL: 200 */
    const char *type;   /* NULL: application/grpc; "": none */
    const char *body;   /* the message and its header; body_length bytes */
    size_t body_length;
    const char *code, *message; /* grpc-status and grpc-message, in trailers; NULL: left out */
    unsigned reset;             /* instead of all that: the stream ends with that error of HTTP/2 */
    bool silent;                /* nothing at all, but the settings */
};

struct health_server;
struct health_server *health_server_new(const struct health_answer *answer);
void health_server_free(struct health_server *server); /* NULL is fine */
/* Takes what has come, adds what it says. */
void health_server_serve(struct health_server *server, struct str bytes, struct buf *out);

/* What it has heard: "name: value" in lines, then the body. */
const struct buf *health_server_heard(const struct health_server *server);

#endif
