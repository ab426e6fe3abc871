/* The sysctls of a pod's securityContext, which are set in its sandbox. Only those that Kubernetes 1.32 calls
 * safe: no other pod feels them. Pure. */
#ifndef PODTREE_SYSCTL_H
#define PODTREE_SYSCTL_H

#include "lib/doc.h"

/* Why a pod fails when sysctls_of_pod() refuses. */
#define SYSCTL_REFUSED "SysctlForbidden"

enum sysctl_namespace { SYSCTL_NONE, SYSCTL_IPC, SYSCTL_NETWORK };

/* Which of the sandbox's namespaces a sysctl ("kernel.shmmax") belongs to; SYSCTL_NONE: to the machine, as
 * far as is known. */
enum sysctl_namespace sysctl_namespace(struct str name);

struct sysctl {
    char *path; /* "/proc/sys/net/ipv4/tcp_syncookies" */
    char *value;
};
struct sysctls {
    struct sysctl *list;
    size_t count;
};

/* What to write in the sandbox's namespaces, in the pod's order. -EPERM and Kubernetes' sentence when one is
 * not among the safe ones, or belongs to a namespace that the pod shares with the machine; the reason is
 * SYSCTL_REFUSED, and the pod fails. *sysctls is to be freed in any case. */
int sysctls_of_pod(struct sysctls *sysctls, struct value pod, struct error **err);
struct sysctls sysctls_copy(const struct sysctls *sysctls);
void sysctls_free(struct sysctls *sysctls);
#define autosysctls cleanup(sysctls_free)

#endif
