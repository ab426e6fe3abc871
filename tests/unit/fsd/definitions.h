/* CustomResourceDefinitions for tests: one that holds a schema, as YAML in one line. */
#ifndef PODTREE_TEST_DEFINITIONS_H
#define PODTREE_TEST_DEFINITIONS_H

#include "fsd/validate.h"
#include "tests/unit/fsd/kinds.h"

/* `version`: further members of its version: ", subresources: {status: {}}". */
static inline struct doc *must_definition(const char *schema, const char *version)
{
    autofree char *text = NULL;
    if (asprintf(&text,
                 "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
                 "metadata: {name: things.example.org}\n"
                 "spec:\n  group: example.org\n  scope: Namespaced\n"
                 "  names: {plural: things, singular: thing, kind: Thing, listKind: ThingList}\n"
                 "  conversion: {strategy: None}\n"
                 "  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: %s}%s}]\n",
                 schema, version) < 0)
        abort();
    return must_yaml(text);
}

/* What is wrong with the definition, to be freed; "" when nothing is. */
static inline char *finding_of(struct value definition)
{
    const struct kind *kind = must_kind("customresourcedefinitions");
    autoerror struct error *err = NULL;
    schema_prune_nulls(kind_form(kind)->schema, definition);
    int result = object_validate(kind, definition, false, &err);
    return strdup(result == 0 ? "" : err->message);
}

#endif
