/* Documents: JSON text, parsed into a flat array, read through values and edited in place.
 *
 * A `struct doc` owns one array of fixed-size nodes and one arena of string bytes; parsing an object of 3 KB
 * costs a few microseconds and two allocations. A `struct value` is a small handle (document and index) that
 * is passed by value; it stays good while the document lives, whatever else is edited, until the node itself
 * is removed. Looking up what is not there gives a value of type VALUE_NONE, and every reader takes that: so
 *
 *     value_str(value_at(doc_root(pod), "spec", "nodeName"))
 *
 * is STR_NONE when there is no spec. Removed nodes leave holes that live as long as the document: a document
 * is made for one piece of work and freed.
 *
 * Numbers keep their text: 1.50 stays 1.50. Keys of an object are unique (the parser refuses repetitions).
 */
#ifndef PODTREE_DOC_H
#define PODTREE_DOC_H

#include "lib/error.h"
#include "lib/str.h"

enum value_type {
    VALUE_NONE, /* not there */
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_NUMBER,
    VALUE_STRING,
    VALUE_ARRAY,
    VALUE_OBJECT
};

struct doc;

struct value {
    struct doc *doc;
    uint32_t at; /* index of the node; 0 is VALUE_NONE, 1 the root */
};

#define VALUE_ABSENT ((struct value){NULL, 0})

/* ---- making documents ---- */

/* Parses UTF-8 JSON. The sentence of an error says line and column. Depth is limited to 200, and what is
 * behind the document must be white space. Returns NULL and fills *err (EINVAL, or EFBIG over 64 MiB). */
struct doc *doc_parse(struct str text, struct error **err);
/* The document that a file holds. NULL and an error, which names the file, when it can't be read. */
struct doc *doc_read(const char *path, struct error **err);
/* A document whose root is an empty object. */
struct doc *doc_new(void);
/* A document whose root is a copy of `from`. */
struct doc *doc_copy(struct value from);
void doc_free(struct doc *doc);
static inline void cleanup_doc(struct doc **doc)
{
    doc_free(*doc);
}
#define autodoc cleanup(cleanup_doc)

/* Also for NULL (VALUE_ABSENT). */
struct value doc_root(struct doc *doc);

/* ---- reading ---- */

enum value_type value_type(struct value v);
static inline bool value_exists(struct value v)
{
    return v.at != 0;
}

/* The member of an object; absent when v is no object or has no such member. */
struct value value_get(struct value v, struct str key);
/* The same along a path of member names: value_at(v, "spec", "template", "spec"). */
#define value_at(v, ...) value_walk((v), (const char *const[]){__VA_ARGS__, NULL})
struct value value_walk(struct value v, const char *const *keys);
/* The element of an array; absent when out of range. */
struct value value_element(struct value v, size_t index);
/* How many members or elements. */
size_t value_count(struct value v);

/* Walks over members or elements in their order:
 *     value_each (member, labels)
 *         use(value_key(member), value_str(member));
 * Removing the current one, or setting it, inside the loop is allowed. */
struct value value_first(struct value v);
struct value value_next(struct value v);
#define value_each(child, parent)                                                                          \
    for (struct value child = value_first(parent), child##_after = value_next(child); value_exists(child); \
         child = child##_after, child##_after = value_next(child))

/* The name of a member (decoded); STR_NONE for elements and the root. */
struct str value_key(struct value v);
/* What a string says (decoded); for a number its text; for booleans "true" or "false"; else STR_NONE. The
 * bytes live as long as the document. */
struct str value_str(struct value v);
bool value_is(struct value v, const char *text); /* a string with just these bytes */
/* A number without fraction that fits (1e3 and 1.0 count), else false. */
bool value_int(struct value v, int64_t *number);
/* The number, or `otherwise`. */
int64_t value_int_or(struct value v, int64_t otherwise);
bool value_number(struct value v, double *number);
/* True only for the boolean true. */
bool value_true(struct value v);

/* Same type and content. Order of members doesn't matter, that of elements does; numbers are compared by
 * value; absent equals absent only. */
bool value_equal(struct value a, struct value b);

/* ---- editing ---- each creates or replaces member `key` of the object v, and returns the new value. A
 * replaced member keeps its place. All strings are copied, and an absent value copies as null. v must be an
 * object (abort otherwise: a programming error). */

struct value value_set_str(struct value v, struct str key, struct str text);
struct value value_set_int(struct value v, struct str key, int64_t number);
struct value value_set_bool(struct value v, struct str key, bool truth);
struct value value_set_null(struct value v, struct str key);
struct value value_set_object(struct value v, struct str key);                  /* empty */
struct value value_set_array(struct value v, struct str key);                   /* empty */
struct value value_set_copy(struct value v, struct str key, struct value from); /* from any document */
/* The object member `key`, made (empty) if it is not there or not an object. */
struct value value_ensure_object(struct value v, struct str key);
struct value value_ensure_array(struct value v, struct str key);
/* printf into a string member. */
struct value value_setf(struct value v, struct str key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same at the end of the array v. */
struct value value_append_str(struct value v, struct str text);
struct value value_append_int(struct value v, int64_t number);
struct value value_append_object(struct value v);
struct value value_append_array(struct value v);
struct value value_append_copy(struct value v, struct value from);

/* Makes v (member, element or root) itself a copy of `from`, in its place. */
void value_replace(struct value v, struct value from);
/* Takes v out of its parent; the root becomes null; nothing happens when v is absent. */
void value_remove(struct value v);
/* value_remove(value_get(v, key)); false when it was not there. */
bool value_unset(struct value v, struct str key);

/* RFC 7386: members of `patch` replace those of v, null removes, objects are merged. v must be an object. */
void value_merge(struct value v, struct value patch);

/* Puts the members of every object below v (and of v) into the canonical order: apiVersion, kind, metadata,
 * name, namespace, then by bytes. */
void value_sort(struct value v);
/* Of an object in that order the first member behind the key, which itself may not be there: where a walk
 * that was interrupted goes on. */
struct value value_after(struct value v, struct str key);

/* ---- writing ---- */

/* Compact JSON at the end of *out; what doc_parse reads back equal. Absent writes null. */
void value_write(struct buf *out, struct value v);
/* A JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void json_write_string(struct buf *out, struct str text);

#endif
