/* Views: what loops see of objects. A kind's view is a small struct that is filled once from each version's
 * document and never changed; what doesn't matter to any loop is left out. Loops don't see JSON, but for the
 * parts that they only compare or copy (labels, templates, conditions): those are shared values.
 */
#ifndef PODTREE_VIEW_H
#define PODTREE_VIEW_H

#include "lib/amounts.h"

struct view;

struct owner {
    struct str api_version, kind, name, uid;
    bool controller, blocks_deletion;
};

/* The beginning of every view. */
struct meta {
    const struct view *view;
    struct str namespace, name, uid; /* namespace "" where there is none */
    int64_t version, generation;
    int64_t created_ms, deleted_ms; /* wall clock; deleted_ms 0: it is not being deleted */
    struct value labels;            /* shared */
    const struct owner *owners;
    size_t owner_count;
    const struct owner *controller; /* one of the owners, or NULL */
    void *entry;                    /* the cache's */
};

/* Where a view puts what it keeps: it lives as long as the view. */
struct keeper;

struct view {
    const char *resource;    /* "pods", "replicasets.apps": a directory below all/ */
    const char *api_version; /* what manifests say; NULL for the view of any kind */
    const char *kind;
    size_t size;        /* of the struct, which begins with struct meta */
    bool metadata_only; /* spec, data and status are not even read */
    /* Fills what is behind the meta; the struct comes zeroed, its meta filled. NULL: nothing to fill. */
    void (*fill)(struct keeper *keeper, struct value object, void *view);
};

/* A copy of the bytes. */
struct str keep_str(struct keeper *keeper, struct str text);
/* Zeroed memory. */
void *keep_memory(struct keeper *keeper, size_t count, size_t size);
/* A value that is equal to this one. Equal values are kept once in the process (the labels of a thousand pods
 * of one template are one value), so those with the same `at` and `doc` are equal without a look. */
struct value keep_value(struct keeper *keeper, struct value value);
/* Amounts that are equal to these, kept once likewise: equal ones are the same. */
const struct amounts *keep_amounts(struct keeper *keeper, const struct amounts *amounts);

/* Makes an object's view: the struct, to be given back with view_free(). The document must have a name and a
 * resourceVersion (EPROTO). */
int view_make(const struct view *view, struct value object, void **made, struct error **err);
void view_free(void *made);

static inline const struct meta *meta_of(const void *object)
{
    return object;
}
static inline bool is_terminating(const void *object)
{
    return meta_of(object)->deleted_ms != 0;
}

/* A time of the document as wall milliseconds; 0 where there is none. */
int64_t view_time(struct value text);

#endif
