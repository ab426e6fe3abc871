#include "fsd/strays.h"

#include "fsd/documents.h"
#include "fsd/errors.h"
#include "fsd/tell.h"
#include "lib/clock.h"
#include <stdatomic.h>

static bool may_be_meant(const struct fsd *fsd, uint32_t node)
{
    uint32_t flags = node_record(fsd->nodes, node)->flags;
    return (flags & (NODE_SCRATCH | NODE_DETACHED | NODE_TOLD)) == NODE_SCRATCH &&
           !place_is_scratch_name(node_name(fsd->nodes, node));
}

/* The record of that node, or a free one; NULL when there is none: then nobody is told. */
static struct stray_record *record_for(struct fsd *fsd, uint64_t number)
{
    struct stray_record *free_one = NULL;
    for (int i = 0; i < MEMORY_STRAYS; i++) {
        struct stray_record *stray = &fsd->memory->header->strays[i];
        if (stray->node == number)
            return stray;
        if (stray->node == 0)
            free_one = stray;
    }
    return free_one;
}

void stray_closed(struct fsd *fsd, uint32_t node, const struct asker *asker)
{
    if (asker->identity != IDENTITY_NONE || !may_be_meant(fsd, node))
        return;
    uint64_t number = node_number(fsd->nodes, node);
    struct stray_record *stray = record_for(fsd, number);
    if (stray == NULL)
        return;
    stray->uid = asker->uid;
    stray->deadline_ms = clock_wall_ms() + STRAY_MS;
    atomic_signal_fence(memory_order_seq_cst);
    stray->node = number;
}

/* Why the name is no field's; false when it is one, or the object is gone. */
static bool explain(struct fsd *fsd, uint32_t node, struct error **why)
{
    struct place place;
    if (place_of_node(fsd, node, &place) < 0)
        return false;
    const struct object *object = object_by_id(fsd->objects, place.object);
    if (object == NULL || !object_is_visible(object))
        return false;
    autobuf struct buf path = {0};
    place_field_path(fsd, node, &path);
    return field_check_name(object->kind, document_of(fsd->documents, object->committed), buf_str(&path),
                            why) < 0;
}

static void tell_user(struct fsd *fsd, uint32_t node, uid_t uid, int64_t wall_ms)
{
    autoerror struct error *why = NULL;
    if (!explain(fsd, node, &why))
        return;
    node_record(fsd->nodes, node)->flags |= NODE_TOLD;
    autobuf struct buf path = {0}, sentence = {0};
    place_path(fsd, node, &path);
    buf_addf(&sentence, "is only a scratch file, as editors make them, and will be dropped: %s",
             why->message);
    errors_add(fsd->memory, uid, wall_ms, buf_str(&path), sentence.at);
    tell_errors(fsd, uid);
}

void strays_expire(struct fsd *fsd, int64_t wall_ms)
{
    for (int i = 0; i < MEMORY_STRAYS; i++) {
        struct stray_record *stray = &fsd->memory->header->strays[i];
        if (stray->node == 0 || stray->deadline_ms > wall_ms)
            continue;
        uint32_t node = node_of_number(fsd->nodes, stray->node);
        /* Who still has it open will close it. */
        if (node != 0 && node_record(fsd->nodes, node)->writers == 0 && may_be_meant(fsd, node))
            tell_user(fsd, node, stray->uid, wall_ms);
        stray->node = 0;
    }
}
