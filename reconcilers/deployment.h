/* The controller of deployments: a replica set for each template, and the way from one to the next. */
#ifndef PODTREE_RECONCILERS_DEPLOYMENT_H
#define PODTREE_RECONCILERS_DEPLOYMENT_H

#include "lib/controller.h"

extern const struct controller deployment_controller;

#endif
