/* Kinds: what objects there are and what they look like.
 *
 * A kind is data: a file in the format of a Kubernetes CustomResourceDefinition (apiextensions.k8s.io/v1),
 * whether it is built in (fsd/kinds) or a user's own. What Kubernetes' format has no word for is said with
 * x-podtree-… keys, which fsd/kinds/README.md lists. A kind, and what it looks like, is read-only and may be
 * used from any thread; the set of kinds is main's.
 */
#ifndef PODTREE_KIND_H
#define PODTREE_KIND_H

#include "lib/doc.h"
#include <stdatomic.h>

#define KIND_CORE_GROUP "core" /* what paths call the group that has no name */

struct constraints;  /* fsd/constraints.h */
struct format;       /* fsd/formats.h */
struct pattern;      /* fsd/pattern.h */
struct rule;         /* fsd/rules.h */
struct default_rule; /* fsd/default.h */

enum schema_type {
    SCHEMA_STRING,
    SCHEMA_INTEGER,
    SCHEMA_NUMBER,
    SCHEMA_BOOLEAN,
    SCHEMA_INT_OR_STRING,
    SCHEMA_OBJECT, /* fixed properties */
    SCHEMA_MAP,    /* additionalProperties */
    SCHEMA_ARRAY,
    SCHEMA_ANY /* x-kubernetes-preserve-unknown-fields, without a type; conditions on it speak of what fits
                  them */
};

/* Where a schema is from, and so how it is read and what a null means. */
enum schema_dialect {
    DIALECT_KINDS,      /* the kinds that are built in: fsd/kinds */
    DIALECT_STRUCTURAL, /* a CustomResourceDefinition */
    DIALECT_BRANCH      /* a condition in allOf, anyOf, oneOf or not: it needs no type */
};

enum list_type { LIST_ATOMIC, LIST_SET, LIST_MAP };

/* What apply does to a field (merge.h); nothing said: objects are merged, lists replaced. */
enum patch_strategy {
    PATCH_MERGE = 1,      /* a list is merged entry by entry */
    PATCH_REPLACE = 2,    /* an object is replaced whole */
    PATCH_RETAIN_KEYS = 4 /* members that aren't wanted go, whosever they are */
};

struct property {
    struct str name;
    const struct schema *schema;
};

struct schema {
    enum schema_type type;
    struct value text;                 /* that it was read from, for describe.h */
    struct str definition;             /* the name of the one that it is or goes on from; or empty */
    const struct property *properties; /* SCHEMA_OBJECT: in the order of the file */
    size_t property_count;
    const uint16_t *property_slots; /* internal: a hash table of the properties, for schema_property() */
    size_t property_slot_count;
    const struct schema *items; /* SCHEMA_ARRAY: elements; SCHEMA_MAP: values */
    enum list_type list_type;
    const struct str *list_keys; /* LIST_MAP: the first one names directory entries */
    size_t list_key_count;
    unsigned patch_strategy;    /* enum patch_strategy, of a field */
    struct str patch_merge_key; /* PATCH_MERGE, of objects: the member by which entries are found again */
    bool repeatable; /* x-podtree-repeatable: keys may come more than once, the last one counts (env) */
    const struct str *required;
    size_t required_count;
    const struct str *enumeration;
    size_t enumeration_count;
    struct value default_value; /* absent: none */
    bool has_minimum, has_maximum;
    double minimum, maximum;
    int64_t min_length, max_length, min_items, max_items; /* -1: none */
    struct str format;                                    /* int32, date-time, quantity, duration … */
    const struct format *format_check;                    /* NULL: a format that says nothing */
    const struct format *key_check;                       /* SCHEMA_MAP, x-podtree-keys: what keys must be */
    struct str pattern;                                   /* as written, for sentences */
    const struct pattern *pattern_compiled;
    const struct constraints *constraints; /* rarer conditions; NULL: none */
    enum schema_dialect dialect;
    bool open;     /* SCHEMA_OBJECT: members that aren't properties may be there, and be anything */
    bool embedded; /* x-kubernetes-embedded-resource: it has apiVersion and kind, and metadata as objects have
                    */
    bool nullable;
    bool zero_unset;     /* x-podtree-zero-unset: empty, 0 and false mean that it is not set */
    bool content;        /* x-podtree-content: exact bytes, no newline added (entries of data …) */
    bool long_text;      /* x-podtree-long: any string that may be long: collected until close */
    bool secret;         /* x-podtree-secret: encrypted on the disk, and never said in a sentence */
    bool server_managed; /* x-podtree-server: only fsd and components write it */
    bool immutable;      /* x-podtree-immutable: settable at creation only */
    bool write_once;     /* x-podtree-write-once: may be set when it is unset */
    bool unchecked;      /* x-podtree-unchecked: of it and what is below only names and types are looked at */
    bool secrets;        /* it or something below it is secret */
    bool guarded;        /* it or something below it is immutable, write-once or has update rules */
    bool wants_defaults; /* it or something below it has defaults or a quantity to bring in form */
    const struct default_rule *const *default_rules; /* x-podtree-defaults: end with NULL; NULL: none */
    const struct rule *const *rules;                 /* x-podtree-rules */
    const struct rule *const *update_rules;          /* x-podtree-update-rules */
};

