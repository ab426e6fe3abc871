/* Who makes containers: the OCI runtime, as it was for each of them. Another one may be configured by the
 * time a container is looked after, by an agent that comes later; it is the one that has made it which knows
 * of it, and which has to be asked to remove it or to run a command in it. So a bundle says by whom it was
 * made, with a symbolic link to the program. */
#ifndef PODTREE_MAKER_H
#define PODTREE_MAKER_H

#include "nodeagent/place.h"

struct maker {
    char *program; /* its path */
    char *root;    /* where it keeps what it knows: RUN/runc */
};

/* The one that is configured. */
struct maker maker_configured(const struct place *place);
/* Notes that one in a bundle, before it makes the container. */
int maker_note(const struct place *place, const char *bundle, struct error **err);
/* The one that has made the container; the configured one where that can't be told any more. */
struct maker maker_of(const struct place *place, const char *bundle);
void maker_free(struct maker *maker);
#define automaker cleanup(maker_free)

/* What the program is called. */
const char *maker_name(const struct maker *maker);
/* The directory of what it keeps of a container (to be freed). */
char *maker_state(const struct maker *maker, const char *id);
/* The fifo at which a container's first process waits to be started (to be freed). It is gone soon after
 * that; runtimes that have none are not known to be waiting by an agent that comes later. */
char *maker_fifo(const struct maker *maker, const char *id);
/* Is a container started by whoever reads there? Else the runtime has to be asked to. */
bool maker_starts_by_reader(const struct maker *maker);

#endif
