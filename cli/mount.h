/* The mount itself: making it, and taking it away. */
#ifndef PODTREE_MOUNT_H
#define PODTREE_MOUNT_H

#include "lib/error.h"
#include "lib/str.h"
#include <stdbool.h>

/* Opens /dev/fuse and mounts it at the directory. Returns the descriptor; as long as anybody has it open, the
 * mount lives. */
int mount_make(const char *directory, struct error **err);

/* Is a tree mounted there (by whomever, alive or not)? */
bool mount_exists(const char *directory);

/* Is the connection behind this descriptor over: unmounted, or aborted? */
bool mount_is_over(int fuse);

/* Unmounts everything of ours that lies on the directory and that nobody serves any more. An error when a
 * tree is there that is alive. */
int mount_clear(const char *directory, struct error **err);

/* Unmounts. When somebody is still using it, it is taken out of sight all the same and its connection ended,
 * so that they get errors instead of waiting; *users says who it is, a line each: "1234 vim
 * /k8s/deployments". */
int mount_remove(const char *directory, struct buf *users, struct error **err);

#endif
