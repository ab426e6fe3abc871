/* Label selectors: matchLabels and matchExpressions (metav1.LabelSelector), and plain maps (nodeSelector). */
#ifndef PODTREE_SELECTOR_H
#define PODTREE_SELECTOR_H

#include "lib/doc.h"

/* Does the LabelSelector (an object) match the labels (an object of strings, may be absent)? An empty
 * selector matches everything, an absent one nothing. */
bool selector_matches(struct value selector, struct value labels);
/* Does `labels` have every pair of `wanted`? An absent or empty `wanted` matches everything. */
bool selector_has_pairs(struct value wanted, struct value labels);

#endif
