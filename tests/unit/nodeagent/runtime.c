/* The runtime with real containers: each test makes some, and nothing may be left of them. */
#include "fixture.h"
#include "lib/clock.h"
#include "lib/container_log.h"
#include "lib/file.h"
#include "lib/identity.h"
#include "nodeagent/conmon.h"
#include "nodeagent/log_rotation.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

#define UID         "11111111-2222-3333-4444-555555555555"
#define SLEEP       "{\"name\":\"c\",\"command\":[\"sleep\",\"1000\"]}"
#define SHELL(text) "{\"name\":\"c\",\"command\":[\"sh\",\"-c\",\"" text "\"]}"

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static void start_sandbox_and(const char *spec)
{
    assert_string_equal(fixture_run_sandbox(&fixture, UID), "");
    assert_string_equal(fixture_create(&fixture, UID, "c", 0, spec), "");
    assert_string_equal(fixture_start(&fixture, UID, "c", 0), "");
}

static void end_all(void)
{
    assert_string_equal(fixture_remove(&fixture, UID, "c", 0), "");
    fixture_end_sandbox(&fixture, UID);
}

static void assert_log_has(const char *text)
{
    autofree char *log = place_log(&fixture.place, UID, "c", 0);
    if (!file_has(log, text))
        fail_msg("the log has no \"%s\"", text);
}

static void run_to_its_end(const char *spec)
{
    start_sandbox_and(spec);
    fixture_wait(&fixture, &fixture.container_ended);
}

static void test_a_container_runs_and_its_exit_code_is_told(void **state)
{
    (void)state;
    run_to_its_end(SHELL("echo said; exit 7"));
    assert_int_equal(fixture.end.exit_code, 7);
    assert_false(fixture.end.lost);
    assert_log_has(" stdout F said");
    end_all();
}

static void test_a_container_is_in_the_namespaces_of_its_sandbox(void **state)
{
    (void)state;
    run_to_its_end(SHELL("hostname; cat /etc/hostname; ping -c1 -W1 127.0.0.1; ls /dev/shm; id -u; pwd"));
    assert_int_equal(fixture.end.exit_code, 0);
    assert_log_has("F test-host");
    assert_log_has("1 packets received");
    end_all();
}

static void test_what_a_container_finds_is_root_s(void **state)
{
    (void)state;
    int own = setfsgid(identity_gid(IDENTITY_NODE)); /* as the agent has it */
    run_to_its_end(SHELL("for f in / /dev/shm /etc/hosts /etc/hostname /etc/resolv.conf; do "
                         "stat -c '%u:%g is it' $f; done | sort | uniq -c"));
    setfsgid((gid_t)own);
    assert_int_equal(fixture.end.exit_code, 0);
    assert_log_has("5 0:0 is it");
    end_all();
}

static void test_a_container_can_not_reach_the_machine(void **state)
{
    (void)state;
    run_to_its_end(
        SHELL("mount -t tmpfs x /tmp && echo mounted; echo 1 > /proc/sys/kernel/panic && echo written; "
              "unshare -n true && echo unshared; cat /proc/kcore | head -c1 | wc -c; "
              "grep Seccomp: /proc/self/status; grep CapEff /proc/self/status"));
    autofree char *log = place_log(&fixture.place, UID, "c", 0);
    assert_false(file_has(log, "F mounted"));
    assert_false(file_has(log, "F written"));
    assert_false(file_has(log, "F unshared"));
    assert_log_has("F 0");
    assert_log_has("Seccomp:\t2");
    assert_log_has("00000000a80425fb");
    end_all();
}

