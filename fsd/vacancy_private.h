/* What the parts of vacancy.h share. vacancy.c decides: what a request, the end of a process or of its time
 * means to the names that it has taken away. vacancy_records.c keeps those, in the shared memory, and watches
 * their processes. vacancy_removal.c asks whether a field can go, and carries out what is decided. */
#ifndef PODTREE_VACANCY_PRIVATE_H
#define PODTREE_VACANCY_PRIVATE_H

#include "fsd/vacancy.h"

#define VACANCY_NOBODY UINT32_MAX /* the process of a promise whose process is not known any more */

enum {
    VACANCY_REMOVE = 1, /* at the end the field is removed */
    VACANCY_STORED = 2, /* … as has been promised */
    VACANCY_CREATED = 4
};

/* What is not shared, of the record of the same index. */
struct vacancy_side {
    int pidfd;          /* 0: none is watched */
    bool decided;       /* it is being carried out: nobody else's any more */
    bool computing;     /* … by the worker at present */
    bool asked;         /* its promise is on its way to the disk: its time has not begun */
    int64_t had_cpu_ms; /* its process, when its time was up and it was held up; -1: has not happened */
    bool rests;         /* … and was not held up at the last look */
    bool inherited;     /* after a takeover: the store has its promise */
};

struct vacancies {
    int epoll_fd;
    unsigned open;
    bool look_again;             /* at once: one rests, if no request of its has come meanwhile */
    unsigned in_flight;          /* removals that are decided, and can't be seen yet */
    struct call_queue lookers;   /* requests that wait until there are none of those */
    struct call_queue followers; /* removals, for another one of their object */
    struct vacancy_side sides[MEMORY_VACANCIES];
};

/* ---- vacancy_records.c ---- */

struct vacancy_record *vacancy_record(const struct fsd *fsd, int index);
struct str vacancy_path(const struct fsd *fsd, int index);
/* The object that a directory belongs to, or 0, and the path of a name in it. */
int64_t vacancy_locate(struct fsd *fsd, uint32_t parent, struct str name, struct buf *path);
/* The next one at that place behind `after` (-1: the first), or -1. */
int vacancy_next(const struct fsd *fsd, int after, int64_t object, struct str path);
/* The one that the process of the call has there, or -1. */
int vacancy_own(const struct call *call, int64_t object, struct str path);

/* A free record, filled in; -1 when there is none, or no room for the path. */
int vacancy_make(struct fsd *fsd, uint32_t process, uint32_t uid, uint32_t gid, int64_t object,
                 struct str path);
/* The record of the call's process at that place, made if need be, and its end watched; -1: it can't be. */
int vacancy_ensure(struct call *call, int64_t object, struct str path);
void vacancy_close(struct fsd *fsd, int index);
static inline bool vacancy_is_below(struct str path, struct str directory)
{
    return path.length > directory.length && str_starts(path, directory) && path.at[directory.length] == '/';
}
void vacancy_stop_watching(struct vacancies *vacancies, int index);

/* ---- vacancy_removal.c ---- */

/* Would the removal be accepted, upon the others that the process has been promised? 0, the refusal, or
 * -EINPROGRESS: the call, whose start() asks, is run again. */
int vacancy_rehearse(struct call *call, int index, struct error **err);
/* It becomes durable, with the filling batch, that the removal is promised, or (redeemed) done. */
void vacancy_promise(struct fsd *fsd, int index, bool redeemed);
/* From now on it is in flight. */
void vacancy_carry_out(struct fsd *fsd, int index);

#endif
