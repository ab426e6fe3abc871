/* Commands in a real container, the agent's own and those of people: how they end, and that nothing of them
 * is left behind. */
#include "fixture.h"
#include "lib/clock.h"
#include "lib/door.h"
#include "lib/file.h"
#include "lib/process.h"
#include "lib/socket.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#define UID         "11111111-2222-3333-4444-666666666666"
#define PATIENCE_MS 20000

static struct fixture fixture;
static const struct runtime_target target = {UID, "c", 0};

static void start_container(void)
{
    assert_string_equal(fixture_run_sandbox(&fixture, UID), "");
    assert_string_equal(
        fixture_create(&fixture, UID, "c", 0,
                       "{\"name\":\"c\",\"command\":[\"sleep\",\"1000\"],\"workingDir\":\"/tmp\"}"),
        "");
    assert_string_equal(fixture_start(&fixture, UID, "c", 0), "");
}

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    start_container();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_string_equal(fixture_remove(&fixture, UID, "c", 0), "");
    fixture_end_sandbox(&fixture, UID);
    fixture_close(&fixture);
    return 0;
}

/* ---- what the agent runs ---- */

static struct {
    bool done;
    int exit_code;
    char *output, *sentence;
} end;

static void on_ended(void *context, int exit_code, struct str output, struct error *error)
{
    (void)context;
    assert_false(end.done);
    end.done = true;
    end.exit_code = exit_code;
    free(end.output);
    free(end.sentence);
    end.output = str_dup(output);
    end.sentence = error != NULL ? str_dup(str_of(error_message(error))) : NULL;
}

static struct runtime_exec *begin(const char *command, size_t limit)
{
    autodoc struct doc *doc = doc_parse(str_of(command), NULL);
    autoerror struct error *error = NULL;
    assert_non_null(doc);
    end.done = false;
    struct runtime_exec *exec =
        runtime_exec(fixture.runtime, UID, "c", 0, doc_root(doc), limit, on_ended, NULL, &error);
    if (exec == NULL)
        fail_msg("%s", error_message(error));
    assert_false(end.done);
    return exec;
}

static void run(const char *command, size_t limit)
{
    begin(command, limit);
    fixture_wait(&fixture, &end.done);
}

static void assert_ended(int exit_code, const char *output)
{
    if (end.sentence != NULL)
        fail_msg("it could not be run: %s", end.sentence);
    assert_int_equal(end.exit_code, exit_code);
    assert_string_equal(end.output, output);
}

/* The container's first process waits for nobody: those that it has inherited stay as zombies. */
static bool is_living(pid_t pid)
{
    autofree char *path = path_format("/proc/%d/status", (int)pid);
    return file_has(path, "State:") && !file_has(path, "State:\tZ");
}

static int count_in_cgroup(const struct cgroups *cgroups, const char *cgroup)
{
    DIR *entries = opendir("/proc");
    struct dirent *entry;
    int count = 0;
    assert_non_null(entries);
    while ((entry = readdir(entries)) != NULL) {
        pid_t pid = atoi(entry->d_name);
        count += pid > 0 && cgroups_holds(cgroups, cgroup, pid) && is_living(pid);
    }
    closedir(entries);
    return count;
}

/* In the container; and its monitor, and who runs or ends commands. */
static void wait_for_count(int inside, int monitors)
{
    struct cgroups *cgroups = cgroups_open(NULL);
    assert_non_null(cgroups);
    autofree char *container = hierarchy_container(cgroups, &fixture.place, UID, "c", 0);
    autofree char *monitor = hierarchy_monitor(cgroups, &fixture.place, UID, "c", 0);
    int64_t until = clock_ms() + PATIENCE_MS;
    while (count_in_cgroup(cgroups, container) != inside || count_in_cgroup(cgroups, monitor) != monitors) {
        if (clock_ms() > until)
            fail_msg("%d processes are in the container, %d beside it", count_in_cgroup(cgroups, container),
                     count_in_cgroup(cgroups, monitor));
        loop_turn(fixture.loop, 10, NULL);
    }
    cgroups_close(cgroups);
}

static void test_a_command_says_what_it_says_and_how_it_ended(void **state)
{
    (void)state;
    run("[\"sh\",\"-c\",\"echo out; echo errors >&2; echo again; pwd; id -u; exit 7\"]", 1000);
    assert_ended(7, "out\nerrors\nagain\n/tmp\n0\n");
    run("[\"sh\",\"-c\",\"kill -TERM $$\"]", 1000);
    assert_ended(143, "");
    run("[\"sh\",\"-c\",\"head -c 300000 /dev/zero | tr '\\\\0' x; exit 1\"]", 5);
    assert_ended(1, "xxxxx");
    run("[\"cat\"]", 5); /* there is nothing to read */
    assert_ended(0, "");
}