static void test_a_container_runs_as_its_pod_says(void **state)
{
    (void)state;
    fixture.pod = doc_parse(STR("{\"spec\":{\"securityContext\":{\"runAsUser\":1000,\"runAsGroup\":2000,"
                                "\"fsGroup\":3000,\"supplementalGroups\":[4000],\"sysctls\":[{\"name\":"
                                "\"net.ipv4.ip_unprivileged_port_start\",\"value\":\"81\"},"
                                "{\"name\":\"kernel.shm_rmid_forced\",\"value\":\"1\"}]}}}"),
                            NULL);
    run_to_its_end("{\"name\":\"c\",\"command\":[\"sh\",\"-c\",\"id -u; id -g; id -G; cat "
                   "/proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced; "
                   "grep -E 'CapEff|CapBnd|CapPrm|NoNewPrivs' /proc/self/status; "
                   "touch /dev/shm/x && echo shared; touch /x || echo refused\"],"
                   "\"securityContext\":{\"readOnlyRootFilesystem\":true,\"allowPrivilegeEscalation\":false,"
                   "\"capabilities\":{\"drop\":[\"ALL\"],\"add\":[\"NET_BIND_SERVICE\"]}}}");
    assert_log_has("F 1000\n");
    assert_log_has("F 2000\n");
    assert_log_has("F 2000 3000 4000\n");
    assert_log_has("F 81\n");
    assert_log_has("F 1\n");
    assert_log_has("CapEff:\t0000000000000000");
    assert_log_has("CapPrm:\t0000000000000000");
    assert_log_has("CapBnd:\t0000000000000400");
    assert_log_has("NoNewPrivs:\t1");
    assert_log_has("F shared");
    assert_log_has("Read-only file system");
    assert_log_has("F refused");
    end_all();
}

static void test_a_privileged_container_reaches_the_machine(void **state)
{
    (void)state;
    run_to_its_end("{\"name\":\"c\",\"command\":[\"sh\",\"-c\",\"mount -t tmpfs x /tmp && echo mounted; "
                   "grep Seccomp: /proc/self/status; grep ' /sys ' /proc/self/mounts; "
                   "grep -c ' /proc/sys ' /proc/self/mounts; "
                   "test -c /dev/full && head -c1 /dev/zero | wc -c\"],"
                   "\"securityContext\":{\"privileged\":true}}");
    assert_int_equal(fixture.end.exit_code, 0);
    assert_log_has("F mounted");
    assert_log_has("Seccomp:\t0");
    assert_log_has(" /sys sysfs rw,");
    assert_log_has("F 0\n");
    assert_log_has("F 1\n");
    end_all();
}

static void test_memory_limits_hold_and_are_named(void **state)
{
    (void)state;
    run_to_its_end("{\"name\":\"c\",\"command\":[\"sh\",\"-c\",\"x=a; while :; do x=$x$x; done\"],"
                   "\"resources\":{\"limits\":{\"memory\":\"16Mi\",\"cpu\":\"500m\"}}}");
    assert_int_equal(fixture.end.exit_code, 137);
    assert_true(fixture.end.out_of_memory);
    end_all();
}

static void test_a_signal_ends_a_container(void **state)
{
    (void)state;
    start_sandbox_and(SHELL("trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done"));
    autofree char *log = place_log(&fixture.place, UID, "c", 0);
    fixture_wait_for_text(&fixture, log, "ready");
    assert_true(runtime_signal_container(fixture.runtime, UID, "c", 0, SIGTERM));
    fixture_wait(&fixture, &fixture.container_ended);
    assert_int_equal(fixture.end.exit_code, 3);
    assert_false(runtime_signal_container(fixture.runtime, UID, "c", 0, SIGTERM));
    end_all();
}

/* The numbers that a container has written, a line each. Where its pipe was full a line comes in parts, the
 * last one perhaps in the next file. */
struct numbers {
    int64_t next;
    struct buf line;
};

static void count_on(const char *path, struct numbers *numbers)
{
    autobuf struct buf text = {0};
    if (file_read(path, &text, NULL) < 0)
        return;
    struct str rest = str_trim(buf_str(&text)), each;
    while (rest.length > 0 && str_split(&rest, '\n', &each)) {
        struct log_line line = log_line_parse(each);
        int64_t number;
        buf_add_str(&numbers->line, line.content);
        if (line.partial)
            continue;
        assert_true(str_to_int64(buf_str(&numbers->line), &number));
        assert_int_equal(number, numbers->next);
        numbers->next++;
        buf_clear(&numbers->line);
    }
}

static void test_a_log_is_put_aside_and_nothing_is_lost(void **state)
{
    (void)state;
    const struct log_limits limits = {.bytes = 20000, .files = 10000};
    start_sandbox_and(SHELL("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done"));
    autofree char *log = place_log(&fixture.place, UID, "c", 0);
    int64_t seen = 0;
    while (!fixture.container_ended) {
        assert_int_equal(log_rotate(&fixture.place, UID, "c", 0, true, &limits, &seen, NULL), 0);
        assert_int_equal(loop_turn(fixture.loop, 1, NULL), 0);
    }
    struct numbers numbers = {0};
    int piece = 0;
    for (bool there = true; there;) {
        autofree char *path = path_format("%s.%d", log, ++piece);
        there = access(path, F_OK) == 0;
        count_on(path, &numbers);
    }
    count_on(log, &numbers);
    assert_int_equal(numbers.next, 20000);
    buf_free(&numbers.line);
    assert_true(piece > 3);
    end_all();
}

