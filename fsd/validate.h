/* Is a document valid for its kind? Pure functions of document and schema. */
#ifndef PODTREE_VALIDATE_H
#define PODTREE_VALIDATE_H

#include "fsd/kind.h"

/* Puts in the schema's defaults wherever a field is absent (in its parent, if that is there), and brings
 * quantities into their one form. To be done before the check of types: what is malformed is left alone. */
void schema_default(const struct schema *schema, struct value v);

/* Takes out members that are null, as Kubernetes does for built-in kinds, or, where the schema says
 * x-podtree-zero-unset, the zero of their type; in lists and maps null becomes the zero. For documents that
 * come from outside. */
void schema_prune_nulls(const struct schema *schema, struct value v);

/* Checks types, unknown fields (named with the nearest known name), required, enums, ranges, lengths,
 * patterns, formats, keys of list maps (unique), label and annotation syntax, names (RFC 1123 by kind), and
 * the kind's named rules (a Deployment's selector must match its template's labels …). The sentence names the
 * field's path as Kubernetes does: spec.replicas: must be at least 0, not -1 All that is wrong is said, up to
 * five findings joined by "; ". `draft`: required fields may be missing. Returns 0 or -EINVAL. */
int object_validate(const struct kind *kind, struct value object, bool draft, struct error **err);

/* The same of a schema alone: nothing is said of the name. */
int schema_validate(const struct schema *schema, struct value v, struct error **err);

/* May the map have an entry of this key? EINVAL, and what keys must be. */
int schema_check_key(const struct schema *map, struct str key, struct error **err);

/* What may not change between two versions: immutable and write-once fields, by schema. EPERM with the
 * field's path. Not for drafts. Server-managed fields are not looked at: txn keeps them by itself. */
int object_validate_update(const struct kind *kind, struct value before, struct value after,
                           struct error **err);

/* Only names and types, of what the document has as this member: EINVAL. */
int schema_check_shape(const struct schema *object, struct value document, const char *member,
                       struct error **err);

/* The paths of what is missing, for a draft's status: "spec.template.spec.containers, spec.selector". When
 * nothing is, and only then, the draft lacks nothing to be made live. */
void object_missing(const struct kind *kind, struct value object, struct buf *out);

/* Is it a name for an object of this kind (RFC 1123 subdomain, at most 253; labels of 63 where Kubernetes
 * wants them)? */
int object_check_name(const struct kind *kind, struct str name, struct error **err);

#endif
