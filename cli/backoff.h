/* How long to wait before something that died is started again. */
#ifndef PODTREE_BACKOFF_H
#define PODTREE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct backoff {
    int failures; /* in a row */
};

/* The wait in ms after a life of lived_ms. The first times: none; then 10 ms, doubling up to 5 s. A life of
 * 10 s clears the count. Somebody else's kill (SIGKILL) says nothing against the program: there a tenth of a
 * second is enough, and only a program that is killed as soon as it starts has to wait. */
int64_t backoff_next(struct backoff *backoff, int64_t lived_ms, bool killed);

#endif
