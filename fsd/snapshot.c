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
    uint64_t handle;         /* 0: it was closed while the worker had this, or */
    const struct call *call; /* whose it is, where it is no handle's */
    enum { HELD, RENDERED, COPIED } stage;
    struct version *version; /* held */
    const struct kind *kind;
    enum part_form form;
    struct buf path, text;
    arena_ref ref;
    char *to;
    struct snapshot *next;
};

static void render(struct job *job)
{
    struct snapshot *snapshot = (struct snapshot *)job;
    struct str text = version_text(snapshot->version), path = buf_str(&snapshot->path);
    autodoc struct doc *document = part_is_text(snapshot->form, path) ? NULL : doc_parse(text, NULL);
    part_write(snapshot->kind, text, doc_root(document), path, snapshot->form, &snapshot->text);
}

static void copy(struct job *job)
{
    struct snapshot *snapshot = (struct snapshot *)job;
    memcpy(snapshot->to, snapshot->text.at, snapshot->text.length);
}

/* ---- all of them ---- */

static struct snapshot **find(struct fsd *fsd, uint64_t handle)
{
    struct snapshot **at = &fsd->snapshots;
    while (*at != NULL && (*at)->handle != handle)
        at = &(*at)->next;
    return at;
}

/* While there is one for the handle's own bytes, the handle says so. */
static void set_held(struct fsd *fsd, uint64_t number, bool held)
{
    struct handle_record *handle = handle_of_number(fsd->handles, number, NULL);
    if (handle != NULL)
        handle->flags = held ? handle->flags | HANDLE_HELD : handle->flags & ~(uint32_t)HANDLE_HELD;
}

static struct snapshot *add(struct fsd *fsd, uint64_t handle, const struct kind *kind,
                            struct version *version, enum part_form form, struct str path)
{
    struct snapshot *snapshot = memory_zeroed(1, sizeof(*snapshot));
    snapshot->handle = handle;
    snapshot->version = version_hold(version);
    snapshot->kind = kind;
    snapshot->form = form;
    buf_add_str(&snapshot->path, path);
    snapshot->next = fsd->snapshots;
    fsd->snapshots = snapshot;
    return snapshot;
}

static void free_snapshot(struct fsd *fsd, struct snapshot **at)
{
    struct snapshot *snapshot = *at;
    *at = snapshot->next;
    set_held(fsd, snapshot->handle, false);
    arena_free(fsd->memory->arena, snapshot->ref);
    version_drop(snapshot->version);
    buf_free(&snapshot->path);
    buf_free(&snapshot->text);
    free(snapshot);
}

/* The next step: 0 when the text lies in the shared memory. */
static int proceed(struct call *call, struct snapshot *snapshot)
{
    struct arena *arena = call->fsd->memory->arena;
    switch (snapshot->stage) {
    case HELD:
        snapshot->stage = RENDERED;
        return heavy_begin(call, &snapshot->job, render);
    case RENDERED:
        snapshot->ref = arena_new(arena, snapshot->text.length);
        if (snapshot->ref == 0)
            return -ENOSPC;
        snapshot->to = arena_at(arena, snapshot->ref);
        snapshot->stage = COPIED;
        return heavy_begin(call, &snapshot->job, copy);
    case COPIED:
        break;
    }
    return 0;
}

/* A handle may be closed while somebody else has asked for the attributes of its file. */
void snapshot_drop(struct fsd *fsd, uint64_t handle)
{
    struct snapshot *closed = *find(fsd, handle);
    if (closed != NULL)
        closed->handle = 0;
    for (struct snapshot **at = &fsd->snapshots; *at != NULL;) {
        if ((*at)->handle == 0 && (*at)->call == NULL && !heavy_is_at_work(&(*at)->job))
            free_snapshot(fsd, at);
        else
            at = &(*at)->next;
    }
}

void snapshots_free(struct fsd *fsd)
{
    while (fsd->snapshots != NULL)
        free_snapshot(fsd, &fsd->snapshots);
}

/* ---- of files ---- */

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

