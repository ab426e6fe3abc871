/* What the files of the deployment's controller share: the deployment and its sets, as a pass sees them. */
#ifndef PODTREE_RECONCILERS_DEPLOYMENT_PRIVATE_H
#define PODTREE_RECONCILERS_DEPLOYMENT_PRIVATE_H

#include "lib/pass.h"
#include "reconcilers/rollout.h"

/* Fills in and plans the status, from what the sets say. `current` is the new set, or NULL. */
void plan_deployment_status(struct pass *pass, const struct rollout *rollout,
                            const struct replicaset *current);

/* All that was asked for is there, and nothing old is left. */
bool deployment_is_complete(const struct rollout *rollout, const struct replicaset *current);

#endif
