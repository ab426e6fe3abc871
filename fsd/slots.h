/* Slots: requests that have been read from the kernel and not been answered.
 *
 * A request is read straight into a slot of the shared memory, and the slot is free again when the answer has
 * been written. So whenever fsd dies, the requests that it owes an answer to are all there, and its successor
 * carries them out first. This needs nothing of the kernel; FUSE_NOTIFY_RESEND (Linux 6.9) is not used.
 *
 * A slot goes free → reading → taken → free. A successor that finds one `reading` looks at the request's own
 * length: the kernel writes the header first, so a length that is not 0 means that a request was handed over.
 */
#ifndef PODTREE_SLOTS_H
#define PODTREE_SLOTS_H

#include "fsd/memory.h"
#include "fsd/worker.h"

enum slot_state { SLOT_FREE, SLOT_READING, SLOT_TAKEN };

struct slot_record {
    uint32_t state;
    uint32_t length; /* of the request */
    uint64_t unique; /* the kernel's number of the request */
    uint64_t note;   /* what a repetition has to know: see call.h; 0: nothing */
};

struct slots;

struct slots *slots_new(struct memory *memory);
/* When the worker has stopped. */
void slots_free(struct slots *slots);
/* Main, once a turn: has the worker touch the slots that will be needed next, each of which takes memory. */
void slots_turn(struct slots *slots, struct worker *worker);

/* Reads the next request from the descriptor into a slot: its number, -EAGAIN when there is none to read now,
 * -EBUSY when all slots are taken (answer something first), or another negative errno (ENODEV: unmounted). */
int slots_read(struct slots *slots, int fuse_fd);
/* After a takeover: the slots that hold requests, one after the other in the order in which the kernel
 * numbered them; -1 at the end. */
int slots_next_left(struct slots *slots);
int slots_oldest_left(const struct slots *slots); /* only looks at it */

struct slot_record *slot_record(struct slots *slots, int slot);
char *slot_bytes(struct slots *slots, int slot);
/* Which slot has this request, or -1. */
int slots_find(struct slots *slots, uint64_t unique);
/* The request has been answered, or wants no answer. */
void slots_release(struct slots *slots, int slot);

#endif
