/* Lifecycle hooks: what counts as done, and that they can be given up. */
#include "nodeagent/hook.h"
#include "lib/clock.h"
#include "tests/unit/lib/test.h"
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct bench {
    struct loop *loop;
    int listener, connection, port;
    struct loop_source *accepting, *serving;
    struct probe_run *command; /* that a hook wants to be run */
    int forgotten;
    int calls;
    char *complaint; /* how the hook ended; NULL: well */
};

static void on_request(void *context, uint32_t events)
{
    struct bench *b = context;
    char request[4096];
    (void)events;
    assert_true(recv(b->connection, request, sizeof(request), 0) >= 0);
    loop_remove(b->serving);
    b->serving = NULL;
    static const char answer[] = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
    assert_true(send(b->connection, answer, strlen(answer), MSG_NOSIGNAL) > 0);
    close(b->connection);
}

static void on_connection(void *context, uint32_t events)
{
    struct bench *b = context;
    (void)events;
    b->connection = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(b->connection >= 0);
    b->serving = loop_fd(b->loop, b->connection, EPOLLIN, on_request, b, NULL);
}

static int set_up(void **state)
{
    struct bench *b = memory_zeroed(1, sizeof(*b));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    b->loop = loop_new(NULL);
    b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(b->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(b->listener, 4), 0);
    assert_int_equal(getsockname(b->listener, (struct sockaddr *)&address, &size), 0);
    b->port = ntohs(address.sin_port);
    b->accepting = loop_fd(b->loop, b->listener, EPOLLIN, on_connection, b, NULL);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    loop_remove(b->accepting);
    close(b->listener);
    loop_free(b->loop);
    free(b->complaint);
    free(b);
    return 0;
}

static int start_command(void *context, struct probe_run *run, struct value command, struct error **err)
{
    struct bench *b = context;
    (void)err;
    assert_json(command, "[\"say\",\"hello\"]");
    b->command = run;
    return 0;
}

static void forget_command(void *context, struct probe_run *run)
{
    struct bench *b = context;
    assert_ptr_equal(run, b->command);
    b->command = NULL;
    b->forgotten++;
}

static void on_done(void *context, struct error *error, struct str warning)
{
    struct bench *b = context;
    assert_int_equal(warning.length, 0);
    b->calls++;
    free(b->complaint);
    b->complaint = error != NULL ? str_dup(str_of(error_message(error))) : NULL;
}

static struct hook *start(struct bench *b, const char *json)
{
    autodoc struct doc *handler = must_parse(json);
    autobuf struct buf text = {0};
    buf_addf(&text, "{\"ports\":[{\"name\":\"web\",\"containerPort\":%d}]}", b->port);
    autodoc struct doc *container = must_parse(text.at);
    struct hook_target target = {
        .handler = doc_root(handler),
        .container = doc_root(container),
        .address = "127.0.0.1",
        .namespace = -1,
        .exec = {.start = start_command, .forget = forget_command, .context = b},
    };
    struct hook *hook = hook_start(b->loop, &target, on_done, b);
    assert_int_equal(b->calls, 0);
    return hook;
}

static void finish(struct bench *b)
{
    while (b->calls == 0)
        assert_int_equal(loop_turn(b->loop, 5000, NULL), 0);
    assert_int_equal(b->calls, 1);
    b->calls = 0;
}

static void test_a_command_does_it_when_it_ends_with_0(void **state)
{
    struct bench *b = *state;
    start(b, "{\"exec\":{\"command\":[\"say\",\"hello\"]}}");
    probe_run_exec_ended(b->command, 0, STR("hello"), NULL);
    finish(b);
    assert_null(b->complaint);
    start(b, "{\"exec\":{\"command\":[\"say\",\"hello\"]}}");
    probe_run_exec_ended(b->command, 3, STR("sore throat"), NULL);
    finish(b);
    assert_string_equal(b->complaint,
                        "command 'say hello' exited with 3: sore throat, message: \"sore throat\"");
}

static void test_any_answer_does(void **state)
{
    struct bench *b = *state;
    start(b, "{\"httpGet\":{\"port\":\"web\",\"path\":\"/bye\"}}");
    finish(b);
    assert_null(b->complaint);
    start(b, "{\"httpGet\":{\"port\":\"nosuch\"}}");
    finish(b);
    assert_string_equal(b->complaint, "the container has no port \"nosuch\"");
}

static void test_sleep_takes_its_time(void **state)
{
    struct bench *b = *state;
    int64_t begin = clock_ms();
    start(b, "{\"sleep\":{\"seconds\":1}}");
    finish(b);
    assert_null(b->complaint);
    assert_in_range(clock_ms() - begin, 1000, 5000);
}

static void test_what_is_no_hook_fails(void **state)
{
    struct bench *b = *state;
    start(b, "{\"tcpSocket\":{\"port\":1}}");
    finish(b);
    assert_string_equal(b->complaint, "a hook is one of exec, httpGet and sleep");
}

static void test_what_is_given_up_does_not_call_back(void **state)
{
    struct bench *b = *state;
    hook_forget(start(b, "{\"exec\":{\"command\":[\"say\",\"hello\"]}}"));
    assert_int_equal(b->forgotten, 1);
    hook_forget(start(b, "{\"sleep\":{\"seconds\":0}}"));
    hook_forget(start(b, "{\"tcpSocket\":{}}"));
    hook_forget(NULL);
    assert_int_equal(loop_turn(b->loop, 20, NULL), 0);
    assert_int_equal(b->calls, 0);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ROW(test_a_command_does_it_when_it_ends_with_0),
        ROW(test_any_answer_does),
        ROW(test_sleep_takes_its_time),
        ROW(test_what_is_no_hook_fails),
        ROW(test_what_is_given_up_does_not_call_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
