#include "fsd/memory.h"

#include "fsd/errors.h"
#include "fsd/handles.h"
#include "fsd/nodes.h"
#include "fsd/slots.h"
#include "lib/clock.h"
#include "lib/large.h"
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/random.h>

#define MAGIC  0x706f647472656531 /* "podtree1" */
#define LAYOUT 7

#define PAGE         4096ul
#define ROUND(size)  (((size) + PAGE - 1) / PAGE * PAGE)
#define ARENA_UNIT   32ul         /* the smallest block, and what offsets are counted in */
#define ARENA_BYTES  (32ul << 30) /* of addresses; memory is taken as it is touched */
#define ARENA_ORDERS 22           /* 32 bytes << 21 = 64 MiB */
#define MANY_PAGES   8

/* Free blocks from this size on give their memory back to the host, so much at a time: in small pieces it
 * takes several times as long. */
#define RETURN_BYTES (1ul << 20) /* of smaller blocks the memory is kept */
#define RETURN_US    1000

/* Every region has its place in the file for good; what is not touched takes no memory. */
enum region {
    REGION_HEADER,
    REGION_SLOTS,
    REGION_SLOT_BYTES,
    REGION_NODES,
    REGION_HANDLES,
    REGION_ERRORS,
    REGION_ARENA
};
static const size_t region_sizes[] = {
    [REGION_HEADER] = ROUND(sizeof(struct memory_header)),
    [REGION_SLOTS] = ROUND(MEMORY_SLOTS * sizeof(struct slot_record)),
    [REGION_SLOT_BYTES] = (size_t)MEMORY_SLOTS * MEMORY_SLOT_BYTES,
    [REGION_NODES] = ROUND(MEMORY_NODES * sizeof(struct node_record)),
    [REGION_HANDLES] = ROUND(MEMORY_HANDLES * sizeof(struct handle_record)),
    [REGION_ERRORS] = ROUND(MEMORY_ERRORS * sizeof(struct errors_record)),
    [REGION_ARENA] = ARENA_BYTES,
};

struct free_list {
    uint32_t *offsets;
    size_t count, capacity;
};

struct arena {
    char *base;
    uint32_t top; /* in units: everything from here on has never been used */
    struct free_list lists[ARENA_ORDERS];
    struct returning {
        arena_ref ref;
        size_t done;
    } * returning; /* free, but not on a list yet: blocks whose memory is being given back */
    size_t returning_count, returning_capacity;
    arena_ref at_work; /* the one of them that the worker has; 0: none */
    struct {
        uint32_t offset, units;
    } * marked; /* until arena_ready */
    size_t marked_count, marked_capacity;
};

static size_t file_size(void)
{
    size_t size = 0;
    for (size_t i = 0; i < COUNT(region_sizes); i++)
        size += region_sizes[i];
    return size;
}

int memory_attach(int fd, struct memory **result, struct error **err)
{
    size_t size = file_size();
    if (ftruncate(fd, (off_t)size) < 0)
        return error_errno(err, errno, "cannot size the shared memory");
    char *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED)
        return error_errno(err, errno, "cannot map the shared memory");
    /* A dump of a crash would have all of it, holes too, and take minutes in which nobody is answered. */
    (void)madvise(base, size, MADV_DONTDUMP);
    char *regions[COUNT(region_sizes)] = {base};
    for (size_t i = 1; i < COUNT(region_sizes); i++)
        regions[i] = regions[i - 1] + region_sizes[i - 1];

    struct memory_header *header = (void *)regions[REGION_HEADER];
    bool fresh = header->magic == 0;
    if (!fresh && (header->magic != MAGIC || header->layout != LAYOUT)) {
        munmap(base, size);
        return error_make(err, EPROTO,
                          "the shared memory is of another version of podtree: run podtree down, then up");
    }
    if (fresh) {
        if (getrandom(&header->mount, sizeof(header->mount), 0) != sizeof(header->mount)) {
            int number = errno;
            munmap(base, size);
            return error_errno(err, number, "cannot get random bytes");
        }
        header->mount &= INT64_MAX; /* the store's integers have a sign */
        header->layout = LAYOUT;
        atomic_signal_fence(memory_order_seq_cst);
        header->magic = MAGIC;
    }

    struct memory *memory = memory_zeroed(1, sizeof(*memory));
    memory->header = header;
    memory->slots = (void *)regions[REGION_SLOTS];
    memory->slot_bytes = regions[REGION_SLOT_BYTES];
    memory->nodes = (void *)regions[REGION_NODES];
    memory->handles = (void *)regions[REGION_HANDLES];
    memory->errors = (void *)regions[REGION_ERRORS];
    memory->fresh = fresh;
    memory->arena = memory_zeroed(1, sizeof(*memory->arena));
    memory->arena->base = regions[REGION_ARENA];
    memory->arena->top = 1; /* so that no reference is 0 */
    *result = memory;
    return 0;
}

