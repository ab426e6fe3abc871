/* Keeps containers' logs small: what has become too long is put aside and the monitor begins a new file; the
 * oldest go, and so do the logs of attempts that nobody asks for any more. Sizes, numbers and the interval
 * are the kubelet's defaults (containerLogMaxSize 10Mi, containerLogMaxFiles 5, containerLogMonitorInterval
 * 10s); unlike there, nothing is compressed, because all of it can be read (fsd/log_file.h).
 *
 *     3.log → 3.log.7 by rename, to which the monitor goes on writing,
 *     until it has read from its control fifo that it shall open 3.log anew.
 *
 * So no byte is lost or doubled, whoever dies in between: an agent that finds that there is no 3.log though
 * there is a 3.log.7 says it again. The monitor's own --log-size-max can't be used: it begins anew in the
 * same place and throws away what was there.
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

/* Looks after the logs of a container. `running`: its newest attempt is, so that it has a monitor. */
int log_rotate(const struct place *place, const char *uid, const char *container, int attempt, bool running,
               const struct log_limits *limits, struct error **err);

/* The same for all containers of a pod; what goes wrong is said in the agent's own log. */
void log_rotate_pod(const struct place *place, const struct pod_record *record);

#endif
