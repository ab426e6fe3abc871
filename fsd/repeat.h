/* What the notifier does on the mount for one announcement. */
#ifndef PODTREE_REPEAT_H
#define PODTREE_REPEAT_H

#include "lib/error.h"
#include "lib/notify.h"

/* Carries out `action` for `path` below the directory `root` (O_PATH is enough). That something is there
 * already, or not any more, is no error: announcements may be repeated, and the tree may have moved on. */
int repeat_action(int root, enum notify_action action, const char *path, struct error **err);

#endif
