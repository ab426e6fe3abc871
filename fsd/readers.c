#include "fsd/readers.h"

#include "fsd/heavy.h"
#include "fsd/snapshot.h"
#include "lib/log.h"
#include <stdatomic.h>

/* Who writes as well has taken a copy with the first READ. */
void readers_add(struct fsd *fsd, uint32_t handle, const struct leaf *leaf)
{
    const struct handle_record *record = handle_record(fsd->handles, handle);
    bool reads = leaf->reads == LEAF_TEXT && (record->flags & HANDLE_WRITE) == 0;
    if (reads && leaf->place.object != 0 && record->object == 0) /* else its opening is repeated */
        handle_shows(fsd->handles, handle, leaf->place.object);
}

/* 0, also where it has nothing to show any more. */
static int copy(struct fsd *fsd, struct handle_record *handle)
{
    struct leaf leaf;
    autobuf struct buf text = {0};
    if (leaf_of_node(fsd, handle->node, &leaf) < 0)
        return 0;
    leaf_text(fsd, &leaf, &text);
    arena_bytes_free(fsd->memory->arena, &handle->bytes);
    int status = arena_bytes_write(fsd->memory->arena, &handle->bytes, 0, buf_str(&text));
    if (status < 0)
        return status;
    atomic_signal_fence(memory_order_seq_cst);
    handle->flags |= HANDLE_FILLED;
    return 0;
}

/* False: it has to be copied. */
static bool hold(struct fsd *fsd, const struct version *version, uint32_t h)
{
    struct leaf leaf = {.node = handle_record(fsd->handles, h)->node, .reads = LEAF_TEXT};
    return version->length > HEAVY_BYTES && place_of_node(fsd, leaf.node, &leaf.place) == 0 &&
           snapshot_hold(fsd, handle_number(fsd->handles, h), &leaf);
}

void readers_keep(struct fsd *fsd, const struct object *object)
{
    static int64_t last_said;
    for (uint32_t h = handles_showing(fsd->handles, object->id, 0); h != 0;
         h = handles_showing(fsd->handles, object->id, h)) {
        struct handle_record *handle = handle_record(fsd->handles, h);
        if ((handle->flags & (HANDLE_FILLED | HANDLE_HELD)) != 0)
            continue;
        handle->version = object->committed->number;
        if (!hold(fsd, object->committed, h) && copy(fsd, handle) < 0 && log_due(&last_said, 10))
            log_warning("no memory is left for what readers have open: they see a newer version");
        if ((handle->flags & (HANDLE_FILLED | HANDLE_HELD)) != 0)
            node_record(fsd->nodes, handle->node)->flags |= NODE_TAINTED;
    }
}

bool reader_is_behind(struct fsd *fsd, const struct handle_record *handle)
{
    if (handle->object == 0 || (handle->flags & (HANDLE_FILLED | HANDLE_HELD)) == 0)
        return false;
    const struct object *object = object_by_id(fsd->objects, handle->object);
    return object == NULL || object->committed == NULL || object->committed->number != handle->version;
}

bool readers_are_behind(struct fsd *fsd, uint32_t node)
{
    if (node_record(fsd->nodes, node)->handles == 0)
        return false;
    struct place place;
    if (place_of_node(fsd, node, &place) < 0 || place.object == 0)
        return false;
    for (uint32_t h = handles_showing(fsd->handles, place.object, 0); h != 0;
         h = handles_showing(fsd->handles, place.object, h)) {
        const struct handle_record *handle = handle_record(fsd->handles, h);
        if (handle->node == node && reader_is_behind(fsd, handle))
            return true;
    }
    return false;
}

uint32_t readers_last(struct fsd *fsd, uint32_t node)
{
    if (node_record(fsd->nodes, node)->handles == 0)
        return 0;
    for (uint32_t h = handles_next(fsd->handles, 0); h != 0; h = handles_next(fsd->handles, h)) {
        const struct handle_record *handle = handle_record(fsd->handles, h);
        if (handle->node == node && reader_is_behind(fsd, handle))
            return h;
    }
    return 0;
}
