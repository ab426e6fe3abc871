/* Between the modules that read schemas: schema.c (sets, references, whole schemas) and schema_keywords.c
 * (what stands in one). */
#ifndef PODTREE_SCHEMA_PRIVATE_H
#define PODTREE_SCHEMA_PRIVATE_H

#include "fsd/constraints.h"
#include "fsd/schema.h"

struct pattern;

/* A schema on its way. */
struct reading {
    struct schema_set *set;
    struct schema *schema;
    struct constraints *constraints; /* what schema->constraints will be; NULL: nothing yet */
    bool resource;                   /* it is an object of a kind, or one inside another */
};

/* Settles the type, from all that says something about it, and then reads the keywords one by one: their
 * order means nothing. */
int schema_read_keywords(struct reading *reading, struct value text, struct error **err);
/* Gives a resource inside another what every one has: apiVersion, kind and metadata. What its schema itself
 * says of metadata counts beside it. */
int schema_imply_resource(struct reading *reading, struct error **err);

/* Reads a schema of this dialect. NULL and an error, as schema_read(). */
const struct schema *schema_read_as(struct schema_set *set, struct value text, enum schema_dialect dialect,
                                    struct error **err);
/* What `name` defines; NULL and an error when there is none. */
const struct schema *schema_refer(struct schema_set *set, struct str name, struct error **err);
/* Keeps the pattern as long as the set. */
void schema_set_keep_pattern(struct schema_set *set, struct pattern *pattern);

#endif