struct column {
    struct str name;
    int priority;                                                       /* 0: always shown */
    struct str type;                                                    /* string, integer, date … */
    struct str path;                                                    /* a JSONPath, or empty where … */
    void (*compute)(struct buf *out, struct value object, int64_t now); /* … a named function says it */
    bool is_reason; /* every kind has one: why something isn't well, and what a deleted object waits for */
    bool in_status; /* part of the status line … */
    struct str status_form; /* … in this form, % being the value: "node=%" (x-podtree-status) */
};

struct verb {
    struct str name; /* restart */
    struct str help;
    struct str annotation;         /* the request is stored as this annotation with the time as value */
    const struct str *annotations; /* where: the path of the map, metadata annotations by default */
    size_t annotations_depth;
};

/* Of an object that is right as its version says. */
typedef void convert_version(struct value object);

/* A version in which objects of a kind may be given, and in which they have that form: v1. */
struct kind_version {
    struct str name, api_version; /* v1beta1, apps/v1beta1, or v1beta1 for the core group */
    const struct schema *schema;
    convert_version *convert; /* brings an object into the form in which objects are kept; NULL: it is that */
};

/* What the objects of a kind look like. */
struct kind_form {
    const struct kind_version *versions; /* that are served: the one in which objects are kept comes first */
    size_t version_count;
    struct str api_version; /* … this one's: apps/v1 */
    const struct schema *schema;
    const struct schema *status; /* that is written apart from the rest; NULL: there is no such status */
    const struct schema
        *spec;        /* that is flattened into the object's directory; NULL: there is no such spec */
    bool generations; /* changes of what is desired are counted */
    const struct column *columns;
    size_t column_count;
    struct str singular; /* deployment */
    const struct str *short_names;
    size_t short_name_count;
};

/* An object that is made at start where it isn't there. */
struct permanent {
    struct str name;
    struct value manifest; /* what it says beside apiVersion and kind; absent: nothing but its name */
};

struct kind {
    struct str group, name, plural; /* apps, Deployment, deployments */
    struct str resource;            /* plural.group, or the bare plural of the core group: unique */
    struct str qualified; /* plural.group, of the core group plural.core: always leads to its directories */
    struct str directory; /* what these are called: the plural, or qualified where that is another's, or means
                           * something else in the tree ("events") */
    const struct format *name_check; /* what a name must be */
    bool custom;                     /* a user's */
    bool namespaced;
    bool live_when_empty;                 /* mkdir makes it live at once */
    bool spread;                          /* history puts it one folder deeper, by a hash of the name */
    bool memory_only;                     /* neither in the store nor in the history: Lease */
    bool defines;                         /* its objects define kinds: CustomResourceDefinition (custom.h) */
    const struct kind_form *_Atomic form; /* kind_form() */
    const struct verb *verbs;
    size_t verb_count;
    const struct permanent *permanent; /* x-podtree-permanent: objects that every cluster has */
    size_t permanent_count;
    struct str node_field; /* x-podtree-node-field: the member of spec that names the node it is bound to; or
                            * empty. Deleting a bound object is graceful: it goes when its node says so */
    struct value template; /* x-podtree-template: what belongs into template.yaml; absent: what is required */
    size_t index;          /* a number of its own, below kinds_numbers() */
    const struct kinds *kinds; /* the set that it belongs to */
    bool ending;               /* custom.h's: its definition is being deleted, nothing new of it may come */
};

