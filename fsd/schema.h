/* From the text of a schema (OpenAPI v3 as CustomResourceDefinitions have it) to struct schema.
 *
 * The part of kind.c that reads schemas. A set owns the memory of everything that is read through it, and
 * the definitions (fsd/definitions.h), which any other schema refers to with x-podtree-ref. A definition is
 * read when the first refers to it and shared by all who do, so the pod's spec exists once however many kinds
 * have a template. */
#ifndef PODTREE_SCHEMA_H
#define PODTREE_SCHEMA_H

#include "fsd/kind.h"

struct schema_set;

/* `parent`, or NULL: a set whose definitions it may refer to as well, those that somebody there has referred
 * to already. It lives longer, and may be used by others meanwhile. */
struct schema_set *schema_set_new(const struct schema_set *parent);
void schema_set_free(struct schema_set *set);

/* Keeps the document as long as the set: schemas borrow its strings. */
void schema_set_keep(struct schema_set *set, struct doc *doc);
/* Adds definitions, the members of a document that was given to schema_set_keep(). */
int schema_set_define(struct schema_set *set, struct value texts, struct error **err);
/* Lays the rules of a document that was given to schema_set_keep() over the definitions of this package;
 * before anything is read. */
int schema_set_refine(struct schema_set *set, struct str package, struct value rules, struct error **err);
/* Zeroed memory that lives as long as the set. */
void *schema_set_memory(struct schema_set *set, size_t count, size_t size);
/* The strings of an array of strings; `count` gets their number. EINVAL when it is something else. */
const struct str *schema_set_strings(struct schema_set *set, struct value list, size_t *count,
                                     struct error **err);

/* Reads a schema. NULL and an error when a keyword is unknown or misused: nothing is silently ignored. */
const struct schema *schema_read(struct schema_set *set, struct value text, struct error **err);
/* Reads the schema of a CustomResourceDefinition's version: the keywords of JSONSchemaProps, with formats and
 * patterns as there. Every object has apiVersion, kind and metadata (the definition meta/v1.ObjectMeta),
 * whether the text mentions them or not. Defaults are checked. Whether the schema is structural all over is
 * asked by the rules of the object that holds it (fsd/structural.h). */
const struct schema *schema_read_custom(struct schema_set *set, struct value text, struct error **err);
/* A copy of a CustomResourceDefinition to be given to schema_set_keep(): without what reading it doesn't
 * need, its descriptions above all, which are most of it. */
struct doc *schema_copy_definition(struct value definition);
/* Reads every definition that hasn't been read: a mistake is found also in one that nothing refers to. */
int schema_set_read_all(struct schema_set *set, struct error **err);

#endif
