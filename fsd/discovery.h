/* Discovery: api/<group>/<version>/<plural>/ says what kinds there are and what they look like. The core
 * group, which has no name, is called core. */
#ifndef PODTREE_DISCOVERY_H
#define PODTREE_DISCOVERY_H

#include "fsd/special.h"

/* The child of api/, of a group, or of a version: its kind is the first one of that group, or group and
 * version. */
int discovery_child(struct fsd *fsd, const struct place *parent, struct str name, struct place *child);
/* Visits all children of such a directory. */
void discovery_list(struct fsd *fsd, const struct place *place, place_visit *visit, void *context);

/* schema.json: the kind's schema as OpenAPI v3 has it. */
void discovery_schema(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out);
/* verbs: what may be written to ctl, a line each. */
void discovery_verbs(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out);

#endif
