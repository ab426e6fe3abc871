/* Starting programs as components: only root may give them their group. */
#include "cli/child.h"

#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

struct started {
    struct child child;
    char *log_path;
    int log;
};

static void start(struct started *started, const char *place, const char *script, const int *fds,
                  int fd_count)
{
    char shell[] = "/bin/sh", option[] = "-c";
    autofree char *text = str_dup(str_of(script));
    char *argv[] = {shell, option, text, NULL};
    started->log_path = path_format("%s/log", place);
    started->log = open(started->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const struct child_plan plan = {
        .argv = argv, .gid = getgid(), .fds = fds, .fd_count = fd_count, .log = started->log};
    autoerror struct error *err = NULL;
    if (child_start(&plan, &started->child, &err) < 0)
        fail_msg("%s", error_message(err));
}

/* What it said, and the status of its end. */
static int finish(struct started *started, struct buf *said)
{
    int status;
    assert_int_equal(waitpid(started->child.identity.pid, &status, 0), started->child.identity.pid);
    assert_int_equal(file_read(started->log_path, said, NULL), 0);
    close(started->child.pidfd);
    close(started->log);
    free(started->log_path);
    return status;
}

#define ROOT_ONLY()         \
    do {                    \
        if (geteuid() != 0) \
            skip();         \
    } while (0)

static void the_program_has_its_descriptors_and_no_others(void **state)
{
    ROOT_ONLY();
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    /* Handed over in an order that a careless dup2 would mix up. */
    const int fds[] = {ends[1], ends[0]};
    struct started started;
    start(&started, *state, "echo through >&3; read line <&4; echo $line; ls /proc/self/fd | wc -l", fds, 2);
    child_release(&started.child);
    autobuf struct buf said = {0};
    assert_int_equal(finish(&started, &said), 0);
    assert_string_equal(said.at, "through\n6\n"); /* 0 to 4, and the directory that ls has open */
    close(ends[0]);
    close(ends[1]);
}

static void the_program_waits_for_its_release(void **state)
{
    ROOT_ONLY();
    struct started started;
    start(&started, *state, "echo began", NULL, 0);
    struct pollfd ended = {.fd = started.child.pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 50), 0);
    autobuf struct buf early = {0}, said = {0};
    assert_int_equal(file_read(started.log_path, &early, NULL), 0);
    assert_int_equal(early.length, 0);
    child_release(&started.child);
    assert_int_equal(finish(&started, &said), 0);
    assert_string_equal(said.at, "began\n");
}

static void without_a_release_it_never_begins(void **state)
{
    ROOT_ONLY();
    struct started started;
    start(&started, *state, "echo began", NULL, 0);
    close(started.child.gate); /* as a supervisor's death does */
    autobuf struct buf said = {0};
    int status = finish(&started, &said);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 127);
    assert_int_equal(said.length, 0);
}

static void signals_are_as_at_birth(void **state)
{
    ROOT_ONLY();
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct started started;
    /* Signals 32 and up are the C library's own, and may be left ignored. */
    start(&started, *state,
          "for mask in $(grep -E 'SigBlk|SigIgn' /proc/self/status | cut -f2); do echo $((0x$mask & "
          "0x7fffffff)); done",
          NULL, 0);
    child_release(&started.child);
    autobuf struct buf said = {0};
    assert_int_equal(finish(&started, &said), 0);
    assert_string_equal(said.at, "0\n0\n");
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    signal(SIGPIPE, SIG_DFL);
}

static void a_process_is_known_again_until_it_ends(void **state)
{
    ROOT_ONLY();
    struct started started;
    start(&started, *state, "exec sleep 1000", NULL, 0);
    child_release(&started.child);
    struct child_identity identity = started.child.identity, other = identity;
    int pidfd = child_find(&identity);
    assert_true(pidfd >= 0);
    close(pidfd);
    other.started++; /* the same pid, given to another process */
    assert_int_equal(child_find(&other), -1);
    kill(identity.pid, SIGKILL);
    struct pollfd ended = {.fd = started.child.pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 10000), 1);
    assert_int_equal(child_find(&identity), -1); /* a zombie is not alive */
    autobuf struct buf said = {0};
    finish(&started, &said);
    assert_int_equal(child_find(&identity), -1);
}

static void a_stopped_process_is_told_from_one_that_runs(void **state)
{
    ROOT_ONLY();
    struct started started;
    start(&started, *state, "exec sleep 1000", NULL, 0);
    child_release(&started.child);
    pid_t pid = started.child.identity.pid;
    assert_false(child_is_stopped(pid));
    kill(pid, SIGSTOP);
    int status;
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(child_is_stopped(pid));
    kill(pid, SIGKILL);
    autobuf struct buf said = {0};
    finish(&started, &said);
    assert_false(child_is_stopped(pid));
}

static void expect_end(int status, const char *expected)
{
    autobuf struct buf text = {0};
    child_describe_end(status, &text);
    assert_string_equal(text.at, expected);
}

static void an_end_is_said_in_words(void **state)
{
    (void)state;
    expect_end(W_EXITCODE(0, 9), "killed by signal 9 (Killed)");
    expect_end(W_EXITCODE(3, 0), "exited with 3");
    expect_end(-1, "ended");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(the_program_has_its_descriptors_and_no_others),
        place_test(the_program_waits_for_its_release),
        place_test(without_a_release_it_never_begins),
        place_test(signals_are_as_at_birth),
        place_test(a_process_is_known_again_until_it_ends),
        place_test(a_stopped_process_is_told_from_one_that_runs),
        cmocka_unit_test(an_end_is_said_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
