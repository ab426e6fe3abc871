/* How much of the node's disk a pod may take: limits on ephemeral-storage, of its containers (what they write
 * to their root filesystem and their logs) and of all of it together (volumes on the disk too), and the
 * sizeLimit of an emptyDir on the disk. As in Kubernetes a pod may go beyond them for a moment: it is
 * measured from time to time, and one that is found to have taken too much is evicted (pkg/kubelet/eviction:
 * localStorageEviction). Pure.
 *
 * Quotas of the filesystem are not used: the kubelet too only measures with them, few filesystems have them
 * switched on, and for pods of ordinary size du is as good.
 */
#ifndef PODTREE_STORAGE_H
#define PODTREE_STORAGE_H

#include "lib/doc.h"

/* Does it have to be measured? What the node itself can't be without (static pods, those of the highest
 * priorities) is never evicted. */
bool storage_is_limited(struct value pod);

/* The program that measures what lies in a directory, each directory in it to this depth, and the places of a
 * pod in STATE/pods/<uid>: its containers' and its volumes' are no deeper. */
#define STORAGE_DU "du", "--one-file-system", "--block-size=1", "--max-depth=2", "--"

/* From what it says of that directory: which limit is exceeded, in the kubelet's words (to be freed); NULL
 * where none is. The first one counts, in its order. */
char *storage_excess(struct value pod, const char *directory, struct str report);

/* Why such a pod has failed; and what it gets to end (the kubelet's immediateEvictionGracePeriodSeconds). */
#define STORAGE_EVICTED                "Evicted"
#define STORAGE_EVICTION_GRACE_SECONDS 1

#endif
