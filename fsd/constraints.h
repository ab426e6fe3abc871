/* Conditions on values that few schemas have: a schema points to them where it has any (struct schema in
 * fsd/kind.h). They are those of Kubernetes' JSONSchemaProps that are neither structure nor common. */
#ifndef PODTREE_CONSTRAINTS_H
#define PODTREE_CONSTRAINTS_H

#include "fsd/kind.h"

struct branches {
    const struct schema *const *schemas;
    size_t count;
};

struct constraints {
    bool exclusive_minimum, exclusive_maximum;
    double multiple_of;                     /* 0: of nothing */
    int64_t min_properties, max_properties; /* -1: none */
    struct value choices;                   /* enum, where not all of it are strings; else absent */
    struct branches all_of, any_of, one_of;
    const struct schema * not ;
};

/* What a schema that has none is like. */
extern const struct constraints no_constraints;

static inline const struct constraints *constraints_of(const struct schema *schema)
{
    return schema->constraints != NULL ? schema->constraints : &no_constraints;
}

#endif
