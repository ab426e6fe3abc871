/* The set of all objects, owned by main.
 *
 * An object's state at one moment is a version: immutable canonical JSON with a small header, counted by
 * references because the committer and the historian use it in their own threads. An object has a committed
 * version (what readers see) and, while a change is on its way to the disk, a pending one (upon which the
 * next change is computed).
 *
 *     create/change: pending = new version        publish: committed = version, announced
 *                    discard: the disk refused; pending goes, committed stays
 *
 * Objects of a kind in a namespace form a collection, sorted by name: it answers lookups and listings. All of
 * a kind are sorted by their committed versions too, deleted ones (as tombstones) included: that is .since.
 */
#ifndef PODTREE_OBJECTS_H
#define PODTREE_OBJECTS_H

#include "fsd/kind.h"
#include "fsd/store.h"
#include "lib/map.h"
#include <stdatomic.h>

enum {
    VERSION_DRAFT = 1,       /* made by mkdir, not acted upon yet */
    VERSION_TERMINATING = 2, /* has a deletionTimestamp */
    VERSION_GONE = 4         /* a tombstone: the text has only the metadata */
};

struct version {
    atomic_uint references;
    int64_t number;  /* resourceVersion */
    int64_t desired; /* the version since which nothing but the status has changed */
    int64_t time_ms;
    uint32_t flags;
    struct str node;    /* the value of the kind's node field (a pod's spec.nodeName), inside text */
    struct str *owners; /* uids of metadata.ownerReferences, inside text */
    size_t owner_count;
    struct kind_reading *defines; /* what a definition says, until the kind is there: custom.h. Main's own. */
    char *status;                 /* the status line's text, NULL for none */
    size_t manifest_size;         /* of manifest.yaml; 0: not known yet. Main's own. */
    char *sealed; /* what the disk gets, where it has secrets: secrets.h. The committer's own. */
    size_t sealed_length;
    size_t length;
    char text[]; /* JSON, terminated */
};

/* Lines of an object's status or events, or of all events, that have become durable. Whole lines; the oldest
 * go, many at once, and the last STREAM_KEPT bytes always stay. A stream that somebody has open grows
 * further: his place in it is counted from its first byte. */
#define STREAM_KEPT     (64u << 10)
#define STREAM_FULL     (96u << 10)
#define STREAM_FOLLOWED (1u << 20)
struct stream {
    struct buf text;
    struct buf numbers; /* of its lines: int64_t each */
};

struct object {
    int64_t id;
    struct map_node by_id;
    const struct kind *kind;
    const char *namespace; /* interned; "" when cluster-scoped */
    char *name, *uid;
    struct version *committed; /* NULL: not there yet. VERSION_GONE: a tombstone */
    struct version *pending;   /* NULL: nothing is on its way */
    struct object *older; /* one of the same name whose removal is on its way; of a tombstone: the next one */
    struct stream streams[2]; /* by enum stream_kind */
    int64_t history_version; /* of its committed version, if a person made it and it goes to the history; else
                                0 */
    uint64_t batch;          /* the number of the last batch that it was in … */
    size_t batch_place;      /* … and 1 + its index there; 0: that has been taken back */
    struct announcement *announcement;
};

struct collection {
    const char *namespace;
    struct object **objects; /* by name: the newest of each name */
    size_t count, capacity;
    size_t live;      /* how many of them have a committed version that is live */
    int64_t newest;   /* version */
    int64_t names_ms; /* wall clock: when a name came or went; 0: not since fsd was started */
};

struct objects;

/* `kinds`: all that there are at first. */
struct objects *objects_new(const struct kinds *kinds);
/* There may be objects of this kind from now on. */
void objects_add_kind(struct objects *objects, const struct kind *kind);
void objects_free(struct objects *objects);

/* ---- versions ---- */

/* `before` and `after` are the parts of the text around the number: they are copied, and the version's own
 * number is written between them. `document`: what the text says, if it is at hand. */
struct version *version_new(const struct kind *kind, struct str before, int64_t number, struct str after,
                            struct value document, int64_t time_ms, uint32_t flags, const char *status);
/* A version that was made beforehand gets its number, which stands at `at` in its text. False, and nothing
 * has happened, where there is none, where somebody else has it already, and where the number is longer. */
