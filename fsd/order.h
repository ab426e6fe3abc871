/* The order of versions: what has a number, sorted by it.
 *
 * Nearly always the next number is the highest, and what gets it loses an older one: so there are parts of a
 * few dozen entries, found by halving, of which few have to be moved when one comes or goes, and which are
 * joined when they have become small. */
#ifndef PODTREE_ORDER_H
#define PODTREE_ORDER_H

#include "lib/error.h"

struct order {
    struct order_part **parts; /* none is empty */
    size_t count, capacity;
};

void order_free(struct order *order); /* what it leads to stays */

/* No two have the same number. */
void order_add(struct order *order, int64_t number, void *item);
/* Nothing happens when there is none. */
void order_remove(struct order *order, int64_t number);
/* The item with the lowest number above this one, or NULL. */
void *order_after(const struct order *order, int64_t number);

#endif
