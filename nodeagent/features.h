/* What the OCI runtime that is configured says that it can do. */
#ifndef PODTREE_FEATURES_H
#define PODTREE_FEATURES_H

#include "lib/str.h"
#include "nodeagent/place.h"

/* Can it make a mount read-only with all that is mounted below it? As in containerd, it has to name the
 * option among its features (`runc features`), and the kernel has to have mount_setattr (5.12). A runtime
 * that knows no features has none. Runs the runtime and waits for it. */
bool features_recursive_read_only(const struct place *place);

/* The part that reads what it says. */
bool features_have_mount_option(struct str features, const char *option);

#endif
