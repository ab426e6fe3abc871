/* What names may be made of, as RFC 1123 and Kubernetes have it, and which one was meant by a misspelt one.
 */
#ifndef PODTREE_NAME_H
#define PODTREE_NAME_H

#include "lib/str.h"

/* Letters and digits, and inside also the characters `between`; 1 to `at_most` of them. */
bool name_is_made_of(struct str s, const char *between, bool capitals, size_t at_most);

/* A DNS label: lower case letters, digits, and inside dashes; at most 63. */
#define NAME_LABEL_AT_MOST 63
bool name_is_label(struct str s);

/* A DNS subdomain: such labels with dots between them; at most 253. Labels of at most 63 characters each are
 * not asked for: Kubernetes doesn't either. */
#define NAME_SUBDOMAIN_AT_MOST 253
bool name_is_subdomain(struct str s);

/* Looks among names, one after another, for the one that is nearest to one that there is not: it ends up in
 * `name`, or STR_NONE is there because none is near. */
struct name_search {
    struct str given, name;
    size_t distance; /* the next one must be nearer */
};
struct name_search name_search(struct str given);
void name_search_try(struct name_search *search, struct str name);

#endif
