/* The volumes of a pod: which kinds there are, where they lie, how they come and go.
 *
 *     STATE/pods/<uid>/volumes.d/<kind>~<name>/                  one volume; a hostPath has none
 *     STATE/pods/<uid>/volumes.d/subPath~<container>/<index>     what a volumeMount with a subPath binds
 *
 * Those with secrets in them, or with what the pod's memory pays for, are a tmpfs that is mounted there.
 * Setting up is done again and again: when the agent starts anew, after a reboot that has taken the tmpfs,
 * and whenever an object has changed that files are made from. It changes nothing where all is as it should
 * be. */
#ifndef PODTREE_VOLUME_H
#define PODTREE_VOLUME_H

#include "nodeagent/volume_files.h"

enum volume_medium {
    VOLUME_ELSEWHERE, /* the machine's own */
    VOLUME_DISK,
    VOLUME_MEMORY
};

struct volume_kind {
    const char *name; /* the volume's member */
    enum volume_medium medium;
    bool of_files; /* made by volume_files_make(); containers only read it */
};

/* NULL for a kind that isn't known here (persistentVolumeClaim, nfs …). A volume that names none is an
 * emptyDir, as in Kubernetes. */
const struct volume_kind *volume_kind(struct value volume);

/* Where what it holds is. To be freed. `volumes` is STATE/pods/<uid>/volumes.d, here and below. */
char *volume_path(const char *volumes, struct value volume);

/* How large a tmpfs for it may be, in bytes: the least of the limit of the pod's group (limits.h), what the
 * node can give, and the emptyDir's sizeLimit (the kubelet's calculateEmptyDirMemorySize). 0: not known. */
int64_t volume_memory_size(struct value volume, struct value pod, struct value allocatable);

/* Brings all of the pod's volumes about, whatever becomes of one. The sentence is that of kubelet's
 * FailedMount events: MountVolume.SetUp failed for volume "x" : … Of several that fail there is "; " between.
 * Returns 1 when files of one have changed, else 0. */
int volumes_set_up(const char *volumes, const struct volume_world *world, struct error **err);

/* The same for those that are made from objects and the pod's metadata: when one of them has changed. */
int volumes_update(const char *volumes, const struct volume_world *world, struct error **err);

/* Unmounts everything below, and discards it (discard.h: STATE); fine when nothing is there. No container may
 * be left. */
int volumes_tear_down(const char *volumes, const char *state, struct error **err);

/* Checks that the machine's path is what the hostPath's type says, and makes what it says is to be made. */
int volume_host_path(struct value source, struct error **err);

/* Binds what the path inside of the volume leads to at `target`, in place of what was there. Symlinks are
 * followed within the volume; EXDEV when one leads out of it. A directory that isn't there is made, with the
 * mode of the volume's. */
int volume_bind(const char *volume, const char *path, const char *target, struct error **err);

#endif
