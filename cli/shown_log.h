/* The log of one container, as podtree logs prints it: from its beginning or its last lines on, then whatever
 * comes, and in its turn the log of the next attempt, which takes the name over. */
#ifndef PODTREE_SHOWN_LOG_H
#define PODTREE_SHOWN_LOG_H

#include "cli/container_lines.h"

struct shown_log {
    char *path; /* of .log in the tree */
    int fd;     /* -1: not open */
    bool looks; /* its name may mean another attempt's log by now */
    int64_t tail;
    struct container_lines lines; /* to be initialised by the caller */
};

/* Takes the path. `tail`: only so many of the lines that are there when it is opened; -1: all. */
void shown_log_init(struct shown_log *log, char *path, int64_t tail);
void shown_log_free(struct shown_log *log);

/* Whatever the pod's status says has changed: it may have been made, or be another attempt's. */
void shown_log_changed(struct shown_log *log);
/* Prints what there is. True: there was something. */
bool shown_log_print(struct shown_log *log);
/* Nothing more comes: ends the line that has no end. */
void shown_log_end(struct shown_log *log);

#endif
