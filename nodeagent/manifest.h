/* What everybody has to know who reads images in their OCI or Docker form: digests, and lists of what there
 * is for which machine. */
#ifndef PODTREE_MANIFEST_H
#define PODTREE_MANIFEST_H

#include "lib/doc.h"

/* The bytes that a descriptor names by sha256: the digits of its digest, which comes from somebody else (so
 * there are no slashes among them). STR_NONE and an error when it is no such digest. */
struct str manifest_digits(struct value descriptor, struct error **err);

/* "sha256:…" of a file (to be freed). */
char *manifest_digest(const char *path, struct error **err);
/* An error when the file has another one. */
int manifest_check(const char *path, struct str expected, struct error **err);

/* Does it name images for several machines? Then this is the descriptor to follow: the one for this machine,
 * or the only one that names no platform; absent when there is none. */
bool manifest_is_index(struct value manifest);
struct value manifest_choose(struct value index);

/* The bytes of the image as it is kept and sent, by what its manifest says: configuration and layers. */
int64_t manifest_size(struct value manifest);

#endif
