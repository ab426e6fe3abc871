/* What a plain scalar of YAML means: the one place that knows, for the reader and the writer.
 *
 * The rules are those of YAML 1.1 as Kubernetes' reader has them, which is a little less than YAML 1.1: y and
 * n are booleans, but 1:30 is no number, and dates stay strings. */
#ifndef PODTREE_YAML_SCALAR_H
#define PODTREE_YAML_SCALAR_H

#include "lib/doc.h"

/* VALUE_NULL, VALUE_BOOL, VALUE_NUMBER or VALUE_STRING; VALUE_NONE for .inf and .nan, which JSON can't say.
 * For a boolean or number *json gets its text in JSON, which may lie in *scratch. Both may be NULL. */
enum value_type yaml_resolve(struct str plain, struct str *json, struct buf *scratch);

/* Whether the text is spelled like a number, however large: yaml_resolve says VALUE_STRING for what is beyond
 * the range of floating point (1e999 is more likely a commit id than a number). */
bool yaml_number(struct str plain, struct str *json, struct buf *scratch);

#endif