static void test_a_command_that_does_not_exist_is_said(void **state)
{
    (void)state;
    assert_string_equal(fixture_run_sandbox(&fixture, UID), "");
    const char *said = fixture_create(&fixture, UID, "c", 0, "{\"name\":\"c\",\"command\":[\"nosuch\"]}");
    if (strstr(said, "nosuch") == NULL || strstr(said, "not found in $PATH") == NULL)
        fail_msg("it says: %s", said);
    end_all();
}

static void test_the_same_attempt_is_not_made_twice(void **state)
{
    (void)state;
    start_sandbox_and(SLEEP);
    assert_string_not_equal(fixture_create(&fixture, UID, "c", 0, SLEEP), "");
    end_all();
}

static enum runtime_state adopt(int attempt, bool asked, struct runtime_end *end)
{
    return runtime_adopt_container(fixture.runtime, &(struct runtime_target){UID, "c", attempt}, asked, end);
}

static void test_containers_survive_and_are_found_again(void **state)
{
    (void)state;
    start_sandbox_and(SLEEP);
    fixture_restart(&fixture);
    struct runtime_end end;
    assert_true(runtime_adopt_sandbox(fixture.runtime, UID) > 0);
    assert_int_equal(adopt(0, true, &end), RUNTIME_RUNNING);
    assert_int_equal(adopt(1, true, &end), RUNTIME_ABSENT);
    assert_true(runtime_signal_container(fixture.runtime, UID, "c", 0, SIGKILL));
    fixture_wait(&fixture, &fixture.container_ended);
    assert_int_equal(fixture.end.exit_code, 137);
    end_all();
}

static void test_an_end_that_nobody_saw_is_found(void **state)
{
    (void)state;
    start_sandbox_and(SHELL("trap 'exit 4' TERM; echo ready; while :; do sleep 0.05; done"));
    autofree char *log = place_log(&fixture.place, UID, "c", 0);
    autofree char *exit_file = place_exit_file(&fixture.place, UID ".c.0");
    fixture_wait_for_text(&fixture, log, "ready");
    assert_true(runtime_signal_container(fixture.runtime, UID, "c", 0, SIGTERM));
    fixture_restart(&fixture);
    fixture_wait_for_text(&fixture, exit_file, "4");
    struct runtime_end end = {0};
    enum runtime_state found = adopt(0, true, &end);
    if (found == RUNTIME_RUNNING) { /* the file is there a moment before its writer has gone */
        fixture_wait(&fixture, &fixture.container_ended);
        end = fixture.end;
    }
    assert_int_equal(end.exit_code, 4);
    runtime_adopt_sandbox(fixture.runtime, UID);
    end_all();
}

static void test_a_container_whose_monitor_is_killed_ends(void **state)
{
    (void)state;
    start_sandbox_and(SLEEP);
    autofree char *bundle = place_bundle(&fixture.place, UID, "c", 0);
    int pidfd;
    assert_true(conmon_find(bundle, UID ".c.0", &pidfd) > 0);
    assert_int_equal(syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0), 0);
    close(pidfd);
    fixture_wait(&fixture, &fixture.container_ended);
    assert_true(fixture.end.lost);
    assert_int_equal(fixture.end.exit_code, 137);
    end_all();
}

static void test_a_created_container_is_known_as_not_started(void **state)
{
    (void)state;
    assert_string_equal(fixture_run_sandbox(&fixture, UID), "");
    assert_string_equal(fixture_create(&fixture, UID, "c", 0, SLEEP), "");
    fixture_restart(&fixture);
    struct runtime_end end;
    assert_true(runtime_adopt_sandbox(fixture.runtime, UID) > 0);
    assert_int_equal(adopt(0, false, &end), RUNTIME_CREATED);
    fixture_restart(&fixture);
    assert_int_equal(adopt(0, true, &end), RUNTIME_CREATED);
    runtime_adopt_sandbox(fixture.runtime, UID);
    end_all();
}

static char *fifo_of_the_container(void)
{
    return path_format("%s/runc/" UID ".c.0/exec.fifo", fixture.place.run);
}

