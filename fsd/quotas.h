/* Quotas: how much there may be in a namespace (ResourceQuota).
 *
 * Main keeps, for each quota, how much is used of what it limits: the sum over the newest versions of all
 * objects in its namespace, those that are on their way to the disk included. It follows the objects
 * (objects_observe), so a change that is taken back, or that the disk refuses, doesn't count any more, and
 * there is nothing to be put right after a kill: it is counted anew at start. A change that would bring more
 * than there may be is refused before it becomes an object's newest version: so usage never exceeds what a
 * quota allows, but where the quota came later or became smaller.
 *
 * A new quota, or one that limits something else, has to be counted: in slices, for a namespace may be full.
 * Who makes something there meanwhile waits for the rest of it.
 *
 * What is used is shown in the quota's status, in the same batch as what uses it. Nothing depends on it. */
#ifndef PODTREE_QUOTAS_H
#define PODTREE_QUOTAS_H

#include "fsd/edit.h"
#include "fsd/fsd.h"

struct quotas *quotas_new(void);
void quotas_free(struct quotas *quotas);

/* Another version is the newest of the object: newest_changed of objects.h. */
void quotas_note(struct fsd *fsd, const struct object *object, const struct version *before,
                 const struct version *after);

/* May the object of this kind, whose newest version is `before` (NULL: there is none), become what has been
 * computed? EDQUOT, or EINVAL where its containers don't say what is limited. */
int quotas_check(struct fsd *fsd, const struct kind *kind, struct str namespace, const struct version *before,
                 const struct edit_result *result, struct error **err);

/* Main, once a turn, when the filling batch may be changed: goes on counting, and puts what has changed into
 * the status of quotas, until the time (clock_us()) has come. True: there is more to be done. */
bool quotas_turn(struct fsd *fsd, int64_t end_us);

#endif
