/* Base64 (RFC 4648), with padding and without line breaks. */
#ifndef PODTREE_BASE64_H
#define PODTREE_BASE64_H

#include "lib/str.h"

void base64_encode(struct str bytes, struct buf *out);
/* False, with whatever in *out, when the text isn't base64. */
bool base64_decode(struct str text, struct buf *out);
/* How many bytes that will be, for a text that is base64. */
size_t base64_decoded_size(struct str text);

#endif
