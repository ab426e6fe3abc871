/* A call: one request of the kernel, from being read to being answered.
 *
 * Each operation has two halves. start() looks at the state, answers at once where it can, or puts changes
 * into the filling batch and returns CALL_PARKED. finish() answers when the batch is durable, or has failed.
 * After a crash the request is found in its slot and carried out again: where the store says that its change
 * was made, or the slot that finish() had begun, only finish() runs; so finish() uses nothing that start()
 * computed, only the request itself and the outcome, and may run twice. */
#ifndef PODTREE_CALL_H
#define PODTREE_CALL_H

#define FUSE_USE_VERSION 314
#include "fsd/call_queue.h"
#include "fsd/fsd.h"
#include "lib/identity.h"
#include <fuse_lowlevel.h>

/* What a repetition of the request has to know is noted in its slot (slots.h): where an append began, which
 * handle was opened, or that start() is over and what finish() does may have been done in part. */
#define NOTE_FINISHING UINT64_MAX
#define NOTE_TRYING    (UINT64_MAX - 1) /* what was collected is being carried out for this request */

#define CALL_PARKED  1 /* finish() will be called */
#define CALL_SILENT  2 /* start() has answered */
#define CALL_WAITING 3 /* start() will be called again when something that it waits for has happened */
#define CALL_DURABLE 4 /* of a change: it was made before, and is on the disk */

struct asker {
    uid_t uid;
    gid_t gid;
    pid_t thread; /* 0 from another pid namespace */
    enum identity identity;
};

struct call;

/* What an operation means to fields that a process has taken away (vacancy.h). */
enum regards {
    REGARDS_NOTHING,
    LOOKS,  /* its answer depends on whether they are there */
    GOES_ON /* … and the process that asks has turned to something else */
};

struct operation {
    const char *name;
    int (*start)(struct call *call, struct error **err); /* 0: answer with success and nothing else */
    void (*finish)(struct call *call,
                   int result); /* result: outcome.result; NULL: an answer without content */
    enum regards regards;
    bool always; /* finish() comes after a refusal too (a negative result), which is only said */
};

struct call {
    struct fsd *fsd;
    const struct operation *operation;
    fuse_req_t request;
    int slot;
    uint64_t unique;
    struct asker asker;
    bool repeated;     /* read by a predecessor of this fsd */
    bool quiet;        /* its refusals are no news: a probe for existence */
    bool tells_target; /* its refusal is about what it renames to */

    /* The arguments, in the slot's memory; which are used depends on the operation. */
    uint64_t node, new_parent;
    const char *name, *new_name;
    struct fuse_file_info file;
    bool has_file;
    struct stat attributes;
    int set; /* SETATTR: FUSE_SET_ATTR_… */
    mode_t mode;
    unsigned flags;
    off_t offset;
    size_t size;
    struct str data;

    /* The outcome, stored with the changes. */
    int result;

    /* What start() keeps from turn to turn while it says CALL_WAITING or -EINPROGRESS. */
    void *work;
    struct heavy *heavy;  /* what the worker has done for it, or does: heavy.h */
    struct log_work *log; /* … and the log reader: logs.h */
    /* The worker may read where they lie what its handle has collected, or the content of this node. */
    bool lends;
    uint32_t lends_scratch;

    struct call *next; /* in its call_queue */
};

/* The slot's note. */
uint64_t *call_note(const struct call *call);

/* Makes the call of the request that is being dispatched. */
struct call *call_new(struct fsd *fsd, fuse_req_t request, const struct operation *operation);
/* start(), or finish() where a repeated request is known to have been carried out; answers when there is
 * nothing to wait for. */
void call_run(struct call *call);
/* When the batch has ended: `failure` is NULL when it is durable. */
void call_finish(struct call *call, const struct error *failure);
/* After the answer has been given. */
void call_free(struct call *call);

/* The node of the request, or 0 (ESTALE is not used: the kernel would repeat). */
uint32_t call_node(const struct call *call);
/* The process of the asking thread; 0 when it is gone. Reads /proc. */
pid_t call_process(const struct call *call);
pid_t process_of_thread(pid_t thread);

/* Who changes: "root", "alice", "scheduler". Valid until the next call. */
const char *asker_name(const struct asker *asker);

/* May they? 0 or -EACCES. The authorizers are a table (authorize.h); reading needs it too. */
int call_authorize(const struct call *call, const char *verb, struct error **err);

#endif
