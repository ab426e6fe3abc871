/* Which passwords the imagePullSecrets of a pod, or of its account, give for an image: a pure function, as
 * Kubernetes' credential provider has it.
 *
 * A Secret of type kubernetes.io/dockerconfigjson (or the older dockercfg) names registries, perhaps with the
 * beginning of a path and with wildcards ("*.example", "host:5000/team"). All that fit are tried one after
 * another, the longest name first.
 */
#ifndef PODTREE_PULL_SECRET_H
#define PODTREE_PULL_SECRET_H

#include "nodeagent/references.h"

/* The ServiceAccount whose imagePullSecrets count, because the pod has none of its own; else STR_NONE. */
struct str pull_account(struct value pod);
/* The imagePullSecrets that count: an array of names. Borrowed; `find` may be NULL. */
struct value pull_references(struct value pod, references_find_fn *find, void *context);

/* {"files":[…]}: documents for skopeo's --authfile, each with one password for the image's registry: what to
 * try (to be freed). Secrets that aren't there or can't be read give nothing, and their names are added to
 * *missing with commas between them: Kubernetes goes on without them. `find` may be NULL. */
struct doc *pull_secrets(struct value pod, struct str image, references_find_fn *find, void *context,
                         struct buf *missing);

#endif
