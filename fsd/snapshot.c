#include "fsd/snapshot.h"

#include "fsd/documents.h"
#include "fsd/heavy.h"
#include "fsd/worker.h"
#include <errno.h>
#include <stdatomic.h>

/* Rendered first, then copied: only main may ask for a block, and how large it has to be shows when the text
 * is there. */
struct snapshot {
    struct job job;
    uint64_t handle;
    struct version *version; /* held */
    const struct kind *kind;
    enum part_form form;
    struct buf path, text;
    arena_ref ref; /* 0: not rendered yet */
    char *to;
    struct snapshot *next;
};

static void render(struct job *job)
{
    struct snapshot *snapshot = (struct snapshot *)job;
    struct str text = version_text(snapshot->version), path = buf_str(&snapshot->path);
    bool is_text = snapshot->form == PART_JSON && path.length == 0;
    autodoc struct doc *document = is_text ? NULL : doc_parse(text, NULL);
    part_write(snapshot->kind, text, doc_root(document), path, snapshot->form, &snapshot->text);
}

static void copy(struct job *job)
{
    struct snapshot *snapshot = (struct snapshot *)job;
    memcpy(snapshot->to, snapshot->text.at, snapshot->text.length);
}

static struct snapshot **find(struct fsd *fsd, uint64_t handle)
{
    struct snapshot **at = &fsd->snapshots;
    while (*at != NULL && (*at)->handle != handle)
        at = &(*at)->next;
    return at;
}

static void free_snapshot(struct fsd *fsd, struct snapshot **at)
{
    struct snapshot *snapshot = *at;
    *at = snapshot->next;
    arena_free(fsd->memory->arena, snapshot->ref);
    version_drop(snapshot->version);
    buf_free(&snapshot->path);
    buf_free(&snapshot->text);
    free(snapshot);
}

bool snapshot_is_begun(struct fsd *fsd, uint64_t handle)
{
    return *find(fsd, handle) != NULL;
}

void snapshot_drop(struct fsd *fsd, uint64_t handle)
{
    struct snapshot **at = find(fsd, handle);
    if (*at != NULL && !heavy_is_at_work(&(*at)->job))
        free_snapshot(fsd, at);
}

void snapshots_free(struct fsd *fsd)
{
    while (fsd->snapshots != NULL)
        free_snapshot(fsd, &fsd->snapshots);
}

/* How large the text is, as far as that can be said without rendering it. */
static bool is_small(struct fsd *fsd, const struct leaf *leaf, struct object *object, enum part_form form,
                     struct str path)
{
    if (object->committed->length <= HEAVY_BYTES)
        return true;
    if (form == PART_FIELD) {
        autobuf struct buf scratch = {0};
        struct field field = place_field(fsd, object, path, &scratch);
        return field_size(&field) <= SNAPSHOT_BYTES;
    }
    return leaf->reads == LEAF_TEXT &&
           document_manifest_size(fsd->documents, object->committed) <= SNAPSHOT_BYTES;
}

static struct snapshot *begin(struct call *call, const struct leaf *leaf)
{
    struct fsd *fsd = call->fsd;
    struct object *object = object_by_id(fsd->objects, leaf->place.object);
    autobuf struct buf path = {0};
    enum part_form form = leaf_part(fsd, leaf, &path);
    if (form == PART_NONE || object == NULL || !object_is_visible(object) ||
        is_small(fsd, leaf, object, form, buf_str(&path)))
        return NULL;
    struct snapshot *snapshot = memory_zeroed(1, sizeof(*snapshot));
    snapshot->handle = call->file.fh;
    snapshot->version = version_hold(object->committed);
    snapshot->kind = object->kind;
    snapshot->form = form;
    buf_add_str(&snapshot->path, buf_str(&path));
    snapshot->next = fsd->snapshots;
    fsd->snapshots = snapshot;
    return snapshot;
}

/* Killed in between, the block is nobody's, and the next READ begins again. */
static void give(struct fsd *fsd, struct snapshot *snapshot, struct handle_record *handle)
{
    arena_bytes_free(fsd->memory->arena, &handle->bytes);
    handle->bytes.ref = snapshot->ref;
    handle->bytes.length = snapshot->text.length;
    handle->version = snapshot->version->number;
    atomic_signal_fence(memory_order_seq_cst);
    handle->flags |= HANDLE_FILLED;
    snapshot->ref = 0;
}

int snapshot_take(struct call *call, const struct leaf *leaf, struct handle_record *handle)
{
    struct fsd *fsd = call->fsd;
    struct snapshot **at = find(fsd, call->file.fh), *snapshot = *at;
    if (snapshot != NULL && heavy_is_at_work(&snapshot->job))
        return heavy_join(call, &snapshot->job);
    if ((handle->flags & (HANDLE_FILLED | HANDLE_DIRTY)) != 0) {
        if (snapshot != NULL)
            free_snapshot(fsd, at);
        return 0;
    }
    if (snapshot == NULL)
        return (snapshot = begin(call, leaf)) != NULL ? heavy_begin(call, &snapshot->job, render) : 0;
    if (snapshot->ref == 0) {
        snapshot->ref = arena_new(fsd->memory->arena, snapshot->text.length);
        if (snapshot->ref == 0) {
            free_snapshot(fsd, at);
            return -ENOSPC;
        }
        snapshot->to = arena_at(fsd->memory->arena, snapshot->ref);
        return heavy_begin(call, &snapshot->job, copy);
    }
    give(fsd, snapshot, handle);
    free_snapshot(fsd, at);
    return 0;
}
