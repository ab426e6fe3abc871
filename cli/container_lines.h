/* What podtree logs prints of one container: the lines of its .log (lib/container_log.h), as people want
 * them. */
#ifndef PODTREE_CONTAINER_LINES_H
#define PODTREE_CONTAINER_LINES_H

#include "lib/str.h"

struct container_lines {
    char *prefix;             /* "[web-1/main] ", with colours perhaps; NULL: none */
    bool timestamps;          /* the time in front of each line */
    struct buf unread;        /* the beginning of a line of the log */
    struct buf unfinished[2]; /* by stream: pieces of a line of the container that has no end yet */
};

/* `colour`: a number, a colour each; negative: none. `pod` NULL: no prefix. */
void container_lines_init(struct container_lines *lines, const char *pod, const char *container, int colour,
                          bool timestamps);
void container_lines_free(struct container_lines *lines);

/* The next bytes of the log: adds what is to be printed. With a prefix or a time lines are printed whole,
 * also where both streams come in pieces; without, the bytes are the container's own, as soon as they are
 * there. */
void container_lines_take(struct container_lines *lines, struct str bytes, struct buf *out);
/* Nothing more comes: what has no end gets one, where lines have something in front. */
void container_lines_end(struct container_lines *lines, struct buf *out);

/* `end` are the last bytes of a log, `whole` if they are all of it. Where in them the last `count` lines of
 * the container begin; -1: more bytes are needed to know. */
int64_t container_lines_last(struct str end, bool whole, int64_t count);

#endif
