/* Selectors of labels: matchLabels and matchExpressions (metav1.LabelSelector), plain maps (nodeSelector),
 * and those of node affinity (NodeSelector). */
#ifndef PODTREE_SELECTOR_H
#define PODTREE_SELECTOR_H

#include "lib/doc.h"

/* Does the LabelSelector (an object) match the labels (an object of strings, may be absent)? An empty
 * selector matches everything, an absent one nothing. */
bool selector_matches(struct value selector, struct value labels);
/* Does `labels` have every pair of `wanted`? An absent or empty `wanted` matches everything. */
bool selector_has_pairs(struct value wanted, struct value labels);

/* Does the NodeSelector (nodeSelectorTerms: one of them has to match) match the node with these labels and
 * that name? An absent one matches all nodes, a term that says nothing none. */
bool selector_matches_node(struct value selector, struct value labels, struct str name);

#endif
