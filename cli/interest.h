/* What podtree watch is asked to watch: KIND, or a path of the tree. */
#ifndef PODTREE_INTEREST_H
#define PODTREE_INTEREST_H

#include "lib/error.h"
#include "lib/str.h"

/* Empty: any. */
struct interest {
    struct str resource, space, name; /* pieces of the word */
    struct str word;                  /* itself */
    bool seen;                        /* podtree watch's: something has matched */
};

/* Understands pods, pods/web-0, namespaces/team, namespaces/team/pods, namespaces/team/pods/web-0,
 * all/pods/team/web-0, each also below the mount. A bare namespaced kind means all namespaces; with a name
 * the namespace default. The word must outlive the interest. */
int interest_parse(const char *word, const char *mount, struct interest *interest, struct error **err);

/* Does the word mean this object? Of the resource nothing is asked. */
bool interest_matches(const struct interest *interest, struct str space, struct str name);

#endif
