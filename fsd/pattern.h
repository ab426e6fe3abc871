/* Regular expressions of schemas: Go's syntax (RE2), which is what `pattern` in a CustomResourceDefinition
 * means.
 *
 * Real ones use what POSIX doesn't have: \d, (?:...), (?i), \p{L}. PCRE2 has it all, and more: what it takes
 * and RE2 doesn't (references back, looking around, possessive quantifiers) is refused here, as Kubernetes
 * refuses it, so that a schema that is taken here is taken there. A pattern is compiled once and may be used
 * by several threads at once. Matching is limited: a text that would hold us up for more than some
 * milliseconds doesn't match, and neither do many that would take one each. */
#ifndef PODTREE_PATTERN_H
#define PODTREE_PATTERN_H

#include "lib/error.h"
#include "lib/str.h"

struct pattern;

/* NULL and EINVAL, with what is wrong and where, for what is no regular expression of Go's. */
struct pattern *pattern_compile(struct str text, struct error **err);
/* Matches that may take longer than some hundred microseconds, in one piece of work. */
#define PATTERN_SLOW_AT_MOST 8

/* Is there a match somewhere in the text? `$` is its very end. `*slow` counts those that have taken longer:
 * when it has reached the most there is no match that would. Begin with 0 for each piece of work. */
bool pattern_matches(const struct pattern *pattern, struct str text, unsigned *slow);
void pattern_free(struct pattern *pattern);

#endif
