/* The supervisor's control socket, RUN/control: root and the group podtree may connect. A request is one
 * packet of text, the answer any number of packets, one line each, and the end of the connection. */
#ifndef PODTREE_CONTROL_H
#define PODTREE_CONTROL_H

#include "lib/error.h"
#include "lib/str.h"
#include <stdbool.h>

#define CONTROL_LINE 1024

/* The supervisor's side. Replaces a socket that a dead supervisor has left; the caller holds the lock. */
int control_listen(const char *run, struct error **err);
/* The next caller and its request (terminated), or -1 when there is none. Waits no longer than a moment. */
int control_accept(int listener, char request[CONTROL_LINE], bool *is_root);
/* Nothing is said to a caller who has gone. */
void control_say(int caller, const char *line);
void control_remove(const char *run);

/* The caller's side: sends the request and calls `line` for each line of the answer. Returns 0 when the
 * answer came to its end, -ENOENT or -ECONNREFUSED when nobody supervises there, -ETIMEDOUT after timeout_ms
 * without a line. */
int control_ask(const char *run, const char *request, int timeout_ms,
                void (*line)(void *context, const char *text), void *context, struct error **err);

#endif
