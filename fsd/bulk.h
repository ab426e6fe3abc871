/* .bulk: many changes in one transaction, a JSON request a line, a result a line (doc/programs.md). */
#ifndef PODTREE_BULK_H
#define PODTREE_BULK_H

#include "fsd/special.h"

#define BULK_LIMIT (64u << 20) /* bytes */

/* Carries the lines out, half a millisecond's worth in a turn (CALL_WAITING in between, or -EINPROGRESS while
 * the worker has a long one); the results are the handle's. Once it has begun it has to be called until it
 * says something else; then it is enough to say what the bytes are. */
int bulk_write(struct call *call, const struct place *place, uint32_t node, struct str bytes,
               struct error **err);

#endif
