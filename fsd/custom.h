/* Custom kinds: those that users define, with objects of the kind CustomResourceDefinition.
 *
 * A definition is read where it is computed (edit.c): one that can't be read is refused, and what was read
 * goes with the version. When that becomes visible so does the kind, in the same step of main: whoever has
 * been answered finds its directories. From then on nothing tells it from a built-in kind.
 *
 * A definition that is deleted waits, by a finalizer, until the objects of its kind are gone; meanwhile no
 * new ones come. */
#ifndef PODTREE_CUSTOM_H
#define PODTREE_CUSTOM_H

#include "fsd/fsd.h"

/* The resource of definitions: those have to be loaded before what they define. */
#define CUSTOM_DEFINITIONS "customresourcedefinitions.apiextensions.k8s.io"

/* May what was read be a kind, beside those that there are? 0 or EEXIST and a sentence. NULL is fine. */
int custom_admit(const struct fsd *fsd, const struct kind_reading *reading, struct error **err);
/* Says in the definition's events what of it has no effect, in the filling batch. NULL is fine. */
void custom_say(struct fsd *fsd, const struct object *definition, const struct kind_reading *reading);
/* From the store at start. */
void custom_load(struct fsd *fsd, const struct object *definition);
/* The definition has been published; `before` is what readers saw until now, NULL if there was nothing. */
void custom_published(struct fsd *fsd, struct object *definition, const struct version *before);
/* After a takeover: kinds of which a predecessor perhaps has not told. */
void custom_take_over(struct fsd *fsd);

#endif
