/* The components' logs: RUN/log/<component>.log.
 *
 * A component writes into its file directly, not into a pipe of the supervisor's: it must be able to go on
 * when the supervisor is killed. So a log that has grown large is copied and then cut off where it is. */
#ifndef PODTREE_LOGS_H
#define PODTREE_LOGS_H

#include "lib/error.h"
#include "lib/str.h"

/* A descriptor that appends to the component's log; makes RUN/log when it isn't there. */
int logs_open(const char *run, const char *component, struct error **err);

/* Moves what stands in logs larger than `limit` bytes to <component>.log.1, which is overwritten. */
void logs_rotate(const char *run, int64_t limit);

/* The last lines of the component's log, at most 2 KiB; what it says again and again is said once. */
void logs_tail(const char *run, const char *component, int lines, struct buf *out);

#endif
