/* Which ConfigMaps and Secrets a pod names, and how those ask for them who make something of them
 * (environment.h, volume_files.h, pull_secret.h). Pure. */
#ifndef PODTREE_REFERENCES_H
#define PODTREE_REFERENCES_H

#include "lib/doc.h"

/* The object of that kind ("ConfigMap", "Secret") and name in the pod's namespace; absent when there is none.
 * It stays as long as whoever asks needs it. Values of Secrets are in `data`, in base64. */
typedef struct value references_find_fn(void *context, const char *kind, struct str name);

/* Calls `visit` for each that the pod names in its containers' environments, its volumes and its
 * imagePullSecrets, once: whether it is there, needed or optional. */
typedef void references_visit_fn(void *context, const char *kind, struct str name);
void references_each(struct value pod, references_visit_fn *visit, void *context);

#endif
