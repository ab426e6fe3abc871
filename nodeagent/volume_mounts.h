/* From a container's volumeMounts to mounts for the OCI runtime: a pure function, and the little that has to
 * be done before those with a subPath can be bound. */
#ifndef PODTREE_VOLUME_MOUNTS_H
#define PODTREE_VOLUME_MOUNTS_H

#include "lib/doc.h"

struct volume_mounts {
    struct value pod, container;
    struct value variables;   /* an object of strings: what $(NAME) in a subPathExpr stands for */
    const char *volumes;      /* STATE/pods/<uid>/volumes.d */
    bool recursive_read_only; /* the kernel and the OCI runtime can (features.h) */
};

/* Puts the container's mounts into the array `mounts` of an OCI configuration: in place of others with the
 * same destination (/etc/hosts, /dev/shm), and all in the order in which none hides another: by depth.
 * *propagation is what linux.rootfsPropagation has to be for them, or NULL. EINVAL, with kubelet's sentence,
 * when one can't be: then nothing of `mounts` has changed. */
int volume_mounts_add(const struct volume_mounts *wanted, struct value mounts, const char **propagation,
                      struct error **err);

/* Binds what the subPaths lead to where volume_mounts_add() says they are. To be called before each start of
 * the container, when its volumes are set up. */
int volume_mounts_bind(const struct volume_mounts *wanted, struct error **err);

#endif