void memory_detach(struct memory *memory)
{
    if (memory == NULL)
        return;
    for (size_t i = 0; i < ARENA_ORDERS; i++)
        large_free(memory->arena->lists[i].offsets, memory->arena->lists[i].capacity);
    large_free(memory->arena->returning, memory->arena->returning_capacity);
    large_free(memory->arena->marked, memory->arena->marked_capacity);
    free(memory->arena);
    munmap(memory->header, file_size());
    free(memory);
}

/* ---- the arena ---- */

static unsigned ref_order(arena_ref ref)
{
    return (unsigned)(ref >> 32);
}

static uint32_t order_units(unsigned order)
{
    return 1u << order;
}

static void list_push(struct arena *arena, unsigned order, uint32_t offset)
{
    struct free_list *list = &arena->lists[order];
    large_grow(list->offsets, list->count, list->capacity);
    list->offsets[list->count++] = offset;
}

void arena_mark(struct arena *arena, arena_ref ref)
{
    if (ref == 0)
        return;
    large_grow(arena->marked, arena->marked_count, arena->marked_capacity);
    arena->marked[arena->marked_count].offset = (uint32_t)ref;
    arena->marked[arena->marked_count++].units = order_units(ref_order(ref));
}

static int by_offset(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* What lies between living blocks is cut into blocks of the largest sizes that fit. */
static void free_gap(struct arena *arena, uint32_t from, uint32_t to)
{
    while (from < to) {
        unsigned order = 31 - (unsigned)__builtin_clz(to - from);
        if (order >= ARENA_ORDERS)
            order = ARENA_ORDERS - 1;
        list_push(arena, order, from);
        from += order_units(order);
    }
}

void arena_ready(struct arena *arena)
{
    if (arena->marked_count != 0)
        qsort(arena->marked, arena->marked_count, sizeof(*arena->marked), by_offset);
    for (size_t i = 0; i < arena->marked_count; i++) {
        if (arena->marked[i].offset < arena->top)
            continue; /* marked twice */
        free_gap(arena, arena->top, arena->marked[i].offset);
        arena->top = arena->marked[i].offset + arena->marked[i].units;
    }
    large_free(arena->marked, arena->marked_capacity);
    arena->marked = NULL;
    arena->marked_count = arena->marked_capacity = 0;
}

/* A block of that order or, of a larger one, its beginning: the upper halves go back. */
static bool take_free(struct arena *arena, unsigned order, uint32_t *offset)
{
    unsigned larger = order;
    while (larger < ARENA_ORDERS && arena->lists[larger].count == 0)
        larger++;
    if (larger == ARENA_ORDERS)
        return false;
    struct free_list *list = &arena->lists[larger];
    *offset = list->offsets[--list->count];
    while (larger-- > order)
        list_push(arena, larger, *offset + order_units(larger));
    return true;
}

/* One that has not given its memory back yet, unless it is doing so. */
static bool take_returning(struct arena *arena, unsigned order, uint32_t *offset)
{
    for (size_t i = 0; i < arena->returning_count; i++) {
        arena_ref ref = arena->returning[i].ref;
        if (ref_order(ref) != order || ref == arena->at_work)
            continue;
        *offset = (uint32_t)ref;
        arena->returning[i] = arena->returning[--arena->returning_count];
        return true;
    }
    return false;
}

static bool take_unused(struct arena *arena, unsigned order, uint32_t *offset)
{
    if (((size_t)arena->top + order_units(order)) * ARENA_UNIT > ARENA_BYTES)
        return false;
    *offset = arena->top;
    arena->top += order_units(order);
    return true;
}

arena_ref arena_new(struct arena *arena, size_t size)
{
    unsigned order = 0;
    while (order < ARENA_ORDERS && ARENA_UNIT << order < size)
        order++;
    uint32_t offset;
    if (order == ARENA_ORDERS || (!take_returning(arena, order, &offset) &&
                                  !take_free(arena, order, &offset) && !take_unused(arena, order, &offset)))
        return 0;
    return (arena_ref)order << 32 | offset;
}

void arena_free(struct arena *arena, arena_ref ref)
{
    if (ref == 0)
        return;
    if (arena_capacity(ref) < RETURN_BYTES) {
        list_push(arena, ref_order(ref), (uint32_t)ref);
        return;
    }
    large_grow(arena->returning, arena->returning_count, arena->returning_capacity);
    arena->returning[arena->returning_count++] = (struct returning){.ref = ref};
}

struct arena_piece arena_next_return(struct arena *arena)
{
    if (arena->returning_count == 0)
        return (struct arena_piece){0};
    const struct returning *block = &arena->returning[arena->returning_count - 1];
    arena->at_work = block->ref;
    return (struct arena_piece){block->ref, block->done, 0};
}

/* Only whole pages; if it can't be done the memory is merely kept. */
static void give_back(char *begin, size_t length)
{
    char *from = (char *)ROUND((uintptr_t)begin);
    char *to = (char *)((uintptr_t)(begin + length) / PAGE * PAGE);
    (void)madvise(from, (size_t)(to - from), MADV_REMOVE);
}

void arena_return(const struct arena *arena, struct arena_piece *piece)
{
    size_t left = arena_capacity(piece->ref) - piece->offset;
    int64_t end_us = clock_us() + RETURN_US;
    do {
        size_t step = left < RETURN_BYTES ? left : RETURN_BYTES;
        give_back(arena_at(arena, piece->ref) + piece->offset + piece->length, step);
        piece->length += step;
        left -= step;
    } while (left != 0 && clock_us() < end_us);
}

void arena_returned(struct arena *arena, const struct arena_piece *piece)
{
    struct returning *block = arena->returning;
    while (block->ref != piece->ref)
        block++;
    arena->at_work = 0;
    block->done += piece->length;
    if (block->done < arena_capacity(block->ref))
        return;
    list_push(arena, ref_order(block->ref), (uint32_t)block->ref);
    *block = arena->returning[--arena->returning_count];
}

char *arena_at(const struct arena *arena, arena_ref ref)
{
    return ref != 0 ? arena->base + (uint32_t)ref * ARENA_UNIT : NULL;
}

size_t arena_capacity(arena_ref ref)
{
    return ref != 0 ? ARENA_UNIT << ref_order(ref) : 0;
}

int arena_bytes_reserve(struct arena *arena, struct arena_bytes *bytes, size_t capacity)
{
    if (capacity <= arena_capacity(bytes->ref))
        return 0;
    arena_ref larger = arena_new(arena, capacity);
    if (larger == 0)
        return -ENOSPC;
    if (bytes->length != 0)
        memcpy(arena_at(arena, larger), arena_at(arena, bytes->ref), bytes->length);
    arena_ref old = bytes->ref;
    atomic_signal_fence(memory_order_seq_cst);
    bytes->ref = larger;
    atomic_signal_fence(memory_order_seq_cst);
    arena_free(arena, old);
    return 0;
}

int arena_bytes_resize(struct arena *arena, struct arena_bytes *bytes, size_t length)
{
    int result = arena_bytes_reserve(arena, bytes, length);
    if (result < 0)
        return result;
    if (length > bytes->length)
        memset(arena_at(arena, bytes->ref) + bytes->length, 0, length - bytes->length);
    atomic_signal_fence(memory_order_seq_cst);
    bytes->length = length;
    return 0;
}

/* New pages come at half the price when they come together. It is only a wish. */
static void want_pages(char *from, size_t length)
{
    char *page = (char *)((uintptr_t)from / PAGE * PAGE);
    if (length >= MANY_PAGES * PAGE)
        (void)madvise(page, ROUND((size_t)(from + length - page)), MADV_POPULATE_WRITE);
}

int arena_bytes_write(struct arena *arena, struct arena_bytes *bytes, size_t offset, struct str data)
{
    size_t end;
    if (__builtin_add_overflow(offset, data.length, &end))
        return -ENOSPC;
    int result = 0;
    if (end > bytes->length) {
        /* Room is made by doubling, so that many small writes stay cheap. */
        result = arena_bytes_reserve(arena, bytes, end);
        if (result == 0 && offset > bytes->length)
            result = arena_bytes_resize(arena, bytes, offset);
    }
    if (result < 0)
        return result;
    char *to = arena_at(arena, bytes->ref) + offset;
    if (end > bytes->length)
        want_pages(to, data.length);
    if (data.length != 0)
        memcpy(to, data.at, data.length);
    atomic_signal_fence(memory_order_seq_cst);
    if (end > bytes->length)
        bytes->length = end;
    return 0;
}

void arena_bytes_drop(struct arena *arena, struct arena_bytes *bytes, size_t length)
{
    if (length == 0)
        return;
    /* Into another block: moved in place, the bytes would be in pieces while they move. When there is none,
     * all of them go. */
    size_t left = bytes->length - length;
    arena_ref old = bytes->ref, other = left != 0 ? arena_new(arena, left) : 0;
    if (other != 0)
        memcpy(arena_at(arena, other), arena_at(arena, old) + length, left);
    bytes->length = other != 0 ? left : 0;
    atomic_signal_fence(memory_order_seq_cst);
    bytes->ref = other;
    atomic_signal_fence(memory_order_seq_cst);
    arena_free(arena, old);
}

void arena_bytes_free(struct arena *arena, struct arena_bytes *bytes)
{
    arena_ref ref = bytes->ref;
    bytes->length = 0;
    bytes->ref = 0;
    atomic_signal_fence(memory_order_seq_cst);
    arena_free(arena, ref);
}

struct str arena_bytes_str(const struct arena *arena, const struct arena_bytes *bytes)
{
    return (struct str){bytes->ref != 0 ? arena_at(arena, bytes->ref) : "", bytes->length};
}
