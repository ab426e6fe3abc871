/* The garbage collector: what nobody owns any more goes. And namespaces and definitions of kinds that are
 * being deleted: first what is in them, then they. All of these look at objects of all kinds. */
#ifndef PODTREE_RECONCILERS_GC_H
#define PODTREE_RECONCILERS_GC_H

#include "lib/controller.h"
#include "lib/views.h"

/* All kinds that there are, seen as owned objects. */
struct owned_kinds {
    struct owned_kind **kinds;
    size_t count;
};

/* From the names of resources, a line each. */
struct owned_kinds *owned_kinds_new(struct str names);
void owned_kinds_free(struct owned_kinds *kinds);

/* The kind that an owner reference means; NULL if there is none. */
const struct owned_kind *owned_kinds_find(const struct owned_kinds *kinds, struct str api_version,
                                          struct str kind);

/* The controllers over these kinds; `kinds` stays theirs. */
const struct controller *gc_controller(const struct owned_kinds *kinds);
const struct controller *namespace_controller(const struct owned_kinds *kinds);
/* NULL where there are no definitions. */
const struct controller *definition_controller(const struct owned_kinds *kinds);

/* The object without that finalizer of its metadata, if it hasn't changed meanwhile. */
void plan_without_finalizer(struct pass *pass, const struct owned *object, const char *name);

#endif
