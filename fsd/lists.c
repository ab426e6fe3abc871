#include "fsd/lists.h"

#include "fsd/columns.h"
#include "fsd/documents.h"
#include "fsd/fsd.h"
#include "fsd/heavy.h"
#include "fsd/scope.h"
#include "fsd/txn.h"
#include "lib/clock.h"
#include "lib/yaml.h"

/* ---- a part ---- */

#define PART_US 250

struct part {
    const struct buf *out;
    size_t start;
    int64_t end_us;
};

static struct part part_begin(const struct buf *out)
{
    return (struct part){out, out->length, clock_us() + PART_US};
}

static bool part_is_enough(const struct part *part)
{
    return part->out->length - part->start >= LIST_PART || clock_us() > part->end_us;
}

/* ---- of one object ---- */

/* Small: what shows of a large one is taken as a snapshot. */
static void add_part(struct fsd *fsd, const struct place *place, uint32_t node, enum part_form form,
                     struct buf *out)
{
    const struct object *object = object_by_id(fsd->objects, place->object);
    autobuf struct buf path = {0};
    place_field_path(fsd, node_record(fsd->nodes, node)->parent, &path);
    bool there = object != NULL && object_is_visible(object);
    struct str text = there ? version_text(object->committed) : STR("null");
    part_write(place->kind, text, there ? document_of(fsd->documents, object->committed) : VALUE_ABSENT,
               buf_str(&path), form, out);
}

bool more_field_json(struct fsd *fsd, const struct place *place, uint32_t node, struct list_cursor *cursor,
                     struct buf *out)
{
    (void)cursor;
    add_part(fsd, place, node, PART_JSON, out);
    return false;
}

bool more_field_yaml(struct fsd *fsd, const struct place *place, uint32_t node, struct list_cursor *cursor,
                     struct buf *out)
{
    (void)cursor;
    add_part(fsd, place, node, PART_YAML, out);
    return false;
}

/* ---- of many objects ---- */

/* False: the worker has to parse it first. */
static bool is_at_hand(struct fsd *fsd, struct list_cursor *cursor, struct version *version)
{
    if (version->length <= HEAVY_BYTES || document_is_kept(fsd->documents, version, false))
        return true;
    cursor->wanted = version;
    return false;
}

/* A large object comes behind the part, which ends with it. The text is the worker's but for the `cut` bytes
 * at its end. False: it is a small one. */
static bool comes_behind(struct list_cursor *cursor, const struct object *object, enum part_form form,
                         size_t cut)
{
    if (object->committed->length <= HEAVY_BYTES)
        return false;
    cursor->item = object;
    cursor->item_form = form;
    cursor->item_cut = cut;
    return true;
}

/* How documents follow upon each other. */
struct list_form {
    enum part_form part;
    const char *between;
    size_t cut; /* so many bytes of the worker's text are too much */
    void (*add)(struct fsd *fsd, struct version *version, struct buf *out);
};

static void add_text(struct fsd *fsd, struct version *version, struct buf *out)
{
    (void)fsd;
    buf_add_str(out, version_text(version));
}

static void add_manifest(struct fsd *fsd, struct version *version, struct buf *out)
{
    document_manifest(fsd->documents, version, out);
}

static bool more_documents(struct fsd *fsd, const struct scope *scope, const struct list_form *form,
                           struct list_cursor *cursor, struct buf *out)
{
    struct part part = part_begin(out);
    while (cursor->item == NULL && !part_is_enough(&part)) {
        struct object *object = scope_next(fsd, scope, cursor);
        if (object == NULL)
            return false;
        if (scope_has(scope, object)) {
            buf_add_text(out, cursor->number++ != 0 ? form->between : "");
            if (!comes_behind(cursor, object, form->part, form->cut))
                form->add(fsd, object->committed, out);
        }
        scope_pass(cursor, object);
    }
    return true;
}

bool more_json(struct fsd *fsd, const struct place *place, uint32_t node, struct list_cursor *cursor,
               struct buf *out)
{
    static const struct list_form form = {PART_JSON, ",\n", 1, add_text}; /* a part ends with a newline */
    const struct scope scope = scope_of_file(fsd, place, node);
    const struct kind *kind = scope.kind;
    if (!cursor->started)
        buf_addf(out,
                 "{\"apiVersion\":\"" STR_FORMAT "\",\"kind\":\"" STR_FORMAT
                 "List\",\"metadata\":{\"resourceVersion\":\"%lld\"},\"items\":[",
                 STR_ARGS(kind != NULL ? kind_form(kind)->api_version : STR("v1")),
                 STR_ARGS(kind != NULL ? kind->name : STR("")), (long long)txn_version(fsd));
    bool more = more_documents(fsd, &scope, &form, cursor, out);
    buf_add_text(out, more ? "" : "]}\n");
    return more;
}

