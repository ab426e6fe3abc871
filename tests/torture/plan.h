/* What a torture has been asked to do, and what each of them begins and ends with. */
#ifndef PODTREE_TORTURE_PLAN_H
#define PODTREE_TORTURE_PLAN_H

#include "lib/options.h"
#include "tests/torture/torture.h"

struct plan {
    const char *podtree;   /* the program */
    const char *directory; /* for all that there will be */
    const char *victims;   /* what is killed: names with commas between them */
    int64_t kills, seed;
    bool faults; /* victims die at their fault points (lib/fault.h) */
};
extern struct plan plan;

/* Rows of a table of options. */
#define PLAN_OPTIONS                                                                                       \
    {.name = "podtree", .argument = "PROGRAM", .help = "the program", .text = &plan.podtree},              \
        {.name = "dir", .argument = "DIR", .help = "for all that there will be", .text = &plan.directory}, \
        {.name = "kills", .argument = "N", .help = "how often", .number = &plan.kills},                    \
    {                                                                                                      \
        .name = "seed", .argument = "N", .help = "of the random numbers (by the clock)",                   \
        .number = &plan.seed                                                                               \
    }

/* Reads the options into the plan, and makes what the processes share. Ends the process when help was asked
 * for, or with 2 when they are wrong. */
void begin(const struct usage *usage, int argc, char **argv);
/* Says how it went; the exit code. */
int finish(bool good);

/* Is the name one of those in the list, which have commas between them? */
bool is_among(const char *list, const char *name);
/* Runs podtree without its output; did it succeed? argv as for execv. */
bool podtree_does(const char *const *argv);
/* What starts next, with the file in PODTREE_FAULT, dies when it passes the fault point for a time drawn by
 * lot, the first to the one given; or waits there at a gate, if that isn't NULL. */
void set_fault(const char *path, const char *point, unsigned passes, const char *gate);

#endif
