/* Pods of nodes that don't exist any more. */
#ifndef PODTREE_RECONCILERS_PODGC_H
#define PODTREE_RECONCILERS_PODGC_H

#include "lib/controller.h"

extern const struct controller podgc_controller;

#endif
