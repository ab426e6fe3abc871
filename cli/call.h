/* The caller's side of a node's door (lib/door.h). */
#ifndef PODTREE_CALL_H
#define PODTREE_CALL_H

#include "cli/target.h"
#include "lib/door.h"

/* A talk: the leash, and our ends of the three pipes. -1: closed. */
struct call {
    int leash, input, output, errors;
    struct buf heard; /* answers */
    size_t taken;     /* bytes of them */
};
#define CALL_NONE ((struct call){.leash = -1, .input = -1, .output = -1, .errors = -1})

/* Asks the node agent whose run directory that is. `request` is an object, to which the target is added. */
int call_open(struct call *call, const char *run, const struct target *target, struct value request,
              struct error **err);
void call_close(struct call *call);
#define autocall cleanup(call_close)

/* Receives what there is, or waits for something. With a terminal *terminal (-1 before) is its master, the
 * caller's. -EPIPE when the talk was cut. */
int call_receive(struct call *call, int *terminal, struct error **err);
/* Takes the next answer of what has been received; its strings live until the next call. */
bool call_next(struct call *call, struct door_answer *answer);

/* What an answer that ends the talk means: the exit code for our own program, or a negative errno. */
int call_result(const struct door_answer *answer, struct error **err);
/* Waits for the end of the talk, and says what it means. */
int call_finish(struct call *call, struct error **err);

#endif
