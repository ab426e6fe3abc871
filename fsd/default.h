/* Defaults: what Kubernetes fills in where a manifest says nothing. */
#ifndef PODTREE_DEFAULT_H
#define PODTREE_DEFAULT_H

#include "fsd/kind.h"

/* A default that depends on other fields (an imagePullPolicy on the image's tag): a schema calls it by name
 * with x-podtree-defaults. It is called before the schema's own defaults are put in, and before those of what
 * is below. */
struct default_rule {
    const char *name;
    void (*apply)(struct value v);
};

/* Those of kinds that nodes have nothing to do with; it ends with a row without a name. */
extern const struct default_rule default_rules_of_kinds[];

/* Is the member of this type, or can it be made one? */
static inline bool default_is_or_absent(struct value v, enum value_type type)
{
    return !value_exists(v) || value_type(v) == type;
}

/* Of the spec of an autoscaler: so much of the processors that pods ask for is to be used. */
void default_add_metric(struct value spec, int64_t percent);

/* Gives an object, unless it is being deleted, a finalizer that keeps it from going. */
void default_finalizer(struct value object, const char *finalizer);

/* NULL for a name that is not in the tables. */
const struct default_rule *default_rule_find(struct str name);

#endif
