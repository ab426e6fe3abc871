/* Which ConfigMaps and Secrets a pod names, and how those ask for them who make something of them
 * (environment.h, volume_files.h, pull_secret.h). Pure. */
#ifndef PODTREE_REFERENCES_H
#define PODTREE_REFERENCES_H

#include "lib/doc.h"

/* The kinds that hold data, and what Kubernetes calls them in which place. */
struct reference_kind {
    const char *kind;   /* "ConfigMap" */
    const char *called; /* "configmap": in sentences of the kubelet's */
    const char *member; /* "configMap": of a volume, or of a source of a projected one */
    const char
        *name_in_volume;     /* the member of a volume's own source that names the object; elsewhere: name */
    const char *whole, *one; /* the members of envFrom and of valueFrom that name it */
    bool encoded;            /* the values in its `data` are base64 */
};
enum { REFERENCE_CONFIGMAP, REFERENCE_SECRET, REFERENCE_KINDS };
extern const struct reference_kind reference_kinds[REFERENCE_KINDS];

/* The object of that kind ("ConfigMap", "Secret") and name in the pod's namespace; absent when there is none.
 * It stays as long as whoever asks needs it. Values of Secrets are in `data`, in base64. */
typedef struct value references_find_fn(void *context, const char *kind, struct str name);

/* Calls `visit` for each that the pod names in its containers' environments, its volumes and its
 * imagePullSecrets, once: whether it is there, needed or optional. */
typedef void references_visit_fn(void *context, const char *kind, struct str name);
void references_each(struct value pod, references_visit_fn *visit, void *context);

#endif
