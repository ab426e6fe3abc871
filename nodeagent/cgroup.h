/* Control groups, whichever way the machine has them: version 2 alone (Debian 12's default), version 1, or
 * both beside each other (hybrid). runc makes and limits the groups of containers; this module knows where
 * all hierarchies are, puts the sandbox into its group, finds who is in a group, and removes groups.
 *
 * A group is named by its path from the root of the hierarchies, "/podtree/1f0c43aa/pod…": the same in each.
 */
#ifndef PODTREE_CGROUP_H
#define PODTREE_CGROUP_H

#include "lib/process.h"
#include "nodeagent/limits.h"
#include <sys/types.h>

struct cgroups;

/* Finds the hierarchies. -ENOENT when none is mounted. */
struct cgroups *cgroups_open(struct error **err);
/* The same from another table of mounts than /proc/self/mounts. */
struct cgroups *cgroups_open_from(const char *mounts, struct error **err);
void cgroups_close(struct cgroups *cgroups);

/* Makes the group in the hierarchy that tells which processes are in it (version 2 where there is one), and
 * opens its directory there. When *into is true a process can be born there (clone3's CLONE_INTO_CGROUP),
 * else it has to join. */
int cgroups_make(const struct cgroups *cgroups, const char *path, bool *into, struct error **err);

/* Makes the group in the hierarchies of the controllers that these limits are of, and sets them. In version 2
 * all groups above it, and the group itself, hand their controllers down. What no controller of this machine
 * can limit stays unlimited. */
int cgroups_limit(const struct cgroups *cgroups, const char *path, const struct limits *limits,
                  struct error **err);

/* Which of these groups is there, in any hierarchy: the first one; -1 when none is. */
int cgroups_find(const struct cgroups *cgroups, const char *const *paths, int count);

/* Is there version 2, and does it count memory? */
bool cgroups_count_memory_in_v2(const struct cgroups *cgroups);

/* Puts a process into the group whose directory that is (0: the calling one); 0 or a negative errno. Only
 * makes system calls. */
int cgroups_join(int directory, pid_t pid);

/* process_start() in the group, which is made if it isn't there. */
struct process *cgroups_start(const struct cgroups *cgroups, const char *path, struct loop *loop,
                              const struct process_plan *plan, process_done_fn *done, void *context,
                              struct error **err);

/* Is the process in this group, or below it? */
bool cgroups_holds(const struct cgroups *cgroups, const char *path, pid_t pid);

/* Sends SIGKILL to every process in the group and below it; how many there were. */
int cgroups_kill(const struct cgroups *cgroups, const char *path);

/* Processor time that the group has ever used, in microseconds, and the bytes of memory that it uses now, but
 * for pages of files that have not been touched lately and could go (Kubernetes' working set). False when the
 * group isn't there or nobody counts. */
bool cgroups_usage(const struct cgroups *cgroups, const char *path, int64_t *cpu_us, int64_t *memory);

/* How many processes of the group the kernel has killed for want of memory, wherever it was short: in the
 * group, in one above it, in the machine. False when nobody counts. */
bool cgroups_memory_kills(const struct cgroups *cgroups, const char *path, int64_t *count);

/* Removes the group and those below it from every hierarchy; fine when it isn't there. -EBUSY while processes
 * are in it. */
int cgroups_remove(const struct cgroups *cgroups, const char *path, struct error **err);

/* The names of the groups directly below, each with a newline, at the end of *out; a name may come several
 * times (once per hierarchy). */
void cgroups_list(const struct cgroups *cgroups, const char *path, struct buf *out);

#endif
