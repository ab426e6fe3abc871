/* Files whose names are no fields: of which the user is told, of which not, and how often. */
#include "fsd/strays.h"
#include "fsd/errors.h"
#include "lib/clock.h"
#include "tests/unit/fsd/scene.h"

#define SOON (clock_wall_ms() + STRAY_MS / 2)
#define LATE (clock_wall_ms() + STRAY_MS + 1000)

static const struct asker user = {.uid = 1000, .identity = IDENTITY_NONE};

static uint32_t scratch_file(struct scene *scene, const char *name)
{
    uint32_t node = scene_look(scene, scene->node, name);
    node_record(scene->fsd.nodes, node)->flags |= NODE_SCRATCH;
    return node;
}

/* What its user's errors say, without the times. */
static void expect_errors(struct scene *scene, const char *expected)
{
    int64_t time_ms;
    struct str line, time, text = errors_text(scene->fsd.memory, 1000, &time_ms);
    autobuf struct buf said = {0};
    while (str_split(&text, '\n', &line) && line.length != 0) {
        assert_true(str_split(&line, ' ', &time));
        buf_addf(&said, STR_FORMAT "\n", STR_ARGS(line));
    }
    assert_str(buf_str(&said), expected);
}

#define SAYS(name, why)                                                                                   \
    "/namespaces/default/configmaps/conf/" name                                                           \
    ": is only a scratch file, as editors make them, and will be dropped: unknown field \"" name "\"" why \
    "\n"

static void what_stays_is_told_once(void **state)
{
    struct scene *scene = *state;
    uint32_t node = scratch_file(scene, "dato");
    stray_closed(&scene->fsd, node, &user);
    strays_expire(&scene->fsd, SOON);
    expect_errors(scene, "");
    strays_expire(&scene->fsd, LATE);
    expect_errors(scene, SAYS("dato", ": did you mean \"data\"?"));
    stray_closed(&scene->fsd, node, &user);
    strays_expire(&scene->fsd, LATE);
    expect_errors(scene, SAYS("dato", ": did you mean \"data\"?"));
}

static void what_editors_make_is_not_told(void **state)
{
    struct scene *scene = *state;
    static const char *const names[] = {"sedAbCdEf", ".data.swp", "4913", "data~", ".#data", "#data#"};
    for (size_t i = 0; i < COUNT(names); i++)
        stray_closed(&scene->fsd, scratch_file(scene, names[i]), &user);
    strays_expire(&scene->fsd, LATE);
    expect_errors(scene, "");
}

static void what_has_found_its_place_or_gone_is_not_told(void **state)
{
    struct scene *scene = *state;
    struct nodes *nodes = scene->fsd.nodes;
    uint32_t over = scratch_file(scene, "one"), backup = scratch_file(scene, "two"),
             removed = scratch_file(scene, "three"), open = scratch_file(scene, "four");
    stray_closed(&scene->fsd, over, &user);
    stray_closed(&scene->fsd, backup, &user);
    stray_closed(&scene->fsd, removed, &user);
    stray_closed(&scene->fsd, open, &user);
    assert_int_equal(node_rename(nodes, over, scene->node, STR("immutable"), NODE_SCRATCH), 0);
    assert_int_equal(node_rename(nodes, backup, scene->node, STR("data~"), 0), 0);
    node_detach(nodes, removed);
    node_forget(nodes, removed, 1);
    node_opened(nodes, open, true);
    strays_expire(&scene->fsd, LATE);
    expect_errors(scene, "");
    node_closed(nodes, open, true);
    stray_closed(&scene->fsd, open, &user);
    strays_expire(&scene->fsd, LATE);
    expect_errors(scene, SAYS("four", ""));
}

static void components_are_not_told(void **state)
{
    struct scene *scene = *state;
    const struct asker scheduler = {.uid = 1000, .identity = IDENTITY_SCHEDULER};
    stray_closed(&scene->fsd, scratch_file(scene, "dato"), &scheduler);
    strays_expire(&scene->fsd, LATE);
    expect_errors(scene, "");
}

static void of_too_many_some_are_told(void **state)
{
    struct scene *scene = *state;
    char name[16];
    for (int i = 0; i < 2 * MEMORY_STRAYS; i++) {
        snprintf(name, sizeof(name), "name%d", i);
        stray_closed(&scene->fsd, scratch_file(scene, name), &user);
    }
    strays_expire(&scene->fsd, LATE);
    int64_t time_ms;
    struct str line, text = errors_text(scene->fsd.memory, 1000, &time_ms);
    size_t lines = 0;
    while (str_split(&text, '\n', &line) && line.length != 0)
        lines++;
    assert_int_equal(lines, MEMORY_STRAYS);
}

static void a_successor_tells_of_it(void **state)
{
    struct scene *scene = *state;
    uint32_t node = scratch_file(scene, "dato");
    stray_closed(&scene->fsd, node, &user);
    scene_end(scene);
    shared_take_over(scene->shared);
    scene_begin(scene);
    scene_load(scene, "{}");
    strays_expire(&scene->fsd, LATE);
    expect_errors(scene, SAYS("dato", ": did you mean \"data\"?"));
}

#define in_scene(test) cmocka_unit_test_setup_teardown(test, scene_make, scene_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_scene(what_stays_is_told_once),
        in_scene(what_editors_make_is_not_told),
        in_scene(what_has_found_its_place_or_gone_is_not_told),
        in_scene(components_are_not_told),
        in_scene(of_too_many_some_are_told),
        in_scene(a_successor_tells_of_it),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
