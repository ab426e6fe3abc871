/* A change on its way: authorize → compute (edit.h) → check (admission) → apply (pending) → commit → publish
 * → announce → answer.
 *
 * Changes gather in a filling batch while another one is being written. A batch stands or falls as a whole;
 * when one fails, what was computed upon it meanwhile falls with it, and all their requests are refused with
 * what the disk said. */
#ifndef PODTREE_TXN_H
#define PODTREE_TXN_H

#include "fsd/batch.h"
#include "fsd/call.h"
#include "fsd/committer.h"
#include "fsd/edit.h"
#include "fsd/historian.h"

/* Loads the store and starts the committer and the historian. `state` is the state directory, `wake_fd` an
 * eventfd that is written to when something has ended. */
int txn_open(struct fsd *fsd, const char *state, int wake_fd, struct error **err);
/* Waits for what is under way, writes the history, closes the store. */
void txn_close(struct fsd *fsd);

/* What is to be changed. For a creation the object need not exist. */
struct change {
    const struct kind *kind;
    struct str namespace; /* "" for cluster-scoped kinds */
    struct str name;
    struct edit edit;
    struct call *call; /* may wait for the worker, if not NULL: then txn_change may say -EINPROGRESS */
    bool create_only;  /* EEXIST when there is one */
    bool must_exist;   /* ENOENT when there is none */
    bool rehearsal;    /* only asks whether it would be accepted */
};

/* Where it led: the object's uid and version, valid until the next change. */
struct changed {
    const char *uid;
    int64_t version;
    bool durable; /* nothing was to be changed, and what is there is on the disk: no need to wait */
    const struct object *object; /* NULL when it is gone */
};

/* Computes the change upon the newest state and adds it to the filling batch. Nothing is durable yet: the
 * caller parks its call. 0 or a negative errno. */
int txn_change(struct fsd *fsd, const struct asker *asker, const struct change *change,
               struct changed *changed, struct error **err);

/* A line in an object's events and in those of all, in the filling batch. */
int txn_event(struct fsd *fsd, const struct asker *asker, const struct object *object, const char *type,
              struct str reason, struct str message, struct error **err);

/* A line in the object's status, behind the time, in the filling batch. */
void txn_status_line(struct fsd *fsd, struct object *object, const char *status);

/* With the filling batch it becomes durable that a field will be removed, or (redeemed) that this has been
 * done. */
void txn_promise(struct fsd *fsd, const struct promise *promise);

/* The call waits for all changes made so far; its outcome (call->result) is stored with them. */
void txn_park(struct call *call);
/* The change of a repeated call was made and stored by a predecessor: it is answered as soon as the kernel
 * has been told everything that it must no longer cache. */
void txn_answer_made(struct call *call);
/* While held the filling batch isn't submitted: a bulk that is carried out in slices is one transaction. */
void txn_hold(struct fsd *fsd);
void txn_release(struct fsd *fsd);
/* All or none: txn_mark before; txn_undo takes back every change made since, txn_keep lets them stand. */
struct txn_mark txn_mark(struct fsd *fsd);
void txn_keep(struct fsd *fsd, struct txn_mark mark);
void txn_undo(struct fsd *fsd, struct txn_mark mark);
/* The same in slices: false when there was not the time for all; nothing may be changed before it has been
 * called again. */
bool txn_keep_some(struct fsd *fsd, struct txn_mark mark, int64_t end_us);
bool txn_undo_some(struct fsd *fsd, struct txn_mark mark, int64_t end_us);
/* Counts up when a batch fails: what was computed before, and has not been parked, is gone. */
uint64_t txn_failures(const struct fsd *fsd);

/* The newest version that is published, and when that was (wall clock). */
int64_t txn_version(const struct fsd *fsd);
int64_t txn_time_ms(const struct fsd *fsd);

/* Main, once a turn: takes what has ended, publishes, answers; submits what has gathered. True: there is more
 * to be done at once. */
bool txn_turn(struct fsd *fsd);
/* Something is on its way to the disk. */
bool txn_is_busy(const struct fsd *fsd);
/* The stored outcome of a repeated request, or NULL. */
const struct outcome *txn_outcome(const struct fsd *fsd, int slot, uint64_t unique);

#endif
