/* The two places that podtree cp is given: one here, one in a pod. */
#ifndef PODTREE_COPY_PLACES_H
#define PODTREE_COPY_PLACES_H

#include "lib/error.h"
#include <stdbool.h>

struct copy_places {
    bool inwards; /* into the pod */
    char *pod;    /* its word, as target_find() takes it */
    char *there;  /* the path in the container, absolute or from its root */
    const char *here;
};

/* POD:PATH is in a pod, and so is NS/POD:PATH, as kubectl has it; a path that has a colon is written as
 * ./a:b. Exactly one of the two must be. */
int copy_places_parse(const char *from, const char *to, struct copy_places *places, struct error **err);
void copy_places_free(struct copy_places *places);
#define autoplaces cleanup(copy_places_free)

#endif
