/* Documents of versions: parsed forms that are likely to be asked for again, and rendered manifests.
 *
 * A version is bytes (objects.h). Walking through an object's directory asks for the same few versions again
 * and again, and the next change of an object is computed upon its last one, so some hundreds of parsed ones
 * are kept, large ones only a few. What is not kept is made at once, which takes milliseconds for a large
 * version: heavy.h has it made by the worker. Main's own. */
#ifndef PODTREE_DOCUMENTS_H
#define PODTREE_DOCUMENTS_H

#include "fsd/objects.h"

struct documents;

struct documents *documents_new(void);
void documents_free(struct documents *documents);

/* The root of the version's document: valid until seven other versions have been asked for. */
struct value document_of(struct documents *documents, struct version *version);
/* The document of a version is at hand: it is kept, as if it had been asked for. Takes `doc`. */
void document_keep(struct documents *documents, struct version *version, struct doc *doc);
/* The same for its manifest, of a version whose document is kept. Takes what is in `manifest`. */
void document_keep_manifest(struct documents *documents, struct version *version, struct buf *manifest);
/* Would the document, and the manifest's text if asked for, be found without parsing or rendering? */
bool document_is_kept(const struct documents *documents, const struct version *version, bool manifest);

/* manifest.yaml of the version, and its size. */
void document_manifest(struct documents *documents, struct version *version, struct buf *out);
size_t document_manifest_size(struct documents *documents, struct version *version);

#endif
