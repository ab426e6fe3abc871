#include "fsd/nodes.h"
#include "tests/unit/fsd/shared.h"

#include <stdio.h>

struct world {
    struct shared *shared;
    struct nodes *nodes;
};

static int world_make(void **state)
{
    struct world *world = memory_zeroed(1, sizeof(*world));
    shared_make(state);
    world->shared = *state;
    world->nodes = nodes_new(world->shared->memory);
    arena_ready(world->shared->memory->arena);
    *state = world;
    return 0;
}

static int world_free(void **state)
{
    struct world *world = *state;
    void *shared = world->shared;
    nodes_free(world->nodes);
    free(world);
    return shared_free(&shared);
}

static void take_over(struct world *world)
{
    nodes_free(world->nodes);
    shared_take_over(world->shared);
    world->nodes = nodes_new(world->shared->memory);
    arena_ready(world->shared->memory->arena);
}

/* As a LOOKUP that was answered: the kernel holds it once more. */
static uint32_t look_up(struct nodes *nodes, uint32_t parent, const char *name)
{
    uint32_t node = node_find(nodes, parent, str_of(name));
    if (node == 0)
        node = node_make(nodes, parent, str_of(name));
    assert_int_not_equal(node, 0);
    node_grant(nodes, node);
    return node;
}

static void assert_gone(const struct nodes *nodes, uint64_t number)
{
    assert_int_equal(node_of_number(nodes, number), 0);
}

static void a_node_lives_while_the_kernel_holds_it(void **state)
{
    struct nodes *nodes = ((struct world *)*state)->nodes;
    uint32_t pods = look_up(nodes, NODE_ROOT, "pods");
    assert_int_equal(look_up(nodes, NODE_ROOT, "pods"), pods);
    uint64_t number = node_number(nodes, pods);
    assert_int_equal(node_of_number(nodes, number), pods);
    node_forget(nodes, pods, 1);
    assert_int_equal(node_of_number(nodes, number), pods);
    node_forget(nodes, pods, 1);
    assert_gone(nodes, number);
    assert_int_equal(node_find(nodes, NODE_ROOT, STR("pods")), 0);
    /* The index is used again, the number never. */
    uint32_t again = look_up(nodes, NODE_ROOT, "pods");
    assert_int_equal(again, pods);
    assert_true(node_number(nodes, again) != number);
    assert_gone(nodes, number);
}

static void numbers_that_were_never_given_are_nobody_s(void **state)
{
    struct nodes *nodes = ((struct world *)*state)->nodes;
    assert_int_equal(node_of_number(nodes, node_number(nodes, NODE_ROOT)), NODE_ROOT);
    assert_gone(nodes, 0);
    assert_gone(nodes, 2);
    assert_gone(nodes, UINT64_MAX);
    assert_gone(nodes, (uint64_t)7 << 32 | NODE_ROOT);
    node_forget(nodes, NODE_ROOT, 1000); /* the root stays, whatever the kernel forgets */
    assert_int_equal(node_of_number(nodes, NODE_ROOT), NODE_ROOT);
}

static void a_directory_waits_for_what_is_below(void **state)
{
    struct nodes *nodes = ((struct world *)*state)->nodes;
    uint32_t pods = look_up(nodes, NODE_ROOT, "pods"), web = look_up(nodes, pods, "web"),
             spec = look_up(nodes, web, "spec");
    uint64_t numbers[] = {node_number(nodes, pods), node_number(nodes, web)};
    node_forget(nodes, pods, 1);
    node_forget(nodes, web, 1);
    assert_int_equal(node_of_number(nodes, numbers[0]), pods);
    assert_int_equal(node_find(nodes, pods, STR("web")), web);
    node_forget(nodes, spec, 1);
    assert_gone(nodes, numbers[0]);
    assert_gone(nodes, numbers[1]);
}

/* A refused request on an open file whose object is gone still has a path to be said. */
static void a_directory_waits_for_what_is_below_without_a_name_too(void **state)
{
    struct world *world = *state;
    uint32_t web = look_up(world->nodes, NODE_ROOT, "web"), spec = look_up(world->nodes, web, "spec");
    uint64_t number = node_number(world->nodes, web);
    node_detach(world->nodes, spec);
    node_detach(world->nodes, web);
    node_forget(world->nodes, web, 1);
    assert_int_equal(node_of_number(world->nodes, number), web);
    take_over(world);
    node_release_if_idle(world->nodes, web);
    assert_int_equal(node_of_number(world->nodes, number), web);
    assert_true(str_is(node_name(world->nodes, web), "web"));
    node_forget(world->nodes, spec, 1);
    assert_gone(world->nodes, number);
}

