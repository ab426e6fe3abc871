/* Snapshots: what a reader gets of a large object, taken with the first READ and kept in the handle.
 * Rendering a megabyte takes milliseconds, and so does memory that is touched for the first time: the worker
 * does both, from a version (which never changes) into a block of the shared memory that main then gives to
 * the handle. */
#ifndef PODTREE_SNAPSHOT_H
#define PODTREE_SNAPSHOT_H

#include "fsd/leaf.h"

/* What one READ takes whole. Manifests and fields up to this are rendered when they are asked for: where the
 * document is at hand that is a fraction of a millisecond. */
#define SNAPSHOT_BYTES (128u << 10)

/* If the leaf shows more of a large object than main renders itself, the handle is filled with it: 0 when it
 * is (HANDLE_FILLED), or need not be; -EINPROGRESS: the call will be run again; -ENOSPC. */
int snapshot_take(struct call *call, const struct leaf *leaf, struct handle_record *handle);
/* Is the handle being filled? With the version of then. */
bool snapshot_is_begun(struct fsd *fsd, uint64_t handle);
/* The handle is closed; and at the end of fsd all. */
void snapshot_drop(struct fsd *fsd, uint64_t handle);
void snapshots_free(struct fsd *fsd);

#endif
