/* Does the tree answer? A call into a tree that hangs can't be given up, so a child makes it. */
#ifndef PODTREE_PROBE_H
#define PODTREE_PROBE_H

#include "lib/str.h"
#include <sys/types.h>

/* Starts a child that looks at the root and reads its README; its exit status is 0 or an errno. The child
 * holds no descriptor, so that it can't keep a dead mount alive. Returns the pid, and a pidfd in *pidfd; or a
 * negative errno. */
pid_t probe_start(const char *mount, int *pidfd);

/* The same, waiting for it: 0, a negative errno, or -ETIMEDOUT. */
int probe_tree(const char *mount, int timeout_ms);

/* Reads the whole file in a child, with a limit of time. 0, a negative errno, or -ETIMEDOUT. */
int probe_read(const char *path, int timeout_ms, struct buf *out);

#endif
