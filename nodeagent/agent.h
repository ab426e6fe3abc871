/* The node agent: keeps this node's pods as the tree wants them, and tells the tree how they are. */
#ifndef PODTREE_AGENT_H
#define PODTREE_AGENT_H

#include "lib/loop.h"
#include "lib/tree.h"
#include "nodeagent/image_collect.h"
#include "nodeagent/place.h"

struct agent;

struct agent_options {
    const char *node;
    const struct place *place;
    struct image_policy images; /* when they go */
    /* End all that runs here, and be done: no tree is asked, nor told. Else `tree` is needed. */
    bool end_pods;
    const char *static_pods; /* a directory of manifests; NULL: manifests in the state directory */
    const char *kinds;       /* the kinds' directory: what the manifests may say */
    int64_t most_processes;  /* of a pod; 0: as many as there can be */
    int report;              /* a descriptor to which it then writes what it waits for, in lines; 0: none */
    struct tree *tree;
};

/* Finds what an earlier agent has left. One agent per node name at a time in a process. */
struct agent *agent_new(struct loop *loop, const struct agent_options *options, struct error **err);
void agent_free(struct agent *agent);

#endif
