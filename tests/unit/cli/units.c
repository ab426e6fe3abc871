/* Keeping components running, with shell scripts in their place: only root may start them. */
#include "cli/units.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "test.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define PATIENCE_MS 20000

struct cluster {
    char *place;
    struct settings settings;
    struct held_fds held;
    struct loop *loop;
    struct units *units;
    struct buf described;
};

static void write_program(const char *place, const char *name, const char *script)
{
    autofree char *path = path_format("%s/podtree-%s", place, name);
    assert_int_equal(file_write(path, str_of(script), 0755, NULL), 0);
}

static int set_up(void **state)
{
    setenv("PODTREE_LOG", "error", 1);
    log_init("test");
    struct cluster *cluster = memory_zeroed(1, sizeof(*cluster));
    *state = cluster;
    if (make_place((void **)&cluster->place) < 0)
        return -1;
    const char *place = cluster->place;
    cluster->settings = (struct settings){.mount = str_dup(STR("/nowhere")),
                                          .state = str_dup(str_of(place)),
                                          .run = str_dup(str_of(place)),
                                          .libexec = str_dup(str_of(place)),
                                          .kinds = str_dup(str_of(place))};
    for (size_t i = 0; i < component_count; i++)
        write_program(place, components[i].name, "#!/bin/sh\nexec sleep 1000\n");
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    cluster->held = (struct held_fds){
        {memfd_create("fuse", MFD_CLOEXEC), memfd_create("memory", MFD_CLOEXEC), ends[0], ends[1]}};
    cluster->loop = loop_new(NULL);
    cluster->units = units_new(cluster->loop, &cluster->settings, &cluster->held);
    return 0;
}

static int tear_down(void **state)
{
    struct cluster *cluster = *state;
    units_stop(cluster->units, STOP_USERS, STOP_FSD);
    units_free(cluster->units);
    loop_free(cluster->loop);
    held_close(&cluster->held);
    settings_free(&cluster->settings);
    buf_free(&cluster->described);
    int result = directory_remove(cluster->place, NULL);
    free(cluster->place);
    free(cluster);
    return result;
}

static void add_line(void *context, const char *text)
{
    buf_addf(context, "%s\n", text);
}

/* What a line of the description says of the unit. */
struct seen {
    int64_t pid, restarts;
    char end[64];
};

static struct seen look(struct cluster *cluster, const char *name)
{
    buf_clear(&cluster->described);
    units_describe(cluster->units, add_line, &cluster->described);
    struct str rest = buf_str(&cluster->described), line, word;
    while (str_split(&rest, '\n', &line)) {
        struct seen seen = {0};
        if (!str_split(&line, ' ', &word) || !str_is(word, name))
            continue;
        assert_true(str_split(&line, ' ', &word) && str_to_int64(word, &seen.pid));
        assert_true(str_split(&line, ' ', &word));
        assert_true(str_split(&line, ' ', &word) && str_to_int64(word, &seen.restarts));
        snprintf(seen.end, sizeof(seen.end), STR_FORMAT, STR_ARGS(line));
        return seen;
    }
    fail_msg("%s is not described", name);
    return (struct seen){0};
}

static struct seen wait_for_restarts(struct cluster *cluster, const char *name, int64_t restarts)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    struct seen seen = look(cluster, name);
    while ((seen.restarts < restarts || seen.pid == 0) && clock_ms() < until) {
        assert_int_equal(loop_turn(cluster->loop, 100, NULL), 0);
        seen = look(cluster, name);
    }
    assert_int_equal(seen.restarts, restarts);
    return seen;
}

static void start(struct cluster *cluster)
{
    autoerror struct error *err = NULL;
    if (units_start(cluster->units, &err) < 0)
        fail_msg("%s", error_message(err));
}

#define ROOT_ONLY()         \
    do {                    \
        if (geteuid() != 0) \
            skip();         \
    } while (0)

static void what_the_settings_want_is_started(void **state)
{
    ROOT_ONLY();
    struct cluster *cluster = *state;
    start(cluster);
    assert_true(look(cluster, "fsd").pid > 0);
    assert_true(look(cluster, "gc").pid > 0);
    assert_null(strstr(cluster->described.at, "nodeagent"));
    assert_null(strstr(cluster->described.at, "hollow"));
}

static void what_is_killed_is_started_again(void **state)
{
    ROOT_ONLY();
    struct cluster *cluster = *state;
    start(cluster);
    struct seen before = look(cluster, "scheduler");
    kill((pid_t)before.pid, SIGKILL);
    struct seen after = wait_for_restarts(cluster, "scheduler", 1);
    assert_int_not_equal(after.pid, before.pid);
    assert_string_equal(after.end, "killed by signal 9 (Killed)");
    assert_int_equal(look(cluster, "fsd").restarts, 0);
}

