/* What a pod asks for that has no effect on this node. It is accepted and kept, as every field is, and said
 * in the pod's events, so that nobody relies on it. Pure. */
#ifndef PODTREE_EFFECT_H
#define PODTREE_EFFECT_H

#include "lib/doc.h"

/* Adds each such field with the cause: "spec.hostUsers (there are no user namespaces), …"; nothing when there
 * is none. */
void effect_missing(struct buf *out, struct value pod);

#endif