/* What its objects look like now. A user may change that: whoever asks twice may get two answers. What was
 * got stays as it is for as long as fsd runs. */
static inline const struct kind_form *kind_form(const struct kind *kind)
{
    return atomic_load_explicit(&((struct kind *)kind)->form, memory_order_acquire);
}

/* The version that a manifest names as its apiVersion; NULL where it isn't served. */
const struct kind_version *kind_version(const struct kind_form *form, struct str api_version);

bool kind_is_permanent(const struct kind *kind, struct str name);

static inline bool kind_is(const struct kind *kind, const char *group, const char *name)
{
    return str_is(kind->group, group) && str_is(kind->name, name);
}

struct kinds;

/* Loads the built-in kinds: every *.yaml of the directory. An error names file and place. */
int kinds_load(const char *directory, struct kinds **kinds, struct error **err);
void kinds_free(struct kinds *kinds);

/* Those that there are now, the built-in ones first, then in the order in which they came. */
size_t kinds_count(const struct kinds *kinds);
const struct kind *kinds_at(const struct kinds *kinds, size_t place);
/* More than the index of any kind that there is or was. */
size_t kinds_numbers(const struct kinds *kinds);

/* ---- kinds that come and go: custom.h ---- */

/* What a CustomResourceDefinition says, read, but in no set of kinds yet. */
struct kind_reading;

/* Reads it, with the built-in types of these kinds; from any thread. NULL and a sentence where something is
 * wrong with it (EINVAL). */
struct kind_reading *kind_reading_new(const struct kinds *kinds, struct value definition, struct error **err);
void kind_reading_free(struct kind_reading *reading);
const struct kind *kind_reading_kind(const struct kind_reading *reading);
/* In words, what of it has no effect; empty where all has. */
struct str kind_reading_in_vain(const struct kind_reading *reading);

/* Would a name of the kind be somebody else's in its group? EEXIST, and a sentence. */
int kinds_check_names(const struct kinds *kinds, const struct kind *kind, struct error **err);
/* Takes the reading over: a new kind, or one that there is gets another form. A kind that comes again after
 * kinds_remove() is the same one. `is_new`, if not NULL: there was none. */
const struct kind *kinds_put(struct kinds *kinds, struct kind_reading *reading, bool *is_new);
/* Nothing new of it may come, or may again. */
void kinds_end(struct kinds *kinds, const struct kind *kind, bool ending);
/* It is not found any more. Objects, and whoever else knows it, keep it for as long as they like. */
void kinds_remove(struct kinds *kinds, const struct kind *kind);

/* ---- finding ---- */

/* By directory name: the bare plural, or plural.group ("deployments.apps", "pods.core"). NULL if there is
 * none. A bare plural that several have is the core group's, or the first one's. */
const struct kind *kinds_by_directory(const struct kinds *kinds, struct str name);
/* By a manifest's apiVersion and kind; the sentence of the error says which kinds come near (EINVAL). */
const struct kind *kinds_by_manifest(const struct kinds *kinds, struct value manifest, struct error **err);

/* The member's schema, NULL if there is none. */
const struct schema *schema_property(const struct schema *schema, struct str name);
/* The same, also of what is no property: an entry of a map, a further member of an open object. */
const struct schema *schema_member(const struct schema *schema, struct str name);
/* What says nothing about its values. */
extern const struct schema schema_anything;
/* The member whose name is nearest to one that there is not, for sentences; STR_NONE if none is near. */
struct str schema_nearest(const struct schema *schema, struct str name);

#endif
