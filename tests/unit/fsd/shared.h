/* The shared memory for tests: what a supervisor keeps, and the fsd that has it now. */
#ifndef PODTREE_TEST_SHARED_H
#define PODTREE_TEST_SHARED_H

#include "fsd/memory.h"
#include "tests/unit/lib/test.h"

#include <sys/mman.h>

struct shared {
    int fd;
    struct memory *memory;
};

static inline void shared_attach(struct shared *shared)
{
    struct error *err = NULL;
    if (memory_attach(shared->fd, &shared->memory, &err) < 0)
        fail_msg("%s", error_message(err));
}

static inline int shared_make(void **state)
{
    struct shared *shared = memory_zeroed(1, sizeof(*shared));
    shared->fd = memfd_create("podtree-test", MFD_CLOEXEC);
    assert_true(shared->fd >= 0);
    shared_attach(shared);
    *state = shared;
    return 0;
}

/* As a successor finds it: nothing but the shared memory is left. The caller marks and makes ready. */
static inline void shared_take_over(struct shared *shared)
{
    memory_detach(shared->memory);
    shared_attach(shared);
    assert_false(shared->memory->fresh);
}

static inline int shared_free(void **state)
{
    struct shared *shared = *state;
    memory_detach(shared->memory);
    close(shared->fd);
    free(shared);
    return 0;
}

/* Numbers that are the same in every run. */
static inline uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

#endif
