/* apply and manifest.yaml: documents that people write. */
#ifndef PODTREE_APPLY_H
#define PODTREE_APPLY_H

#include "fsd/special.h"

/* What is read of apply: how it is used. */
void apply_text(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out);
/* Several documents, YAML or JSON, each created or merged; v1 Lists are taken apart. All or none. */
int apply_write(struct call *call, const struct place *place, uint32_t node, struct str bytes,
                struct error **err);
/* One document, which becomes the object's desired state. */
int manifest_write(struct call *call, const struct place *place, uint32_t node, struct str bytes,
                   struct error **err);

#endif
