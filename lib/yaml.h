/* YAML as Kubernetes reads and writes it, by libyaml's scanner.
 *
 * Plain scalars are typed by YAML 1.1's rules as sigs.k8s.io/yaml does it for Kubernetes: null, ~;
 * true/false, yes/no, on/off, y/n as booleans; decimal, 0x, 0o, 0b and leading-zero octal integers, floats.
 * .inf and .nan are refused, since JSON has none. Quoted scalars are strings. Keys are text as it stands, so
 * `on:` is the key "on"; repeated keys are refused. Anchors, aliases and << merges are resolved; aliases that
 * grow the document beyond a million nodes are refused, and so are tags other than the core's. JSON is YAML,
 * so this reads both, but text that begins like an object of JSON is first tried with doc_parse: it is
 * faster, and its messages fit.
 */
#ifndef PODTREE_YAML_H
#define PODTREE_YAML_H

#include "lib/doc.h"

/* One document. EINVAL with "line 3, column 7: …"; also when there is none or more than one. */
struct doc *yaml_parse(struct str text, struct error **err);

/* All documents of a stream, in order; empty ones (--- --- or only comments) are skipped. *docs is to be
 * freed with yaml_free_all. `lines`, if not NULL, gets the line (from 1) at which each begins (to be freed).
 * Returns how many, or -EINVAL. */
int yaml_parse_all(struct str text, struct doc ***docs, int **lines, struct error **err);
void yaml_free_all(struct doc **docs, int count);

/* Block style, two spaces, lists not indented below their key, strings plain where every reader of YAML takes
 * them for the same string, multi-line ones as literal blocks (|, |-, |+) where that is exact, no line
 * folding; ends with a newline. {} and [] for what is empty. Keys in the order that the document has. Written
 * by hand, not by libyaml's emitter: it is on the path of every manifest.yaml and of every commit, and must
 * be fast and stable from version to version. */
void yaml_write(struct buf *out, struct value v);

#endif