static void an_open_handle_keeps_a_node(void **state)
{
    struct nodes *nodes = ((struct world *)*state)->nodes;
    uint32_t file = look_up(nodes, NODE_ROOT, "README");
    node_record(nodes, file)->handles++;
    node_forget(nodes, file, 1);
    assert_int_equal(node_find(nodes, NODE_ROOT, STR("README")), file);
    node_record(nodes, file)->handles--;
    node_release_if_idle(nodes, file);
    assert_int_equal(node_find(nodes, NODE_ROOT, STR("README")), 0);
}

static void a_detached_name_can_be_given_again(void **state)
{
    struct nodes *nodes = ((struct world *)*state)->nodes;
    uint32_t dead = look_up(nodes, NODE_ROOT, "web"), inside = look_up(nodes, dead, "spec");
    node_detach(nodes, dead);
    node_detach(nodes, dead);
    assert_int_equal(node_find(nodes, NODE_ROOT, STR("web")), 0);
    uint32_t fresh = look_up(nodes, NODE_ROOT, "web");
    assert_int_not_equal(fresh, dead);
    /* Who is inside the old one stays there. */
    assert_int_equal(node_find(nodes, dead, STR("spec")), inside);
    assert_int_equal(node_find(nodes, fresh, STR("spec")), 0);
    uint64_t number = node_number(nodes, dead);
    node_forget(nodes, dead, 1);
    assert_int_equal(node_of_number(nodes, number), dead);
    node_forget(nodes, inside, 1);
    assert_gone(nodes, number);
    assert_int_equal(node_find(nodes, NODE_ROOT, STR("web")), fresh);
}

static void a_rename_takes_the_place_of_what_was_there(void **state)
{
    struct nodes *nodes = ((struct world *)*state)->nodes;
    uint32_t data = look_up(nodes, NODE_ROOT, "data"), other = look_up(nodes, NODE_ROOT, "other");
    uint32_t scratch = look_up(nodes, data, "sedAbCdEf"), old = look_up(nodes, other, "a");
    const struct place place = {.type = PLACE_SCRATCH};
    node_set_place(nodes, scratch, &place);
    assert_int_equal(node_rename(nodes, scratch, other, STR("a"), 0), 0);
    assert_int_equal(node_find(nodes, other, STR("a")), scratch);
    assert_int_equal(node_find(nodes, data, STR("sedAbCdEf")), 0);
    assert_int_equal(node_first(nodes, data), 0);
    assert_int_equal(node_first(nodes, other), scratch);
    assert_int_equal(node_next(nodes, scratch), 0);
    assert_null(node_place_cached(nodes, scratch));
    assert_str(node_name(nodes, scratch), "a");
    assert_int_not_equal(node_record(nodes, old)->flags & NODE_DETACHED, 0);
    /* To its own name. */
    assert_int_equal(node_rename(nodes, scratch, other, STR("a"), 0), 0);
    assert_int_equal(node_find(nodes, other, STR("a")), scratch);
}

static void count_dropped(void *context, uint32_t node)
{
    (void)node;
    ++*(int *)context;
}

static void a_node_stays_while_its_content_is_lent(void **state)
{
    struct nodes *nodes = ((struct world *)*state)->nodes;
    uint32_t node = look_up(nodes, NODE_ROOT, ".new");
    node_record(nodes, node)->flags |= NODE_SCRATCH;
    uint64_t number = node_number(nodes, node);
    assert_false(node_is_lent(nodes, node));
    node_lend(nodes, node);
    node_lend(nodes, node);
    node_detach(nodes, node);
    node_forget(nodes, node, 1);
    node_give_back(nodes, node);
    assert_true(node_is_lent(nodes, node));
    assert_int_equal(node_of_number(nodes, number), node);
    node_give_back(nodes, node);
    assert_gone(nodes, number);
}

static void scratch_files_stay_until_they_are_old(void **state)
{
    struct nodes *nodes = ((struct world *)*state)->nodes;
    struct arena *arena = ((struct world *)*state)->shared->memory->arena;
    uint32_t old = look_up(nodes, NODE_ROOT, "old.bak"), young = look_up(nodes, NODE_ROOT, "young.bak");
    node_record(nodes, old)->flags |= NODE_SCRATCH;
    node_record(nodes, young)->flags |= NODE_SCRATCH;
    node_record(nodes, old)->time_ms = 100;
    node_record(nodes, young)->time_ms = 200;
    assert_int_equal(arena_bytes_write(arena, &node_record(nodes, old)->content, 0, STR("text")), 0);
    node_forget(nodes, old, 1);
    node_forget(nodes, young, 1);
    assert_int_equal(node_find(nodes, NODE_ROOT, STR("old.bak")), old); /* only we hold it */
    int dropped = 0;
    nodes_drop_scratch(nodes, 150, count_dropped, &dropped);
    assert_int_equal(dropped, 1);
    assert_int_equal(node_find(nodes, NODE_ROOT, STR("old.bak")), 0);
    assert_int_equal(node_find(nodes, NODE_ROOT, STR("young.bak")), young);
}

