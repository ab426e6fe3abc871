/* ctl: verbs of an object. The kind's own verbs (restart …) are rows of its file; these belong to all kinds:
 * live (a draft becomes an object), delete, force (a terminating pod goes at once). */
#ifndef PODTREE_CTL_H
#define PODTREE_CTL_H

#include "fsd/special.h"

/* What is read: the verbs that can be written to it now, a line each with what it does. */
void ctl_text(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out);
/* One verb. -EINVAL for another than those, and names the nearest. */
int ctl_write(struct call *call, const struct place *place, uint32_t node, struct str bytes,
              struct error **err);

#endif
