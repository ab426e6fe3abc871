/* Who holds which namespace of a container: the container itself, the pod's sandbox (and so all containers
 * of the pod), or the machine. Pure. */
#ifndef PODTREE_NAMESPACES_H
#define PODTREE_NAMESPACES_H

#include "lib/doc.h"

enum namespace_holder { HELD_BY_CONTAINER, HELD_BY_SANDBOX, HELD_BY_MACHINE };

struct namespace
{
    const char *type; /* as the OCI runtime calls it: "network" */
    const char *file; /* in /proc/<pid>/ns: "net" */
    uint64_t flag;    /* of clone(): CLONE_NEWNET */
};

/* The n-th of all, NULL after the last. */
const struct namespace *namespace_at(size_t n);
enum namespace_holder namespace_holder(const struct namespace *namespace, struct value pod);

/* Flags for clone() of those that the pod's sandbox holds. */
uint64_t namespaces_of_sandbox(struct value pod);

#endif
