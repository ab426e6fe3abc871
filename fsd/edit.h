/* Edits: a change as data, and what an object becomes by it.
 *
 * edit_compute() is a pure function of the object's last version, the policies, the edit and the clock. All
 * that Kubernetes' API server does between a request and its storage happens here, in this order:
 * preconditions, the edit itself, what the server manages is put back, defaults, admission, validation,
 * deletion (graceful, finalizers), generation; then what the change means in words. */
#ifndef PODTREE_EDIT_H
#define PODTREE_EDIT_H

#include "fsd/kind.h"
#include "fsd/objects.h"
#include "fsd/policies.h"

#define OBJECT_LIMIT (1u << 20)

enum edit_type {
    EDIT_CREATE,       /* document: a whole object, made live */
    EDIT_DRAFT,        /* an empty object, live at once if the kind is valid when empty */
    EDIT_REPLACE,      /* document: a manifest takes the place of the desired state; makes a draft live */
    EDIT_APPLY,        /* document: merged three-way, as kubectl apply does; creates as well */
    EDIT_MERGE,        /* document: an RFC 7386 patch of all but the status */
    EDIT_STATUS,       /* document: an RFC 7386 patch of .status */
    EDIT_FIELD_WRITE,  /* path, bytes */
    EDIT_FIELD_APPEND, /* path, bytes */
    EDIT_FIELD_CUT,    /* path, size: of what it holds so many bytes stay */
    EDIT_FIELD_MAKE,   /* path: a directory */
    EDIT_FIELD_REMOVE, /* path; bytes: paths of others that go before it if they may, each with a NUL */
    EDIT_FIELD_RENAME, /* path, to_path: keys of one map */
    EDIT_LIVE,         /* a draft becomes an object */
    EDIT_VERB,         /* verb: its annotation gets the time */
    EDIT_DELETE,       /* grace */
    EDIT_FINISHED      /* the grace has been given: a terminating object goes */
};

struct edit {
    enum edit_type type;
    struct value document;
    struct str path, to_path, bytes;
    const struct verb *verb;
    int64_t grace;      /* EDIT_DELETE: seconds, -1 for the object's own */
    struct str if_uid;  /* precondition, may be empty: ENOENT */
    int64_t if_version; /* precondition, 0 for none: EAGAIN */
    size_t size;        /* EDIT_FIELD_CUT */
    size_t weight;      /* about how many bytes the document has as text */
    bool server;        /* by a component: it may write server-managed fields */
};

/* The object before the edit. */
struct edit_base {
    const struct kind *kind;
    struct str namespace, name;
    const struct version *before; /* NULL: there is none */
    struct value document;        /* its document, if it is at hand: else its text is parsed */
    struct str new_uid;           /* for an object that the edit makes */
    struct policies *policies;    /* what others have to say of it; NULL: there are none */
};

struct edit_result {
    bool unchanged;  /* nothing below is filled */
    bool gone;       /* the object goes; text is what remains as a tombstone */
    uint32_t flags;  /* VERSION_… */
    struct buf text; /* JSON without the version's number, which belongs at split */
    size_t split;
    char *status;         /* the status line's text, NULL for none */
    bool status_new;      /* … and it differs from the one before */
    char *subject;        /* for the history: "deployments/web: replicas 2 -> 3"; NULL: nothing is said */
    struct doc *document; /* what text says, without the number; may be NULL */
    size_t manifest_size; /* of manifest.yaml without the number's digits; 0: not measured */
    struct kind_reading *defines; /* what a definition says: custom.h */
    struct version *version;      /* made beforehand, with a number that may not be its own; or NULL */
    bool lent;                    /* text and version belong to somebody who has them longer */
};

/* 0, or the errno of tree.md 8 and a sentence. */
int edit_compute(const struct edit_base *base, const struct edit *edit, int64_t now_ms,
                 struct edit_result *result, struct error **err);
void edit_result_free(struct edit_result *result);
#define autoresult cleanup(edit_result_free)

#endif
