/* The nodes, as podtree status looks at them. */
#ifndef PODTREE_NODES_H
#define PODTREE_NODES_H

#include "lib/str.h"

/* Looks through the tree's table of nodes for what is not well, and says it in *complaints, a line each: a
 * node that is not ready, and `own` (NULL: this machine is no node) when it isn't there. True: all is well.
 */
bool nodes_are_well(struct str table, const char *own, struct buf *complaints);

#endif
