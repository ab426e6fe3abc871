/* The units: the components of one cluster as they run, kept running, and stopped in order. */
#ifndef PODTREE_UNITS_H
#define PODTREE_UNITS_H

#include "cli/held.h"
#include "cli/record.h"
#include "lib/loop.h"

struct units;

/* The settings, the held descriptors and the loop outlive it. */
struct units *units_new(struct loop *loop, const struct settings *settings, struct held_fds *held);
void units_free(struct units *units);

/* Finds the processes that an earlier supervisor has left running, and takes from them what they hold. They
 * are no children of ours: they can be stopped and replaced. */
void units_adopt(struct units *units, const struct record *record);
/* Is any unit of these phases there? */
bool units_any_running(const struct units *units, enum stop_phase first, enum stop_phase last);

/* Starts everything that the settings want. From now on what dies is started again. */
int units_start(struct units *units, struct error **err);

/* Stops the units of the phases `first` to `last`, phase by phase; nothing is started again until
 * units_start(). Turns the loop until they are gone: SIGTERM, then SIGKILL, then they are given up. */
void units_stop(struct units *units, enum stop_phase first, enum stop_phase last);

/* Kills what is still adopted, so that children of ours take its place; units_start() has been called. */
void units_replace_adopted(struct units *units);

/* Calls `ended`, in the loop's next turn, whenever fsd has ended. */
void units_on_fsd_end(struct units *units, loop_due_fn *ended, void *context);

/* How often fsd has ended since it was started, and what the last time was like. */
int units_fsd_ends(const struct units *units, const char **how);

/* A line for each unit: "name pid uptime_ms restarts how it ended last"; pid 0 when it isn't running. */
void units_describe(const struct units *units, void (*line)(void *context, const char *text), void *context);

#endif
