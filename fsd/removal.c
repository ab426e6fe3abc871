#include "fsd/removal.h"

#include "fsd/errors.h"
#include "fsd/tell.h"
#include "lib/clock.h"
#include <errno.h>
#include <stdatomic.h>

static bool any(const struct fsd *fsd)
{
    for (int i = 0; i < MEMORY_REMOVALS; i++)
        if (fsd->memory->header->removals[i].process != 0)
            return true;
    return false;
}

int removal_open(const struct call *call, int64_t object)
{
    if (removal_is_open(call, object))
        return 0; /* by the first try of this request */
    for (int i = 0; i < MEMORY_REMOVALS; i++) {
        struct removal_record *removal = &call->fsd->memory->header->removals[i];
        if (removal->process != 0)
            continue;
        removal->uid = call->asker.uid;
        removal->object = object;
        removal->deadline_ms = clock_wall_ms() + REMOVAL_MS;
        atomic_signal_fence(memory_order_seq_cst);
        removal->process = (uint32_t)call_process(call);
        return 0;
    }
    return -ENFILE;
}

bool removal_is_open(const struct call *call, int64_t object)
{
    if (!any(call->fsd))
        return false;
    uint32_t process = (uint32_t)call_process(call);
    for (int i = 0; i < MEMORY_REMOVALS; i++) {
        const struct removal_record *removal = &call->fsd->memory->header->removals[i];
        if (removal->process == process && process != 0 && removal->object == object)
            return true;
    }
    return false;
}

bool removal_covers(const struct call *call, uint32_t node)
{
    if (!any(call->fsd))
        return false;
    uint32_t process = (uint32_t)call_process(call);
    for (; node != NODE_ROOT && node != 0; node = node_record(call->fsd->nodes, node)->parent) {
        int64_t object = node_record(call->fsd->nodes, node)->object;
        for (int i = 0; object != 0 && i < MEMORY_REMOVALS; i++) {
            struct removal_record *removal = &call->fsd->memory->header->removals[i];
            if (removal->process != process || process == 0 || removal->object != object)
                continue;
            removal->deadline_ms = clock_wall_ms() + REMOVAL_MS; /* it is at work */
            return true;
        }
    }
    return false;
}

void removal_close(struct fsd *fsd, int64_t object)
{
    for (int i = 0; i < MEMORY_REMOVALS; i++)
        if (fsd->memory->header->removals[i].object == object)
            fsd->memory->header->removals[i].process = 0;
}

void removals_extend(struct fsd *fsd, int64_t wall_ms)
{
    for (int i = 0; i < MEMORY_REMOVALS; i++)
        fsd->memory->header->removals[i].deadline_ms = wall_ms + REMOVAL_MS;
}

void removals_expire(struct fsd *fsd, int64_t wall_ms)
{
    for (int i = 0; i < MEMORY_REMOVALS; i++) {
        struct removal_record *removal = &fsd->memory->header->removals[i];
        if (removal->process == 0 || removal->deadline_ms > wall_ms)
            continue;
        removal->process = 0;
        struct object *object = object_by_id(fsd->objects, removal->object);
        if (object == NULL || !object_is_visible(object))
            continue;
        autobuf struct buf path = {0};
        place_object_path(object, &path);
        buf_add_text(&path, "/manifest.yaml");
        errors_add(fsd->memory, removal->uid, wall_ms, buf_str(&path),
                   "was unlinked, and neither written anew nor followed by the rmdir of its directory: "
                   "nothing has happened");
        tell_errors(fsd, removal->uid);
    }
}
