/* What a change was, in words, for the history: "deployments/web: replicas 2 -> 3". A pure function of two
 * documents. */
#ifndef PODTREE_SUBJECT_H
#define PODTREE_SUBJECT_H

#include "fsd/kind.h"

/* "pods/web-1 in prod: Running ready=1/1": what a status line says. */
char *subject_of_status(const struct kind *kind, struct str namespace, struct str name, const char *status);

/* `before` absent: created; `after` absent: deleted. Objects outside the namespace default say where they
 * are. Long values and contents are not quoted; what doesn't fit into some 100 bytes is counted. NULL: it is
 * a heartbeat, of which the history has no need. */
char *subject_describe(const struct kind *kind, struct str namespace, struct str name, struct value before,
                       struct value after);

#endif
