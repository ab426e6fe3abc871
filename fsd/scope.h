/* Scopes: which objects a directory has, and a walk over them in the order of kinds, namespaces and names.
 * The walk stands at a name, never at a place: it may stop anywhere and go on after a restart of fsd, and
 * what is there all the while is met once, whatever else comes and goes. */
#ifndef PODTREE_SCOPE_H
#define PODTREE_SCOPE_H

#include "fsd/special.h"

/* Objects of a kind (NULL: of all) in a namespace (NULL: in all), and, where the directory has links to some
 * of them, only those. */
struct scope {
    const struct kind *kind;
    const char *namespace;
    const struct object *bound_to, *owned_by;
    bool nothing; /* what it belongs to is gone */
};

struct scope scope_of_directory(struct fsd *fsd, const struct place *directory);
/* Of the directory that the file with this node lies in. */
struct scope scope_of_file(struct fsd *fsd, const struct place *file, uint32_t node);

/* The visible object behind the cursor; NULL at the end. Drafts never come. Whether the scope has it is asked
 * for separately, because a walk that meets few of them must be able to stop, too. */
struct object *scope_next(struct fsd *fsd, const struct scope *scope, const struct list_cursor *cursor);
/* Does the directory list it? */
bool scope_has(const struct scope *scope, const struct object *object);
/* The cursor stands behind the object. */
void scope_pass(struct list_cursor *cursor, const struct object *object);

#endif
