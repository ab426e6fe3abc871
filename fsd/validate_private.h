/* Between the modules that check documents: validate.c (what holds others, and whole objects),
 * validate_scalars.c and validate_branches.c. Each adds what is wrong with the value at this place. */
#ifndef PODTREE_VALIDATE_PRIVATE_H
#define PODTREE_VALIDATE_PRIVATE_H

#include "fsd/check.h"
#include "fsd/kind.h"

/* All that the schema says. */
void validate_value(struct check *check, const struct step *at, const struct schema *schema, struct value v);
/* Of a value that holds no others, or should not. */
void validate_scalar(struct check *check, const struct step *at, const struct schema *schema, struct value v);
/* Is it one of those that may be chosen from (enum)? */
void validate_choice(struct check *check, const struct step *at, const struct schema *schema, struct value v);
/* allOf, anyOf, oneOf and not. */
void validate_branches(struct check *check, const struct step *at, const struct schema *schema,
                       struct value v);

/* "must be `wanted`, not what was given". */
void validate_say_given(struct check *check, const struct step *at, const char *wanted, struct value v);
/* The same of what is of a wrong type. */
void validate_say_malformed(struct check *check, const struct step *at, const char *wanted, struct value v);

#endif
