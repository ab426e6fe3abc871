#include "fsd/memory.h"
#include "tests/unit/fsd/shared.h"
#include <sys/stat.h>

#define BLOCKS 200

/* A block, as the test remembers it: filled with one byte, so that an overlap shows. */
struct block {
    arena_ref ref;
    size_t size;
    unsigned char byte;
};

static void fill(const struct arena *arena, struct block *block)
{
    memset(arena_at(arena, block->ref), block->byte, block->size);
}

static void assert_intact(const struct arena *arena, const struct block *block)
{
    const unsigned char *at = (const unsigned char *)arena_at(arena, block->ref);
    for (size_t i = 0; i < block->size; i++)
        if (at[i] != block->byte)
            fail_msg("a block of %zu bytes has another one's at %zu", block->size, i);
}

static void make_or_free(struct arena *arena, struct block *block, uint32_t *seed)
{
    if (block->ref != 0) {
        assert_intact(arena, block);
        arena_free(arena, block->ref);
        block->ref = 0;
        return;
    }
    unsigned order = next_random(seed) % 18;
    block->size = 1 + next_random(seed) % (1u << order);
    block->byte = (unsigned char)next_random(seed);
    block->ref = arena_new(arena, block->size);
    assert_true(block->ref != 0);
    assert_true(arena_capacity(block->ref) >= block->size);
    fill(arena, block);
}

static void blocks_never_overlap_whoever_has_the_memory(void **state)
{
    struct shared *shared = *state;
    static struct block blocks[BLOCKS];
    uint32_t seed = 1;
    arena_ready(shared->memory->arena);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 1000; i++)
            make_or_free(shared->memory->arena, &blocks[next_random(&seed) % BLOCKS], &seed);
        shared_take_over(shared);
        for (size_t i = 0; i < BLOCKS; i++) {
            arena_mark(shared->memory->arena, blocks[i].ref);
            if (i % 10 == 0)
                arena_mark(shared->memory->arena, blocks[i].ref); /* twice does no harm */
        }
        arena_ready(shared->memory->arena);
        for (size_t i = 0; i < BLOCKS; i++)
            if (blocks[i].ref != 0)
                assert_intact(shared->memory->arena, &blocks[i]);
    }
}

static size_t return_all(struct arena *arena)
{
    size_t pieces = 0;
    for (struct arena_piece piece; (piece = arena_next_return(arena)).ref != 0; pieces++) {
        arena_return(arena, &piece);
        arena_returned(arena, &piece);
    }
    return pieces;
}

static void what_is_freed_is_used_again(void **state)
{
    struct shared *shared = *state;
    struct arena *arena = shared->memory->arena;
    arena_ready(arena);
    arena_ref first = arena_new(arena, 1000);
    arena_free(arena, first);
    assert_true(arena_new(arena, 1000) == first);
    /* A large block serves small ones, too. */
    arena_ref large = arena_new(arena, 1 << 20);
    arena_free(arena, large);
    return_all(arena);
    for (int i = 0; i < 1024; i++) {
        arena_ref small = arena_new(arena, 1024);
        assert_in_range(small & UINT32_MAX, large & UINT32_MAX, (large & UINT32_MAX) + (1 << 20) / 32 - 1);
    }
}

static void what_nobody_marked_is_free(void **state)
{
    struct shared *shared = *state;
    arena_ready(shared->memory->arena);
    arena_ref lost = arena_new(shared->memory->arena, 5000), kept = arena_new(shared->memory->arena, 5000);
    shared_take_over(shared);
    arena_mark(shared->memory->arena, kept);
    arena_ready(shared->memory->arena);
    assert_true(arena_new(shared->memory->arena, 5000) == lost);
}

static void sizes_have_their_limits(void **state)
{
    struct shared *shared = *state;
    struct arena *arena = shared->memory->arena;
    arena_ready(arena);
    assert_true(arena_new(arena, 0) != 0);
    assert_true(arena_new(arena, 64 << 20) != 0);
    assert_true(arena_new(arena, (64 << 20) + 1) == 0);
    assert_true(arena_new(arena, SIZE_MAX) == 0);
    assert_null(arena_at(arena, 0));
    assert_int_equal(arena_capacity(0), 0);
    arena_free(arena, 0);
}

static void assert_bytes(const struct shared *shared, const struct arena_bytes *bytes, struct str wanted)
{
    struct str is = arena_bytes_str(shared->memory->arena, bytes);
    assert_int_equal(is.length, wanted.length);
    assert_memory_equal(is.at, wanted.at, wanted.length);
}