static void test_a_command_that_can_not_be_run_is_an_error(void **state)
{
    (void)state;
    autodoc struct doc *nothing = doc_parse(STR("[]"), NULL);
    run("[\"nosuch\",\"-x\"]", 1000);
    assert_non_null(end.sentence);
    if (strstr(end.sentence, "nosuch") == NULL || strstr(end.sentence, "not found in $PATH") == NULL)
        fail_msg("it says: %s", end.sentence);
    assert_null(runtime_exec(fixture.runtime, UID, "c", 0, doc_root(nothing), 5, on_ended, NULL, NULL));
    assert_null(runtime_exec(fixture.runtime, UID, "d", 0, doc_root(nothing), 5, on_ended, NULL, NULL));
}

static void test_a_forgotten_command_is_gone_whatever_it_does_about_signals(void **state)
{
    (void)state;
    struct runtime_exec *exec =
        begin("[\"sh\",\"-c\",\"trap '' TERM HUP INT; (trap '' TERM; sleep 1000; true) & setsid sleep 1000 & "
              "sleep 1000; true\"]",
              1000);
    wait_for_count(6, 2);
    runtime_exec_forget(exec);
    wait_for_count(1, 1);
    assert_false(end.done);
}

static void test_a_command_that_is_forgotten_at_once_is_gone_too(void **state)
{
    (void)state;
    for (int turns = 0; turns < 4; turns++) {
        struct runtime_exec *exec = begin("[\"sleep\",\"1000\"]", 1000);
        for (int i = 0; i < turns; i++)
            loop_turn(fixture.loop, 7, NULL);
        runtime_exec_forget(exec);
        wait_for_count(1, 1);
    }
    assert_false(end.done);
}

static void test_what_a_command_leaves_in_the_background_lives_on(void **state)
{
    (void)state;
    run("[\"sh\",\"-c\",\"sleep 1000 & exit 2\"]", 1000);
    assert_ended(2, "");
    wait_for_count(2, 1);
}

static void test_the_end_of_the_container_ends_the_command(void **state)
{
    (void)state;
    begin("[\"sleep\",\"1000\"]", 1000);
    wait_for_count(3, 2);
    assert_true(runtime_signal_container(fixture.runtime, UID, "c", 0, SIGKILL));
    fixture_wait(&fixture, &end.done);
    assert_ended(137, "");
    fixture_wait(&fixture, &fixture.container_ended);
}

/* ---- what people run ---- */

struct talk {
    int leash, input, output, errors, theirs[4];
};

static void open_talk(struct talk *talk)
{
    int pipes[3][2], ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
    *talk = (struct talk){
        ends[0], pipes[0][1], pipes[1][0], pipes[2][0], {pipes[0][0], pipes[1][1], pipes[2][1], ends[1]}};
}

static void begin_talk(struct talk *talk, const char *command, bool terminal)
{
    autodoc struct doc *doc = doc_parse(str_of(command), NULL);
    autoerror struct error *error = NULL;
    open_talk(talk);
    if (runtime_exec_session(fixture.runtime, &target, doc_root(doc), terminal, talk->theirs, talk->theirs[3],
                             &error) < 0)
        fail_msg("%s", error_message(error));
    for (int i = 0; i < 4; i++)
        close(talk->theirs[i]);
}

static void end_talk(struct talk *talk)
{
    close(talk->leash);
    close(talk->input);
    close(talk->output);
    close(talk->errors);
}

/* All of it, to its end. */
static char *read_all(int fd)
{
    struct buf text = {0};
    ssize_t length;
    while ((length = read(fd, buf_reserve(&text, 4096), 4096)) > 0)
        text.length += (size_t)length;
    return buf_take(&text);
}

static struct door_answer hear(int leash, int *terminal)
{
    static struct buf said;
    int descriptors[SOCKET_DESCRIPTORS];
    size_t count = 0;
    struct door_answer answer = {.word = DOOR_ERROR, .sentence = STR("cut")};
    buf_clear(&said);
    assert_true(socket_receive(leash, &said, descriptors, &count) > 0);
    struct str rest = buf_str(&said);
    assert_true(door_next(&rest, &answer));
    assert_int_equal(rest.length, 0);
    assert_int_equal(count, terminal != NULL);
    if (terminal != NULL)
        *terminal = descriptors[0];
    return answer;
}

static void test_a_session_outlives_the_agent(void **state)
{
    (void)state;
    struct talk talk;
    begin_talk(&talk, "[\"sh\",\"-c\",\"cat; echo errors >&2; exit 9\"]", false);
    wait_for_count(3, 2);
    fixture_restart(&fixture);
    struct runtime_end ended;
    assert_true(runtime_adopt_sandbox(fixture.runtime, UID) > 0);
    assert_int_equal(
        runtime_adopt_container(fixture.runtime, &(struct runtime_target){UID, "c", 0}, true, &ended),
        RUNTIME_RUNNING);
    assert_int_equal(write(talk.input, "through", 7), 7);
    close(talk.input);
    talk.input = -1;
    autofree char *output = read_all(talk.output), *errors = read_all(talk.errors);
    assert_string_equal(output, "through");
    assert_string_equal(errors, "errors\n");
    struct door_answer answer = hear(talk.leash, NULL);
    assert_int_equal(answer.word, DOOR_EXIT);
    assert_int_equal(answer.exit_code, 9);
    end_talk(&talk);
    wait_for_count(1, 1);
}

