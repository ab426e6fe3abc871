/* Strays: files whose names are no fields, and that nobody renames over one.
 *
 * In an object's own directories an unknown name is a scratch file, because editors and tools make files of
 * any name beside the one that they will rename them over. But `echo 3 > replica` makes one just as well, and
 * a user who has mistyped a name has changed nothing. Which of the two it is shows only afterwards: what has
 * been written, closed, and not been renamed or removed in STRAY_MS is said in its user's errors, once for
 * each file. Names that are known to be editors' are never talked about. */
#ifndef PODTREE_STRAYS_H
#define PODTREE_STRAYS_H

#include "fsd/call.h"

#define STRAY_MS 5000

/* A file that was open for writing has been closed by its user. */
void stray_closed(struct fsd *fsd, uint32_t node, const struct asker *asker);
/* Of those that are overdue the users are told. */
void strays_expire(struct fsd *fsd, int64_t wall_ms);

#endif
