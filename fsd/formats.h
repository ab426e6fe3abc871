/* The named formats of strings: what a name, a label's key, a quantity or a time looks like.
 *
 * A table from name to a function that looks at the text, and the words that say what would be right. Schemas
 * use them by `format` and, for the keys of maps, x-podtree-keys. */
#ifndef PODTREE_FORMATS_H
#define PODTREE_FORMATS_H

#include "lib/str.h"

struct format {
    const char *name;
    bool (*check)(struct str text);
    const char *wanted; /* "must be " this */
};

/* NULL for a name that is not in the table. */
const struct format *format_find(struct str name);

#endif
