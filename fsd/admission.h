/* Admission: what a new or changed object gets, or why it is refused, in the light of other objects.
 *
 * Defaults and validation look at an object alone. What else Kubernetes' API server does with it before it is
 * stored is done by its admission plugins, one after another; those that podtree has are the rows of a table,
 * by the plugins' names and in their order: a function that completes the object, between defaults and
 * validation, and one that looks at it once more when it is known to be well formed. Both are pure functions
 * of the object and the policies (policies.h), because all edits are (edit.h).
 *
 * A draft isn't admitted: it is when it becomes an object, and that is its creation. Neither are changes of
 * the status, and deletions. What needs main's view of everything, quotas and encryption, is in the table of
 * authorize.h; whether the namespace is there is asked by txn.c. */
#ifndef PODTREE_ADMISSION_H
#define PODTREE_ADMISSION_H

#include "fsd/policies.h"

struct review {
    const struct kind *kind;
    const struct policies *policies; /* NULL: there are none */
    struct str namespace, name;
    struct value before; /* absent: the object is being created */
    struct value object; /* may be malformed as long as it is being completed */
};

/* Fills in what is missing. 0, or -EINVAL and a sentence. */
int admission_complete(const struct review *review, struct error **err);
/* May it be as it is? The object is valid. */
int admission_check(const struct review *review, struct error **err);

/* ---- the rows' functions ---- */

typedef int admission_step(const struct review *review, struct error **err);

admission_step admit_limits, admit_within_limits;                /* admission_limits.c */
admission_step admit_priority, admit_priority_class;             /* admission_pods.c */
admission_step admit_tolerations, admit_runtime, admit_overhead; /* … */
admission_step admit_storage_class, admit_ingress_class;         /* admission_classes.c */
admission_step admit_volume_protection, admit_claim_protection;  /* … */

#endif
