/* Returns: large free blocks of the arena (memory.h) give their memory back to the host. That takes up to a
 * millisecond a megabyte, so the worker does it, a millisecond's worth at a time. */
#ifndef PODTREE_RETURNS_H
#define PODTREE_RETURNS_H

struct fsd;

/* Main, once a turn. */
void returns_turn(struct fsd *fsd);
/* When the worker has stopped. */
void returns_free(struct fsd *fsd);

#endif
