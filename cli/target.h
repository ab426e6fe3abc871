/* The container that a person means: podtree exec web, podtree cp web:/x, -c name. */
#ifndef PODTREE_TARGET_H
#define PODTREE_TARGET_H

#include "lib/doc.h"

/* All its own. */
struct target {
    char *uid, *container; /* the pod's, and the container's name */
    char *title;           /* "default/web", for sentences */
    char *node;            /* that the pod is bound to; NULL: to none */
};

/* What options say of it. */
struct target_wish {
    const char *namespace; /* of a bare name */
    const char *container; /* NULL: nothing was said */
};
#define OPTION_CONTAINER(wish)                                                                         \
    {                                                                                                  \
        .name = "container", .letter = 'c', .argument = "NAME", .help = "which container (the first)", \
        .text = &(wish).container                                                                      \
    }

/* Reads the pod from the tree: NAME, pods/NAME, namespaces/NS/pods/NAME. Where no container is named and
 * there are several, people are told which one it is. */
int target_find(const char *mount, const char *word, const struct target_wish *wish, struct target *target,
                struct error **err);

/* The part that is a function of the pod's document. `container` may be NULL: then it is the one that the
 * pod's annotation kubectl.kubernetes.io/default-container names, else the first; where there are more,
 * *others says so ("Defaulted container …"; to be freed). */
int target_choose(struct value pod, const char *container, struct target *target, char **others,
                  struct error **err);

void target_free(struct target *target);
#define autotarget cleanup(target_free)

#endif
