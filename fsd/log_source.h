/* Where containers' logs lie. The node agent of this machine keeps its state in the same directory as fsd
 * (nodeagent/place.h), and the logs of a container's attempts are files there:
 *
 *     STATE/pods/<uid>/<container>/<attempt>.log              being written
 *     STATE/pods/<uid>/<container>/<attempt>.log.<sequence>   was too long and put aside: 1, 2 …
 *
 * The oldest of these go, the last one stays. Nothing else of fsd knows that; the logs of other machines'
 * pods would come in here. May wait for the disk: for the log reader's thread only. */
#ifndef PODTREE_LOG_SOURCE_H
#define PODTREE_LOG_SOURCE_H

#include "lib/error.h"
#include "lib/str.h"
#include <sys/stat.h>

/* Whose log; the strings live as long as what uses it. */
struct log_source {
    const char *state, *uid, *container;
};

/* A file of a log. */
struct log_piece_name {
    int64_t attempt;
    int64_t sequence; /* 1, 2 …; of the one that is being written: one more than the last one put aside */
    bool current;     /* it has not been put aside */
};

/* All that there is, by attempt and sequence, in an array to be freed; none where the container never ran. 0,
 * or a negative errno. */
int log_source_list(const struct log_source *source, struct log_piece_name **names, size_t *count);

/* A descriptor for reading. -ENOENT: it has been put aside, or removed, since it was listed. */
int log_source_open(const struct log_source *source, const struct log_piece_name *name);

/* The attributes of what is being written. -ENOENT: there is none at this moment. */
int log_source_stat(const struct log_source *source, int64_t attempt, struct stat *attributes);

#endif
