/* What a pod asks for in vain on this node. Pure.
 *
 * A field without effect is accepted and kept, as every field is, and said in the pod's events, so that
 * nobody relies on it. But there are some without which a pod isn't what it is meant to be: such a pod is not
 * run. doc/pod-fields.md says the same of each field; a test holds the one against the other. */
#ifndef PODTREE_EFFECT_H
#define PODTREE_EFFECT_H

#include "lib/doc.h"

/* Adds a line for each field without effect, with the cause: "spec.hostUsers (there are no user namespaces)".
 */
void effect_missing(struct buf *lines, struct value pod);

/* The same of those with which a pod is not run. */
void effect_refused(struct buf *lines, struct value pod);

/* Steps over lines that are among the known ones, and makes one text of the next others, with commas between
 * them: as many as fit, but at least one. False when there are none left. */
bool effect_next(struct str *lines, struct str known, size_t most, struct buf *text);

#endif
