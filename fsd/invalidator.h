/* The invalidator tells the kernel what it must no longer cache. Those calls may block on locks that the
 * kernel holds until fsd answers something else: the lock of a directory for an rmdir in it, that of a page
 * for a read. So main never makes them; and neither does any thread of fsd, because such a wait can't be
 * killed: a killed fsd could not end, and its successor, which alone can answer, would not be started. They
 * are made by a child, which nobody waits for. */
#ifndef PODTREE_INVALIDATOR_H
#define PODTREE_INVALIDATOR_H

#include "lib/error.h"
#include "lib/str.h"
#include <stdint.h>

struct invalidator;

/* Forks: before there are threads. `wake_fd`: an eventfd that is written to when a fence has been reached. */
int invalidator_start(int fuse_fd, int wake_fd, struct invalidator **invalidator, struct error **err);
/* Waits for nothing that the kernel has still to do: it may wait for an answer that fsd no longer gives. */
void invalidator_stop(struct invalidator *invalidator);

/* What follows is gathered until invalidator_turn() hands it over, so that the threads are woken once for all
 * of it. Attributes and cached pages of a file; `attributes_only` never blocks. */
void invalidate_node(struct invalidator *invalidator, uint64_t number, bool attributes_only);
/* The name in the directory. */
void invalidate_entry(struct invalidator *invalidator, uint64_t parent, struct str name);
/* The name is gone for good; watches on the file hear of it. */
void invalidate_deleted(struct invalidator *invalidator, uint64_t parent, uint64_t child, struct str name);
/* `cookie` comes back when every invalidate_node() before it has been done. Names are not waited for: the
 * kernel may hold their directory for the very request that waits. */
void invalidate_fence(struct invalidator *invalidator, void *cookie);
void invalidator_turn(struct invalidator *invalidator);
/* Nothing waits: the kernel has been told everything. */
bool invalidator_is_idle(struct invalidator *invalidator);
/* A cookie whose fence has been reached, or NULL. */
void *invalidator_reached(struct invalidator *invalidator);

#endif
