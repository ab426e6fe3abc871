/* Where everything of one node lies: which paths, which names.
 *
 *     STATE/images/                       the image store (image.h)
 *     STATE/pods/<uid>/pod.json           what is known of the pod and its containers (record.h)
 *     STATE/pods/<uid>/<container>/<attempt>.log      its output, in Kubernetes' log format
 *     STATE/pods/<uid>/<container>/<attempt>.log.<n>  what was put aside of it (log_rotation.h)
 *     STATE/pods/<uid>/<container>/<attempt>/{upper,work}   what it has written, for overlayfs
 *     STATE/pods/<uid>/volumes.d/         its volumes (volume.h); a container can be called volumes
 *     STATE/discarded/                    what is being removed (discard.h)
 *     STATE/manifests/                    pods that this machine runs by itself (static_pod.h)
 *     STATE/seccomp/                      profiles that pods name (type Localhost)
 *     STATE/registries/<host[:port]>/     certificates for pulling images from there (fetch.h)
 *     RUN/<runtime>/                      the OCI runtime's own state, in a directory that is called like its
 *                                         program (maker.h): runc --root RUN/runc list
 *     RUN/exits/<container id>            conmon's exit files
 *     RUN/door                            the socket for who wants into containers (callers.h)
 *     RUN/pulls/                          passwords for the pulls that are under way
 *     RUN/pods/<uid>/                     sandbox, hosts, resolv.conf …
 *     RUN/pods/<uid>/<container>.<attempt>/           the bundle: config.json, rootfs, pid files;
 *                                         runtime, a link to the OCI runtime
 *
 * STATE outlives a reboot, RUN need not. A container's id is <pod uid>.<container>.<attempt>, so that the
 * same attempt can't be made twice: the runtime refuses the second. Several nodes on one machine are told
 * apart by a short id made from their state directory, which their cgroups are named after.
 */
#ifndef PODTREE_PLACE_H
#define PODTREE_PLACE_H

#include "lib/error.h"
#include <stdbool.h>
#include <stdint.h>

struct place {
    char *state;                /* absolute */
    char *run;                  /* absolute */
    char *cgroup;               /* "/podtree/1f0c43aa": what is below it is said in hierarchy.h */
    char *runtime;              /* the OCI runtime's program */
    int64_t runtime_timeout_ms; /* how long a call of it may take: then it hangs, and is killed */
    char *pause;                /* podtree-pause */
    char *exec;                 /* podtree-exec */
    char *copy;                 /* podtree-copy */
    char *image;                /* podtree-image */
    char *manifest;             /* podtree-manifest */
};

/* As the kubelet's runtimeRequestTimeout. */
#define PLACE_RUNTIME_TIMEOUT_MS 120000

/* Makes the directories. Programs are looked for beside this one first, then where they are installed. */
int place_open(struct place *place, const char *state, const char *run, const char *runtime,
               struct error **err);
void place_close(struct place *place);

/* All to be freed. */
char *place_pod_state(const struct place *place, const char *uid);
char *place_pod_run(const struct place *place, const char *uid);
char *place_log(const struct place *place, const char *uid, const char *container, int attempt);
char *place_volumes(const struct place *place, const char *uid);
char *place_layer(const struct place *place, const char *uid, const char *container, int attempt);
char *place_bundle(const struct place *place, const char *uid, const char *container, int attempt);
char *place_exit_file(const struct place *place, const char *id);

/* <uid>.<container>.<attempt>, and back. */
char *place_container_id(const char *uid, const char *container, int attempt);
bool place_container_of_id(const char *id, char **uid, char **container, int *attempt);

#endif
