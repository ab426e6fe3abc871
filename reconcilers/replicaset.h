/* The controller of replica sets: as many pods as the set says. */
#ifndef PODTREE_RECONCILERS_REPLICASET_H
#define PODTREE_RECONCILERS_REPLICASET_H

#include "lib/controller.h"

extern const struct controller replicaset_controller;

#endif
