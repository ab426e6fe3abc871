/* A log as one file: what an attempt of a container has written, from the oldest piece that is still there to
 * the newest byte, whatever has been put aside meanwhile (log_source.h).
 *
 * The bytes are those that the container wrote (LOG_OUTPUT), without time and stream, pieces of lines joined;
 * or the lines as the runtime has written them (LOG_LINES). How many bytes that makes is known only when all
 * of it has been looked at: so each piece is gone through once, and then whatever has come behind that. Marks
 * on the way tell where to begin when somebody reads in the middle.
 *
 * A byte has the same offset for as long as somebody has the file open: the file begins where it began when
 * it was opened first, though pieces may be removed, and what is open can be read to its end. Whoever looks
 * for the name after that finds another file, with the pieces of then: as with every log that is rotated.
 *
 * Offsets outlive this process through an anchor: where in the file one of its last pieces begins. A
 * successor that finds the piece counts from there.
 *
 * Waits for the disk: everything here happens in the log reader's thread. */
#ifndef PODTREE_LOG_FILE_H
#define PODTREE_LOG_FILE_H

#include "fsd/log_source.h"

enum log_which { LOG_NEWEST, LOG_PREVIOUS }; /* attempt that has a log, or the one before */
enum log_form { LOG_OUTPUT, LOG_LINES };

struct log_anchor {
    int64_t attempt;  /* -1: the container has not run yet */
    int64_t sequence; /* the piece … */
    int64_t offset;   /* … and where it begins in the file */
};

/* What a look has found. */
struct log_look {
    int status; /* 0, or a negative errno of the disk */
    int64_t size;
    int64_t time_ms; /* 0: nothing is there */
    struct log_anchor anchor;
    bool outdated; /* only if looked at by name: the name means another file now */
};

enum {
    LOG_BY_NAME = 1, /* is it still what its name means? While nobody holds it, it becomes that */
    LOG_HOLD = 2     /* somebody has it open: what is there now stays readable until log_file_let_go() */
};

struct log_file;

/* The source is copied, its strings too. No look at the disk yet. */
struct log_file *log_file_new(const struct log_source *source, enum log_which which, enum log_form form);
void log_file_free(struct log_file *file);
/* Before the first look: as a predecessor has had it open. */
void log_file_restore(struct log_file *file, const struct log_anchor *anchor);
struct log_look log_file_look(struct log_file *file, unsigned flags);
/* Adds what is at the offset, at most `size` bytes, of what the last look has found. 0 or a negative errno.
 */
int log_file_read(struct log_file *file, int64_t offset, size_t size, struct buf *out);
void log_file_let_go(struct log_file *file);

#endif
