/* Documents of versions: parsed forms that are likely to be asked for again, and rendered manifests.
 *
 * A version is bytes (objects.h). Walking through an object's directory asks for the same few versions again
 * and again, and the next change of an object is computed upon its last one, so some hundreds of parsed ones
 * are kept, large ones only a few. Main's own. */
#ifndef PODTREE_DOCUMENTS_H
#define PODTREE_DOCUMENTS_H

#include "fsd/objects.h"

struct documents;

struct documents *documents_new(void);
void documents_free(struct documents *documents);

/* The root of the version's document: valid until seven other versions have been asked for. */
struct value document_of(struct documents *documents, struct version *version);
/* The document of a version that is new is at hand: it is kept, as if it had been asked for. Takes `doc`. */
void document_keep(struct documents *documents, struct version *version, struct doc *doc);

/* manifest.yaml of the version, and its size. */
void document_manifest(struct documents *documents, struct version *version, struct buf *out);
size_t document_manifest_size(struct documents *documents, struct version *version);

#endif
