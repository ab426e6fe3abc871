/* Taints of nodes, and the tolerations of pods. */
#ifndef PODTREE_TAINT_H
#define PODTREE_TAINT_H

#include "lib/doc.h"

/* Does one of the tolerations (an array, may be absent) bear the taint? One without a key bears all taints,
 * one without an effect all effects. */
bool taint_is_tolerated(struct value taint, struct value tolerations);

#endif
