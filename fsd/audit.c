#include "fsd/audit.h"

#include "fsd/exclusive.h"
#include "fsd/txn.h"
#include "fsd/validate.h"
#include "fsd/worker.h"

#define AT_ONCE 32
#define BYTES   (256u << 10) /* of documents at once, if it is more than one */
#define INVALID " invalid="

/* One object that is looked at, and what has been found. */
struct row {
    int64_t object;
    const struct kind *kind;
    struct version *version; /* held */
    struct error *finding;   /* NULL: nothing is wrong */
};

struct audit {
    struct job job;
    bool at_work, done;
    struct row rows[AT_ONCE];
    size_t count;
    bool *kinds; /* that are to be looked at, by their index */
    size_t kind_count;
    unsigned wanted;  /* since there was none */
    int64_t version;  /* of the first of these: up to here it has been done */
    int64_t *objects; /* that are to be looked at before */
    size_t object_count, object_capacity;
};

/* ---- in the worker's thread ---- */

static void look(struct job *job)
{
    struct audit *audit = (struct audit *)job;
    for (size_t i = 0; i < audit->count; i++) {
        struct row *row = &audit->rows[i];
        autodoc struct doc *doc = doc_parse(version_text(row->version), NULL);
        (void)object_validate(row->kind, doc_root(doc), false, &row->finding);
    }
}

static void looked(struct job *job)
{
    ((struct audit *)job)->done = true;
}

/* ---- what to look at ---- */

struct audit *audit_new(void)
{
    struct audit *audit = memory_zeroed(1, sizeof(*audit));
    audit->job = (struct job){.run = look, .done = looked};
    return audit;
}

static void clear(struct audit *audit)
{
    for (size_t i = 0; i < audit->count; i++) {
        version_drop(audit->rows[i].version);
        error_free(audit->rows[i].finding);
    }
    audit->count = 0;
    audit->at_work = audit->done = false;
}

void audit_free(struct audit *audit)
{
    if (audit == NULL)
        return;
    clear(audit);
    free(audit->kinds);
    free(audit->objects);
    free(audit);
}

void audit_kind(struct fsd *fsd, const struct kind *kind)
{
    struct audit *audit = fsd->audit;
    if (kind->index >= audit->kind_count) {
        size_t count = kinds_numbers(fsd->kinds);
        bool *kinds = memory_zeroed(count, sizeof(*kinds));
        if (audit->kind_count != 0)
            memcpy(kinds, audit->kinds, audit->kind_count * sizeof(*kinds));
        free(audit->kinds);
        audit->kinds = kinds;
        audit->kind_count = count;
    }
    audit->wanted++;
    audit->kinds[kind->index] = true;
    audit->version = 0; /* it may be the one that is under way */
}

void audit_all(struct fsd *fsd)
{
    for (size_t i = 0; i < kinds_count(fsd->kinds); i++)
        audit_kind(fsd, kinds_at(fsd->kinds, i));
}

/* The last line of its status, without the end of the line. */
static struct str last_line(const struct object *object)
{
    struct str text = buf_str(&object->streams[STREAM_STATUS].text);
    if (text.length == 0)
        return STR("");
    const char *before = memrchr(text.at, '\n', text.length - 1);
    size_t start = before != NULL ? (size_t)(before + 1 - text.at) : 0;
    return (struct str){text.at + start, text.length - 1 - start};
}

/* What it says to be wrong: from INVALID on; "" where it says nothing of that. */
static struct str said(const struct object *object)
{
    struct str line = last_line(object);
    const char *at = memmem(line.at, line.length, INVALID, strlen(INVALID));
    return at != NULL ? (struct str){at, line.length - (size_t)(at - line.at)} : STR("");
}

void audit_object(struct fsd *fsd, const struct object *object)
{
    struct audit *audit = fsd->audit;
    if (object->streams[STREAM_STATUS].text.length == 0 || said(object).length == 0)
        return;
    array_grow(audit->objects, audit->object_count, audit->object_capacity);
    audit->objects[audit->object_count++] = object->id;
}

static bool takes(struct audit *audit, const struct object *object, size_t *bytes)
{
    if (audit->count == AT_ONCE || (audit->count != 0 && *bytes + object->committed->length > BYTES))
        return false;
    *bytes += object->committed->length;
    audit->rows[audit->count++] =
        (struct row){.object = object->id, .kind = object->kind, .version = version_hold(object->committed)};
    return true;
}

/* Objects whose number is known. */
static void take_objects(struct fsd *fsd, size_t *bytes)
{
    struct audit *audit = fsd->audit;
    while (audit->object_count != 0) {
        const struct object *object = object_by_id(fsd->objects, audit->objects[audit->object_count - 1]);
        if (object != NULL && version_is_live(object->committed) && !takes(audit, object, bytes))
            return;
        audit->object_count--;
    }
}

/* The next of the kind; false when there are no more. Tombstones are in the order, too: some of them at once.
 */
static bool take_of_kind(struct fsd *fsd, const struct kind *kind, size_t *bytes)
{
    struct audit *audit = fsd->audit;
    for (int looked_at = 0; looked_at < 4 * AT_ONCE; looked_at++) {
        const struct object *object = objects_after(fsd->objects, kind, audit->version);
        if (object == NULL)
            return false;
        if (version_is_live(object->committed) && !takes(audit, object, bytes))
            return true;
        audit->version = object->committed->number;
    }
    return true;
}

static const struct kind *next_kind(const struct fsd *fsd)
{
    for (size_t i = 0; fsd->audit->wanted != 0 && i < kinds_count(fsd->kinds); i++) {
        const struct kind *kind = kinds_at(fsd->kinds, i);
        if (kind->index < fsd->audit->kind_count && fsd->audit->kinds[kind->index])
            return kind;
    }
    fsd->audit->wanted = 0; /* what is left has gone */
    return NULL;
}

static void begin(struct fsd *fsd)
{
    struct audit *audit = fsd->audit;
    const struct kind *kind = next_kind(fsd);
    size_t bytes = 0;
    take_objects(fsd, &bytes);
    if (kind != NULL && !take_of_kind(fsd, kind, &bytes)) {
        audit->kinds[kind->index] = false;
        audit->version = 0;
    }
    audit->at_work = audit->count != 0;
    if (audit->at_work)
        worker_submit(fsd->worker, &audit->job);
}

/* ---- what was found ---- */

static void tell(struct fsd *fsd, const struct row *row)
{
    struct object *object = object_by_id(fsd->objects, row->object);
    if (object == NULL || object->committed != row->version)
        return; /* it has changed, and is looked at again if it has to be */
    autobuf struct buf ending = {0}, line = {0};
    if (row->finding != NULL) {
        buf_add_text(&ending, INVALID);
        json_write_string(&ending, str_of(error_message(row->finding)));
    }
    if (str_equal(said(object), buf_str(&ending)))
        return;
    buf_addf(&line, "%s%s", object->committed->status != NULL ? object->committed->status : "Stored",
             ending.length != 0 ? ending.at : "");
    txn_status_line(fsd, object, line.at);
}

void audit_turn(struct fsd *fsd)
{
    struct audit *audit = fsd->audit;
    if (audit->at_work && (!audit->done || exclusive_is_held(fsd)))
        return;
    for (size_t i = 0; i < audit->count; i++)
        tell(fsd, &audit->rows[i]);
    clear(audit);
    begin(fsd);
}
