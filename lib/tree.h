/* The tree as programs use it (doc/programs.md): follow a kind, read what has changed, write many changes.
 *
 * A struct tree is a face with two bodies: tree_mount() is the mounted filesystem; tests bring a simulated
 * one that can be killed, delayed and run on a clock of its own. So a tree comes with its clock.
 *
 * `resource` is a directory below MOUNT/all: "pods", "replicasets.apps".
 */
#ifndef PODTREE_TREE_H
#define PODTREE_TREE_H

#include "lib/doc.h"
#include "lib/error.h"

struct tree;

/* Takes one line of an answer (without its newline; the bytes live during the call). Returns 0 to go on, 1
 * when this was the last line, or a negative errno, which ends the reading. */
typedef int tree_line_fn(void *context, struct str line, struct error **err);

struct tree_operations {
    void (*follow)(struct tree *tree, const char *resource, bool *changed);
    int (*since)(struct tree *tree, const char *resource, int64_t version, bool metadata_only,
                 tree_line_fn *line, void *context, struct error **err);
    int (*get)(struct tree *tree, const char *resource, const char *namespace, const char *name,
               struct buf *object, struct error **err);
    int (*bulk)(struct tree *tree, struct str requests, size_t count, struct buf *results,
                struct error **err);
    int (*resources)(struct tree *tree, struct buf *names, struct error **err);
    int (*events)(struct tree *tree, struct error **err);
    int (*descriptor)(struct tree *tree);
    int64_t (*wall_ms)(struct tree *tree);
    int64_t (*clock_ms)(struct tree *tree);
    void (*close)(struct tree *tree);
};

struct tree {
    const struct tree_operations *operations;
};

/* The tree mounted at `directory`. It need not be mounted yet: what is called meanwhile fails, and may be
 * called again. */
int tree_mount(const char *directory, struct tree **tree, struct error **err);
void tree_close(struct tree *tree);
static inline void cleanup_tree(struct tree **tree)
{
    tree_close(*tree);
}
#define autotree cleanup(cleanup_tree)

/* From now on tree_events() sets *changed when something of this resource may have changed, or when events
 * may have been missed, and the first time in any case. It must live as long as the tree. */
void tree_follow(struct tree *tree, const char *resource, bool *changed);

/* Takes note of what has happened; doesn't wait. An error says that not all that is followed can be watched
 * at present: call again a little later. */
int tree_events(struct tree *tree, struct error **err);

/* Readable when tree_events() has something to do. */
int tree_descriptor(struct tree *tree);

/* Is this line of .since the last one, which says the version that was reached? */
bool tree_is_reached(struct value line, int64_t *version);

/* Hands over each line of .since/<version>. An answer that ends before its last line is -EPROTO. */
int tree_since(struct tree *tree, const char *resource, int64_t version, bool metadata_only,
               tree_line_fn *line, void *context, struct error **err);

/* Puts one object, as JSON, at the end of *object. -ENOENT when there is none. Where a kind has no namespaces
 * `namespace` is "". */
int tree_get(struct tree *tree, const char *resource, const char *namespace, const char *name,
             struct buf *object, struct error **err);

/* Carries out `count` requests, a line each, and puts as many lines of results at the end of *results. An
 * error says that it is not known what was carried out. */
int tree_bulk(struct tree *tree, struct str requests, size_t count, struct buf *results, struct error **err);

/* The names of all resources (pods, deployments.apps), a line each, at the end of *names. */
int tree_resources(struct tree *tree, struct buf *names, struct error **err);

/* Milliseconds since 1970; and since some moment, never set back. */
int64_t tree_wall_ms(struct tree *tree);
int64_t tree_clock_ms(struct tree *tree);

#endif
