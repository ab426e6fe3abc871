/* Conditions of a status: an array of objects, one for each type. */
#ifndef PODTREE_CONDITION_H
#define PODTREE_CONDITION_H

#include "lib/doc.h"

/* The condition of this type, or absent. */
struct value condition_find(struct value conditions, const char *type);

/* Makes it say that, in place or at the end. lastTransitionTime moves only when `status` (True, False,
 * Unknown) changes. Empty reasons and messages are left out. Returns the condition if it says something else
 * now than before, absent if not. */
struct value condition_set(struct value conditions, const char *type, const char *status, const char *reason,
                           struct str message, int64_t now_ms);

/* Takes it out; false when it wasn't there. */
bool condition_remove(struct value conditions, const char *type);

#endif
