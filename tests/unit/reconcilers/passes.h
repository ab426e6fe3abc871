/* Tests of single passes: objects as YAML in, a plan as YAML out. */
#ifndef PODTREE_TEST_PASSES_H
#define PODTREE_TEST_PASSES_H

#include "lib/controller.h"
#include "tests/unit/lib/test.h"

/* What a pass is given beside the objects. */
struct given {
    const struct controller *controller;
    const char *namespace, *name; /* the key; namespace NULL: default */
    const char *objects;          /* YAML documents */
    int64_t *memory;              /* NULL: 0 */
    int failures;
    const char *failure;
    const char *now; /* NULL: 2026-01-01T00:00:00Z */
};

/* Objects get, where they don't say it, the namespace default (where `kind` has one), the uid "uid-<name>"
 * and a resourceVersion that is their place in the list. The plan is compared with the YAML documents of
 * `plan`, request by request; in an expected string "*" stands for anything. Returns when the key wants to be
 * looked at again, -1: not by itself. */
int64_t expect_plan(const struct given *given, const char *plan);

#endif