/* What the leaf shows, for a handle (or 0); NULL: main renders it. */
static struct snapshot *begin(struct fsd *fsd, uint64_t handle, const struct leaf *leaf)
{
    struct object *object = object_by_id(fsd->objects, leaf->place.object);
    autobuf struct buf path = {0};
    enum part_form form = leaf_part(fsd, leaf, &path);
    if (form == PART_NONE || object == NULL || !object_is_visible(object) ||
        is_small(fsd, leaf, object, form, buf_str(&path)))
        return NULL;
    return add(fsd, handle, object->kind, object->committed, form, buf_str(&path));
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

int snapshot_finish(struct call *call, uint64_t number)
{
    struct fsd *fsd = call->fsd;
    struct handle_record *handle = handle_of_number(fsd->handles, number, NULL);
    if (handle == NULL || (handle->flags & HANDLE_HELD) == 0)
        return 0;
    struct snapshot **at = find(fsd, number), *snapshot = *at;
    if (heavy_is_at_work(&snapshot->job))
        return heavy_join(call, &snapshot->job);
    /* What a writer has put there meanwhile counts. */
    bool overtaken = (handle->flags & (HANDLE_FILLED | HANDLE_DIRTY)) != 0;
    int status = overtaken ? 0 : proceed(call, snapshot);
    if (status == -EINPROGRESS)
        return status;
    if (status == 0 && !overtaken)
        give(fsd, snapshot, handle);
    free_snapshot(fsd, at);
    return status;
}

int snapshot_take(struct call *call, const struct leaf *leaf, struct handle_record *handle)
{
    if ((handle->flags & (HANDLE_FILLED | HANDLE_DIRTY | HANDLE_HELD)) == 0) {
        const struct snapshot *begun = begin(call->fsd, call->file.fh, leaf);
        if (begun == NULL)
            return 0;
        set_held(call->fsd, call->file.fh, true);
        handle->version = begun->version->number;
    }
    return snapshot_finish(call, call->file.fh);
}

bool snapshot_hold(struct fsd *fsd, uint64_t handle, const struct leaf *leaf)
{
    const struct object *object = object_by_id(fsd->objects, leaf->place.object);
    autobuf struct buf path = {0};
    enum part_form form = leaf_part(fsd, leaf, &path);
    if (form == PART_NONE || object == NULL)
        return false;
    add(fsd, handle, object->kind, object->committed, form, buf_str(&path));
    set_held(fsd, handle, true);
    return true;
}

/* ---- for whoever asks ---- */

static int give_away(struct call *call, struct snapshot **at, struct arena_bytes *text)
{
    struct snapshot *snapshot = *at;
    int status = proceed(call, snapshot);
    if (status == -EINPROGRESS)
        return status;
    if (status == 0) {
        text->length = snapshot->text.length;
        text->ref = snapshot->ref;
        snapshot->ref = 0;
    }
    free_snapshot(call->fsd, at);
    return status;
}

static struct snapshot **find_of_call(const struct call *call)
{
    struct snapshot **at = &call->fsd->snapshots;
    while (*at != NULL && (*at)->call != call)
        at = &(*at)->next;
    return at;
}

int snapshot_of_leaf(struct call *call, const struct leaf *leaf, struct arena_bytes *text)
{
    if (*find_of_call(call) == NULL) {
        struct snapshot *begun = begin(call->fsd, 0, leaf);
        if (begun == NULL)
            return 0;
        begun->call = call;
    }
    return give_away(call, find_of_call(call), text);
}

void snapshot_forget(const struct call *call)
{
    struct snapshot **at = find_of_call(call);
    if (*at != NULL)
        free_snapshot(call->fsd, at);
}

int snapshot_of_version(struct call *call, const struct kind *kind, struct version *version,
                        enum part_form form, struct arena_bytes *text)
{
    struct fsd *fsd = call->fsd;
    struct snapshot **at = find(fsd, call->file.fh);
    if (*at != NULL && heavy_is_at_work(&(*at)->job))
        return heavy_join(call, &(*at)->job);
    if (*at != NULL && (*at)->version != version) { /* it has changed meanwhile */
        free_snapshot(fsd, at);
        at = find(fsd, call->file.fh);
    }
    if (*at == NULL) {
        add(fsd, call->file.fh, kind, version, form, STR(""));
        at = find(fsd, call->file.fh);
    }
    return give_away(call, at, text);
}
