/* template.yaml: a small valid manifest of a kind, to be copied and filled in.
 *
 * What is required is made from the schema: values are examples that its formats allow. Where rules over
 * several fields want more the kind's file says it (x-podtree-template: `with`, which is merged over that),
 * and which fields people mostly want beside (`common`, a path and an example each): those stand there as
 * comments. */
#ifndef PODTREE_TEMPLATE_H
#define PODTREE_TEMPLATE_H

#include "fsd/kind.h"

/* What the name has to be put in the place of. No kind of object may be called so. */
#define TEMPLATE_NAME "NAME"

/* `schema`: as describe_version() has made it. */
void template_write(const struct kind *kind, const struct kind_version *version, struct value schema,
                    struct buf *out);

#endif
