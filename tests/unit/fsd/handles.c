/* Handles: numbers that are never given twice, and what has been read and collected outlives fsd. */
#include "fsd/handles.h"
#include "fsd/listing.h"
#include "tests/unit/fsd/shared.h"

struct world {
    struct shared *shared;
    struct handles *handles;
};

static int world_make(void **state)
{
    struct world *world = memory_zeroed(1, sizeof(*world));
    shared_make(state);
    world->shared = *state;
    world->handles = handles_new(world->shared->memory);
    arena_ready(world->shared->memory->arena);
    *state = world;
    return 0;
}

static int world_free(void **state)
{
    struct world *world = *state;
    void *shared = world->shared;
    handles_free(world->handles);
    free(world);
    return shared_free(&shared);
}

static void take_over(struct world *world)
{
    handles_free(world->handles);
    shared_take_over(world->shared);
    world->handles = handles_new(world->shared->memory);
    arena_ready(world->shared->memory->arena);
}

static uint32_t open_one(struct world *world, uint32_t node)
{
    uint64_t note = 0;
    uint32_t handle = handle_open(world->handles, node, &note);
    assert_int_not_equal(handle, 0);
    assert_true(note == handle_number(world->handles, handle));
    return handle;
}

static void collect(struct world *world, struct arena_bytes *bytes, const char *text)
{
    assert_int_equal(
        arena_bytes_write(world->shared->memory->arena, bytes, (size_t)bytes->length, str_of(text)), 0);
}

static void a_number_is_one_opening_s(void **state)
{
    struct world *world = *state;
    uint32_t first = open_one(world, 5), index = 0;
    uint64_t number = handle_number(world->handles, first);
    assert_ptr_equal(handle_of_number(world->handles, number, &index), handle_record(world->handles, first));
    assert_int_equal(index, first);
    assert_int_equal(handle_record(world->handles, first)->node, 5);
    handle_close(world->handles, first);
    assert_null(handle_of_number(world->handles, number, NULL));
    /* The place is used again, the number never. */
    uint32_t second = open_one(world, 6);
    assert_int_equal(second, first);
    assert_true(handle_number(world->handles, second) != number);
    assert_null(handle_of_number(world->handles, number, NULL));
    assert_null(handle_of_number(world->handles, 0, NULL));
    assert_null(handle_of_number(world->handles, UINT64_MAX, NULL));
}

static void a_handle_begins_with_nothing(void **state)
{
    struct world *world = *state;
    uint32_t handle = open_one(world, 5);
    struct handle_record *record = handle_record(world->handles, handle);
    record->flags = HANDLE_WRITE | HANDLE_DIRTY;
    record->opener = 77;
    record->windows[1].started = 1;
    collect(world, &record->bytes, "of another");
    collect(world, &record->windows[1].name, "of another");
    handle_close(world->handles, handle);
    assert_int_equal(open_one(world, 9), handle);
    assert_int_equal(record->flags, 0);
    assert_int_equal(record->opener, 0);
    assert_int_equal(record->windows[1].started, 0);
    assert_int_equal(record->bytes.length, 0);
    assert_int_equal(record->bytes.ref, 0);
    assert_int_equal(record->windows[1].name.ref, 0);
}

static void all_that_are_open_are_gone_over(void **state)
{
    struct world *world = *state;
    uint32_t all[5];
    for (uint32_t i = 0; i < 5; i++)
        all[i] = open_one(world, 10 + i);
    handle_close(world->handles, all[0]);
    handle_close(world->handles, all[3]);
    unsigned seen = 0;
    for (uint32_t h = handles_next(world->handles, 0); h != 0; h = handles_next(world->handles, h))
        seen |= 1u << (handle_record(world->handles, h)->node - 10);
    assert_int_equal(seen, 1u << 1 | 1u << 2 | 1u << 4);
}

static void what_is_collected_lives_on_in_a_successor(void **state)
{
    struct world *world = *state;
    uint32_t kept = open_one(world, 5), closed = open_one(world, 6);
    uint64_t number = handle_number(world->handles, kept), old = handle_number(world->handles, closed);
    struct handle_record *record = handle_record(world->handles, kept);
    record->flags = HANDLE_WRITE | HANDLE_DIRTY;
    collect(world, &record->bytes, "half a manifest");
    collect(world, &record->results, "{\"ok\":true}");
    collect(world, &record->windows[1].bytes, "a page");
    collect(world, &record->windows[1].name, "web-1");
    uint64_t names_end = 0;
    struct listed listed;
    assert_int_equal(
        listing_add(world->shared->memory->arena, &record->names, &names_end, STR("web-2"), LISTED_DIRECTORY),
        0);
    handle_close(world->handles, closed);
    take_over(world);
    record = handle_of_number(world->handles, number, NULL);
    assert_non_null(record);
    assert_null(handle_of_number(world->handles, old, NULL));
    assert_int_equal(record->flags, HANDLE_WRITE | HANDLE_DIRTY);
    /* Nobody gets the places of its bytes. */
    struct arena *arena = world->shared->memory->arena;
    for (int i = 0; i < 100; i++)
        memset(arena_at(arena, arena_new(arena, 32)), 'x', 32);
    memset(arena_at(arena, arena_new(arena, 8192)), 'x', 8192);
    assert_str(arena_bytes_str(arena, &record->bytes), "half a manifest");
    assert_true(listing_at(arena, &record->names, names_end, 0, &listed));
    assert_str(listed.name, "web-2");
    assert_str(arena_bytes_str(arena, &record->results), "{\"ok\":true}");
    assert_str(arena_bytes_str(arena, &record->windows[1].bytes), "a page");
    assert_str(arena_bytes_str(arena, &record->windows[1].name), "web-1");
    /* What was closed is free, under other numbers. */
    assert_int_equal(open_one(world, 7), closed);
    assert_true(handle_number(world->handles, closed) != old);
}

/* Killed between the number's note and the opening: the note is nobody's. */
static void a_note_without_an_opening_is_nobody_s(void **state)
{
    struct world *world = *state;
    uint32_t handle = open_one(world, 5);
    uint64_t number = handle_number(world->handles, handle);
    handle_record(world->handles, handle)->used = 0;
    take_over(world);
    assert_null(handle_of_number(world->handles, number, NULL));
    assert_int_equal(open_one(world, 5), handle);
}

static void there_is_an_end_to_them(void **state)
{
    struct world *world = *state;
    uint64_t note;
    uint32_t handle = 0, last = 0;
    while ((handle = handle_open(world->handles, 5, &note)) != 0)
        last = handle;
    assert_int_equal(last, MEMORY_HANDLES - 1);
    handle_close(world->handles, 3);
    assert_int_equal(handle_open(world->handles, 5, &note), 3);
    assert_int_equal(handle_open(world->handles, 5, &note), 0);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, world_make, world_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(a_number_is_one_opening_s),
        in_world(a_handle_begins_with_nothing),
        in_world(all_that_are_open_are_gone_over),
        in_world(what_is_collected_lives_on_in_a_successor),
        in_world(a_note_without_an_opening_is_nobody_s),
        in_world(there_is_an_end_to_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
