/* What an OCI runtime says that it can do (`runc features`); one that knows no features has none. */
#ifndef PODTREE_FEATURES_H
#define PODTREE_FEATURES_H

#include "lib/str.h"
#include <stdbool.h>

/* Can it make a mount read-only with all that is mounted below it? As in containerd, it has to name the
 * option among its features, and the kernel has to have mount_setattr (5.12). */
bool features_recursive_read_only(struct str features);

/* The part that reads what it says. */
bool features_have_mount_option(struct str features, const char *option);

#endif
