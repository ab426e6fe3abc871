/* Removing directories that may be large without waiting for it: what a container has written, or a volume
 * held, can be a million files, and meanwhile the agent has other pods to look after.
 *
 * A directory that is to go is moved to STATE/discarded/<n>, which takes no time: it is gone for everybody. A
 * thread removes what it has been given, one directory after another, and ends when there is nothing more.
 * What is left when the process ends is removed by the next one. */
#ifndef PODTREE_DISCARD_H
#define PODTREE_DISCARD_H

#include "lib/error.h"

/* Nothing may be mounted below. Fine when it isn't there. Where it can't be moved (it is elsewhere, the disk
 * is full) it is removed before this returns. */
int discard(const char *state, const char *path, struct error **err);

/* Has all removed that an earlier process has left. */
void discard_rest(const char *state);

/* Returns when all that was given is gone. */
void discard_wait(void);

#endif
