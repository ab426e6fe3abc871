/* The scheduler: binds pods to nodes. */
#ifndef PODTREE_RECONCILERS_SCHEDULER_H
#define PODTREE_RECONCILERS_SCHEDULER_H

#include "lib/controller.h"

extern const struct controller scheduler_controller;

#endif
