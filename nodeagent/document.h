/* What several modules ask of a pod's document. */
#ifndef PODTREE_DOCUMENT_H
#define PODTREE_DOCUMENT_H

#include "lib/doc.h"

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
