/* Decimal numbers as text: compared and converted exactly, without going through floating point. */
#ifndef PODTREE_DECIMAL_H
#define PODTREE_DECIMAL_H

#include "lib/str.h"

/* What a text says: 0.d1d2d3… times ten to the power of `point`. */
struct decimal {
    bool negative;
    struct str digits; /* from the first that is not zero; may hold a '.'; empty for zero */
    int64_t point;
};

/* Cuts a sign, digits with at most one '.', and an exponent (e or E with digits; an e without digits is left
 * there) off the front of *text; false when it begins with none. */
bool decimal_read(struct str *text, struct decimal *number);

bool decimal_equal(struct decimal a, struct decimal b);

/* The number times `factor` (positive), rounded away from zero to a whole number; *exact, if not NULL, says
 * whether there was nothing to round. False when it does not fit. Digits beyond the 18th behind the point
 * only decide about the rounding. */
bool decimal_to_int64(struct decimal number, int64_t factor, int64_t *whole, bool *exact);
bool decimal_to_int128(struct decimal number, int64_t factor, __int128 *whole, bool *exact);

#endif
