/* What podtree run writes: a Deployment of one container. */
#ifndef PODTREE_DEPLOYMENT_H
#define PODTREE_DEPLOYMENT_H

#include "lib/doc.h"

struct deployment_wish {
    const char *name, *image;
    int64_t replicas;
    int64_t port;         /* 0: none */
    char *const *command; /* its words; the image's own when there are none */
    int command_count;
};

/* What can be said against the arguments without asking the tree (EINVAL). */
int deployment_check(const struct deployment_wish *wish, struct error **err);

/* The manifest, as JSON. */
void deployment_write(const struct deployment_wish *wish, struct buf *out);

#endif
