/* Nodes that only exist in the tree, for trying out many of them on one machine. */
#ifndef PODTREE_RECONCILERS_HOLLOW_H
#define PODTREE_RECONCILERS_HOLLOW_H

#include "lib/controller.h"

extern const struct controller hollow_nodes_controller, hollow_pods_controller;

/* How many there are: hollow-0, hollow-1, … Before anything runs. */
void hollow_set_count(int64_t nodes);

#endif
