/* What a pod's and a container's securityContext come to, as Kubernetes 1.32 defines it: whom a container
 * runs as, with which capabilities, behind which system call filter. Pure functions of the pod and of what
 * its image says; the OCI configuration (oci.h) does what is decided here. The pod's sysctls are its
 * sandbox's (sysctl.h).
 *
 * A member of the container's securityContext goes over the same of the pod's, and both over the image.
 *
 * One deliberate difference: where nothing is said about seccomp, Kubernetes runs a container unconfined
 * unless the kubelet was told otherwise (--seccomp-default). Here it gets RuntimeDefault, as with that flag:
 * who needs another system call says Unconfined or brings a profile.
 *
 * Three steps, because the image's own /etc/passwd must be asked in between:
 *
 *     security_check(&input, &err)                      may it be made at all? before anything is done
 *     text = security_user(&input)                      whom to look up
 *     rootfs_user(target, str_of(text), &found, &err)   what the image says about that user
 *     security_decide(&security, &input, &found, &err)
 */
#ifndef PODTREE_SECURITY_H
#define PODTREE_SECURITY_H

#include "nodeagent/oci.h"

/* Why a container waits when security_check() refuses. */
#define SECURITY_CONTAINER_REFUSED "CreateContainerConfigError"

/* A bit for each capability, by Linux' number. */
typedef uint64_t capability_set;

struct security_input {
    struct value pod;       /* the whole document */
    struct value container; /* of its spec, of whatever sort */
    struct str image_user;  /* "User" of the image's configuration, perhaps empty: "", "web", "1000:1000" */
    capability_set held;    /* what ALL is, and what a privileged container has; only for security_decide() */
};

enum security_seccomp {
    SECCOMP_RUNTIME_DEFAULT, /* the profile of seccomp.h */
    SECCOMP_UNCONFINED,
    SECCOMP_LOCALHOST /* a file of the node */
};

/* What is decided. "privileged" itself is not in it, only all that follows from it. */
struct security {
    struct oci_user user; /* its groups begin with its own, which Kubernetes' runtimes list as well */
    capability_set capabilities;
    bool read_only_root;    /* its root filesystem */
    bool no_new_privileges; /* set-user-ID programs and file capabilities give nothing */
    bool unmasked;          /* no masked and no read-only paths in /proc and /sys */
    bool all_devices;       /* may use, and has, every device of the machine */
    bool writable_sys;      /* /sys and /sys/fs/cgroup */
    enum security_seccomp seccomp;
    struct str seccomp_profile; /* SECCOMP_LOCALHOST: its path, relative and without ".."; lives as long as
                                   the pod's document */
};

/* Whether the container may be made: runAsNonRoot holds, and a local seccomp profile has a good name. -EINVAL
 * with Kubernetes' sentence if not; the reason is SECURITY_CONTAINER_REFUSED. */
int security_check(const struct security_input *input, struct error **err);

/* Whom rootfs_user() is to look up: "1000", "web:2000" …, to be freed. Names in it are the image's. */
char *security_user(const struct security_input *input);

/* Decides all of it; `found` is what the image says about security_user(). -EINVAL when there are more groups
 * than struct oci_user holds. */
int security_decide(struct security *security, const struct security_input *input,
                    const struct oci_user *found, struct error **err);

/* What this process may itself use: nobody can be given more, and a machine that is a container may hold back
 * some. */
capability_set security_held(void);

/* Puts "capabilities" into the process of an OCI configuration. The bounding set has them always. Root's
 * effective and permitted sets have them too; another user's are empty, as execve would leave them, and there
 * are neither inheritable nor ambient ones: such a user gets capabilities by file capabilities only. */
void security_add_capabilities(struct value process, const struct security *security);

/* Is that, in whatever way Kubernetes lets it be written, one that Linux has, or ALL? What isn't is ignored.
 */
bool security_is_capability(struct str name);

#endif
