/* The tables of podtree top, from the nodes' NodeMetrics. */
#ifndef PODTREE_CLI_USAGE_H
#define PODTREE_CLI_USAGE_H

#include "lib/doc.h"

/* How many lines there are below the head; nothing is written when there is none. `metrics` and `nodes` are
 * Lists; `namespace` NULL: all, with a column for it; `containers`: a row for each of them. */
size_t usage_pods(struct value metrics, const char *namespace, bool containers, struct buf *table);
size_t usage_nodes(struct value metrics, struct value nodes, struct buf *table);

#endif
