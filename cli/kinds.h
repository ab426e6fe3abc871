/* The kinds that a tree has, by the names that people give. */
#ifndef PODTREE_KINDS_H
#define PODTREE_KINDS_H

#include "lib/tree.h"

/* Refuses the name of a kind that the tree at `mount` doesn't have (ENOENT), and says which was meant. */
int kinds_check(struct tree *tree, const char *mount, struct str name, struct error **err);

/* Are the kind's objects in namespaces? */
bool kinds_namespaced(const char *mount, struct str name);

#endif
