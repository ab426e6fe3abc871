/* Which logs are put aside, and which go. The monitor is played by a fifo; runtime.c has a real one. */
#include "nodeagent/log_rotation.h"

#include "lib/file.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

static const struct log_limits limits = {.bytes = 10, .files = 3};

struct scene {
    char directory[64], *state, *run, *logs, *ctl;
    struct place place;
    int fifo; /* the monitor's end */
    int64_t seen;
};

static int setup(void **state)
{
    struct scene *scene = memory_zeroed(1, sizeof(*scene));
    *state = scene;
    snprintf(scene->directory, sizeof(scene->directory), "/tmp/podtree-test.XXXXXX");
    if (mkdtemp(scene->directory) == NULL)
        return -1;
    scene->state = path_format("%s/state", scene->directory);
    scene->run = path_format("%s/run", scene->directory);
    scene->logs = path_format("%s/pods/uid/main", scene->state);
    scene->place = (struct place){.state = scene->state, .run = scene->run};
    autofree char *bundle = place_bundle(&scene->place, "uid", "main", 7);
    scene->ctl = path_format("%s/ctl", bundle);
    if (directory_make(scene->logs, 0700, NULL) < 0 || directory_make(bundle, 0700, NULL) < 0 ||
        mkfifo(scene->ctl, 0600) < 0)
        return -1;
    scene->fifo = open(scene->ctl, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return scene->fifo >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    close(scene->fifo);
    int result = directory_remove(scene->directory, NULL);
    free(scene->state);
    free(scene->run);
    free(scene->logs);
    free(scene->ctl);
    free(scene);
    return result;
}

static void put(const struct scene *scene, const char *name, const char *text)
{
    autofree char *path = path_format("%s/%s", scene->logs, name);
    assert_int_equal(file_write(path, str_of(text), 0600, NULL), 0);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void assert_files(const struct scene *scene, const char *expected)
{
    autobuf struct buf names = {0}, text = {0};
    const char *sorted[16];
    size_t count = 0;
    assert_int_equal(directory_names(scene->logs, &names, NULL), 0);
    names_each(name, names) sorted[count++] = name;
    qsort(sorted, count, sizeof(*sorted), compare);
    for (size_t i = 0; i < count; i++)
        buf_addf(&text, "%s%s", i > 0 ? " " : "", sorted[i]);
    assert_string_equal(count > 0 ? text.at : "", expected);
}

static void rotate(struct scene *scene, bool running)
{
    assert_int_equal(log_rotate(&scene->place, "uid", "main", 7, running, &limits, &scene->seen, NULL), 0);
}

/* What the monitor has been asked. */
static void assert_asked(const struct scene *scene, const char *expected)
{
    char text[64] = "";
    ssize_t n = read(scene->fifo, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    assert_string_equal(text, expected);
}

static void what_is_too_long_is_put_aside_and_the_oldest_go(void **state)
{
    struct scene *scene = *state;
    put(scene, "7.log", "not long");
    rotate(scene, true);
    assert_files(scene, "7.log");
    assert_asked(scene, "");
    for (int i = 1; i <= 4; i++) {
        put(scene, "7.log", "longer than is allowed");
        rotate(scene, true);
        assert_asked(scene, "2 0 0\n");
    }
    put(scene, "7.log", "");
    assert_files(scene, "7.log 7.log.3 7.log.4");
}

static void a_monitor_is_asked_again_only_if_it_goes_on_with_the_old_log(void **state)
{
    struct scene *scene = *state;
    put(scene, "7.log.9", "put aside by an agent that died over it");
    rotate(scene, true);
    rotate(scene, true);
    assert_asked(scene, "");
    put(scene, "7.log.9", "put aside by an agent that died over it, and goes on");
    rotate(scene, true);
    /* It has not read that yet. */
    put(scene, "7.log.9", "put aside by an agent that died over it, and goes on and on");
    rotate(scene, true);
    rotate(scene, true);
    assert_asked(scene, "2 0 0\n");
    /* Now it has, and is about it. */
    rotate(scene, true);
    rotate(scene, true);
    assert_asked(scene, "");
    assert_files(scene, "7.log.9");
}

static void a_container_that_has_ended_keeps_what_it_has(void **state)
{
    struct scene *scene = *state;
    put(scene, "7.log", "longer than is allowed");
    rotate(scene, false);
    assert_files(scene, "7.log");
    assert_asked(scene, "");
}

static void logs_of_the_last_two_attempts_stay(void **state)
{
    struct scene *scene = *state;
    static const char *const names[] = {"3.log",   "5.log", "5.log.1",  "5.log.2",
                                        "6.log.1", "7.log", "7.log.tmp"};
    for (size_t i = 0; i < COUNT(names); i++)
        put(scene, names[i], "x");
    autofree char *layer = path_format("%s/3", scene->logs);
    assert_int_equal(mkdir(layer, 0700), 0);
    rotate(scene, true);
    assert_files(scene, "3 6.log.1 7.log 7.log.tmp");
    /* The next attempt has not said anything yet. */
    assert_int_equal(log_rotate(&scene->place, "uid", "main", 8, true, &limits, &scene->seen, NULL), 0);
    assert_files(scene, "3 6.log.1 7.log 7.log.tmp");
}

static void a_container_without_logs_is_none_of_ours(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(log_rotate(&scene->place, "uid", "other", 0, true, &limits, &scene->seen, NULL), 0);
    rotate(scene, true);
    assert_files(scene, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_too_long_is_put_aside_and_the_oldest_go, setup, teardown),
        cmocka_unit_test_setup_teardown(a_monitor_is_asked_again_only_if_it_goes_on_with_the_old_log, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_container_that_has_ended_keeps_what_it_has, setup, teardown),
        cmocka_unit_test_setup_teardown(logs_of_the_last_two_attempts_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(a_container_without_logs_is_none_of_ours, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
