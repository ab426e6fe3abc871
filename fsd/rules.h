/* The named rules: what a schema can't say.
 *
 * A schema says what one field may be; that a selector matches the labels of a template, that a mounted
 * volume exists, that only an image may change in a pod, is said by a rule: a function in a table here, which
 * a schema calls by name with x-podtree-rules (looked at whenever an object is checked) or
 * x-podtree-update-rules (looked at when one version follows another). A rule sees the value of the schema
 * that names it, and whatever is below. It must take any document: what is of the wrong type has been found
 * before, and reads as absent. */
#ifndef PODTREE_RULES_H
#define PODTREE_RULES_H

#include "fsd/check.h"

#define ANNOTATIONS_AT_MOST (256u << 10) /* bytes of an object's annotations together */

struct rule {
    const char *name;
    void (*check)(struct check *check, const struct step *at, struct value v);
    void (*update)(struct check *check, const struct step *at, struct value before, struct value after);
};

/* NULL for a name that is not in the table. */
const struct rule *rule_find(struct str name);

/* At most one of the members may be there, and, if required, one must. */
void rule_one_of(struct check *check, const struct step *at, struct value v, const char *const *names,
                 bool required);

/* Members that are in either are equal, but for the free ones (ending with NULL); empty and absent are the
 * same. */
void rule_fixed(struct check *check, const struct step *at, struct value before, struct value after,
                const char *const *free_members, const char *sentence);

/* The tables of the modules that rules.c puts together; they end with a row without a name. */
extern const struct rule rules_of_pods[];
extern const struct rule rules_of_containers[];
extern const struct rule rules_of_pod_values[];
extern const struct rule rules_of_workloads[];
extern const struct rule rules_of_jobs[];
extern const struct rule rules_of_admission[];
extern const struct rule rules_of_secrets[];
extern const struct rule rules_of_services[];
extern const struct rule rules_of_storage[];
extern const struct rule rules_of_network[];
extern const struct rule rules_of_access[];
extern const struct rule rules_of_scaling[];
extern const struct rule rules_of_custom[];

#endif
