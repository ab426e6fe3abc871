/* rm -r in progress.
 *
 * Tools unlink a file before they create it anew (install, mv from elsewhere, tar), and rm -r unlinks
 * everything before the final rmdir. Nothing may be lost by the first, and nothing left by the second. So the
 * unlink of an object's manifest.yaml, which is listed first, opens a removal by that process: what it
 * unlinks below has no effect, its final rmdir deletes the object, and if it creates a manifest.yaml instead
 * it was a replacement. If it does neither, nothing has happened. */
#ifndef PODTREE_REMOVAL_H
#define PODTREE_REMOVAL_H

#include "fsd/call.h"

#define REMOVAL_MS 5000

/* The process of the call has unlinked the object's manifest.yaml. When too many are in progress: -ENFILE. */
int removal_open(const struct call *call, int64_t object);
/* Is the process of the call removing the object that the node belongs to, or one above it (a namespace)? */
bool removal_covers(const struct call *call, uint32_t node);
/* Has the process of the call unlinked this object's manifest.yaml? Then it sees none. */
bool removal_is_open(const struct call *call, int64_t object);
/* It has come to its end: by rmdir, or by a new manifest. */
void removal_close(struct fsd *fsd, int64_t object);
/* After a takeover: the time that nobody answered doesn't count. */
void removals_extend(struct fsd *fsd, int64_t wall_ms);
/* Those that are overdue end, and their users are told. */
void removals_expire(struct fsd *fsd, int64_t wall_ms);

#endif
