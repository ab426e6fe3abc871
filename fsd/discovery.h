/* Discovery: api/<group>/<version>/<plural>/ says what kinds there are and what they look like. The core
 * group, which has no name, is called core. A kind's short names are links there: api/po. */
#ifndef PODTREE_DISCOVERY_H
#define PODTREE_DISCOVERY_H

#include "fsd/special.h"

/* The child of api/, of a group, or of a version: its kind is the first one of that group, or group and
 * version. In api/ also a link: the first kind's that has the short name, where no group has it. */
int discovery_child(struct fsd *fsd, const struct place *parent, struct str name, struct place *child);
/* Visits all children of such a directory. */
void discovery_list(struct fsd *fsd, const struct place *place, place_visit *visit, void *context);

/* Where the link of a short name leads, from api/: "apps/v1/deployments". */
void discovery_link(const struct place *place, struct buf *out);
/* The version below which the place is, as it is now: a user may have changed his kind. */
const struct kind_version *discovery_version(const struct place *place);

/* schema.json: the kind's schema as OpenAPI v3 has it; explain: a line for each field; template.yaml. */
void discovery_schema(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out);
void discovery_explain(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out);
void discovery_template(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out);
/* If it is one of these, its text, where it lies: until main turns to something else. */
bool discovery_whole(struct fsd *fsd, const struct place *place, struct str *text);
/* verbs: what may be written to ctl, a line each. */
void discovery_verbs(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out);
/* Size and time of the first three. */
void discovery_measure(struct fsd *fsd, const struct place *place, uint32_t node, size_t *size,
                       int64_t *time_ms);

/* A kind has come (`before` is NULL), has gone (`now` is), or looks otherwise: what that means to api/. */
void discovery_tell(struct fsd *fsd, const struct kind *kind, const struct kind_form *before,
                    const struct kind_form *now);

#endif
