/* Describing: what a kind looks like, as OpenAPI v3 says it. From it come schema.json, explain and
 * template.yaml (papers.h).
 *
 * What a field is for is said by sentences: of a user's kind in the definition itself, of the built-in types
 * in kinds/sentences, by the name of the type and the field. fsd doesn't need them for anything else, so they
 * are read when somebody asks. */
#ifndef PODTREE_DESCRIBE_H
#define PODTREE_DESCRIBE_H

#include "fsd/kind.h"

/* The sentences of the built-in types: {"core/v1.Pod": {".": of the type, "spec": of the field …}}. NULL and
 * an error where they can't be read. `directory`: of the kinds. */
struct doc *sentences_read(const char *directory, struct error **err);

/* The schema of a version, into an empty object. `sentences` may be absent, and so may the definition of a
 * user's kind, the object: kinds are kept without what it says to people. */
void describe_version(const struct kind *kind, const struct kind_version *version, struct value sentences,
                      struct value definition, struct value out);

#endif
