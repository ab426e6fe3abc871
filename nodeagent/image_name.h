/* How images are called. Names are as people write them: busybox is busybox:latest, and
 * docker.io/library/busybox:1.35 is busybox:1.35. A name with a digest (busybox@sha256:…) means the image
 * that was imported with that one.
 */
#ifndef PODTREE_IMAGE_NAME_H
#define PODTREE_IMAGE_NAME_H

#include "lib/doc.h"

/* The name in its one form (to be freed); NULL and EINVAL when it can't be one. */
char *image_normalize(struct str name, struct error **err);

/* The name without tag and digest. */
struct str image_repository(struct str name);
/* The registry's host and port in it: what stands before the first slash, if that looks like one. STR_NONE:
 * it says none, and is a name of docker.io's. */
struct str image_registry(struct str name);
/* Of a name in its one form the tag; where it has none the digest. */
struct str image_tag(struct str name);

/* What Kubernetes calls it in status.imageID: "docker.io/library/busybox@sha256:…", as it can be pulled
 * again; the id where it has no digest (to be freed). */
char *image_reference(struct value image);

/* A size as people read it: "4.26MB". */
enum { IMAGE_SIZE_TEXT = 16 };
void image_size_text(int64_t size, char text[IMAGE_SIZE_TEXT]);

#endif
