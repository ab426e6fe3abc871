/* Is the schema of a CustomResourceDefinition structural?
 *
 * Kubernetes takes only schemas in which every field has its type once, in the schema itself, and where
 * allOf, anyOf, oneOf and not hold nothing but conditions on what is specified there: so that what is stored
 * can be told from the schema alone. These are its rules, on the text of a schema whose keywords and their
 * types have been looked at (JSONSchemaProps in fsd/kinds/types). */
#ifndef PODTREE_STRUCTURAL_H
#define PODTREE_STRUCTURAL_H

#include "fsd/check.h"

/* Adds what is wrong with the schema of a whole kind. `has_status`: its status is written apart from the
 * rest, and then the root may not have conditions. */
void structural_check(struct check *check, const struct step *at, struct value schema, bool has_status);

/* How many rules in CEL (x-kubernetes-validations) the schema has: they are kept, and not carried out. Where
 * the first stands is added to *where. */
size_t structural_validations(const struct step *at, struct value schema, struct buf *where);

#endif
