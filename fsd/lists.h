/* Documents that are rendered as they are read: lists, tables, and what has changed since a version.
 *
 * Each function works for a quarter of a millisecond: it adds the next part to *out (nothing, where a
 * table's columns are measured) and moves the cursor; false when there is no more. The cursor is a name or a
 * version, never a pointer: a reader goes on after a restart of fsd, and memory does not grow with the list.
 * The contents come from the state at the moment of each part; .since is exact all the same, because what
 * changes meanwhile comes again at its end. A large object is not added, only named in the cursor: it is
 * brought by the worker (snapshot.h). */
#ifndef PODTREE_LISTS_H
#define PODTREE_LISTS_H

#include "fsd/special.h"

#define LIST_PART (32u << 10) /* bytes of a part; it ends with the first that comes to so many */

typedef bool list_more(struct fsd *fsd, const struct place *place, uint32_t node, struct list_cursor *cursor,
                       struct buf *out);

list_more more_field_json, more_field_yaml; /* .json and .yaml of an object or a directory below it */
list_more more_json, more_yaml;             /* of a directory of objects, or of links to them */
list_more more_table;                       /* the same, where they are of one kind */
list_more more_since, more_since_meta;      /* .since/<version> */

#endif