static void test_a_fifo_that_was_not_marked_is_marked_by_the_next_agent(void **state)
{
    (void)state;
    autofree char *fifo = fifo_of_the_container();
    struct runtime_end end;
    assert_string_equal(fixture_run_sandbox(&fixture, UID), "");
    assert_string_equal(fixture_create(&fixture, UID, "c", 0, SLEEP), "");
    /* As it is where the agent was killed between the making and the mark. */
    assert_int_equal(utimensat(AT_FDCWD, fifo, NULL, 0), 0);
    fixture_restart(&fixture);
    assert_int_equal(adopt(0, false, &end), RUNTIME_CREATED);
    /* That one writes down that it will ask for the start, and is killed before it does. */
    fixture_restart(&fixture);
    assert_true(runtime_adopt_sandbox(fixture.runtime, UID) > 0);
    assert_int_equal(adopt(0, true, &end), RUNTIME_CREATED);
    assert_string_equal(fixture_start(&fixture, UID, "c", 0), "");
    end_all();
}

/* Another runtime than runc, which is asked to start what it has made: a script before runc, and so known by
 * another name. Here it says first that it can't, as where an agent before this one has asked already. */
static void start_by_command(const char *before)
{
    autofree char *path = path_format("%s/other", fixture.directory);
    autobuf struct buf script = {0};
    buf_addf(&script,
             "#!/bin/sh\ncase \"$*\" in *' start '*) %s; echo 'cannot start: running' >&2; exit 1 ;; esac\n"
             "exec runc \"$@\"\n",
             before);
    assert_int_equal(file_write(path, buf_str(&script), 0755, NULL), 0);
    free(fixture.place.runtime);
    fixture.place.runtime = take_pointer(path);
    assert_string_equal(fixture_run_sandbox(&fixture, UID), "");
    assert_string_equal(fixture_create(&fixture, UID, "c", 0, SLEEP), "");
}

static void test_what_runs_already_has_been_started(void **state)
{
    (void)state;
    start_by_command("runc \"$@\"");
    assert_string_equal(fixture_start(&fixture, UID, "c", 0), "");
    end_all();
}

static void test_what_still_waits_has_not_been_started(void **state)
{
    (void)state;
    start_by_command(":");
    assert_non_null(strstr(fixture_start(&fixture, UID, "c", 0), "cannot start: running"));
    end_all();
}

static void on_status(void *context, const struct runtime_status *status)
{
    assert_true(status->ready);
    assert_null(status->complaint);
    assert_non_null(strstr(status->version, "://"));
    *(bool *)context = true;
}

static void test_the_runtime_says_what_it_is(void **state)
{
    (void)state;
    bool said = false;
    autodoc struct doc *spec =
        doc_parse(STR("{\"volumeMounts\":[{\"recursiveReadOnly\":\"Enabled\"}]}"), NULL);
    assert_int_equal(runtime_recursive_read_only(fixture.runtime, doc_root(spec), NULL), -EAGAIN);
    runtime_status(fixture.runtime, on_status, &said);
    assert_false(said);
    fixture_wait(&fixture, &said);
    assert_true(runtime_recursive_read_only(fixture.runtime, doc_root(spec), NULL) >= 0);
}

static void on_failing_status(void *context, const struct runtime_status *status)
{
    assert_false(status->ready);
    assert_string_equal(status->version, "");
    assert_non_null(status->complaint);
    *(bool *)context = true;
}

static void test_a_runtime_that_is_not_there_is_not_ready(void **state)
{
    (void)state;
    bool said = false;
    free(fixture.place.runtime);
    fixture.place.runtime = str_dup(STR("/nowhere/runc"));
    runtime_status(fixture.runtime, on_failing_status, &said);
    fixture_wait(&fixture, &said);
}

static void count_images(void *context, const char *name, struct value image)
{
    *(int *)context += strcmp(name, "podtree/demo:1") == 0 && value_exists(value_get(image, STR("config")));
}

static void on_image_removed(void *context, struct error *error)
{
    if (error != NULL)
        fail_msg("%s", error_message(error));
    *(bool *)context = true;
}

