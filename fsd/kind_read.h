/* From the text of a kind, a CustomResourceDefinition, to struct kind: be it a file of fsd/kinds or an object
 * that a user has made. */
#ifndef PODTREE_KIND_READ_H
#define PODTREE_KIND_READ_H

#include "fsd/schema.h"

/* Reads the kind, `built_in` or a user's, whose memory is the set's; so is the manifest's, to which it adds
 * what every object has. What the set of all kinds gives it (directory, index) is not filled in. EINVAL, and
 * a sentence that says where. */
int kind_read(struct schema_set *set, struct value manifest, bool built_in, struct kind **kind,
              struct error **err);

/* Adds in words what of a user's definition has no effect here; nothing where all has. */
void kind_read_in_vain(struct value manifest, struct buf *out);

#endif
