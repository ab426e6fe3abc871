/* The address of a host's name, as the node knows it, without waiting for it: the C library's way to ask
 * blocks for as long as the servers please. A thread asks, and says what it has found through a socket; it
 * shares nothing else, so whoever has lost interest leaves it to its end.
 */
#ifndef PODTREE_LOOKUP_H
#define PODTREE_LOOKUP_H

#include "lib/loop.h"
#include <netinet/in.h>

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

struct lookup;

/* `address`, without a port, lives until the call returns. NULL: there is none, and `why` is the end of a
 * sentence: "no such host". */
typedef void lookup_done_fn(void *context, const union address *address, const char *why);

/* `done` is called once, never from inside this function; the lookup is gone then. */
struct lookup *lookup_start(struct loop *loop, const char *host, lookup_done_fn *done, void *context,
                            struct error **err);
/* `done` will not be called. NULL is fine. */
void lookup_forget(struct lookup *lookup);

#endif
