/* What the server manages in an object: nobody's document changes it.
 *
 * Whatever an edit has made of the document, these parts come from the version before: identity and times in
 * the metadata, fields that the schema gives to the server, and, when a manifest takes the place of the old
 * one, fields that are written once. A new object gets them here. */
#ifndef PODTREE_MANAGED_H
#define PODTREE_MANAGED_H

#include "fsd/edit.h"

/* `before` is absent for a new object; `after` is edited in place. */
void managed_put_back(const struct edit_base *base, const struct edit *edit, int64_t now_ms,
                      struct value before, struct value after);

/* The status is a component's to write, with EDIT_STATUS, or when it makes an object. */
void managed_put_back_status(const struct edit *edit, struct value before, struct value after);

#endif
