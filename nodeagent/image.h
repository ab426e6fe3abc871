/* The image store: STATE/images. The agent's pods reach it by the verbs of runtime.h; `podtree image` needs
 * no agent, and uses it by itself.
 *
 *     layers/<digest>/    one unpacked layer (whiteouts as overlayfs wants them), shared by all
 *                         images that have it
 *     names/<name>.json   one image: its name, id, layers from the lowest up, and the configuration
 *                         that it was built with ('/' in the name as %2F)
 *     scratch/<random>/   an import on its way
 *     lock                held for the moment in which something here changes
 *
 * A layer is named by the first 32 digits of the sha256 of its uncompressed tar, so that the many layers of
 * one mount fit into the page that mount(2) takes. Each import holds a lock on its directory in scratch: so
 * those of the dead are told from the living.
 *
 * A name appears by rename, after its layers have reached the disk: an image is there whole or not at all.
 */
#ifndef PODTREE_IMAGE_H
#define PODTREE_IMAGE_H

#include "nodeagent/image_name.h"

/* Finds one by a name as people write it. The image's document:
 * {"name":…,"id":"sha256:…","digest":"sha256:…","layers":["<32 digits>",…],
 * "blobs":["sha256:…",…],"size":…,"config":{…}}, config as in the OCI image specification (Env, Entrypoint,
 * Cmd, User, WorkingDir, StopSignal). The digest, of the manifest or index that the name stood for, is only
 * there where the image came with one; so are the blobs, which are what the layers were unpacked from;
 * "pulled":true says that it came from a registry. NULL: ENOENT, and a sentence. */
struct doc *image_find(const char *state, const char *name, struct error **err);

/* Calls `each` for every image, in order of their names. */
int image_each(const char *state, void (*each)(void *context, const char *name, struct value image),
               void *context, struct error **err);

/* Puts the image's document in place, under its own name. The lock must be held. */
int image_put(const char *state, struct value image, struct error **err);

/* Removes the name, and the layers that no image has and no container is using. EBUSY: a container of a pod
 * on this node was made of it. */
int image_remove(const char *state, const char *name, struct error **err);

/* Removes the layers that no image has and no container is using. */
int image_sweep(const char *state, struct error **err);

/* When the image was last of use, as far as is known: that is when its name last came here, or when
 * image_note_use was last told of it. 0: there is no such image. */
int64_t image_used_ms(const char *state, const char *name);
void image_note_use(const char *state, const char *name);

/* Which containers of this node were made of images: an object of sentences, by the images' ids or references
 * (to be freed). NULL and an error where that can't be told: then none may go. */
struct doc *image_users(const char *state, struct error **err);
/* "container main of pod default/web", in `users`; STR_NONE: nobody uses it. */
struct str image_user(struct value users, struct value image);

/* The lock's descriptor; it is held until that is closed. SHARED keeps what is there from going away, between
 * finding an image and mounting it; EXCLUSIVE is for changes. Nobody holds it for more than a few
 * milliseconds: the long work is done in scratch/. */
enum image_lock_mode { IMAGE_LOCK_SHARED, IMAGE_LOCK_EXCLUSIVE };
int image_lock(const char *state, enum image_lock_mode mode, struct error **err);

/* A new directory of one's own in scratch/ (to be freed), locked as long as *lock is open; removes those that
 * nobody holds any more. */
char *image_scratch(const char *state, int *lock, struct error **err);

/* Where the layer with that digest ("sha256:…") is or belongs (to be freed), and what it is called. */
char *image_layer_path(const char *state, struct str digest);
struct str image_layer_name(struct str digest);

/* Is the layer in the store? Then it stays there as long as the directory in scratch does. */
bool image_hold_layer(const char *state, const char *scratch, struct str layer);
/* Of every layer what it was unpacked from: an object, by the digest of the blob, of layers' names. */
struct doc *image_blobs(const char *state);

/* The directory to be watched for images that come and go (to be freed). */
char *image_names_path(const char *state);

#endif
