/* The audit: which objects would the kinds of today refuse?
 *
 * A newer release, or another form of a user's kind, may be stricter than what an object was accepted by.
 * Such an object stays as it is, can be read, and can be changed as long as a change adds nothing wrong
 * (edit.c). Its status says what is wrong with it: a line that ends with invalid="spec.replicas: must be at
 * least 1, not 0", and one without when it has been mended. All objects are looked at after `podtree up`,
 * those of a kind when it gets another form, and one that is said to be wrong whenever it changes. The worker
 * looks, a few at a time. */
#ifndef PODTREE_AUDIT_H
#define PODTREE_AUDIT_H

#include "fsd/fsd.h"

struct audit *audit_new(void);
void audit_free(struct audit *audit); /* when the worker has stopped */

/* Looks at all objects of all kinds; of this one. */
void audit_all(struct fsd *fsd);
void audit_kind(struct fsd *fsd, const struct kind *kind);
/* The object has changed: looks at it if its status calls it wrong. */
void audit_object(struct fsd *fsd, const struct object *object);

/* Main, once a turn. */
void audit_turn(struct fsd *fsd);

#endif
