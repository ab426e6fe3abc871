/* What a command has said arrives, however slow the one is who reads it. */
#include "cli/relay.h"

#include "lib/process.h"
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Longer than a relay waits for what may never come. */
#define SLOW_MS 400

/* A talk whose command has said all that a pipe takes, and has ended with 7. */
static size_t make_talk(struct call *call)
{
    static const char bytes[4096];
    int leash[2], output[2];
    size_t said = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, leash), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC | O_NONBLOCK), 0);
    for (ssize_t n; (n = write(output[1], bytes, sizeof(bytes))) > 0;)
        said += (size_t)n;
    close(output[1]);
    door_say(leash[1], &(struct door_answer){.word = DOOR_EXIT, .exit_code = 7}, -1);
    close(leash[1]);
    *call = CALL_NONE;
    call->leash = leash[0];
    call->output = output[0];
    return said;
}

/* A process that relays it to the descriptor, and ends as podtree exec would. */
static pid_t start_relay(struct call *call, int output)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid != 0)
        return pid;
    autoerror struct error *error = NULL;
    dup2(output, STDOUT_FILENO);
    close(output);
    int result = relay(call, false, false, &error);
    _exit(result < 0 ? 1 : result);
}

static int wait_for(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void who_reads_slowly_gets_all_of_it(void **state)
{
    (void)state;
    struct call call;
    int ends[2];
    size_t said = make_talk(&call), came = 0;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
    pid_t pid = start_relay(&call, ends[1]);
    close(ends[1]);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, SLOW_MS), 0); /* it waits for us */
    close(pidfd);
    char bytes[4096];
    for (ssize_t n; (n = read(ends[0], bytes, sizeof(bytes))) > 0;)
        came += (size_t)n;
    assert_int_equal(came, said);
    assert_int_equal(wait_for(pid), 7);
    close(ends[0]);
    call_close(&call);
}

static void what_can_not_be_written_is_an_error(void **state)
{
    (void)state;
    struct call call;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(make_talk(&call) > 0);
    assert_int_equal(wait_for(start_relay(&call, full)), 1);
    close(full);
    call_close(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reads_slowly_gets_all_of_it),
        cmocka_unit_test(what_can_not_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
