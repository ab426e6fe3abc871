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

struct node_facts {
    const char *name, *address;
    const char *state;             /* where pods write to the disk */
    const char *runtime_version;   /* "runc://1.1.5"; NULL: not known yet */
    const char *runtime_complaint; /* why no container can be made; NULL: all is well */
};

/* Brings its status (an object, empty at first) up to date. */
void node_status(struct value status, const struct node_facts *facts, int64_t now_ms);

/* The Lease's spec: alive now. */
void node_lease(struct value spec, const char *name, int64_t now_us);

#define NODE_LEASE_NAMESPACE "kube-node-lease"

#endif
