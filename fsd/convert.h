/* Conversions: from a version of a built-in kind to the one in which its objects are kept.
 *
 * A version calls its conversion by name, with x-podtree-convert. The versions of users' kinds have none:
 * there only the name of the version changes. */
#ifndef PODTREE_CONVERT_H
#define PODTREE_CONVERT_H

#include "fsd/kind.h"

/* NULL for a name that there is not. */
convert_version *convert_find(struct str name);

#endif
