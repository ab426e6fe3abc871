/* The message of a commit, made of what its changes say of themselves ("pods/web-1: created"). A pure
 * function of them. */
#ifndef PODTREE_SUMMARY_H
#define PODTREE_SUMMARY_H

#include "fsd/historian.h"

/* A change that is alone speaks for itself: "deployments/web: replicas 2 -> 3 (root)". Of several the subject
 * says, in about 100 bytes, what has become of each object, or else how many of a kind came to what, and who
 * did it; the body lists them, the first hundred. `count` is at least 1. */
void summary_write(struct buf *message, const struct history_entry *const *entries, size_t count);

#endif
