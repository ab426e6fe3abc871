/* rm -r in progress: whose it is, what lies in it, and how it ends. */
#include "fsd/removal.h"
#include "fsd/errors.h"
#include "lib/clock.h"
#include "tests/unit/fsd/scene.h"

#include <sys/wait.h>

#define SOON (clock_wall_ms() + REMOVAL_MS / 2)
#define LATE (clock_wall_ms() + REMOVAL_MS + 1000)

/* A call of the process that runs here: its thread's number is its own. */
static struct call call_from(struct scene *scene, pid_t process)
{
    return (struct call){.fsd = &scene->fsd, .asker = {.uid = 1000, .thread = process}};
}

/* Another process, which waits until it is ended. */
static pid_t start_other(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    assert_true(pid > 0);
    return pid;
}

static void end_other(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void expect_errors(struct scene *scene, const char *part)
{
    int64_t time_ms;
    struct str text = errors_text(scene->fsd.memory, 1000, &time_ms);
    if (part == NULL) {
        assert_int_equal(text.length, 0);
        return;
    }
    autofree char *said = str_dup(text);
    assert_non_null(strstr(said, part));
}

static void it_is_the_process_s_own_and_covers_all_below(void **state)
{
    struct scene *scene = *state;
    struct call call = call_from(scene, getpid());
    uint32_t data = scene_look(scene, scene->node, "data"), field = scene_look(scene, data, "a");
    assert_false(removal_covers(&call, field));
    assert_int_equal(removal_open(&call, 1), 0);
    assert_true(removal_is_open(&call, 1));
    assert_false(removal_is_open(&call, 2));
    assert_true(removal_covers(&call, field));
    assert_true(removal_covers(&call, scene->node));
    assert_false(removal_covers(&call, node_record(scene->fsd.nodes, scene->node)->parent));
    pid_t other = start_other();
    struct call another = call_from(scene, other), nobody = call_from(scene, 0);
    assert_false(removal_covers(&another, field));
    assert_false(removal_is_open(&another, 1));
    assert_false(removal_covers(&nobody, field));
    end_other(other);
    removal_close(&scene->fsd, 1);
    assert_false(removal_covers(&call, field));
}

static void a_repeated_unlink_opens_no_second_one(void **state)
{
    struct scene *scene = *state;
    struct call call = call_from(scene, getpid());
    for (int i = 0; i < 2 * MEMORY_REMOVALS; i++)
        assert_int_equal(removal_open(&call, 1), 0);
    for (int64_t object = 2; object <= MEMORY_REMOVALS; object++)
        assert_int_equal(removal_open(&call, object), 0);
    assert_int_equal(removal_open(&call, 1000), -ENFILE);
    removal_close(&scene->fsd, 7);
    assert_int_equal(removal_open(&call, 1000), 0);
}

static void one_that_is_left_undone_ends_and_its_user_is_told(void **state)
{
    struct scene *scene = *state;
    struct call call = call_from(scene, getpid());
    removal_open(&call, 1);
    removals_expire(&scene->fsd, SOON);
    assert_true(removal_is_open(&call, 1));
    expect_errors(scene, NULL);
    removals_expire(&scene->fsd, LATE);
    assert_false(removal_is_open(&call, 1));
    expect_errors(scene, "configmaps/conf/manifest.yaml: was unlinked, and neither");
}

static void one_that_has_come_to_its_end_is_not_talked_about(void **state)
{
    struct scene *scene = *state;
    struct call call = call_from(scene, getpid());
    removal_open(&call, 1);
    removal_close(&scene->fsd, 1);
    removal_open(&call, 99); /* somebody else has deleted that object */
    removals_expire(&scene->fsd, LATE);
    assert_false(removal_is_open(&call, 99));
    expect_errors(scene, NULL);
}

static void whoever_is_at_work_has_more_time(void **state)
{
    struct scene *scene = *state;
    struct call call = call_from(scene, getpid());
    removal_open(&call, 1);
    scene->fsd.memory->header->removals[0].deadline_ms = clock_wall_ms() - 1;
    assert_true(removal_covers(&call, scene->node));
    removals_expire(&scene->fsd, SOON);
    assert_true(removal_is_open(&call, 1));
}

static void a_successor_goes_on_with_it(void **state)
{
    struct scene *scene = *state;
    struct call call = call_from(scene, getpid());
    removal_open(&call, 1);
    scene->fsd.memory->header->removals[0].deadline_ms = clock_wall_ms() - 1;
    scene_end(scene);
    shared_take_over(scene->shared);
    scene_begin(scene);
    scene_load(scene, "{}");
    removals_extend(&scene->fsd, clock_wall_ms());
    removals_expire(&scene->fsd, SOON);
    assert_true(removal_is_open(&call, 1));
    assert_true(removal_covers(&call, scene->node));
}

#define in_scene(test) cmocka_unit_test_setup_teardown(test, scene_make, scene_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_scene(it_is_the_process_s_own_and_covers_all_below),
        in_scene(a_repeated_unlink_opens_no_second_one),
        in_scene(one_that_is_left_undone_ends_and_its_user_is_told),
        in_scene(one_that_has_come_to_its_end_is_not_talked_about),
        in_scene(whoever_is_at_work_has_more_time),
        in_scene(a_successor_goes_on_with_it),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
