/* A container's root filesystem: overlayfs over the layers of its image, with a writable layer of its own. */
#ifndef PODTREE_ROOTFS_H
#define PODTREE_ROOTFS_H

#include "lib/doc.h"
#include "nodeagent/oci.h"

/* Mounts the image's layers at `target`; what the container writes goes to LAYER/upper. The image's lock must
 * be held (image.h). */
int rootfs_mount(const char *state, struct value image, const char *layer, const char *target,
                 struct error **err);
/* Unmounts everything that is mounted at or below a directory; a runtime that was killed leaves mounts as
 * well. */
int rootfs_unmount_below(const char *directory, struct error **err);

/* Finds out whom "user", "user:group", "1000:1000" or "" means in a mounted root filesystem, by its own
 * /etc/passwd and /etc/group. The further groups are those that name the user as a member, also where a group
 * is given. Symlinks in it can't lead out of it. */
int rootfs_user(const char *target, struct str user, struct oci_user *found, struct error **err);

#endif
