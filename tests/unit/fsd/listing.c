/* Listings: the names of an open directory come once, by cookies that rise and stay good. */
#include "fsd/listing.h"
#include "tests/unit/fsd/shared.h"

#include <stdio.h>

struct world {
    struct shared *shared;
    struct arena_bytes blocks;
    uint64_t end;
};

static int world_make(void **state)
{
    struct world *world = memory_zeroed(1, sizeof(*world));
    shared_make(state);
    world->shared = *state;
    arena_ready(world->shared->memory->arena);
    *state = world;
    return 0;
}

static int world_free(void **state)
{
    struct world *world = *state;
    void *shared = world->shared;
    free(world);
    return shared_free(&shared);
}

static struct arena *arena_of(struct world *world)
{
    return world->shared->memory->arena;
}

/* Names of all lengths, so that blocks end at all places. */
static struct str name_of(unsigned number, char text[LISTING_NAME + 1])
{
    size_t length = 5 + number * 37 % (LISTING_NAME - 5 + 1);
    snprintf(text, LISTING_NAME + 1, "%05u", number);
    memset(text + 5, 'n', length - 5);
    return (struct str){text, length};
}

static enum listed_type type_of(unsigned number)
{
    static const enum listed_type types[] = {LISTED_DIRECTORY, LISTED_FILE, LISTED_LINK};
    return types[number % 3];
}

static void add(struct world *world, unsigned from, unsigned to)
{
    char text[LISTING_NAME + 1];
    for (unsigned i = from; i < to; i++)
        assert_int_equal(
            listing_add(arena_of(world), &world->blocks, &world->end, name_of(i, text), type_of(i)), 0);
}

static void assert_names(struct world *world, uint64_t cookie, unsigned from, unsigned to)
{
    char text[LISTING_NAME + 1];
    struct listed listed;
    for (unsigned i = from; i < to; i++) {
        assert_true(listing_at(arena_of(world), &world->blocks, world->end, cookie, &listed));
        assert_true(str_equal(listed.name, name_of(i, text)));
        assert_int_equal(listed.type, type_of(i));
        assert_true(listed.next > cookie);
        cookie = listed.next;
    }
    assert_false(listing_at(arena_of(world), &world->blocks, world->end, cookie, &listed));
}

static void names_come_in_their_order_by_rising_cookies(void **state)
{
    struct world *world = *state;
    struct listed listed;
    assert_false(listing_at(arena_of(world), &world->blocks, world->end, 0, &listed));
    add(world, 0, 1000);
    assert_names(world, 0, 0, 1000);
}

static void a_reader_at_the_end_goes_on_with_what_is_added(void **state)
{
    struct world *world = *state;
    for (unsigned i = 0; i < 300; i++) {
        uint64_t before = world->end;
        add(world, i, i + 1);
        assert_names(world, before, i, i + 1);
    }
    assert_names(world, 0, 0, 300);
}

/* What was added and never said to be there is written anew. */
static void what_is_not_said_to_be_there_is_not(void **state)
{
    struct world *world = *state;
    add(world, 0, 100);
    uint64_t said = world->end;
    add(world, 500, 900);
    world->end = said;
    assert_names(world, 0, 0, 100);
    add(world, 100, 200);
    assert_names(world, 0, 0, 200);
}

static void a_cookie_that_nobody_gave_finds_nothing_bad(void **state)
{
    struct world *world = *state;
    add(world, 0, 200);
    for (uint64_t cookie = 0; cookie < world->end + 20000; cookie++) {
        struct listed listed;
        if (!listing_at(arena_of(world), &world->blocks, world->end, cookie, &listed))
            continue;
        assert_true(listed.name.length > 0 && listed.next > cookie && listed.next <= world->end);
    }
    struct listed listed;
    assert_false(listing_at(arena_of(world), &world->blocks, world->end, UINT64_MAX, &listed));
    assert_false(listing_at(arena_of(world), &world->blocks, world->end, INT64_MAX, &listed));
}

static void names_live_on_in_a_successor(void **state)
{
    struct world *world = *state;
    add(world, 0, 500);
    shared_take_over(world->shared);
    arena_mark(arena_of(world), world->blocks.ref);
    listing_mark(arena_of(world), &world->blocks);
    arena_ready(arena_of(world));
    /* Nobody gets their places. */
    for (int i = 0; i < 2000; i++)
        memset(arena_at(arena_of(world), arena_new(arena_of(world), 64)), 'x', 64);
    assert_names(world, 0, 0, 500);
    add(world, 500, 700);
    assert_names(world, 0, 0, 700);
}

static void what_is_freed_is_used_again(void **state)
{
    struct world *world = *state;
    add(world, 0, 500);
    arena_ref first = arena_new(arena_of(world), 8192);
    arena_free(arena_of(world), first);
    for (int i = 0; i < 50; i++) {
        listing_free(arena_of(world), &world->blocks);
        assert_int_equal(world->blocks.length, 0);
        world->end = 0;
        add(world, 0, 500);
    }
    arena_ref last = arena_new(arena_of(world), 8192);
    assert_true((uint32_t)last <= (uint32_t)first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_come_in_their_order_by_rising_cookies, world_make, world_free),
        cmocka_unit_test_setup_teardown(a_reader_at_the_end_goes_on_with_what_is_added, world_make,
                                        world_free),
        cmocka_unit_test_setup_teardown(what_is_not_said_to_be_there_is_not, world_make, world_free),
        cmocka_unit_test_setup_teardown(a_cookie_that_nobody_gave_finds_nothing_bad, world_make, world_free),
        cmocka_unit_test_setup_teardown(names_live_on_in_a_successor, world_make, world_free),
        cmocka_unit_test_setup_teardown(what_is_freed_is_used_again, world_make, world_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
