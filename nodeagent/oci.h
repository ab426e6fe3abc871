/* From a container of a pod and its image to what the OCI runtime is told: config.json. A pure function; the
 * paths and numbers in it are given. */
#ifndef PODTREE_OCI_H
#define PODTREE_OCI_H

#include "lib/doc.h"
#include <sys/types.h>

/* Whom a container runs as. */
struct oci_user {
    uid_t uid;
    gid_t gid;
    gid_t groups[64]; /* further ones */
    int group_count;
};

struct security;

struct oci_input {
    struct value pod;                /* its document */
    struct value container;          /* of its spec */
    struct value variables;          /* that the pod gives it (environment.h) */
    struct value image;              /* the image's configuration: Env, Entrypoint, Cmd, WorkingDir … */
    const struct security *security; /* security.h */
    struct value seccomp_profile;    /* what its file says when that names one */
    struct value devices;            /* for one that has all: device_list() */
    const char *hostname;
    int oom_score;             /* oom_score_adj of its processes */
    const char *cgroup;        /* "/podtree/1f0c43aa/pod…/web.0" */
    bool kill_together;        /* without memory all of its processes end: version 2 of cgroups can do that */
    const char *pod_directory; /* where the sandbox's shm, hosts, hostname and resolv.conf are */
    const char *termination_log; /* the machine's file for its terminationMessagePath; NULL: none */
    const char *volumes;         /* the pod's (volume.h) */
    pid_t sandbox;               /* whose namespaces are joined */
    bool recursive_read_only;    /* the runtime and the kernel can make mounts that */
};

/* NULL and EINVAL when there is nothing to run, or when a volume can't be mounted as asked. */
struct doc *oci_config(const struct oci_input *input, struct error **err);

/* The number of the signal that asks the container to stop ("SIGQUIT", "QUIT", "3" in the image); SIGTERM
 * where it names none. */
int oci_stop_signal(struct value image);

#endif
