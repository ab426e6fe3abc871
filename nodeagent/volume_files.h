/* Which files a configMap, secret, downwardAPI or projected volume has: a pure function of the volume, its
 * pod and the objects that it refers to.
 *
 * The sentences of errors are those that Kubernetes' kubelet puts into its FailedMount events. Several that
 * belong together (a projected volume's sources) are told together: "[one, other]". */
#ifndef PODTREE_VOLUME_FILES_H
#define PODTREE_VOLUME_FILES_H

#include "nodeagent/references.h"
#include <sys/types.h>

struct volume_file {
    char *path; /* relative and clean: no empty part, no "." or "..", the first doesn't begin with ".." */
    struct buf bytes;
    mode_t mode;
    size_t order; /* which source it came from: of two for one path the later one stays */
};

/* In the order of their paths, each path once. Zero-initialised is none. */
struct volume_files {
    struct volume_file *files;
    size_t count, capacity;
};
void volume_files_free(struct volume_files *files);
#define autofiles cleanup(volume_files_free)

/* What volumes are made from. */
struct volume_world {
    struct value pod;
    references_find_fn *find;
    void *context;
    struct value allocatable; /* the node's: what is left of limits that a container hasn't set */
    int64_t fs_group;         /* -1: none */
};

/* Fills *files. ENOENT when an object or a key isn't there that must be, EINVAL for a path or field that
 * can't be. */
int volume_files_make(struct value volume, const struct volume_world *world, struct volume_files *files,
                      struct error **err);

/* What a projected volume's source is of, where that adds no file yet, or NULL. */
const char *volume_files_unsupported(struct value source);

#endif
