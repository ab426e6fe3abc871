/* The historian: a thread that turns committed changes into git commits, batched behind the store.
 *
 * A person's change is a commit of its own: author, subject, that object's file. Components' changes that
 * wait are coalesced into one commit, the last state of each object, at most a second after the first of
 * them. Order is kept: a person's commit comes after the components' changes before it. When persons change
 * faster than git can follow for more than a second, what waits is coalesced per author as well, and the
 * subject says how many changes there were.
 *
 * When the repository can't be written (a full disk), changes wait, and are tried again until it can. */
#ifndef PODTREE_HISTORIAN_H
#define PODTREE_HISTORIAN_H

#include "fsd/history.h"

/* A change with everything that the commit needs. The historian takes it over and frees it with `release`,
 * which is called from its own thread. */
struct history_entry {
    int64_t version;
    int64_t time_ms;
    struct str path; /* without .yaml, as in the store's outbox */
    struct str author, email, subject;
    struct str document; /* JSON; STR_NONE: the object is gone */
    bool person;
    void (*release)(struct history_entry *entry);
    struct history_entry *next; /* the historian's */
    int64_t arrived_ms;         /* monotonic; 0: when it is pushed */
};

struct historian;

/* Opens the repository and starts the thread. Entries up to the repository's own sequence are skipped: they
 * are there already. `event_fd` is written to when more has become durable. */
int historian_start(const char *repository, int event_fd, struct historian **historian, struct error **err);
/* In the order of versions. Never blocks. */
void historian_push(struct historian *historian, struct history_entry *entry);
/* Everything up to this version is in git. Never blocks. */
int64_t historian_done(struct historian *historian);
/* Writes what waits, and ends; what can't be written stays in the store's outbox. NULL is fine. */
void historian_stop(struct historian *historian);

#endif
