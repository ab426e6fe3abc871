#include "fsd/handles.h"

#include "fsd/listing.h"
#include "lib/fault.h"
#include "lib/large.h"

#include <stdatomic.h>
#include <stddef.h>

#define CHAINS 1024u

struct handles {
    struct memory *memory;
    uint32_t chains[CHAINS]; /* handles that show an object's text, by the object */
    uint32_t *chained;       /* the next one; only of those that are in a chain */
    uint32_t *free;
    size_t free_count, free_capacity;
    uint32_t used_end;
};

struct handle_record *handle_record(const struct handles *handles, uint32_t handle)
{
    return &handles->memory->handles[handle];
}

/* ---- by object ---- */

static uint32_t *chain_of(const struct handles *handles, int64_t object)
{
    return (uint32_t *)&handles->chains[(uint64_t)object % CHAINS];
}

static void chain(struct handles *handles, uint32_t handle)
{
    uint32_t *first = chain_of(handles, handle_record(handles, handle)->object);
    handles->chained[handle] = *first;
    *first = handle;
}

static void unchain(struct handles *handles, uint32_t handle)
{
    uint32_t *at = chain_of(handles, handle_record(handles, handle)->object);
    while (*at != handle)
        at = &handles->chained[*at];
    *at = handles->chained[handle];
}

void handle_shows(struct handles *handles, uint32_t handle, int64_t object)
{
    handle_record(handles, handle)->object = object;
    chain(handles, handle);
}

uint32_t handles_showing(const struct handles *handles, int64_t object, uint32_t after)
{
    uint32_t handle = after != 0 ? handles->chained[after] : *chain_of(handles, object);
    while (handle != 0 && handle_record(handles, handle)->object != object)
        handle = handles->chained[handle];
    return handle;
}

/* ---- all ---- */

struct handles *handles_new(struct memory *memory)
{
    struct handles *handles = memory_zeroed(1, sizeof(*handles));
    handles->memory = memory;
    handles->chained = memory_zeroed(MEMORY_HANDLES, sizeof(*handles->chained));
    handles->used_end = 1;
    /* Used from the bottom: what has never been used has generation 0. */
    while (handles->used_end < MEMORY_HANDLES && handle_record(handles, handles->used_end)->generation != 0) {
        uint32_t handle = handles->used_end++;
        struct handle_record *record = handle_record(handles, handle);
        record->lent = 0;
        record->flags &= ~(uint32_t)(HANDLE_HELD | HANDLE_TRYING);
        if (record->used) {
            if (record->object != 0)
                chain(handles, handle);
            arena_mark(memory->arena, record->bytes.ref);
            arena_mark(memory->arena, record->results.ref);
            arena_mark(memory->arena, record->names.ref);
            listing_mark(memory->arena, &record->names);
            for (int i = 0; i < 2; i++) {
                arena_mark(memory->arena, record->windows[i].bytes.ref);
                arena_mark(memory->arena, record->windows[i].item.ref);
                arena_mark(memory->arena, record->windows[i].name.ref);
                arena_mark(memory->arena, record->windows[i].widths.ref);
            }
        } else {
            large_grow(handles->free, handles->free_count, handles->free_capacity);
            handles->free[handles->free_count++] = handle;
        }
    }
    return handles;
}

void handles_free(struct handles *handles)
{
    if (handles == NULL)
        return;
    large_free(handles->free, handles->free_capacity);
    free(handles->chained);
    free(handles);
}

uint32_t handle_open(struct handles *handles, uint32_t node, uint64_t *note)
{
    uint32_t handle;
    if (handles->free_count > 0)
        handle = handles->free[--handles->free_count];
    else if (handles->used_end < MEMORY_HANDLES)
        handle = handles->used_end++;
    else
        return 0;
    struct handle_record *record = handle_record(handles, handle);
    /* The generation is never 0 again, and never an older one: what comes behind it is cleared. */
    record->generation++;
    memset(&record->node, 0, sizeof(*record) - offsetof(struct handle_record, node));
    record->node = node;
    *note = handle_number(handles, handle);
    fault_point("opening");
    atomic_signal_fence(memory_order_seq_cst);
    record->used = 1;
    return handle;
}

void handle_close(struct handles *handles, uint32_t handle)
{
    struct handle_record *record = handle_record(handles, handle);
    if (record->object != 0)
        unchain(handles, handle);
    record->used = 0;
    fault_point("closing");
    atomic_signal_fence(memory_order_seq_cst);
    arena_bytes_free(handles->memory->arena, &record->bytes);
    arena_bytes_free(handles->memory->arena, &record->results);
    listing_free(handles->memory->arena, &record->names);
    for (int i = 0; i < 2; i++) {
        arena_bytes_free(handles->memory->arena, &record->windows[i].bytes);
        arena_bytes_free(handles->memory->arena, &record->windows[i].item);
        arena_bytes_free(handles->memory->arena, &record->windows[i].name);
        arena_bytes_free(handles->memory->arena, &record->windows[i].widths);
    }
    large_grow(handles->free, handles->free_count, handles->free_capacity);
    handles->free[handles->free_count++] = handle;
}

uint64_t handle_number(const struct handles *handles, uint32_t handle)
{
    return (uint64_t)handle_record(handles, handle)->generation << 32 | handle;
}

struct handle_record *handle_of_number(const struct handles *handles, uint64_t number, uint32_t *index)
{
    uint32_t handle = (uint32_t)number;
    if (handle == 0 || handle >= handles->used_end)
        return NULL;
    struct handle_record *record = handle_record(handles, handle);
    if (!record->used || record->generation != number >> 32)
        return NULL;
    if (index != NULL)
        *index = handle;
    return record;
}

uint32_t handles_next(const struct handles *handles, uint32_t after)
{
    for (uint32_t handle = after + 1; handle < handles->used_end; handle++)
        if (handle_record(handles, handle)->used)
            return handle;
    return 0;
}
