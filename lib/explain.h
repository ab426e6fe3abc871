/* What a schema says, in words: from a schema as OpenAPI v3 has it
 * (api/<group>/<version>/<plural>/schema.json) to lines for people and grep:
 *
 *     spec.replicas <integer> default 1; at least 0 - How many pods there are to be.
 *     spec.template.spec.containers <list of objects, by name> required; at least 1 entry - What runs in it.
 *     spec.template.spec.containers.image <string> - The image that it is run from.
 *
 * A line is a field: its path, whose names go through lists and maps without a word, its type, what its
 * values must be, and a sentence where there is one. */
#ifndef PODTREE_EXPLAIN_H
#define PODTREE_EXPLAIN_H

#include "lib/doc.h"

/* "list of objects, by name", "string: quantity", "map of strings" */
void explain_type(struct value schema, struct buf *out);
/* "required; one of Always, Never", "" where anything goes. */
void explain_facts(struct value schema, bool required, struct buf *out);
/* The first sentence of its description; STR_NONE without one. It may have ends of lines in it. */
struct str explain_sentence(struct value schema);
/* "<type> facts - sentence" and a newline. */
void explain_rest(struct value schema, bool required, struct buf *out);
/* A line for each field below the schema, which itself is at the path ("": the whole). */
void explain_fields(struct value schema, struct str path, struct buf *out);

/* The schema's own fields, or those of what it is a list or map of: the object of properties, or absent. */
struct value explain_properties(struct value schema);
/* Must the field of that name be there? */
bool explain_requires(struct value schema, struct str name);

/* The text without what breaks lines: white space as one space each time. */
void explain_add_flat(struct str text, struct buf *out);

#endif
