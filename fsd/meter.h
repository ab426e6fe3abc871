/* How long main is held. Its law is a millisecond for one message, whatever is in it. What holds it for so
 * long that everybody notices is said in the log.
 *
 * With PODTREE_LOG=debug each breach of the law is said, and what counts is the processor time that main has
 * had: what other programs take from it is not its doing. To ask for that takes longer than many a message
 * does, so otherwise it is the time on the wall. */
#ifndef PODTREE_METER_H
#define PODTREE_METER_H

#include <stdbool.h>
#include <stdint.h>

struct meter {
    bool debug;
    int64_t at_us; /* the end of the last step */
};

/* Main, when it has waited: what comes is the first step. */
void meter_start(struct meter *meter);
/* The end of a step, which is the beginning of the next. `what` it was, for the log. */
void meter_step(struct meter *meter, const char *what);

#endif
