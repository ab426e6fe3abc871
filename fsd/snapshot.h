/* Snapshots: what a reader gets of a large object, kept in the handle. Rendering a megabyte takes
 * milliseconds, and so does memory that is touched for the first time: the worker does both, from a version
 * (which never changes) into a block of the shared memory that main then gives to the handle.
 *
 * A snapshot begins with the first READ; or it is only held, where the object changes while the file is open
 * and unread (readers.h), and taken when somebody asks for it. A successor of this fsd takes what was not
 * given yet anew, from the version of then: nobody has seen anything of it. */
#ifndef PODTREE_SNAPSHOT_H
#define PODTREE_SNAPSHOT_H

#include "fsd/leaf.h"

/* What one READ takes whole. Manifests and fields up to this are rendered when they are asked for: where the
 * document is at hand that is a fraction of a millisecond. */
#define SNAPSHOT_BYTES (128u << 10)

/* If the leaf shows more of a large object than main renders itself, or another version of it than is there
 * now, the handle of the call is filled with it: 0 when it is (HANDLE_FILLED), or need not be; -EINPROGRESS:
 * the call will be run again; -ENOSPC. */
int snapshot_take(struct call *call, const struct leaf *leaf, struct handle_record *handle);
/* The same where a snapshot is held or has begun; 0 where there is none. For any handle, by its number. */
int snapshot_finish(struct call *call, uint64_t handle);
/* Of what the object's version is now, for the handle; false: its text shows something else. */
bool snapshot_hold(struct fsd *fsd, uint64_t handle, const struct leaf *leaf);
/* What the leaf shows of a large object, for a call without a handle, which asks until it has it: its text,
 * in a block that is the caller's then; none, where main renders it. 0, -EINPROGRESS or -ENOSPC. A call that
 * has asked so has to forget it at its end: it may have been refused while the worker had it. */
int snapshot_of_leaf(struct call *call, const struct leaf *leaf, struct arena_bytes *text);
void snapshot_forget(const struct call *call);
/* The whole of a version, for a list: its text, in a block that is the caller's then. The handle is the
 * call's; 0, -EINPROGRESS or -ENOSPC. */
int snapshot_of_version(struct call *call, const struct kind *kind, struct version *version,
                        enum part_form form, struct arena_bytes *text);
/* The handle is closed; and at the end of fsd all. */
void snapshot_drop(struct fsd *fsd, uint64_t handle);
void snapshots_free(struct fsd *fsd);

#endif
