/* What may take as long as somebody else pleases, the tree while fsd is away, a disk of the network, a server
 * of names, is an errand: a thread does it, and the loop, which has probes to try and containers to end, goes
 * on.
 *
 * The errands of a line are done one after another, in the order in which they were given; a line has a
 * thread for as long as there is something to do. What belongs to an errand is its maker's until it is given,
 * the thread's while it is done, and then its maker's again: nothing is shared, nothing needs a lock.
 */
#ifndef PODTREE_ERRAND_H
#define PODTREE_ERRAND_H

#include "lib/loop.h"

/* To be put at the beginning of a struct with what is needed. */
struct errand {
    void (*work)(struct errand *errand); /* on the thread */
    void (*done)(struct errand *errand); /* then, on the loop; never from inside line_add() */
    void (*free)(struct errand *errand); /* frees all of it: after `done`, or, on any thread, instead of it */
    struct errand *next;                 /* the line's */
    bool forgotten;                      /* likewise */
};

struct line;

/* `name` is the thread's, for people who look at it: at most 15 bytes, a constant. */
struct line *line_new(struct loop *loop, const char *name, struct error **err);
/* Takes the errand. */
void line_add(struct line *line, struct errand *errand);
/* `done` will not be called. NULL is fine. */
void errand_forget(struct errand *errand);
/* Nothing calls back any more, and what has not been begun is not done. `last`, perhaps NULL, is called when
 * nothing is being done any more: at once, or by the thread when what holds it up comes to its end. NULL is
 * fine. */
void line_free(struct line *line, void (*last)(void *context), void *context);

#endif
