/* What several modules ask of a pod's document. Pure; what is found lives as long as the document. */
#ifndef PODTREE_DOCUMENT_H
#define PODTREE_DOCUMENT_H

#include "lib/doc.h"

/* The members of a spec that list containers. A node runs those of the first two, in this order. */
extern const char *const document_container_lists[];
enum { DOCUMENT_LISTS_RUN = 2, DOCUMENT_LISTS = 3 };

/* The container of that name that a node runs, absent where there is none; and in *initial (if not NULL)
 * whether it is an init container. */
struct value document_container(struct value pod, struct str name, bool *initial);
/* What the pod's status says of it; absent where it says nothing. */
struct value document_container_status(struct value pod, const char *name);

/* Of an init container: does it go on beside those that come after it? */
static inline bool document_is_sidecar(struct value init_container)
{
    return value_is(value_get(init_container, STR("restartPolicy")), "Always");
}

/* Has somebody asked for it to go? */
static inline bool document_is_deleted(struct value pod)
{
    return value_exists(value_at(pod, "metadata", "deletionTimestamp"));
}

/* Has it come to its end for good, as the tree knows it? */
static inline bool document_has_ended(struct value pod)
{
    struct value phase = value_at(pod, "status", "phase");
    return value_is(phase, "Succeeded") || value_is(phase, "Failed");
}

#endif
