/* Carries bytes between our own descriptors and a command in a container, until it ends. */
#ifndef PODTREE_RELAY_H
#define PODTREE_RELAY_H

#include "cli/call.h"

/* With `input` our standard input is the command's; a signal that comes to us is the command's too. With
 * `terminal`, which has been asked for, ours passes every key on meanwhile. Returns the exit code. */
int relay(struct call *call, bool input, bool terminal, struct error **err);

#endif
