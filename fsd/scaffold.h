/* What a draft has before anybody has filled it.
 *
 * The files of a draft are written in any order, so the directories that they lie in have to be there: those
 * that the schema requires, below what is there already, empty. A Deployment has selector/ and
 * template/spec/containers/ from the beginning, and a volume's entry what a volume requires as soon as it is
 * made. Being there is not being filled: what must not be empty is missing as before (check_lacks). */
#ifndef PODTREE_SCAFFOLD_H
#define PODTREE_SCAFFOLD_H

#include "fsd/kind.h"

/* Puts in what is required and absent, where it shows as a directory: an object, a map, a list of objects.
 * To be done before the defaults, which are for what is there. */
void schema_scaffold(const struct schema *schema, struct value v);

#endif
