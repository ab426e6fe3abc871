/* The format of containers' logs on the disk, which is that of Kubernetes' runtimes: a line
 *
 *     2026-01-31T12:00:00.123456789+00:00 stdout F what the container wrote
 *
 * for each line that it wrote, or for a piece of one: tag P where the line goes on in the next one of the
 * same stream, F where it ends here. More tags may follow behind a colon. */
#ifndef PODTREE_CONTAINER_LOG_H
#define PODTREE_CONTAINER_LOG_H

#include "lib/str.h"

struct log_line {
    struct str time, stream; /* empty where the line isn't of this format … */
    struct str content;      /* … and this is all of it */
    bool partial;
};

/* `text` is without the newline at its end. What has not this format, because the disk was full in the middle
 * of it, is shown as it is: better than not at all. */
struct log_line log_line_parse(struct str text);

/* The files of an attempt's log: "3.log" is being written, "3.log.1", "3.log.2" … were put aside. */
struct log_file_name {
    int64_t attempt;
    int64_t sequence; /* 0: not put aside */
};

/* False: it is the name of something else, "3", "3.log.tmp". */
bool log_file_name_parse(struct str text, struct log_file_name *name);

#endif
