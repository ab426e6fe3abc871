/* Bringing images into the store, from files and from registries.
 *
 * Whatever a file holds is first turned into an OCI image layout in scratch (skopeo does it for docker
 * archives), or is one layer by itself (a plain tar of a root filesystem). Then each layer that the store
 * doesn't have is unpacked by tar, checked against its digest, and its whiteouts are turned into overlayfs';
 * the disk is synced, and a rename per layer and one for the name make the image appear.
 */
#ifndef PODTREE_IMPORT_H
#define PODTREE_IMPORT_H

#include "nodeagent/fetch.h"

/* `source` is a tar file, "-" for standard input, the directory of an OCI layout, or what skopeo reads
 * without a daemon: oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], dir:DIR. `config` is
 * the configuration of an image made from a plain root filesystem (Env, Cmd …); ignored for others, which
 * bring their own. Returns the image's normal name (to be freed). */
char *import_image(const char *state, const char *source, const char *name, struct value config,
                   struct error **err);

/* Gets the image from its registry, whether the store has one of this name or not; of what the store has
 * already nothing is sent. Returns the image's normal name (to be freed). */
char *import_pull(const char *state, const char *name, const struct fetch_options *options,
                  struct error **err);

#endif