bool more_yaml(struct fsd *fsd, const struct place *place, uint32_t node, struct list_cursor *cursor,
               struct buf *out)
{
    static const struct list_form form = {PART_YAML, "---\n", 0, add_manifest};
    const struct scope scope = scope_of_file(fsd, place, node);
    return more_documents(fsd, &scope, &form, cursor, out);
}

/* Twice over all objects: how wide the columns are is known only when all have been looked at. */
bool more_table(struct fsd *fsd, const struct place *place, uint32_t node, struct list_cursor *cursor,
                struct buf *out)
{
    const struct scope scope = scope_of_file(fsd, place, node);
    struct part part = part_begin(out);
    if (!cursor->started)
        cursor->number = clock_wall_ms();
    struct table *table = table_new(place->kind, place->namespace == NULL && place->kind->namespaced,
                                    cursor->number, &cursor->widths);
    bool more = true;
    while (more && !part_is_enough(&part)) {
        struct object *object = scope_next(fsd, &scope, cursor);
        if (object != NULL && !scope_has(&scope, object)) {
            scope_pass(cursor, object);
            continue;
        }
        if (object != NULL && !is_at_hand(fsd, cursor, object->committed))
            break;
        if (object != NULL) {
            struct value value = document_of(fsd->documents, object->committed);
            if (cursor->measured)
                table_row(table, value, out);
            else
                table_measure(table, value);
            scope_pass(cursor, object);
        } else if (cursor->measured) {
            more = false;
        } else {
            table_header(table, out);
            cursor->measured = true;
            buf_clear(&cursor->name); /* from the beginning */
        }
    }
    table_free(table);
    return more;
}

/* ---- .since ---- */

static void add_since_line(struct fsd *fsd, struct list_cursor *cursor, const struct object *object,
                           bool metadata_only, struct buf *out)
{
    struct version *version = object->committed;
    enum part_form form = (version->flags & VERSION_GONE) != 0 ? PART_TOMBSTONE
                          : metadata_only                      ? PART_METADATA
                                                               : PART_JSON;
    if (comes_behind(cursor, object, form, 0))
        return;
    struct value document = form == PART_METADATA ? document_of(fsd->documents, version) : VALUE_ABSENT;
    part_write(object->kind, version_text(version), document, STR(""), form, out);
}

static bool since(struct fsd *fsd, const struct place *place, struct list_cursor *cursor, bool metadata_only,
                  struct buf *out)
{
    struct part part = part_begin(out);
    if (!cursor->started) {
        cursor->number = place->number;
        bool forgotten = place->number != 0 && place->number < objects_forgotten(fsd->objects, place->kind);
        if (forgotten || place->number > txn_version(fsd)) {
            buf_add_text(out, "{\"reset\":true}\n");
            cursor->number = 0;
        }
        if (cursor->number == 0)
            cursor->mark = txn_version(fsd);
    }
    while (cursor->item == NULL && !part_is_enough(&part)) {
        struct object *object = objects_after(fsd->objects, place->kind, cursor->number);
        if (object == NULL) {
            buf_addf(out, "{\"version\":\"%lld\"}\n", (long long)txn_version(fsd));
            return false;
        }
        /* A list of everything needs no word of what was gone when it began; what has gone since may be on
         * it. */
        bool gone = (object->committed->flags & VERSION_GONE) != 0;
        bool here = place->namespace == NULL || object->namespace == place->namespace;
        if (here && (!gone || object->committed->number > cursor->mark))
            add_since_line(fsd, cursor, object, metadata_only, out);
        cursor->number = object->committed->number;
    }
    return true;
}

bool more_since(struct fsd *fsd, const struct place *place, uint32_t node, struct list_cursor *cursor,
                struct buf *out)
{
    (void)node;
    return since(fsd, place, cursor, false, out);
}

bool more_since_meta(struct fsd *fsd, const struct place *place, uint32_t node, struct list_cursor *cursor,
                     struct buf *out)
{
    (void)node;
    return since(fsd, place, cursor, true, out);
}