static void bytes_are_written_cut_and_dropped(void **state)
{
    struct shared *shared = *state;
    struct arena *arena = shared->memory->arena;
    struct arena_bytes bytes = {0};
    arena_ready(arena);
    assert_bytes(shared, &bytes, STR(""));
    assert_int_equal(arena_bytes_write(arena, &bytes, 0, STR("hello")), 0);
    assert_int_equal(arena_bytes_write(arena, &bytes, 4, STR("0 world")), 0);
    assert_bytes(shared, &bytes, STR("hell0 world"));
    arena_bytes_drop(arena, &bytes, 6);
    assert_bytes(shared, &bytes, STR("world"));
    assert_int_equal(arena_bytes_write(arena, &bytes, 7, STR("!")), 0);
    assert_bytes(shared, &bytes, STR("world\0\0!"));
    assert_int_equal(arena_bytes_resize(arena, &bytes, 2), 0);
    assert_int_equal(arena_bytes_resize(arena, &bytes, 4), 0);
    assert_bytes(shared, &bytes, STR("wo\0\0"));
    arena_bytes_drop(arena, &bytes, 4);
    assert_bytes(shared, &bytes, STR(""));
    assert_int_equal(arena_bytes_write(arena, &bytes, 0, STR("")), 0);
    arena_bytes_free(arena, &bytes);
    assert_bytes(shared, &bytes, STR(""));
}

static void what_does_not_fit_leaves_the_bytes_as_they_are(void **state)
{
    struct shared *shared = *state;
    struct arena *arena = shared->memory->arena;
    struct arena_bytes bytes = {0};
    arena_ready(arena);
    assert_int_equal(arena_bytes_write(arena, &bytes, 0, STR("hello")), 0);
    assert_int_equal(arena_bytes_write(arena, &bytes, 64 << 20, STR("x")), -ENOSPC);
    assert_int_equal(arena_bytes_write(arena, &bytes, (size_t)1 << 40, STR("x")), -ENOSPC);
    assert_int_equal(arena_bytes_write(arena, &bytes, SIZE_MAX, STR("x")), -ENOSPC);
    assert_int_equal(arena_bytes_resize(arena, &bytes, (size_t)1 << 40), -ENOSPC);
    assert_bytes(shared, &bytes, STR("hello"));
}

static blkcnt_t taken_blocks(const struct shared *shared)
{
    struct stat attributes;
    assert_int_equal(fstat(shared->fd, &attributes), 0);
    return attributes.st_blocks;
}

/* … in pieces. Nobody else has the block that is at work; one that only waits can be had. */
static void large_blocks_give_their_memory_back(void **state)
{
    struct shared *shared = *state;
    struct arena *arena = shared->memory->arena;
    const size_t size = 4u << 20;
    arena_ready(arena);
    blkcnt_t before = taken_blocks(shared);
    arena_ref ref = arena_new(arena, size);
    memset(arena_at(arena, ref), 'x', size);
    assert_true(taken_blocks(shared) >= before + (blkcnt_t)(size / 512));
    arena_free(arena, ref);
    struct arena_piece piece = arena_next_return(arena);
    assert_true(piece.ref == ref);
    arena_ref other = arena_new(arena, size);
    assert_true(other != ref);
    memset(arena_at(arena, other), 'y', size);
    arena_free(arena, other);
    assert_true(arena_new(arena, size) == other);
    arena_free(arena, other);
    arena_return(arena, &piece);
    assert_in_range(piece.length, 1, size);
    arena_returned(arena, &piece);
    return_all(arena);
    assert_true(taken_blocks(shared) < before + (blkcnt_t)(size / 512 / 2));
    arena_ref again = arena_new(arena, size);
    assert_true(again == ref || again == other);
}

/* Who is killed in between has freed it nevertheless. */
static void what_was_to_give_its_memory_back_is_free(void **state)
{
    struct shared *shared = *state;
    arena_ready(shared->memory->arena);
    arena_ref ref = arena_new(shared->memory->arena, 1u << 20);
    arena_ref behind = arena_new(shared->memory->arena, 32);
    arena_free(shared->memory->arena, ref);
    shared_take_over(shared);
    arena_mark(shared->memory->arena, behind);
    arena_ready(shared->memory->arena);
    assert_true(arena_new(shared->memory->arena, 1u << 19) != 0);
    assert_int_equal(return_all(shared->memory->arena), 0);
    arena_ref next = arena_new(shared->memory->arena, 1u << 19);
    assert_in_range(next & UINT32_MAX, ref & UINT32_MAX, behind & UINT32_MAX);
}

static void another_version_s_memory_is_not_taken_over(void **state)
{
    struct shared *shared = *state;
    assert_true(shared->memory->fresh);
    uint64_t mount = shared->memory->header->mount;
    shared_take_over(shared);
    assert_true(shared->memory->header->mount == mount);
    shared->memory->header->layout++;
    struct memory *memory = NULL;
    autoerror struct error *err = NULL;
    assert_int_equal(memory_attach(shared->fd, &memory, &err), -EPROTO);
    assert_null(memory);
    shared->memory->header->layout--;
}

#define SHARED(test) cmocka_unit_test_setup_teardown(test, shared_make, shared_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARED(blocks_never_overlap_whoever_has_the_memory),
        SHARED(what_is_freed_is_used_again),
        SHARED(what_nobody_marked_is_free),
        SHARED(sizes_have_their_limits),
        SHARED(bytes_are_written_cut_and_dropped),
        SHARED(what_does_not_fit_leaves_the_bytes_as_they_are),
        SHARED(large_blocks_give_their_memory_back),
        SHARED(what_was_to_give_its_memory_back_is_free),
        SHARED(another_version_s_memory_is_not_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
