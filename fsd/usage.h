/* Usage: what an object counts for in a quota, resource by resource. Pure.
 *
 * A quota names resources: services, requests.cpu, count/jobs.batch, gold.storageclass.storage.k8s.io/… What
 * an object uses of one is an amount in billionths (lib/quantity.h), so that all are added and compared alike
 * (Kubernetes: pkg/quota/v1/evaluator/core). */
#ifndef PODTREE_USAGE_H
#define PODTREE_USAGE_H

#include "fsd/kind.h"

#define USAGE_ONE ((__int128)1000000000) /* object */

/* The requests, or limits (`member`), of all containers that a pod has at the same time: those that run
 * beside each other, and the sidecars; or an init container beside the sidecars that came before it, where
 * that is more. The overhead isn't in it. False: no container says anything of the resource. `*like`, if not
 * NULL: a quantity in whose form the sum may be written. */
bool usage_of_containers(struct value pod_spec, const char *member, struct str resource, __int128 *amount,
                         struct str *like);

/* Has the usage of the kind's objects to do with what they say? Else each just counts. */
bool usage_is_said(const struct kind *kind);
/* What the object uses of a resource that a quota names. Absent: nothing. */
__int128 usage_of(const struct kind *kind, struct value object, struct str resource);
/* Do the scopes of a quota, whose spec this is, let it count the object? */
bool usage_is_in_scope(const struct kind *kind, struct value object, struct value quota_spec);
/* Containers of a pod have to say what a quota counts: "limits.cpu for: a,b; …", or nothing. */
void usage_missing(const struct kind *kind, struct value object, struct value hard, struct buf *out);

#endif
