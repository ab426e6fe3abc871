/* Documents of versions: parsed forms that are likely to be asked for again, and rendered manifests.
 *
 * A version is bytes (objects.h). Walking through an object's directory asks for the same few versions again
 * and again, so the last parsed ones are kept, a dozen of them. Main's own. */
#ifndef PODTREE_DOCUMENTS_H
#define PODTREE_DOCUMENTS_H

#include "fsd/objects.h"

struct documents;

struct documents *documents_new(void);
void documents_free(struct documents *documents);

/* The root of the version's document: valid until a dozen other versions have been asked for. */
struct value document_of(struct documents *documents, struct version *version);

/* manifest.yaml of the version, and its size. */
void document_manifest(struct documents *documents, struct version *version, struct buf *out);
size_t document_manifest_size(struct documents *documents, struct version *version);

#endif
