/* Readers: whoever has opened a file sees one version of it (tree.md 4), also when the object is changed or
 * deleted while it is read. So the version's text is copied into a reader's handle, at the last moment: when
 * another version is about to take its place.
 *
 * Of a large object whose file has been opened and not read yet only the version is held, in the memory of
 * this fsd, and its text is taken by the worker when somebody asks for it (snapshot.h). When fsd is killed
 * before that, such a reader, who has seen nothing, sees what there is then: a newer version, or that the
 * object is gone. Whoever has read something keeps what he has.
 *
 * What such a reader then gets is no longer what the file says, and goes through the kernel's page cache like
 * everything else; until it has closed the file others read past that cache, and the kernel keeps no size. */
#ifndef PODTREE_READERS_H
#define PODTREE_READERS_H

#include "fsd/fsd.h"
#include "fsd/leaf.h"

/* The handle has been opened on the leaf. */
void readers_add(struct fsd *fsd, uint32_t handle, const struct leaf *leaf);
/* Another version of the object is about to be published. */
void readers_keep(struct fsd *fsd, const struct object *object);
/* Has somebody the file open who sees an older version of it? */
bool readers_are_behind(struct fsd *fsd, uint32_t node);
/* The same of one handle's reader: what it sees is in the handle's bytes, or held for it. */
bool reader_is_behind(struct fsd *fsd, const struct handle_record *handle);
/* Of a file that is gone: the handle of somebody who still has it open, or 0. */
uint32_t readers_last(struct fsd *fsd, uint32_t node);

#endif
