/* Processes: starting a component's program, and knowing one again that another supervisor has started. */
#ifndef PODTREE_CHILD_H
#define PODTREE_CHILD_H

#include "lib/error.h"
#include "lib/str.h"
#include <stdbool.h>
#include <sys/types.h>

struct child_plan {
    char *const *argv;
    gid_t gid;
    const int *fds; /* become 3, 4, 5 …; everything else is closed */
    int fd_count;
    int log; /* becomes standard output and standard error */
};

/* Which process it is, for as long as this machine runs: a pid alone may have been given to another. */
struct child_identity {
    pid_t pid;
    uint64_t started; /* clock ticks since boot */
};

struct child {
    struct child_identity identity;
    int pidfd;
    int gate; /* the program doesn't start before child_release(), and never if we die before */
};

/* Forks. The child puts its descriptors in their places and waits at a gate until it has been noted down who
 * it is: a supervisor that is killed leaves no process behind that its successor doesn't know, and what the
 * successor takes out of it as 3, 4, 5 is what it was given. */
int child_start(const struct child_plan *plan, struct child *child, struct error **err);
void child_release(struct child *child);

/* A pidfd of the process if it is still that one and alive, else -1. */
int child_find(const struct child_identity *identity);

/* Has a signal or a debugger stopped it? Then it is there, and does nothing. */
bool child_is_stopped(pid_t pid);

/* "killed by signal 9 (Killed)", "exited with 1", "ended" for a status that nobody knows (-1). */
void child_describe_end(int status, struct buf *out);

#endif
