/* What a pod asks for in vain on this node. Pure.
 *
 * A field without effect is accepted and kept, as every field is, and said in the pod's events, so that
 * nobody relies on it. But there are some without which a pod isn't what it is meant to be: such a pod is not
 * run. */
#ifndef PODTREE_EFFECT_H
#define PODTREE_EFFECT_H

#include "lib/doc.h"

/* Adds each field without effect with the cause: "spec.hostUsers (there are no user namespaces), …"; nothing
 * when there is none. */
void effect_missing(struct buf *out, struct value pod);

/* The same of those with which a pod is not run. */
void effect_refused(struct buf *out, struct value pod);

#endif
