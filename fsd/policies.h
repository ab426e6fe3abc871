/* Policies: objects that have a say in others. A PriorityClass says how urgent a pod is, a LimitRange what
 * its containers may ask for; who makes a pod doesn't mention either.
 *
 * What is made of an object is computed by pure functions, some of it by the worker, which must not look at
 * main's objects (edit.h). So there is a set of the documents of all policies, which is only read: main holds
 * the current one, each computation the one that was current when it began. It is counted by references, and
 * as long as main is the only one who holds it, it is changed in its place; else main goes on with a copy, of
 * pointers, for the documents are shared. Nothing is gathered when a pod is made.
 *
 * The set says what is newest, pending changes included: a class and the pod that names it may come in one
 * bulk. */
#ifndef PODTREE_POLICIES_H
#define PODTREE_POLICIES_H

#include "fsd/objects.h"

enum policy_type {
    POLICY_PRIORITY_CLASS,
    POLICY_RUNTIME_CLASS,
    POLICY_STORAGE_CLASS,
    POLICY_INGRESS_CLASS,
    POLICY_LIMIT_RANGE,
    POLICY_TYPES
};

struct policies;

/* An empty set, with one reference. */
struct policies *policies_new(void);
/* From any thread; NULL is fine. */
struct policies *policies_hold(struct policies *policies);
void policies_drop(struct policies *policies);

/* Another version is the newest of an object; `after` may be NULL. Where that is a policy, *policies knows it
 * from now on: it may be another set. Main's. */
void policies_note(struct policies **policies, const struct object *object, const struct version *after);
/* The same of what is not in the tree: the document (taken over) of the policy of this name, NULL: it is
 * gone. */
void policies_put(struct policies **policies, enum policy_type type, struct str namespace, struct str name,
                  struct doc *document);

/* Absent where there is none. `policies` may be NULL here and below: there are no others at all. */
struct value policies_find(const struct policies *policies, enum policy_type type, struct str namespace,
                           struct str name);
/* The next one of the namespace ("" where there are no namespaces) in the order of names; absent behind the
 * last:
 *     for (size_t place = 0; value_exists(range = policies_next(policies, type, namespace, &place));) */
struct value policies_next(const struct policies *policies, enum policy_type type, struct str namespace,
                           size_t *place);

#endif
