#include "cli/control.h"

#include "lib/identity.h"
#include "test.h"
#include <grp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void collect(void *context, const char *text)
{
    buf_addf(context, "%s;", text);
}

/* Serves one request in another process: answers it with itself, who asks, and one line more. */
static pid_t serve(const char *run)
{
    int listener = control_listen(run, NULL);
    assert_true(listener >= 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct pollfd waiting = {.fd = listener, .events = POLLIN};
        char request[CONTROL_LINE];
        poll(&waiting, 1, 10000);
        bool is_root = false;
        int caller = control_accept(listener, request, &is_root);
        control_say(caller, request);
        control_say(caller, is_root ? "root" : "not root");
        control_say(caller, "and more");
        _exit(caller < 0);
    }
    close(listener);
    return pid;
}

static void a_request_is_answered_line_by_line(void **state)
{
    if (geteuid() != 0)
        skip();
    pid_t server = serve(*state);
    autobuf struct buf said = {0};
    assert_int_equal(control_ask(*state, "how are you", 10000, collect, &said, NULL), 0);
    assert_string_equal(said.at, "how are you;root;and more;");
    int status;
    waitpid(server, &status, 0);
    assert_int_equal(status, 0);
}

static void long_directories_have_a_socket_too(void **state)
{
    if (geteuid() != 0)
        skip();
    autofree char *run = path_format("%s/%0150d", (char *)*state, 0);
    assert_int_equal(directory_make(run, 0755, NULL), 0);
    pid_t server = serve(run);
    autobuf struct buf said = {0};
    assert_int_equal(control_ask(run, "x", 10000, collect, &said, NULL), 0);
    waitpid(server, NULL, 0);
}

/* In a process of its own, which then has another identity. */
static int ask_as(uid_t uid, gid_t gid, const char *run)
{
    pid_t pid = fork();
    if (pid == 0) {
        autobuf struct buf said = {0};
        bool became =
            setgroups(1, &gid) == 0 && setresgid(65534, 65534, 65534) == 0 && setresuid(uid, uid, uid) == 0;
        int result = became ? control_ask(run, "x", 10000, collect, &said, NULL) : -ECHILD;
        _exit(result == 0 ? strcmp(said.at, "x;not root;and more;") != 0 : -result);
    }
    int status;
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void the_group_podtree_may_ask_and_nobody_else(void **state)
{
    struct stat status;
    gid_t group = identity_people();
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(*state, 0755), 0);
    pid_t server = serve(*state);
    autofree char *path = path_format("%s/control", (char *)*state);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0660);
    assert_int_equal(status.st_uid, 0);
    assert_int_equal(status.st_gid, group != (gid_t)-1 ? group : 0);
    assert_int_equal(ask_as(65534, 65534, *state), EACCES);
    assert_int_equal(ask_as(65534, status.st_gid, *state), 0);
    waitpid(server, NULL, 0);
}

static void where_nobody_listens_it_is_said(void **state)
{
    autobuf struct buf said = {0};
    autoerror struct error *err = NULL;
    assert_int_equal(control_ask(*state, "x", 100, collect, &said, &err), -ENOENT);
    assert_non_null(strstr(error_message(err), "no supervisor answers"));
    int listener = control_listen(*state, NULL);
    close(listener);
    assert_int_equal(control_ask(*state, "x", 100, collect, &said, NULL), -ECONNREFUSED);
}

static void a_supervisor_that_says_nothing_is_given_up(void **state)
{
    autobuf struct buf said = {0};
    int listener = control_listen(*state, NULL);
    assert_int_equal(control_ask(*state, "x", 50, collect, &said, NULL), -ETIMEDOUT);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(a_request_is_answered_line_by_line),
        place_test(long_directories_have_a_socket_too),
        place_test(the_group_podtree_may_ask_and_nobody_else),
        place_test(where_nobody_listens_it_is_said),
        place_test(a_supervisor_that_says_nothing_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