static void fsd_that_ends_by_itself_is_counted(void **state)
{
    ROOT_ONLY();
    struct cluster *cluster = *state;
    write_program(cluster->place, "fsd", "#!/bin/sh\nexit 3\n");
    start(cluster);
    const char *how;
    int64_t until = clock_ms() + PATIENCE_MS;
    while (units_fsd_ends(cluster->units, &how) < 5 && clock_ms() < until)
        assert_int_equal(loop_turn(cluster->loop, 100, NULL), 0);
    assert_true(units_fsd_ends(cluster->units, &how) >= 5);
    assert_string_equal(how, "exited with 3");
}

static void a_program_that_is_missing_ends_with_127(void **state)
{
    ROOT_ONLY();
    struct cluster *cluster = *state;
    autofree char *path = path_format("%s/podtree-gc", cluster->place);
    unlink(path);
    start(cluster);
    struct seen seen = wait_for_restarts(cluster, "gc", 1);
    assert_string_equal(seen.end, "exited with 127");
    autobuf struct buf log = {0};
    autofree char *log_path = path_format("%s/log/gc.log", cluster->place);
    assert_int_equal(file_read(log_path, &log, NULL), 0);
    assert_non_null(strstr(log.at, "podtree-gc: No such file or directory"));
}

static void stopping_goes_phase_by_phase(void **state)
{
    ROOT_ONLY();
    struct cluster *cluster = *state;
    start(cluster);
    units_stop(cluster->units, STOP_USERS, STOP_NOTIFIER);
    assert_int_equal(look(cluster, "gc").pid, 0);
    assert_int_equal(look(cluster, "notifier").pid, 0);
    assert_true(look(cluster, "fsd").pid > 0);
    assert_true(units_any_running(cluster->units, STOP_USERS, STOP_FSD));
    units_stop(cluster->units, STOP_FSD, STOP_FSD);
    assert_false(units_any_running(cluster->units, STOP_USERS, STOP_FSD));
    assert_int_equal(look(cluster, "fsd").restarts, 0);
}

static void expect_same_file(int fd, int other)
{
    struct stat first, second;
    assert_int_equal(fstat(fd, &first), 0);
    assert_int_equal(fstat(other, &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
}

static void a_successor_finds_the_processes_and_takes_their_descriptors(void **state)
{
    ROOT_ONLY();
    struct cluster *cluster = *state;
    start(cluster);
    autorecord struct record record;
    record_init(&record);
    assert_int_equal(record_read(cluster->settings.run, &record, NULL), 1);
    assert_int_equal(record.processes[COMPONENT_FSD].pid, look(cluster, "fsd").pid);

    struct held_fds held = HELD_NONE;
    struct loop *loop = loop_new(NULL);
    struct units *successor = units_new(loop, &cluster->settings, &held);
    units_adopt(successor, &record);
    assert_true(units_any_running(successor, STOP_USERS, STOP_FSD));
    expect_same_file(held.fd[HELD_FUSE], cluster->held.fd[HELD_FUSE]);
    expect_same_file(held.fd[HELD_MEMORY], cluster->held.fd[HELD_MEMORY]);
    units_stop(successor, STOP_USERS, STOP_FSD);
    assert_false(units_any_running(successor, STOP_USERS, STOP_FSD));
    units_free(successor);
    loop_free(loop);
    held_close(&held);
}

static void an_adopted_process_is_replaced_by_a_child(void **state)
{
    ROOT_ONLY();
    struct cluster *cluster = *state;
    start(cluster);
    autorecord struct record record;
    record_init(&record);
    assert_int_equal(record_read(cluster->settings.run, &record, NULL), 1);
    units_stop(cluster->units, STOP_USERS, STOP_USERS);
    struct seen old = look(cluster, "notifier");

    struct held_fds held = HELD_NONE;
    struct loop *loop = loop_new(NULL);
    struct units *first = cluster->units;
    cluster->units = units_new(loop, &cluster->settings, &held);
    units_adopt(cluster->units, &record);
    units_stop(cluster->units, STOP_FSD, STOP_FSD);
    start(cluster);
    assert_int_equal(look(cluster, "notifier").pid, old.pid);
    units_replace_adopted(cluster->units);
    for (int64_t until = clock_ms() + PATIENCE_MS; clock_ms() < until;) {
        struct seen now = look(cluster, "notifier");
        if (now.pid != 0 && now.pid != old.pid)
            break;
        assert_int_equal(loop_turn(loop, 100, NULL), 0);
    }
    assert_true(look(cluster, "notifier").pid != 0);
    assert_int_not_equal(look(cluster, "notifier").pid, old.pid);
    assert_int_equal(look(cluster, "notifier").restarts, 0);
    units_stop(cluster->units, STOP_USERS, STOP_FSD);
    units_free(cluster->units);
    loop_free(loop);
    held_close(&held);
    cluster->units = first;
}

#define cluster_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cluster_test(what_the_settings_want_is_started),
        cluster_test(what_is_killed_is_started_again),
        cluster_test(fsd_that_ends_by_itself_is_counted),
        cluster_test(a_program_that_is_missing_ends_with_127),
        cluster_test(stopping_goes_phase_by_phase),
        cluster_test(a_successor_finds_the_processes_and_takes_their_descriptors),
        cluster_test(an_adopted_process_is_replaced_by_a_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
