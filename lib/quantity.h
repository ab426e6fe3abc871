/* Kubernetes' resource quantities: 100m, 1.5, 64Mi, 2e3. */
#ifndef PODTREE_QUANTITY_H
#define PODTREE_QUANTITY_H

#include "lib/str.h"

/* In thousandths (cpu "1.5" is 1500), rounded up as Kubernetes does; false when it is no quantity or too
 * large. */
bool quantity_milli(struct str text, int64_t *milli);
/* In whole units (bytes), rounded up. */
bool quantity_units(struct str text, int64_t *units);
/* The canonical text: 1500m, 64Mi (binary suffix) … `out` takes 32 bytes. */
void quantity_format_cpu(int64_t milli, char out[32]);
void quantity_format_bytes(int64_t bytes, char out[32]);

/* The one text of those that mean the same, as Kubernetes writes it: 0.5 is 500m, 1024Mi is 1Gi, 1e4 is 10e3.
 * The family of suffixes stays. False when it is no quantity, or has more than some 29 digits. */
#define QUANTITY_TEXT 64
bool quantity_canonical(struct str text, char out[QUANTITY_TEXT]);

/* In billionths, the smallest that Kubernetes keeps, for whoever compares and adds exactly: some 29 digits in
 * front of them fit. */
bool quantity_nano(struct str text, __int128 *nano);
/* The canonical text of so many billionths, with suffixes of the family that `like` is written in. */
void quantity_format_nano(__int128 nano, struct str like, char out[QUANTITY_TEXT]);

#endif