static void names_of_all_lengths_are_kept(void **state)
{
    struct nodes *nodes = ((struct world *)*state)->nodes;
    char name[1025];
    for (size_t length = 1; length < sizeof(name); length++) {
        memset(name, 'x', length);
        name[length] = '\0';
        look_up(nodes, NODE_ROOT, name);
    }
    for (size_t length = 1; length < sizeof(name); length++) {
        memset(name, 'x', length);
        struct str text = {name, length};
        uint32_t node = node_find(nodes, NODE_ROOT, text);
        assert_int_not_equal(node, 0);
        assert_true(str_equal(node_name(nodes, node), text));
    }
}

/* ---- the whole tree against a model ---- */

#define MODEL 3000

/* What the kernel would know: for each node its name, parent and how often it holds it. */
struct known {
    uint64_t number;
    size_t parent; /* index, 0 the root */
    char name[16];
    unsigned held;
    unsigned children;
};

static void forget_up(struct known *known, size_t i)
{
    /* In the model as in the tree: who is not held and has nothing below is gone. */
    while (i != 0 && known[i].number != 0 && known[i].held == 0 && known[i].children == 0) {
        known[i].number = 0;
        i = known[i].parent;
        known[i].children--;
    }
}

static void compare(const struct nodes *nodes, const struct known *known)
{
    for (size_t i = 1; i < MODEL; i++) {
        if (known[i].number == 0)
            continue;
        uint32_t node = node_of_number(nodes, known[i].number);
        assert_int_not_equal(node, 0);
        assert_int_equal(node_record(nodes, node)->lookups, known[i].held);
        assert_true(str_is(node_name(nodes, node), known[i].name));
        uint32_t parent = node_of_number(nodes, known[known[i].parent].number);
        assert_int_equal(node_find(nodes, parent, str_of(known[i].name)), node);
        unsigned children = 0;
        for (uint32_t child = node_first(nodes, node); child != 0; child = node_next(nodes, child))
            children++;
        assert_int_equal(children, known[i].children);
    }
}

static void one_step(struct nodes *nodes, struct known *known, uint32_t *seed)
{
    size_t i = 1 + next_random(seed) % (MODEL - 1);
    if (known[i].number == 0) {
        size_t parent = next_random(seed) % 4 == 0 ? 0 : next_random(seed) % MODEL;
        if (known[parent].number == 0)
            return;
        snprintf(known[i].name, sizeof(known[i].name), "n%zu", i);
        uint32_t node = look_up(nodes, node_of_number(nodes, known[parent].number), known[i].name);
        known[i].number = node_number(nodes, node);
        known[i].parent = parent;
        known[i].held = 1;
        known[parent].children++;
    } else if (next_random(seed) % 3 == 0) {
        node_grant(nodes, node_of_number(nodes, known[i].number));
        known[i].held++;
    } else if (known[i].held > 0) {
        unsigned count = 1 + next_random(seed) % known[i].held;
        node_forget(nodes, node_of_number(nodes, known[i].number), count);
        known[i].held -= count;
        forget_up(known, i);
    }
}

static void the_tree_is_what_the_kernel_holds_also_after_kills(void **state)
{
    struct world *world = *state;
    static struct known known[MODEL];
    known[0].number = node_number(world->nodes, NODE_ROOT);
    uint32_t seed = 3;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 20000; i++)
            one_step(world->nodes, known, &seed);
        compare(world->nodes, known);
        take_over(world);
        compare(world->nodes, known);
    }
}

static void detached_nodes_stay_detached_after_a_kill(void **state)
{
    struct world *world = *state;
    uint32_t dead = look_up(world->nodes, NODE_ROOT, "web"), fresh;
    node_detach(world->nodes, dead);
    fresh = look_up(world->nodes, NODE_ROOT, "web");
    take_over(world);
    assert_int_equal(node_find(world->nodes, NODE_ROOT, STR("web")), fresh);
    uint64_t number = node_number(world->nodes, dead);
    node_forget(world->nodes, dead, 1);
    assert_gone(world->nodes, number);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(a_node_lives_while_the_kernel_holds_it),
        WORLD(numbers_that_were_never_given_are_nobody_s),
        WORLD(a_directory_waits_for_what_is_below),
        WORLD(a_directory_waits_for_what_is_below_without_a_name_too),
        WORLD(an_open_handle_keeps_a_node),
        WORLD(a_detached_name_can_be_given_again),
        WORLD(a_rename_takes_the_place_of_what_was_there),
        WORLD(a_node_stays_while_its_content_is_lent),
        WORLD(scratch_files_stay_until_they_are_old),
        WORLD(names_of_all_lengths_are_kept),
        WORLD(the_tree_is_what_the_kernel_holds_also_after_kills),
        WORLD(detached_nodes_stay_detached_after_a_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
