/* Parts: what the files below an object show of its document. Pure functions of a version. */
#ifndef PODTREE_PART_H
#define PODTREE_PART_H

#include "fsd/field.h"

enum part_form {
    PART_NONE,  /* it shows something else */
    PART_FIELD, /* the bytes of a field's own file */
    PART_JSON,  /* the object, or what is below a directory of it, as a document */
    PART_YAML,
    PART_METADATA, /* a line of .since: the object without what it is about … */
    PART_TOMBSTONE /* … and what is left of a deleted one, which says so */
};

/* Can it be made of the text alone? */
bool part_is_text(enum part_form form, struct str path);

/* Adds what is at `path` ("": all) of the version with this text; `document` is what the text says, and may
 * be absent where the text is enough. What isn't there has no bytes as a field, else it is null.
 */
void part_write(const struct kind *kind, struct str text, struct value document, struct str path,
                enum part_form form, struct buf *out);

#endif
