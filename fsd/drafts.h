/* Drafts whose namespace goes.
 *
 * A draft is in no list and no index, so that nobody acts upon what isn't finished. That holds for those too
 * who empty a namespace that is being deleted: they can't see the drafts in it. So the drafts go in the very
 * transaction in which their namespace begins to end; from then on nobody could make them live either, as
 * nothing new may come into such a namespace. */
#ifndef PODTREE_DRAFTS_H
#define PODTREE_DRAFTS_H

#include "fsd/txn.h"

/* Does a namespace begin to end with the change from `before` (NULL: it is new) to `now`? */
bool drafts_end(const struct kind *kind, const struct version *before, const struct version *now);

/* Deletes the drafts in the namespace, in the filling batch. */
void drafts_drop(struct fsd *fsd, const struct asker *asker, struct str namespace);

#endif
