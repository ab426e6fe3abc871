/* Definitions: the texts of schemas that other schemas refer to by name.
 *
 * What a type of Kubernetes is made of is a fact, taken from its published types by tools/kube-types
 * (kinds/types); which values are valid, and what is filled in, is a rule, written by hand (kinds/rules). A
 * rule is a piece of a schema that is laid over the fact of the same name before anybody reads it, so that
 * neither repeats the other, and a rule about what isn't there is found. */
#ifndef PODTREE_DEFINITIONS_H
#define PODTREE_DEFINITIONS_H

#include "lib/doc.h"
#include "lib/map.h"

struct schema;

struct definition {
    struct map_node by_name;
    struct value text;
    const struct schema *schema; /* that has been read from it, or is being; NULL: not yet */
    bool reading;
    bool recursive; /* it refers to itself */
};

/* Zero-initialised is empty. */
struct definitions {
    struct map map;
};

/* Every member of `texts` is a definition; they are borrowed, and rules are written into them. EINVAL when a
 * name is taken. */
int definitions_add(struct definitions *definitions, struct value texts, struct error **err);
/* Lays every member of `rules` over the definition "package.name", or adds it under its bare name where there
 * is none and it has a type of its own. EINVAL, with the path, where a rule speaks of a type or a field that
 * doesn't exist. */
int definitions_refine(struct definitions *definitions, struct str package, struct value rules,
                       struct error **err);
/* NULL when there is none. */
struct definition *definitions_find(const struct definitions *definitions, struct str name);
/* The one after `previous`, in no order; the first for NULL, NULL after the last. */
struct definition *definitions_next(const struct definitions *definitions, const struct definition *previous);
void definitions_free(struct definitions *definitions);

#endif
