/* Keeps containers' logs small: what has become too long is put aside and the monitor begins a new file; the
 * oldest go, and so do the logs of attempts that nobody asks for any more. Sizes, numbers and the interval
 * are the kubelet's defaults (containerLogMaxSize 10Mi, containerLogMaxFiles 5, containerLogMonitorInterval
 * 10s); unlike there, nothing is compressed, because all of it can be read (fsd/log_file.h).
 *
 *     3.log → 3.log.7 by rename, to which the monitor goes on writing,
 *     until it has read from its control fifo that it shall open 3.log anew.
 *
 * So no byte is lost or doubled, whoever dies in between. A request must not be made twice, though: opening
 * anew throws away what has been written since the first. So an agent that finds 3.log.7 but no 3.log makes
 * the request only if it has seen the fifo empty and 3.log.7 growing after that: then none is on its way, for
 * a monitor that has read one writes nothing before it has done it. (One that is stuck writes nothing either,
 * and needs nothing.) The monitor's own --log-size-max can't be used: it begins anew in the same place and
 * throws away what was there.
 */
#ifndef PODTREE_LOG_ROTATION_H
#define PODTREE_LOG_ROTATION_H

#include "nodeagent/record.h"

#define LOG_ROTATION_MS 10000

struct log_limits {
    int64_t bytes; /* of one file */
    int files;     /* of an attempt, with the one that is being written; at least 2 */
};

extern const struct log_limits log_limits_default;

/* Looks after the logs of a container. `running`: its newest attempt is, so that it has a monitor. *seen is
 * for the next call: how long what was put aside is, while the monitor has not begun anew; 0 at first. */
int log_rotate(const struct place *place, const char *uid, const char *container, int attempt, bool running,
               const struct log_limits *limits, int64_t *seen, struct error **err);

/* The same for all containers of a pod; what goes wrong is said in the agent's own log. */
void log_rotate_pod(const struct place *place, struct pod_record *record);

#endif
