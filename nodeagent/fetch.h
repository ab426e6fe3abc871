/* Images in registries, which skopeo speaks with.
 *
 * It goes in two steps: what does the name stand for (a digest, and the manifest for this machine, a few
 * kilobytes), and then the blobs of it. Between them it can be seen what is here already: what the store has
 * unpacked is not sent again.
 *
 * How a registry is to be spoken with (mirrors, plain HTTP) is the machine's configuration, registries.conf
 * as skopeo reads it. Certificates may also lie in STATE/registries/<host[:port]>/: *.crt for whom to
 * believe, *.cert and *.key for who we are.
 */
#ifndef PODTREE_FETCH_H
#define PODTREE_FETCH_H

#include "lib/doc.h"

/* Hears from time to time how far it is, in words. */
typedef void fetch_progress_fn(void *context, const char *sentence);

struct fetch_options {
    const char *authfile;        /* passwords in the form of containers-auth.json(5); NULL: the user's own */
    fetch_progress_fn *progress; /* NULL: nobody wants to know */
    void *context;
};

struct fetch {
    const char *state;
    const char *scratch; /* a directory of one's own, for what is on its way */
    const char *name;    /* as image_normalize gives it */
    struct fetch_options options;
    /* What is found: */
    char *digest;         /* what the name stands for: an index where there are images for several machines */
    char *exact;          /* the image for this machine, by digest: "busybox@sha256:…" */
    struct doc *manifest; /* its manifest, as the registry has it */
};

/* Fills the last three (to be released by fetch_close, also after an error). */
int fetch_resolve(struct fetch *fetch, struct error **err);
/* Puts the image into an OCI layout in a new directory. Blobs that are members of `held` are left out: a file
 * is there in their place. */
int fetch_layout(struct fetch *fetch, struct value held, const char *layout, struct error **err);
void fetch_close(struct fetch *fetch);

#endif
