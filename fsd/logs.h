/* Logs of containers, main's side: pods/<p>/containers/<c>/log and its like.
 *
 *     log             what the newest attempt has written
 *     log.previous    the one before; there when the container has been restarted
 *     .log, .log.previous   unlisted: the same with times and streams, for programs (lib/container_log.h)
 *
 * Reading them waits for the disk, so a thread of its own does it (log_file.h): another worker (worker.h),
 * which has nothing to do with the one of heavy.h. A call that concerns a log is handed to it before it is
 * run, and run when the answer is there.
 *
 * Nobody tells fsd that a container writes. So the kernel keeps neither size nor name of a log: each stat(2)
 * is asked of the disk, and gets the size of what a read gives. That is what tail -f does each second; it
 * costs nothing when nobody looks, and needs no invalidation.
 *
 * A file has one beginning for as long as somebody has it open: offsets mean the same bytes (log_file.h).
 * When the name comes to mean something else (another attempt, or the oldest pieces are gone), who looks for
 * it finds another node, as after a rename; while nobody has it open, the same node. Whoever has the file
 * open and looks for its name again, as tail -F does, finds what he has, as long as it is of the same
 * attempt: else he would read it all again whenever an old piece is removed. */
#ifndef PODTREE_LOGS_H
#define PODTREE_LOGS_H

#include "fsd/leaf.h"

/* `state` is the directory in which the node agent keeps its state too. */
int logs_start(struct fsd *fsd, const char *state, int wake_fd, struct error **err);
/* Ends the thread. */
void logs_stop(struct fsd *fsd);
/* What a predecessor has given open files for. Before any request is carried out. */
void logs_take_over(struct fsd *fsd);
/* Main, once a turn: runs the calls whose answer is there. */
void logs_turn(struct fsd *fsd);
/* Each second: lets go of what nobody has open. */
void logs_tick(struct fsd *fsd);

/* ---- names ---- */

/* The file of that name in a directory, if that is a container's: else NULL. */
const struct special *logs_child(struct fsd *fsd, const struct place *directory, uint32_t node,
                                 struct str name);
/* Visits those that are listed. */
void logs_list(struct fsd *fsd, const struct place *directory, uint32_t node, place_visit *visit,
               void *context);
static inline bool logs_has(const struct place *place)
{
    return place->type == PLACE_FILE && place->special->class == SPECIAL_LOG;
}

/* ---- calls ---- */

/* 0: go on; -EINPROGRESS: the call will be run again. */
int logs_prepare(struct call *call);
/* With the call. */
void logs_forget(struct call *call);

/* A log that is open has them also when its pod has gone. */
bool logs_attributes(struct fsd *fsd, uint32_t node, struct stat *attributes);
/* Of a lookup: the node of a file that the asking process has open and finds again; 0: none. */
uint32_t logs_followed(const struct call *call, uint32_t parent, struct str name);
/* The call has opened a log. */
void logs_opened(const struct call *call, uint32_t handle);
/* READ. */
int logs_read(struct call *call);

#endif
