/* The descriptors that the supervisor holds so that its children may die: see enum held. */
#ifndef PODTREE_HELD_H
#define PODTREE_HELD_H

#include "cli/component.h"
#include <stdbool.h>

struct held_fds {
    int fd[HELD_COUNT]; /* -1: not there */
};

#define HELD_NONE ((struct held_fds){{-1, -1, -1, -1}})

void held_close(struct held_fds *held);

/* Takes those that the component's running process has as 3, 4, 5 out of it (pidfd_getfd). What can't be had
 * stays -1. */
void held_take(struct held_fds *held, const struct component *component, int pidfd);

/* Makes what is missing. Without a living mount there is a new one at the directory, with new memory; true in
 * *mounted then. Without both ends of the socket pair, a new pair. */
int held_complete(struct held_fds *held, const char *mount, bool *mounted, struct error **err);

#endif
