/* What a container says of its own end: the file at its terminationMessagePath, which is one of the machine's
 * that is mounted there; or, where it has said nothing and failed, and its policy is FallbackToLogsOnError,
 * the end of its log.
 *
 * The limits are the kubelet's: 4096 bytes of the file, 80 lines and 2048 bytes of the log, and 12 KiB for
 * all containers of a pod together.
 */
#ifndef PODTREE_TERMINATION_H
#define PODTREE_TERMINATION_H

#include "lib/doc.h"
#include "nodeagent/place.h"

/* Where a container has that file; STR_NONE when it wants none. */
struct str termination_path(struct value container);

/* Makes the machine's file in the container's bundle, empty and for everybody to write, and returns its path
 * (to be freed). */
char *termination_make(const char *bundle, struct error **err);

struct termination {
    const struct place *place;
    const char *uid, *name; /* of the pod, of the container */
    int attempt;
    struct value container; /* in the PodSpec */
    bool failed;            /* its exit code is not 0 */
    int containers;         /* of the pod */
};

/* The message (to be freed); NULL when there is nothing to be said. */
char *termination_message(const struct termination *termination);

#endif