static void test_a_session_gets_signals_and_ends_with_its_caller(void **state)
{
    (void)state;
    struct talk talk;
    char byte = SIGINT, line[6] = "";
    begin_talk(&talk,
               "[\"sh\",\"-c\",\"trap 'echo heard; exit 4' INT; echo ready; while :; do sleep 0.05; done\"]",
               false);
    assert_int_equal(read(talk.output, line, 6), 6);
    assert_int_equal(write(talk.leash, &byte, 1), 1);
    autofree char *output = read_all(talk.output);
    assert_string_equal(output, "heard\n");
    assert_int_equal(hear(talk.leash, NULL).exit_code, 4);
    end_talk(&talk);
    begin_talk(&talk, "[\"sleep\",\"1000\"]", false);
    wait_for_count(2, 2);
    end_talk(&talk);
    wait_for_count(1, 1);
}

static void test_a_session_has_a_terminal_of_its_own(void **state)
{
    (void)state;
    struct talk talk;
    int terminal;
    begin_talk(&talk, "[\"sh\",\"-c\",\"read line; stty size; tty; echo $TERM $line; exit 6\"]", true);
    assert_int_equal(hear(talk.leash, &terminal).word, DOOR_TERMINAL);
    struct winsize size = {.ws_row = 33, .ws_col = 77};
    assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
    assert_int_equal(write(terminal, "typed\n", 6), 6);
    autofree char *output = read_all(terminal);
    assert_string_equal(output, "typed\r\n33 77\r\n/dev/pts/0\r\nxterm typed\r\n");
    assert_int_equal(hear(talk.leash, NULL).exit_code, 6);
    close(terminal);
    end_talk(&talk);
    wait_for_count(1, 1);
}

/* ---- without a container: a runtime that hangs ---- */

static void run_with_hanging_runtime(const char *timeout, bool hang_up, struct door_answer *answer)
{
    char directory[] = "/tmp/podtree-test.XXXXXX";
    assert_non_null(mkdtemp(directory));
    autofree char *script = path_format("%s/hang", directory), *option = path_format("--runtime=%s", script);
    autofree char *bundle = path_format("--bundle=%s", directory);
    autofree char *config = path_format("%s/config.json", directory);
    assert_int_equal(file_write(script, STR("#!/bin/sh\nsleep 1001 &\nsleep 1000\n"), 0700, NULL), 0);
    assert_int_equal(file_write(config, STR("{\"process\":{}}"), 0600, NULL), 0);
    const char *const argv[] = {
        "libexec/podtree/podtree-exec", option, "--root=/", bundle, timeout, "id", "--", "true", NULL};
    struct talk talk;
    open_talk(&talk);
    struct process_plan plan = {
        .argv = argv, .fds = {{talk.theirs[3], DOOR_LEASH}}, .fd_count = 1, .timeout_ms = PATIENCE_MS};
    if (hang_up)
        shutdown(talk.leash, SHUT_WR);
    int64_t begun = clock_ms();
    process_run(&plan, NULL, NULL);
    assert_true(clock_ms() - begun < PATIENCE_MS);
    if (!hang_up)
        *answer = hear(talk.leash, NULL);
    for (int i = 0; i < 4; i++)
        close(talk.theirs[i]);
    end_talk(&talk);
    directory_remove(directory, NULL);
    DIR *entries = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        autofree char *path = path_format("/proc/%s/cmdline", entry->d_name);
        autobuf struct buf words = {0};
        if (file_read(path, &words, NULL) == 0 && words.length > 0)
            assert_false(memmem(words.at, words.length, directory, strlen(directory)) != NULL);
    }
    closedir(entries);
}

static void test_a_runtime_that_hangs_is_given_up(void **state)
{
    (void)state;
    struct door_answer answer;
    run_with_hanging_runtime("--timeout=50", false, &answer);
    assert_int_equal(answer.word, DOOR_ERROR);
    assert_true(str_ends(answer.sentence, STR("hang did not start the command within 50 ms")));
    run_with_hanging_runtime("--timeout=60000", true, NULL);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    if (fixture_must_skip())
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_command_says_what_it_says_and_how_it_ended),
        cmocka_unit_test(test_a_command_that_can_not_be_run_is_an_error),
        cmocka_unit_test(test_a_forgotten_command_is_gone_whatever_it_does_about_signals),
        cmocka_unit_test(test_a_command_that_is_forgotten_at_once_is_gone_too),
        cmocka_unit_test(test_a_session_outlives_the_agent),
        cmocka_unit_test(test_a_session_gets_signals_and_ends_with_its_caller),
        cmocka_unit_test(test_a_session_has_a_terminal_of_its_own),
        cmocka_unit_test(test_a_runtime_that_hangs_is_given_up),
        /* these leave the container with more, or without life */
        cmocka_unit_test(test_what_a_command_leaves_in_the_background_lives_on),
        cmocka_unit_test(test_the_end_of_the_container_ends_the_command),
    };
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    free(end.output);
    free(end.sentence);
    return failed;
}
