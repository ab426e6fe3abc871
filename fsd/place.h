/* Places: what a path means. The table of tree.md 1 in code: from a directory's place and a name to the
 * child's place.
 *
 * A place is small and plain; it names objects by number and never points to one, because objects come and go
 * while the kernel keeps a node. */
#ifndef PODTREE_PLACE_H
#define PODTREE_PLACE_H

#include "fsd/field.h"
#include "fsd/objects.h"

enum place_type {
    PLACE_NONE,
    PLACE_ROOT,          /* / */
    PLACE_FILE,          /* a magic file: see special.h */
    PLACE_LINK,          /* a symbolic link to another place: its target is computed */
    PLACE_ERRORS,        /* .errors/ */
    PLACE_API,           /* api/; the next three follow it in this order: discovery.h */
    PLACE_API_GROUP,     /* api/<group>/ */
    PLACE_API_VERSION,   /* api/<group>/<version>/ */
    PLACE_API_KIND,      /* api/<group>/<version>/<plural>/ */
    PLACE_ALL,           /* all/ */
    PLACE_ALL_KIND,      /* all/<plural>/ */
    PLACE_ALL_NAMESPACE, /* all/<plural>/<namespace>/ */
    PLACE_KIND,          /* <plural>/, namespaces/<namespace>/<plural>/ */
    PLACE_SINCE,         /* .since/ of a kind's directory */
    PLACE_OBJECT,        /* <plural>/<name>/ */
    PLACE_OWNED,         /* owned/ of an object */
    PLACE_BOUND,         /* nodes/<name>/<plural>/: links to the objects bound there */
    PLACE_FIELD,         /* below an object: a file or directory, by the schema */
    PLACE_SCRATCH        /* an editor's file */
};

struct place {
    enum place_type type;
    const struct kind *kind;
    const struct special *special;      /* PLACE_FILE */
    const char *namespace;              /* interned; "" cluster-scoped; NULL all namespaces */
    int64_t object;                     /* PLACE_OBJECT and below, and links to objects */
    const struct kind_version *version; /* PLACE_API_VERSION and below */
    int64_t number;                     /* .since/<number>, .errors/<uid> */
};

struct fsd;
struct asker;

/* The child's place, or ENOENT: also for scratch names that nobody has created, and for fields that are not
 * set. */
int place_child(struct fsd *fsd, const struct place *parent, uint32_t parent_node, struct str name,
                struct place *child);

/* The place of a node: kept beside it, or found by walking the names from the root. ENOENT when it has none
 * any more. */
int place_of_node(struct fsd *fsd, uint32_t node, struct place *place);

/* The link `errors` leads each user to a file of their own, and the kernel keeps what links say: so each user
 * has a link of their own, a node below the root with this name and the uid behind it. */
#define PLACE_OWN_ERRORS "errors/"

/* Is it a name that editors and tools give to files that they rename over others? */
bool place_is_scratch_name(struct str name);

/* Would a file of that name, which is not there, be an editor's? In an object's own directories, where names
 * are fields, every name is that the schema doesn't have. */
bool place_makes_scratch(struct fsd *fsd, const struct place *directory, uint32_t node, struct str name);

/* The names below a directory, some at a time (place_names.c): visits the next ones, for less than half a
 * millisecond, and moves the cursor (special.h), which is zeroed at the beginning; false when there are no
 * more. What is there all the while comes once, whatever else comes and goes. Unlisted files don't come. */
struct list_cursor;
typedef void place_visit(void *context, struct str name, bool directory_or_link, bool link);
bool place_list(struct fsd *fsd, const struct place *place, uint32_t node, struct list_cursor *cursor,
                place_visit *visit, void *context);

/* Whether links lead to the visible object: a draft is only where it was made. */
bool place_is_linked(const struct object *object);
bool place_has_linked(const struct collection *collection);

/* Where a link leads. */
void place_link_target(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out);

/* The node's path below its object's directory ("template/spec"), "" for the directory itself. */
void place_field_path(struct fsd *fsd, uint32_t node, struct buf *path);
/* The field at a path below an object, in the document of the version (kept a while: see documents.h). */
struct field place_field(struct fsd *fsd, const struct object *object, struct str path, struct buf *scratch);

/* The path from the root of the mount: "/namespaces/default/pods/web-1". */
void place_path(struct fsd *fsd, uint32_t node, struct buf *path);
/* The same of an object, whether the kernel knows it or not. */
void place_object_path(const struct object *object, struct buf *path);

#endif
