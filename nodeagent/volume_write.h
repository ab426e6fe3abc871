/* Writes a volume's files so that whoever reads them sees all of one version or all of the next.
 *
 *     DIRECTORY/..2026_11_22_21_30_00.123456789/app/key      the bytes
 *     DIRECTORY/..data -> ..2026_11_22_21_30_00.123456789    replaced by rename: this is the change
 *     DIRECTORY/app -> ..data/app                            one for each first part of a path
 *
 * That is Kubernetes' layout, which programs know: they watch `..data`. A kill at any moment leaves the old
 * version or the new one in `..data`; what else it leaves (a directory half written, a symlink not yet made
 * or not yet removed) is put right by the next call, which therefore looks at all of it even when no byte has
 * changed. Nothing is synced: after a crash of the machine the comparison finds what was lost. */
#ifndef PODTREE_VOLUME_WRITE_H
#define PODTREE_VOLUME_WRITE_H

#include "nodeagent/volume_files.h"

/* DIRECTORY is there, is root's, and containers have it read-only. With a group (fs_group >= 0) the files are
 * that group's and readable for it, as fsGroup asks. Returns 1 when there is a new version, 0 when the one
 * that was there has just these bytes (modes are not compared: a volume's don't change). */
int volume_write(const char *directory, const struct volume_files *files, int64_t fs_group,
                 struct error **err);

/* What fsGroup asks of a volume's own directory, which containers write to: it is the group's, and so is what
 * is made in it. Nothing happens without a group. */
int volume_own(const char *directory, int64_t fs_group, struct error **err);

#endif
