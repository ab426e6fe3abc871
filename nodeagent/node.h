/* The node's own objects: what this machine is and has, and that its agent lives. */
#ifndef PODTREE_NODE_H
#define PODTREE_NODE_H

#include "lib/doc.h"

/* The first address of the machine that isn't a loopback one; 127.0.0.1 where there is none (to be freed). */
char *node_address(void);

/* What images and nodes call this machine's processors: "amd64". */
const char *node_architecture(void);

/* The Node without its status: name and labels. */
void node_object(struct value object, const char *name);

/* Brings its status (an object, empty at first) up to date. `state` is where pods write to the disk,
 * `runtime_version` is as in "runc://1.1.5". */
void node_status(struct value status, const char *name, const char *state, const char *address,
                 const char *runtime_version, int64_t now_ms);

/* The Lease's spec: alive now. */
void node_lease(struct value spec, const char *name, int64_t now_us);

#define NODE_LEASE_NAMESPACE "kube-node-lease"

#endif