bool version_renumber(struct version *version, size_t at, int64_t number, int64_t time_ms);
/* As the store has it: the record's own number, and its status line is made anew. */
struct version *version_from_record(const struct kind *kind, const struct record *record);
/* The last one of an object that is gone; the text is copied. */
struct version *version_tombstone(const struct kind *kind, struct str text, int64_t number, int64_t time_ms);
/* One reference more, and one less: the last one frees it. From any thread; NULL is fine. */
struct version *version_hold(struct version *version);
void version_drop(struct version *version);
/* Lists, indexes and links have it: there is such a version, and it is neither a draft nor a tombstone. */
static inline bool version_is_live(const struct version *version)
{
    return version != NULL && (version->flags & (VERSION_DRAFT | VERSION_GONE)) == 0;
}
static inline struct str version_text(const struct version *version)
{
    return (struct str){version->text, version->length};
}

/* ---- finding ---- */

/* The same pointer for the same text, for ever. */
const char *objects_intern(struct objects *objects, struct str text);

/* The newest state, pending or committed, not gone: what the next change is computed upon. NULL: there is
 * none. */
struct object *object_newest(struct objects *objects, const struct kind *kind, struct str namespace,
                             struct str name);
/* Pending, or else committed. */
const struct version *object_newest_version(const struct object *object);
/* What readers see: an object with a committed version that is not gone; drafts too. */
struct object *object_visible(struct objects *objects, const struct kind *kind, struct str namespace,
                              struct str name);
/* Has it a committed version that is not gone? */
bool object_is_visible(const struct object *object);
/* By number, also pending ones and tombstones. */
struct object *object_by_id(struct objects *objects, int64_t id);

/* The collection, NULL when there has never been an object. Entries may be invisible: use collection_visible.
 */
struct collection *objects_collection(struct objects *objects, const struct kind *kind, struct str namespace);
/* All collections of a kind, sorted by namespace. */
struct collection *const *objects_collections(struct objects *objects, const struct kind *kind,
                                              size_t *count);
/* The visible object at a place of the collection (perhaps the older of its name), or NULL. */
struct object *collection_visible(const struct collection *collection, size_t place);
/* The first place whose name is `name` or behind it. */
size_t collection_place(const struct collection *collection, struct str name);

/* ---- the order of versions ---- */

/* The oldest object of the kind whose committed version is above `version`; drafts are not in the order. */
struct object *objects_after(struct objects *objects, const struct kind *kind, int64_t version);
/* The newest committed version of the kind in the namespace (NULL: in all), deletions count; 0: none. */
int64_t objects_newest(const struct objects *objects, const struct kind *kind, const char *namespace);
/* When a name of the kind came or went, 0: not since fsd was started. */
int64_t objects_names_ms(const struct objects *objects, const struct kind *kind, const char *namespace);
/* Tombstones up to this version have been forgotten. */
int64_t objects_forgotten(const struct objects *objects, const struct kind *kind);
/* Nothing is known of what happened up to this version. */
void objects_forget(struct objects *objects, const struct kind *kind, int64_t version);

/* Is told whenever another version is the newest of an object: by a change, by one that is taken back or
 * refused by the disk, and when objects are loaded; not when what is pending becomes durable. So what it
 * reckons is always true of what the next change is computed upon. Before or after, NULL where there is none,
 * may be drafts and tombstones. */
typedef void newest_changed(void *context, const struct object *object, const struct version *before,
                            const struct version *after);
void objects_observe(struct objects *objects, newest_changed *changed, void *context);

/* ---- changing: main's txn only ---- */

/* A new object with its first pending version, which is taken over. */
struct object *object_create(struct objects *objects, int64_t id, const struct kind *kind,
                             struct str namespace, struct str name, struct str uid, struct version *pending);
/* Another pending version (taken over). */
void object_change(struct objects *objects, struct object *object, struct version *pending);
/* `version` is durable: readers see it from now on. */
void object_publish(struct objects *objects, struct object *object, struct version *version);
/* The disk refused what was pending. The object goes if it had no committed version. */
void object_discard(struct objects *objects, struct object *object);
/* From the store at start, in the order of versions: versions are taken over. */
struct object *object_load(struct objects *objects, int64_t id, const struct kind *kind, struct str namespace,
                           struct str name, struct str uid, struct version *committed);
/* Forgets tombstones beyond `keep`, the oldest first. */
void objects_trim_tombstones(struct objects *objects, size_t keep);

/* A durable line. `limit` is STREAM_FULL or STREAM_FOLLOWED. Returns the number of the oldest line kept if
 * older ones went, else 0. */
int64_t stream_add(struct stream *stream, int64_t number, struct str text, size_t limit);

#endif
