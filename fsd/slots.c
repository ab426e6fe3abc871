#include "fsd/slots.h"
#include "lib/fault.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define HASH_SIZE (MEMORY_SLOTS * 4)
#define AHEAD     4 /* so many slots that will be needed next are ready */

struct slots {
    struct memory *memory;
    int free[MEMORY_SLOTS]; /* a stack: the slot used last is used next, so few of them ever take memory */
    int free_count;
    int16_t hash[HASH_SIZE]; /* by unique: slot + 1, 0 is empty; open addressing */
    int left[MEMORY_SLOTS];  /* what a predecessor left, the oldest last */
    int left_count;
    bool touched[MEMORY_SLOTS];
    struct job touching; /* of the slot `ahead`; -1: none is at work */
    int ahead;
};

struct slot_record *slot_record(struct slots *slots, int slot)
{
    return &slots->memory->slots[slot];
}

char *slot_bytes(struct slots *slots, int slot)
{
    return slots->memory->slot_bytes + (size_t)slot * MEMORY_SLOT_BYTES;
}

static unsigned hash_place(uint64_t unique)
{
    return (unsigned)((unique * 0x9e3779b97f4a7c15u) >> 40) % HASH_SIZE;
}

static void hash_insert(struct slots *slots, uint64_t unique, int slot)
{
    unsigned place = hash_place(unique);
    while (slots->hash[place] != 0)
        place = (place + 1) % HASH_SIZE;
    slots->hash[place] = (int16_t)(slot + 1);
}

static int hash_find(struct slots *slots, uint64_t unique)
{
    for (unsigned place = hash_place(unique); slots->hash[place] != 0; place = (place + 1) % HASH_SIZE)
        if (slot_record(slots, slots->hash[place] - 1)->unique == unique)
            return (int)place;
    return -1;
}

/* Linear probing without tombstones: what follows the removed entry moves up when its own place allows it. */
static void hash_remove(struct slots *slots, unsigned hole)
{
    unsigned place = hole;
    for (;;) {
        slots->hash[hole] = 0;
        for (;;) {
            place = (place + 1) % HASH_SIZE;
            if (slots->hash[place] == 0)
                return;
            unsigned home = hash_place(slot_record(slots, slots->hash[place] - 1)->unique);
            bool stays = hole <= place ? (hole < home && home <= place) : (hole < home || home <= place);
            if (!stays)
                break;
        }
        slots->hash[hole] = slots->hash[place];
        hole = place;
    }
}

static const struct fuse_in_header *request_header(struct slots *slots, int slot)
{
    return (const struct fuse_in_header *)slot_bytes(slots, slot);
}

static int newest_first(const void *a, const void *b, void *context)
{
    struct slots *slots = context;
    uint64_t x = slot_record(slots, *(const int *)a)->unique, y = slot_record(slots, *(const int *)b)->unique;
    return (x < y) - (x > y);
}

struct slots *slots_new(struct memory *memory)
{
    struct slots *slots = memory_zeroed(1, sizeof(*slots));
    slots->memory = memory;
    slots->ahead = -1;
    for (int slot = MEMORY_SLOTS - 1; slot >= 0; slot--) {
        struct slot_record *record = slot_record(slots, slot);
        if (record->state == SLOT_READING && request_header(slots, slot)->len != 0) {
            record->length = request_header(slots, slot)->len;
            record->unique = request_header(slots, slot)->unique;
            record->note = 0;
            record->state = SLOT_TAKEN;
        }
        if (record->state == SLOT_TAKEN) {
            hash_insert(slots, record->unique, slot);
            slots->left[slots->left_count++] = slot;
        } else {
            record->state = SLOT_FREE;
            slots->free[slots->free_count++] = slot;
        }
    }
    qsort_r(slots->left, (size_t)slots->left_count, sizeof(int), newest_first, slots);
    return slots;
}

void slots_free(struct slots *slots)
{
    free(slots);
}

int slots_oldest_left(const struct slots *slots)
{
    return slots->left_count > 0 ? slots->left[slots->left_count - 1] : -1;
}

int slots_next_left(struct slots *slots)
{
    return slots->left_count > 0 ? slots->left[--slots->left_count] : -1;
}

/* The kernel copies a request with get_user_pages, which gives up on a process that is being killed if a page
 * has to be faulted in: the request would end with EIO. On pages that are there already it takes the fast
 * way, which doesn't. What is in them stays. */
static void touch_pages(struct slots *slots, int slot)
{
    char *bytes = slot_bytes(slots, slot);
    if (madvise(bytes, MEMORY_SLOT_BYTES, MADV_POPULATE_WRITE) == 0)
        return;
    for (size_t offset = 0; offset < MEMORY_SLOT_BYTES; offset += 4096)
        __atomic_fetch_or(bytes + offset, 0, __ATOMIC_RELAXED); /* main may be using it by now */
}

static void touch_ahead(struct job *job)
{
    struct slots *slots = (struct slots *)((char *)job - offsetof(struct slots, touching));
    touch_pages(slots, slots->ahead);
}

static void touched_ahead(struct job *job)
{
    struct slots *slots = (struct slots *)((char *)job - offsetof(struct slots, touching));
    slots->touched[slots->ahead] = true;
    slots->ahead = -1;
}

/* Main may need it before it is back, and touches it itself then. */
void slots_turn(struct slots *slots, struct worker *worker)
{
    for (int i = 1; i <= AHEAD && i <= slots->free_count && slots->ahead < 0; i++) {
        int slot = slots->free[slots->free_count - i];
        if (slots->touched[slot])
            continue;
        slots->ahead = slot;
        slots->touching = (struct job){.run = touch_ahead, .done = touched_ahead};
        worker_submit(worker, &slots->touching);
    }
}

int slots_read(struct slots *slots, int fuse_fd)
{
    if (slots->free_count == 0)
        return -EBUSY;
    int slot = slots->free[slots->free_count - 1];
    struct slot_record *record = slot_record(slots, slot);
    struct fuse_in_header *header = (struct fuse_in_header *)slot_bytes(slots, slot);
    if (!slots->touched[slot])
        touch_pages(slots, slot);
    slots->touched[slot] = true;
    header->len = 0;
    record->note = 0;
    atomic_signal_fence(memory_order_seq_cst);
    record->state = SLOT_READING;
    atomic_signal_fence(memory_order_seq_cst);
    ssize_t length = read(fuse_fd, header, MEMORY_SLOT_BYTES);
    if (length < 0) {
        int number = errno;
        record->state = SLOT_FREE;
        return number == ENOENT || number == EINTR ? -EAGAIN
                                                   : -number; /* ENOENT: the request was interrupted */
    }
    if ((size_t)length < sizeof(*header)) {
        record->state = SLOT_FREE;
        return -EPROTO;
    }
    fault_point("read");
    record->length = (uint32_t)length;
    record->unique = header->unique;
    atomic_signal_fence(memory_order_seq_cst);
    record->state = SLOT_TAKEN;
    slots->free_count--;
    hash_insert(slots, record->unique, slot);
    return slot;
}

int slots_find(struct slots *slots, uint64_t unique)
{
    int place = hash_find(slots, unique);
    return place >= 0 ? slots->hash[place] - 1 : -1;
}

void slots_release(struct slots *slots, int slot)
{
    struct slot_record *record = slot_record(slots, slot);
    int place = hash_find(slots, record->unique);
    if (place >= 0)
        hash_remove(slots, (unsigned)place);
    record->state = SLOT_FREE;
    slots->free[slots->free_count++] = slot;
}
