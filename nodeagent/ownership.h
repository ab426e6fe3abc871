/* Whose the files are that the agent makes for others.
 *
 * The tree knows the agent by a group of its own, which it has for files alone: so that is the group of
 * whatever it makes. What people and containers get to see (volumes, directories of a hostPath) belongs to
 * root's, as it does everywhere:
 *
 *     autogroup int own = ownership_of_root();   // until the end of the block, for this thread
 *
 * Nothing of the tree may be touched in that block. */
#ifndef PODTREE_OWNERSHIP_H
#define PODTREE_OWNERSHIP_H

#include "lib/cleanup.h"
#include <sys/fsuid.h>
#include <sys/types.h>

static inline int ownership_of_root(void)
{
    return setfsgid(0);
}

static inline void ownership_restore(const int *group)
{
    setfsgid((gid_t)*group);
}
#define autogroup cleanup(ownership_restore)

#endif
