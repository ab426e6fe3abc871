/* What the parts of the history share: history.c (the repository, commits), history_place.c (its directory:
 * making it, clearing up) and history_pack.c (repacking). */
#ifndef PODTREE_HISTORY_PRIVATE_H
#define PODTREE_HISTORY_PRIVATE_H

#include "fsd/history.h"
#include "lib/process.h"
#include <git2.h>

/* The newest commit of a line of them. */
struct history_tip {
    bool any; /* is there a commit? */
    git_oid head;
    git_oid tree;
    int64_t sequence;
};

struct history {
    git_repository *repository;
    char *path;
    int lock;                 /* held while it is open */
    struct history_tip main;  /* what main says, durably */
    struct history_tip built; /* what has been built upon it, for history_publish() */
    bool cleared;             /* the loose objects have been looked through */
    /* Repacking: */
    size_t loose;   /* objects, about, and rather too many */
    size_t packing; /* how many there were when the repacking began */
    struct process *repacking;
    struct loop *loop; /* in which it runs */
    int64_t retry_ms;
    bool closing;
};

/* The last error of libgit2, as errno and sentence. */
int history_error(struct error **err, const char *what);

/* Makes an empty repository at `path`, whole or not at all. */
int history_make(const char *path, struct error **err);
/* Takes the repository's lock: returns its descriptor. */
int history_lock(const char *path, struct error **err);
/* Removes what a process that was killed while writing has left behind: its locks, its half-written files. */
void history_clear(const char *path);
/* Removes the empty ones among the loose objects, and returns how many others there are. */
size_t history_clear_loose(const char *path);
/* How many loose objects there are. */
size_t history_count_loose(const char *path);
/* Removes the half-written packs of a repacking that was killed. */
void history_clear_packs(const char *path);

/* Ends a repacking and waits for its end. */
void history_stop_repacking(struct history *history);

#endif
