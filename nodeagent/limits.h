/* How far a group of processes may go, and what has to be written into which of the kernel's files for it,
 * in both versions of control groups. The limits of a pod are those that the kubelet gives to its group
 * (pkg/kubelet/cm: ResourceConfigForPod): what its containers have together, so that what outlives one of
 * them, or is nobody's, as the pages of a volume in memory, is held within the whole. Pure.
 */
#ifndef PODTREE_LIMITS_H
#define PODTREE_LIMITS_H

#include "lib/doc.h"

/* 0: not limited, or as the kernel has it. */
struct limits {
    int64_t cpu_shares;   /* 2 to 262144: its weight beside others */
    int64_t cpu_quota_us; /* of each LIMITS_PERIOD_US */
    int64_t memory;       /* bytes */
    int64_t processes;    /* threads count too */
};
#define LIMITS_PERIOD_US 100000

/* From thousandths of a processor. */
int64_t limits_shares(int64_t milli);
int64_t limits_quota_us(int64_t milli);

/* Of a pod's group. `most_processes` is the node's own rule for every pod. */
struct limits limits_of_pod(struct value pod, int64_t most_processes);

enum cgroup_version { CGROUP_V1, CGROUP_V2 };

/* What is written into a file of a controller. */
struct limit_row {
    const char *controller, *file;
    char value[48];
};
enum { LIMIT_ROWS = 8 };

/* How many rows there are. */
size_t limits_rows(const struct limits *limits, enum cgroup_version version,
                   struct limit_row rows[LIMIT_ROWS]);

#endif
