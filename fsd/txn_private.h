/* The inside of txn, shared by the files that make it up: txn.c (changes and batches), txn_load.c (start and
 * end). */
#ifndef PODTREE_TXN_PRIVATE_H
#define PODTREE_TXN_PRIVATE_H

#include "fsd/batch.h"
#include "fsd/committer.h"
#include "fsd/txn.h"

struct txn {
    struct committer *committer;
    struct historian *historian;
    struct batch *filling;
    struct batch *writing;                     /* with the committer; NULL: nothing */
    struct batch *publishing;                  /* durable, and becoming visible; NULL: nothing */
    size_t published_entries, published_lines; /* of it */
    struct history_queue recorded;             /* entries that are in the history, and are to be freed */
    struct batch *ended, **ended_end;          /* their calls are being answered, then they are freed */
    struct batch *failing; /* refused by the disk, and what was computed upon it: being taken back */
    size_t discarded;      /* entries of the first of them */
    struct error *failure;
    int held; /* the filling batch must not be submitted while this is not 0 */
    uint64_t failures;
    struct given_numbers *given; /* in the memory that outlives fsd */
    int64_t published, published_ms;
    struct outcome outcomes[MEMORY_SLOTS]; /* of the requests that a predecessor left */
    struct stream_line *trims;             /* lines to be deleted with the next batch */
    size_t trim_count, trim_capacity;
    unsigned char random[256];
    size_t random_left;
};

/* A durable line takes its place in its stream; those that go from there go from the store with the next
 * batch. False when nobody can see its object. */
bool txn_take_line(struct fsd *fsd, const struct stream_line *line);
void txn_add_trims(struct txn *txn, struct batch *batch);

#endif
