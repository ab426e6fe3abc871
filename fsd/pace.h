/* How a process gets on: whether it would run if it could, and how long it has. For deciding whether one that
 * does nothing for a while has nothing to do, or only has no processor, or waits for a disk. */
#ifndef PODTREE_FSD_PACE_H
#define PODTREE_FSD_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pace {
    bool held_up; /* it is running, waits for a processor, or for a disk: it doesn't sleep by its own will */
    int64_t cpu_ms; /* that it has used since it began */
};

/* False when there is no such process. */
bool pace_of(pid_t process, struct pace *pace);

#endif
