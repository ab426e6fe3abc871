#include "fsd/slots.h"
#include "tests/unit/fsd/shared.h"

#include <fcntl.h>
#include <linux/fuse.h>

/* A pipe stands in for the kernel: each write of a request is one read. */
struct kernel {
    struct shared *shared;
    struct slots *slots;
    int from, to;
};

static int kernel_make(void **state)
{
    struct kernel *kernel = memory_zeroed(1, sizeof(*kernel));
    int ends[2];
    shared_make(state);
    kernel->shared = *state;
    kernel->slots = slots_new(kernel->shared->memory);
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC | O_DIRECT), 0);
    kernel->from = ends[0];
    kernel->to = ends[1];
    *state = kernel;
    return 0;
}

static int kernel_free(void **state)
{
    struct kernel *kernel = *state;
    void *shared = kernel->shared;
    slots_free(kernel->slots);
    close(kernel->from);
    close(kernel->to);
    free(kernel);
    return shared_free(&shared);
}

static void ask(const struct kernel *kernel, uint64_t unique)
{
    struct fuse_in_header request = {.len = sizeof(request), .opcode = FUSE_GETATTR, .unique = unique};
    assert_int_equal(write(kernel->to, &request, sizeof(request)), sizeof(request));
}

static int take(const struct kernel *kernel, uint64_t unique)
{
    ask(kernel, unique);
    int slot = slots_read(kernel->slots, kernel->from);
    assert_in_range(slot, 0, MEMORY_SLOTS - 1);
    assert_true(slot_record(kernel->slots, slot)->unique == unique);
    assert_int_equal(slot_record(kernel->slots, slot)->length, sizeof(struct fuse_in_header));
    assert_int_equal(slots_find(kernel->slots, unique), slot);
    return slot;
}

static void take_over(struct kernel *kernel)
{
    slots_free(kernel->slots);
    shared_take_over(kernel->shared);
    kernel->slots = slots_new(kernel->shared->memory);
}

static void a_request_is_in_its_slot_until_it_is_answered(void **state)
{
    struct kernel *kernel = *state;
    assert_int_equal(slots_read(kernel->slots, kernel->from), -EAGAIN);
    int first = take(kernel, 10), second = take(kernel, 12);
    assert_int_not_equal(first, second);
    slots_release(kernel->slots, first);
    assert_int_equal(slots_find(kernel->slots, 10), -1);
    assert_int_equal(slots_find(kernel->slots, 12), second);
    assert_int_equal(take(kernel, 14), first); /* the memory used last is used next */
}

static void requests_are_found_among_many(void **state)
{
    struct kernel *kernel = *state;
    uint64_t held[MEMORY_SLOTS] = {0};
    uint32_t seed = 7;
    uint64_t last = 0;
    for (int i = 0; i < 20000; i++) {
        size_t at = next_random(&seed) % MEMORY_SLOTS;
        if (held[at] == 0) {
            last += 2 * (1 + next_random(&seed) % 50);
            held[at] = last;
            take(kernel, last);
        } else {
            int slot = slots_find(kernel->slots, held[at]);
            assert_in_range(slot, 0, MEMORY_SLOTS - 1);
            slots_release(kernel->slots, slot);
            assert_int_equal(slots_find(kernel->slots, held[at]), -1);
            held[at] = 0;
        }
    }
    for (size_t at = 0; at < MEMORY_SLOTS; at++)
        if (held[at] != 0)
            assert_true(slot_record(kernel->slots, slots_find(kernel->slots, held[at]))->unique == held[at]);
}

static void when_all_slots_are_taken_nothing_is_read(void **state)
{
    struct kernel *kernel = *state;
    int slot = 0;
    for (uint64_t unique = 1; unique <= MEMORY_SLOTS; unique++)
        slot = take(kernel, unique);
    ask(kernel, 5000);
    assert_int_equal(slots_read(kernel->slots, kernel->from), -EBUSY);
    slots_release(kernel->slots, slot);
    assert_int_equal(slots_read(kernel->slots, kernel->from), slot);
    assert_int_equal(slots_find(kernel->slots, 5000), slot);
}

static void what_is_left_comes_in_the_kernel_s_order(void **state)
{
    struct kernel *kernel = *state;
    slots_release(kernel->slots, take(kernel, 40));
    static const uint64_t left[] = {30, 10, 50, 20};
    for (size_t i = 0; i < COUNT(left); i++)
        take(kernel, left[i]);
    slots_release(kernel->slots, slots_find(kernel->slots, 50));
    slot_record(kernel->slots, slots_find(kernel->slots, 20))->note = 99;
    take_over(kernel);
    static const uint64_t wanted[] = {10, 20, 30};
    for (size_t i = 0; i < COUNT(wanted); i++) {
        int slot = slots_next_left(kernel->slots);
        assert_in_range(slot, 0, MEMORY_SLOTS - 1);
        assert_true(slot_record(kernel->slots, slot)->unique == wanted[i]);
        assert_int_equal(slots_find(kernel->slots, wanted[i]), slot);
        assert_true(slot_record(kernel->slots, slot)->note == (wanted[i] == 20 ? 99 : 0));
        slots_release(kernel->slots, slot);
    }
    assert_int_equal(slots_next_left(kernel->slots), -1);
}

static void a_kill_while_reading_loses_nothing(void **state)
{
    struct kernel *kernel = *state;
    struct fuse_in_header request = {.len = sizeof(request), .opcode = FUSE_GETATTR, .unique = 60};
    /* The kernel had handed a request over … */
    struct slot_record *reading = slot_record(kernel->slots, 3);
    memcpy(slot_bytes(kernel->slots, 3), &request, sizeof(request));
    reading->state = SLOT_READING;
    reading->note = 5; /* of the request that was there before */
    /* … and to another one none yet. */
    request.len = 0;
    memcpy(slot_bytes(kernel->slots, 4), &request, sizeof(request));
    slot_record(kernel->slots, 4)->state = SLOT_READING;
    take_over(kernel);
    assert_int_equal(slots_next_left(kernel->slots), 3);
    assert_int_equal(slots_next_left(kernel->slots), -1);
    assert_int_equal(slot_record(kernel->slots, 3)->length, sizeof(request));
    assert_int_equal(slot_record(kernel->slots, 3)->note, 0);
    assert_int_equal(slot_record(kernel->slots, 4)->state, SLOT_FREE);
}

static void what_is_no_request_is_refused(void **state)
{
    struct kernel *kernel = *state;
    assert_int_equal(write(kernel->to, "short", 5), 5);
    assert_int_equal(slots_read(kernel->slots, kernel->from), -EPROTO);
    take(kernel, 2);
}

#define KERNEL(test) cmocka_unit_test_setup_teardown(test, kernel_make, kernel_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KERNEL(a_request_is_in_its_slot_until_it_is_answered),
        KERNEL(requests_are_found_among_many),
        KERNEL(when_all_slots_are_taken_nothing_is_read),
        KERNEL(what_is_left_comes_in_the_kernel_s_order),
        KERNEL(a_kill_while_reading_loses_nothing),
        KERNEL(what_is_no_request_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
