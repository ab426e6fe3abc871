/* The columns of a kind: tables for people, and status lines. Pure functions of documents. */
#ifndef PODTREE_COLUMNS_H
#define PODTREE_COLUMNS_H

#include "fsd/kind.h"

/* `.table`: a header and a row per object, aligned; with a NAMESPACE column if asked; all columns (kubectl's
 * -o wide). A large table need not be made in one go: a first pass takes the widths, a second one adds the
 * rows, and `widths` (empty at the beginning, the caller's) is all that one part of the work leaves to the
 * next, which may have a struct table of its own. */
struct table;
struct table *table_new(const struct kind *kind, bool with_namespace, int64_t now_ms, struct buf *widths);
void table_measure(struct table *table, struct value object); /* first pass: every object */
void table_header(struct table *table, struct buf *out);
void table_row(struct table *table, struct value object, struct buf *out); /* second pass */
void table_free(struct table *table);

/* The part of a status line behind the time: state, then key=value ("Running ready=1/1 restarts=0 node=n1").
 * Two versions of an object need a new line exactly when this text differs. Ages are not part of it. */
void status_line(const struct kind *kind, struct value object, struct buf *out);

#endif