static void test_images_are_listed_found_and_removed(void **state)
{
    (void)state;
    int count = 0;
    bool removed = false;
    autodoc struct doc *image = runtime_image_status(fixture.runtime, "podtree/demo:1", NULL);
    assert_non_null(image);
    assert_int_equal(runtime_list_images(fixture.runtime, count_images, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(
        runtime_remove_image(fixture.runtime, "podtree/demo:1", on_image_removed, &removed, NULL), 0);
    fixture_wait(&fixture, &removed);
    assert_null(runtime_image_status(fixture.runtime, "podtree/demo:1", NULL));
}

/* Kills the container and its monitor while nobody looks: nothing but the fifo can tell what they did. */
static void kill_unseen(void)
{
    struct cgroups *cgroups = cgroups_open(NULL);
    autofree char *container = hierarchy_container(cgroups, &fixture.place, UID, "c", 0);
    autofree char *monitor = hierarchy_monitor(cgroups, &fixture.place, UID, "c", 0);
    int64_t until = clock_ms() + 20000;
    while (cgroups_kill(cgroups, monitor) + cgroups_kill(cgroups, container) > 0)
        assert_true(clock_ms() < until);
    cgroups_close(cgroups);
    fixture_restart(&fixture);
    assert_true(runtime_adopt_sandbox(fixture.runtime, UID) > 0);
}

static void test_a_container_that_was_killed_before_it_began_never_ran(void **state)
{
    (void)state;
    assert_string_equal(fixture_run_sandbox(&fixture, UID), "");
    assert_string_equal(fixture_create(&fixture, UID, "c", 0, SLEEP), "");
    kill_unseen();
    struct runtime_end end = {0};
    assert_int_equal(adopt(0, true, &end), RUNTIME_ENDED);
    assert_true(end.never_ran);
    end_all();
}

static void test_a_container_that_was_let_go_on_ran_though_nobody_noted_it(void **state)
{
    (void)state;
    assert_string_equal(fixture_run_sandbox(&fixture, UID), "");
    assert_string_equal(fixture_create(&fixture, UID, "c", 0, SLEEP), "");
    /* As an agent does that is killed before it has read the answer. */
    autofree char *fifo = fifo_of_the_container();
    autoclose int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    struct pollfd written = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&written, 1, 20000), 1);
    kill_unseen();
    struct runtime_end end = {0};
    assert_int_equal(adopt(0, true, &end), RUNTIME_ENDED);
    assert_false(end.never_ran);
    end_all();
}

static void test_the_end_of_a_sandbox_is_told(void **state)
{
    (void)state;
    assert_string_equal(fixture_run_sandbox(&fixture, UID), "");
    int pidfd;
    pid_t pid = sandbox_find(&fixture.place, UID, &pidfd);
    assert_true(pid > 0);
    close(pidfd);
    autoerror struct error *error = NULL;
    assert_int_equal(runtime_remove_sandbox(fixture.runtime, UID, &error), -EBUSY);
    assert_int_equal(runtime_adopt_sandbox(fixture.runtime, UID), pid);
    kill(pid, SIGKILL);
    fixture_wait(&fixture, &fixture.sandbox_ended);
    assert_int_equal(runtime_adopt_sandbox(fixture.runtime, UID), 0);
    assert_int_equal(runtime_remove_sandbox(fixture.runtime, UID, NULL), 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    if (fixture_must_skip())
        return 77;
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(test_a_container_runs_and_its_exit_code_is_told),
        ROW(test_a_container_is_in_the_namespaces_of_its_sandbox),
        ROW(test_what_a_container_finds_is_root_s),
        ROW(test_a_container_can_not_reach_the_machine),
        ROW(test_a_container_runs_as_its_pod_says),
        ROW(test_a_privileged_container_reaches_the_machine),
        ROW(test_memory_limits_hold_and_are_named),
        ROW(test_a_signal_ends_a_container),
        ROW(test_a_log_is_put_aside_and_nothing_is_lost),
        ROW(test_a_command_that_does_not_exist_is_said),
        ROW(test_the_same_attempt_is_not_made_twice),
        ROW(test_containers_survive_and_are_found_again),
        ROW(test_an_end_that_nobody_saw_is_found),
        ROW(test_a_container_whose_monitor_is_killed_ends),
        ROW(test_a_created_container_is_known_as_not_started),
        ROW(test_a_fifo_that_was_not_marked_is_marked_by_the_next_agent),
        ROW(test_what_runs_already_has_been_started),
        ROW(test_what_still_waits_has_not_been_started),
        ROW(test_the_runtime_says_what_it_is),
        ROW(test_a_runtime_that_is_not_there_is_not_ready),
        ROW(test_images_are_listed_found_and_removed),
        ROW(test_a_container_that_was_killed_before_it_began_never_ran),
        ROW(test_a_container_that_was_let_go_on_ran_though_nobody_noted_it),
        ROW(test_the_end_of_a_sandbox_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
