/* The historian: a thread that turns committed changes into git commits, batched behind the store.
 *
 * A person's change is a commit of its own: author, subject, that object's file. Components' changes that
 * wait are coalesced into one commit, the last state of each object, at most a second after the first of
 * them. Order is kept: a person's commit comes after the components' changes before it. When persons change
 * faster than git can follow for more than a second, what waits is coalesced per author as well. What a
 * commit of several says: summary.h.
 *
 * When the repository can't be written (a full disk), changes wait, and are tried again until it can. */
#ifndef PODTREE_HISTORIAN_H
#define PODTREE_HISTORIAN_H

#include "fsd/history.h"

/* A change with everything that the commit needs. The historian takes it over, and gives it back; what is
 * left at its end it frees with `release`. */
struct history_entry {
    int64_t version;
    int64_t time_ms;
    struct str path; /* without .yaml, as in the store's outbox */
    struct str author, email, subject;
    struct str document; /* JSON; STR_NONE: the object is gone */
    bool person;
    void (*release)(struct history_entry *entry);
    struct history_entry *next; /* in its queue */
    int64_t arrived_ms;         /* monotonic */
};

/* In the order of their versions. */
struct history_queue {
    struct history_entry *first, *last;
    size_t count;
};

struct historian;

/* Opens the repository and starts the thread. Entries up to the repository's own sequence are skipped: they
 * are there already. `event_fd` is written to when more has become durable. */
int historian_start(const char *repository, int event_fd, struct historian **historian, struct error **err);
/* The entries are taken over, all at once. Never blocks. */
void historian_push(struct historian *historian, struct history_queue *entries);
/* Those that it doesn't need any more are added to *done. They go back to main, which has made most of what
 * they hold, a few at a time: pieces of main's memory that another thread frees by the hundred thousand are
 * sorted by whoever in main next asks for one, and that takes a tenth of a second. Never blocks. */
void historian_take_back(struct historian *historian, struct history_queue *done);
/* Everything up to this version is in git. Never blocks. */
int64_t historian_done(struct historian *historian);
/* Writes what waits, and ends; what can't be written stays in the store's outbox. NULL is fine. */
void historian_stop(struct historian *historian);

#endif
