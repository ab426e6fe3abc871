/* What podtree explain is asked about: a kind, and perhaps a field of it. Two ways lead there, the one with
 * points of manifests and the one with slashes of the tree:
 *
 *     deploy.spec.template.spec.containers.image
 *     deployments/web/template/spec/containers/main/image
 *
 * In manifests' paths names go through lists and maps without a word. In the tree each entry is a step of its
 * own, the spec is spread out in the object's directory, and the status is called observed. */
#ifndef PODTREE_SUBJECT_H
#define PODTREE_SUBJECT_H

#include "lib/doc.h"

struct subject {
    struct str kind;   /* "apps/v1/deployments": its directory in api/, a line of what is known */
    struct str fields; /* the rest of the word */
    bool in_tree;      /* … as the tree has it, else as manifests do */
};

/* The line of `known` (all directories of kinds, "apps/v1/deployments", a line each; the first of several
 * versions counts) that is meant by the name: plural, singular or kind, or plural.group. STR_NONE: none. */
struct str subject_kind(struct str known, struct str name);

/* Understands a word: with slashes it is a path below the mount. `links` has a line for each short name and
 * the kind that it stands for, "po core/v1/pods". ENOENT and a sentence when there is no such kind. All that
 * the subject has are pieces of the three. */
int subject_parse(struct str word, struct str known, struct str links, struct subject *subject,
                  struct error **err);

/* The field in the kind's schema; *path gets its path as manifests have it, *required whether it must be
 * there. ENOENT and a sentence when there is no such field: absent. */
struct value subject_field(const struct subject *subject, struct value schema, struct buf *path,
                           bool *required, struct error **err);

#endif
