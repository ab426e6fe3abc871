/* The named formats of strings: what a name, a label's key, a quantity or a time looks like.
 *
 * A table from name to a function that looks at the text, and the words that say what would be right. Schemas
 * use them by `format` and, for the keys of maps, x-podtree-keys. */
#ifndef PODTREE_FORMATS_H
#define PODTREE_FORMATS_H

#include "fsd/kind.h"

struct format {
    const char *name;
    bool (*check)(struct str text);
    const char *wanted; /* "must be " this */
};

/* NULL for a name that is not in the table. */
const struct format *format_find(struct str name);

/* The formats that Kubernetes checks in CustomResourceDefinitions' objects, another table: the name of one of
 * them that values of the type may have, STR_NONE for any other, which says nothing. */
struct str format_published(enum schema_type type, struct str name);
/* NULL for one that isn't known, and for one that every value of the type fits. */
const struct format *format_find_published(struct str name);

#endif
