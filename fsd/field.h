/* Fields as files: how a value of an object is shown, listed, written, created and removed (tree.md 3 and 4).
 * Pure functions of schema and document; who asks, and when it becomes durable, is decided elsewhere.
 *
 * A field is found by walking names from the object's directory. The root of the walk is the directory
 * itself: its names are those of the spec (or, for kinds without a spec, the top-level fields such as data),
 * and of metadata and observed
 * (.status), and, where a name of the spec collides with a reserved one, spec/<name> and .top/<name>.
 */
#ifndef PODTREE_FIELD_H
#define PODTREE_FIELD_H

#include "fsd/kind.h"

enum field_type {
    FIELD_NONE,      /* no such name here, by the schema */
    FIELD_DIRECTORY, /* object, map, list with a key, other list of objects */
    FIELD_SCALAR,    /* one write is one change */
    FIELD_LINES,     /* list of scalars: collected until close */
    FIELD_CONTENT    /* exact bytes, or text that may be long: collected until close */
};

/* Where the walk stands. A field that the schema knows and the document doesn't have has `set` false: it is
 * "not there" for readers, and may be created. */
struct field {
    enum field_type type;
    const struct kind *kind;
    const struct schema
        *schema; /* NULL for the object's directory itself and for made-up directories (spec/, .top/) */
    struct value value;  /* absent when not set */
    struct value parent; /* the value that holds it, absent if that is not set either */
    struct str key;      /* decoded: member name, map's key; for an entry of a list its file name */
    bool set;
    bool map_entry;            /* a key of a map: any name may be created */
    bool list_entry;           /* an entry of a list */
    bool is_key;               /* what its directory is called after: containers/web/name */
    bool server_managed;       /* it or something above it */
    bool required;             /* unlink is refused */
    size_t index;              /* of a list's entry that is set */
    const struct schema *list; /* of a list's entry: the list */
    int root_part;             /* internal: which part of the object's directory it is */
    bool in_spec;              /* internal: directly in the spec */
};

/* How a value of the schema is shown. */
enum field_type field_type_of(const struct schema *schema);
/* The directory of the object itself. `object` is the whole document. */
struct field field_root(const struct kind *kind, struct value object);
/* One step down by a file name (encoded: %2F). FIELD_NONE where the schema has no such name. `scratch`, if
 * not NULL, holds the decoded key: it must outlive the field. */
struct field field_child(const struct field *parent, struct str name, struct buf *scratch);
/* The field at a path of such names, "" for the object's directory itself. */
struct field field_at(const struct kind *kind, struct value object, struct str path, struct buf *scratch);
/* The names of what is set below a directory, encoded: in the schema's order; those of maps and lists in the
 * document's, which for a map is the canonical one. Directories of maps are always listed; unset scalars and
 * objects are not.
 *
 * A map may be large: there the visitor may say false when it has enough, and `after` is the name that it has
 * got last (STR_NONE: none), behind which another walk goes on, whether it is still there or not. Else all
 * names come at once. False where the visitor said so.
 *
 * Entries of a list with keys are named after their keys: the first one, and behind hyphens those of the
 * others that differ from the schema's default, so ports are 53 (TCP) and 53-UDP. Where keys repeat (env
 * may), the second is FOO~2. Entries of other lists are 0, 1, 2 … */
typedef bool field_visit(void *context, struct str name, enum field_type type);
bool field_list(const struct field *directory, struct str after, field_visit *visit, void *context);
/* The bytes of the file. A scalar: its text and a newline. A list of scalars: an item a line; an item that
 * holds a newline or another control character, or begins with a quote, is written as a JSON string, and a
 * line that is one is read as such. */
void field_read(const struct field *field, struct buf *out);
size_t field_size(const struct field *field);

/* A path of names below the object's directory, "template/spec/containers/nginx/image", used to edit. */

/* Sets the file at `path` in `object` (a document of the caller's, edited in place) from the written bytes.
 * Its directory must be there. EINVAL with the field's name, what was given and what is allowed; EPERM for
 * server-managed fields unless `server`; ENOENT where a directory on the way isn't there. The result still
 * has to be validated as a whole. */
int field_write(const struct kind *kind, struct value object, struct str path, struct str bytes, bool server,
                struct error **err);
/* As if the bytes were written behind what the file has now. FIELD_LINES and FIELD_CONTENT only, else EINVAL.
 */
int field_append(const struct kind *kind, struct value object, struct str path, struct str bytes, bool server,
                 struct error **err);
/* As if its first `size` bytes were written. EINVAL where it has less. */
int field_cut(const struct kind *kind, struct value object, struct str path, size_t size, bool server,
              struct error **err);
/* Could there be something of that name, whether it is there or not? EINVAL for what is no field, with the
 * nearest that is one, and for a key that the map doesn't take. */
int field_check_name(const struct kind *kind, struct value object, struct str path, struct error **err);
/* mkdir: an empty object, a list entry with its keys set. EEXIST when it is there, EINVAL for a name that is
 * no key, or a file. */
int field_make_directory(const struct kind *kind, struct value object, struct str path, bool server,
                         struct error **err);
/* unlink or rmdir: removes a map's or a list's entry, resets a field to its default (by removing it: defaults
 * are put in later). EPERM for what is required. */
int field_remove(const struct kind *kind, struct value object, struct str path, bool server,
                 struct error **err);

/* rename of a map's key to another key of the same map; what was there is replaced. EPERM where names are
 * fields. */
int field_rename(const struct kind *kind, struct value object, struct str path, struct str to_path,
                 bool server, struct error **err);

/* File name to key and back: %2F and %25. Decoding fails (false) on other % sequences, and on names that the
 * encoding would never make. "." and ".." as keys are %2E and %2E%2E. */
void field_encode(struct str key, struct buf *name);
bool field_decode(struct str name, struct buf *key);

#endif
