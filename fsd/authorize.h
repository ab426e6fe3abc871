/* Who may, and what is let in: the two tables through which every request passes. */
#ifndef PODTREE_AUTHORIZE_H
#define PODTREE_AUTHORIZE_H

#include "fsd/call.h"
#include "fsd/edit.h"

/* The verbs are Kubernetes': get, list, watch, create, update, patch, delete. Authorizers say yes or have no
 * opinion; any may allow. `call` is there for what only the request knows (the groups of the process). */
bool authorize(const struct call *call, const char *verb);

/* Admission checks may refuse a change, each with an errno (EINVAL, EDQUOT …) and a sentence; the first that
 * does ends it. `before` is NULL for a creation. */
int admit(const struct fsd *fsd, const struct asker *asker, const struct kind *kind,
          const struct version *before, const struct edit_result *result, struct error **err);

#endif
