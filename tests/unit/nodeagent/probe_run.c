/* Probes against a real server, in this network and in another one. */
#include "tests/unit/nodeagent/health_server.h"
#include "tests/unit/nodeagent/trying.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct bench {
    struct trying t;
    struct loop_source *accepting;
    /* what the server says, one each connection, and what it heard last; "" says nothing */
    const char *const *answers;
    const struct health_answer *health; /* instead: it is a gRPC server */
    int connection, connections;
    struct loop_source *serving;
    struct health_server *server;
    struct buf heard;
};

static void drop_connection(struct bench *b)
{
    loop_remove(b->serving);
    b->serving = NULL;
    health_server_free(b->server);
    b->server = NULL;
    if (b->connection >= 0)
        close(b->connection);
    b->connection = -1;
}

static void serve_health(struct bench *b)
{
    autobuf struct buf out = {0};
    health_server_serve(b->server, buf_str(&b->heard), &out);
    buf_clear(&b->heard);
    assert_int_equal(send(b->connection, out.at, out.length, MSG_NOSIGNAL), out.length);
}

static void on_request(void *context, uint32_t events)
{
    struct bench *b = context;
    (void)events;
    char *at = buf_reserve(&b->heard, 4096);
    ssize_t length = recv(b->connection, at, 4096, 0);
    if (length <= 0) {
        drop_connection(b);
        return;
    }
    b->heard.length += (size_t)length;
    b->heard.at[b->heard.length] = '\0';
    if (b->server != NULL) {
        serve_health(b);
        return;
    }
    if (!str_ends(buf_str(&b->heard), STR("\r\n\r\n")) || b->answers == NULL || **b->answers == '\0')
        return;
    const char *answer = *b->answers++;
    /* One that begins with a dash closes the connection then. */
    bool closes = answer[0] == '-';
    assert_true(send(b->connection, answer + closes, strlen(answer + closes), MSG_NOSIGNAL) >= 0);
    if (closes)
        drop_connection(b);
}

static void on_connection(void *context, uint32_t events)
{
    struct bench *b = context;
    (void)events;
    drop_connection(b);
    buf_clear(&b->heard);
    b->connections++;
    if (b->health != NULL)
        b->server = health_server_new(b->health);
    b->connection = accept4(b->t.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (b->connection >= 0)
        b->serving = loop_fd(b->t.loop, b->connection, EPOLLIN, on_request, b, NULL);
}

static int set_up(void **state)
{
    struct bench *b = memory_zeroed(1, sizeof(*b));
    trying_begin(&b->t);
    b->connection = -1;
    b->accepting = loop_fd(b->t.loop, b->t.listener, EPOLLIN, on_connection, b, NULL);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    drop_connection(b);
    loop_remove(b->accepting);
    trying_end(&b->t);
    buf_free(&b->heard);
    free(b);
    return 0;
}

#define WEB "{\"httpGet\":{\"port\":\"web\",\"path\":\"/a/healthz\"}}"

static void test_a_tcp_probe_succeeds_where_somebody_listens(void **state)
{
    struct bench *b = *state;
    trying(&b->t, .probe = "{\"tcpSocket\":{\"port\":\"web\"}}");
    assert_outcome(&b->t, PROBE_SUCCEEDED, "");
}

static void test_a_tcp_probe_fails_where_nobody_listens(void **state)
{
    struct bench *b = *state;
    trying(&b->t, .probe = "{\"tcpSocket\":{\"port\":1}}");
    assert_outcome(&b->t, PROBE_FAILED, "dial tcp 127.0.0.1:1: connect: connection refused");
}

/* Of these the C library knows without asking anybody. */
static void test_names_of_hosts_are_looked_up(void **state)
{
    struct bench *b = *state;
    trying(&b->t, .probe = "{\"tcpSocket\":{\"port\":\"web\",\"host\":\"127.1\"}}");
    assert_outcome(&b->t, PROBE_SUCCEEDED, "");
    trying(&b->t, .probe = "{\"tcpSocket\":{\"port\":1,\"host\":\"127.1\"}}");
    assert_outcome(&b->t, PROBE_FAILED, "dial tcp 127.0.0.1:1: connect: connection refused");
    trying(&b->t, .probe = "{\"tcpSocket\":{\"port\":1,\"host\":\"a..b\"}}");
    assert_outcome(&b->t, PROBE_FAILED, "dial tcp: lookup a..b: no such host");
}

static void test_what_cannot_be_tried_is_no_failure(void **state)
{
    struct bench *b = *state;
    static const char *const rows[][2] = {
        {"{\"tcpSocket\":{\"port\":\"nowhere\"}}", "the container has no port \"nowhere\""},
        {"{\"tcpSocket\":{\"port\":70000}}", "invalid port number: 70000"},
        {"{\"grpc\":{\"port\":0}}", "invalid port number: 0"},
        {"{}", "missing probe handler"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        trying(&b->t, .probe = rows[i][0]);
        assert_outcome(&b->t, PROBE_ERRED, rows[i][1]);
    }
}

static void test_an_http_probe_asks_as_it_is_told(void **state)
{
    struct bench *b = *state;
    b->answers = (const char *const[]){"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""};
    trying(&b->t, .probe = "{\"httpGet\":{\"port\":\"web\",\"path\":\"/x "
                           "y\",\"httpHeaders\":[{\"name\":\"host\",\"value\":\"h\"},"
                           "{\"name\":\"X-One\",\"value\":\"1\"}]}}");
    assert_outcome(&b->t, PROBE_SUCCEEDED, "ok");
    assert_string_equal(b->heard.at, "GET /x%20y HTTP/1.1\r\nHost: h\r\nUser-Agent: kube-probe/1.32\r\n"
                                     "Accept: */*\r\nX-One: 1\r\nConnection: close\r\n\r\n");
}

static void test_the_status_decides(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *answer;
        enum probe_outcome outcome;
        const char *output;
    } rows[] = {
        {"HTTP/1.1 204 No Content\r\n\r\n", PROBE_SUCCEEDED, ""},
        {"-HTTP/1.0 200 OK\r\n\r\nto the end", PROBE_SUCCEEDED, "to the end"},
        {"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", PROBE_FAILED,
         "HTTP probe failed with statuscode: 500"},
        {"HTTP/1.1 400 Oh\r\nContent-Length: 0\r\n\r\n", PROBE_FAILED,
         "HTTP probe failed with statuscode: 400"},
        {"HTTP/1.1 302 Away\r\nLocation: http://10.9.8.7/\r\nContent-Length: 2\r\n\r\nby", PROBE_WARNED,
         "Probe terminated redirects, Response body: by"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        b->answers = (const char *const[]){rows[i].answer, ""};
        trying(&b->t, .probe = WEB);
        assert_outcome(&b->t, rows[i].outcome, rows[i].output);
    }
}

static void test_redirects_to_the_same_host_are_followed(void **state)
{
    struct bench *b = *state;
    b->answers = (const char *const[]){"HTTP/1.1 302 Found\r\nLocation: there\r\nContent-Length: 0\r\n\r\n",
                                       "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", ""};
    trying(&b->t, .probe = WEB);
    assert_outcome(&b->t, PROBE_FAILED, "HTTP probe failed with statuscode: 503");
    assert_true(str_starts(buf_str(&b->heard), STR("GET /a/there HTTP/1.1\r\n")));
}

static void test_redirects_in_a_circle_end(void **state)
{
    struct bench *b = *state;
    const char *answers[20];
    for (size_t i = 0; i < COUNT(answers); i++)
        answers[i] = "HTTP/1.1 301 Round\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n";
    b->answers = answers;
    trying(&b->t, .probe = WEB);
    assert_int_equal(b->answers - answers, 10);
    assert_int_equal(b->t.outcome, PROBE_FAILED);
    assert_true(str_ends(buf_str(&b->t.output), STR("/a\": stopped after 10 redirects")));
}

static void test_a_server_that_is_silent_times_out(void **state)
{
    struct bench *b = *state;
    autobuf struct buf expected = {0};
    buf_addf(
        &expected,
        "Get \"http://127.0.0.1:%d/a/healthz\": context deadline exceeded (Client.Timeout exceeded while "
        "awaiting headers)",
        b->t.port);
    trying(&b->t, .probe = WEB, .timeout_ms = 30);
    assert_outcome(&b->t, PROBE_FAILED, expected.at);
}

static void test_a_server_that_hangs_up_has_failed(void **state)
{
    struct bench *b = *state;
    b->answers = (const char *const[]){"-SSH-2.0-x\r\n", "-", ""};
    trying(&b->t, .probe = WEB);
    assert_int_equal(b->t.outcome, PROBE_FAILED);
    assert_true(str_ends(buf_str(&b->t.output), STR("malformed HTTP response")));
    trying(&b->t, .probe = WEB);
    assert_int_equal(b->t.outcome, PROBE_FAILED);
    assert_true(str_ends(buf_str(&b->t.output), STR(": EOF")));
}

static void never(void *context, enum probe_outcome outcome, struct str output)
{
    (void)context, (void)outcome, (void)output;
    fail();
}

static void test_one_that_is_forgotten_is_never_heard_of(void **state)
{
    struct bench *b = *state;
    static const char *const probes[] = {
        "{\"tcpSocket\":{\"port\":1}}",
        "{\"tcpSocket\":{\"port\":1,\"host\":\"127.1\"}}",
        "{\"httpGet\":{\"port\":1,\"scheme\":\"HTTPS\"}}",
        "{\"grpc\":{\"port\":1}}",
    };
    for (size_t i = 0; i < COUNT(probes); i++) {
        autodoc struct doc *probe = must_parse(probes[i]);
        struct probe_target target = {
            .probe = doc_root(probe), .timeout_ms = 1000, .address = "127.0.0.1", .namespace = -1};
        probe_run_forget(probe_run_start(b->t.loop, &target, never, NULL));
    }
    probe_run_forget(NULL);
    trying(&b->t, .probe = "{\"tcpSocket\":{\"port\":\"web\"}}");
    assert_outcome(&b->t, PROBE_SUCCEEDED, "");
}

/* ---- gRPC ---- */

#define GRPC "{\"grpc\":{\"port\":%d,\"service\":\"live\"}}"

static void try_grpc(struct bench *b, int64_t timeout_ms, const char *expected)
{
    autobuf struct buf probe = {0}, sentence = {0};
    buf_addf(&probe, GRPC, b->t.port);
    trying(&b->t, .probe = probe.at, .timeout_ms = timeout_ms);
    const char *port = strstr(expected, "PORT");
    buf_add(&sentence, expected, port != NULL ? (size_t)(port - expected) : strlen(expected));
    if (port != NULL)
        buf_addf(&sentence, "%d%s", b->t.port, port + 4);
    assert_string_equal(b->t.output.at, sentence.at);
}

static void test_a_grpc_probe_asks_the_health_service(void **state)
{
    struct bench *b = *state;
    b->health = &(struct health_answer){.body = "\0\0\0\0\2\x08\1", .body_length = 7, .code = "0"};
    try_grpc(b, TIMEOUT_MS, "service healthy");
    assert_int_equal(b->t.outcome, PROBE_SUCCEEDED);
    b->health = &(struct health_answer){.body = "\0\0\0\0\2\x08\2", .body_length = 7, .code = "0"};
    try_grpc(b, TIMEOUT_MS, "service unhealthy (responded with \"NOT_SERVING\")");
    assert_int_equal(b->t.outcome, PROBE_FAILED);
}

static void test_grpc_servers_that_do_not_answer_time_out(void **state)
{
    struct bench *b = *state;
    b->health = &(struct health_answer){.silent = true};
    try_grpc(b, 30, "timeout: health rpc did not complete within 30ms");
    b->health = NULL; /* it listens, and says nothing */
    try_grpc(b, 30,
             "timeout: failed to connect service \"127.0.0.1:PORT\" within 30ms: context deadline exceeded");
    trying(&b->t, .probe = "{\"grpc\":{\"port\":1}}", .timeout_ms = 30);
    assert_outcome(
        &b->t, PROBE_FAILED,
        "timeout: failed to connect service \"127.0.0.1:1\" within 30ms: context deadline exceeded");
}

static void on_health_comes(void *context)
{
    static const struct health_answer healthy = {.body = "\0\0\0\0\2\x08\1", .body_length = 7, .code = "0"};
    struct bench *b = context;
    drop_connection(b);
    b->health = &healthy;
}

static void test_a_grpc_server_that_comes_up_in_time_is_found(void **state)
{
    struct bench *b = *state;
    loop_timer(b->t.loop, 20, on_health_comes, b);
    try_grpc(b, TIMEOUT_MS, "service healthy");
    assert_int_equal(b->connections, 2);
}

/* ---- commands ---- */

struct commander {
    int exit_code;
    bool fails, hangs;
    int forgotten;
};

static int start_command(void *context, struct probe_run *run_, struct value command, struct error **err)
{
    struct commander *commander = context;
    assert_json(command, "[\"cat\",\"/ok\"]");
    if (commander->fails)
        return error_make(err, EIO, "the runtime refused");
    if (!commander->hangs)
        probe_run_exec_ended(run_, commander->exit_code, STR("said"), NULL);
    return 0;
}

static void forget_command(void *context, struct probe_run *run_)
{
    struct commander *commander = context;
    (void)run_;
    commander->forgotten++;
}

static void test_commands(void **state)
{
    struct bench *b = *state;
    static const struct {
        struct commander commander;
        enum probe_outcome outcome;
        const char *output;
        int forgotten;
    } rows[] = {
        {{.exit_code = 0}, PROBE_SUCCEEDED, "said", 0},
        {{.exit_code = 3}, PROBE_FAILED, "said", 0},
        {{.fails = true}, PROBE_ERRED, "the runtime refused", 0},
        {{.hangs = true}, PROBE_FAILED, "command timed out: \"cat /ok\" timed out after 1s", 1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct commander commander = rows[i].commander;
        struct probe_exec exec = {start_command, forget_command, &commander};
        trying(&b->t, .probe = "{\"exec\":{\"command\":[\"cat\",\"/ok\"]}}", .timeout_ms = 1000,
               .exec = &exec);
        assert_outcome(&b->t, rows[i].outcome, rows[i].output);
        assert_int_equal(commander.forgotten, rows[i].forgotten);
    }
}

/* ---- another network ---- */

/* In the child: a network with a server of its own. Says its port. */
static void serve_elsewhere(int fd)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int port = 0, listener = -1;
    if (unshare(CLONE_NEWNET) == 0) {
        listener = socket(AF_INET, SOCK_STREAM, 0);
        if (ioctl(listener, SIOCSIFFLAGS, &loopback) == 0 &&
            bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 4) == 0 &&
            getsockname(listener, (struct sockaddr *)&address, &size) == 0)
            port = ntohs(address.sin_port);
    }
    if (write(fd, &port, sizeof(port)) != sizeof(port))
        _exit(1);
    while (read(fd, &port, 1) > 0)
        ;
    _exit(0);
}

static void test_a_probe_without_host_goes_to_the_pods_network(void **state)
{
    struct bench *b = *state;
    int sockets[2], port = 0, status;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(sockets[0]);
        serve_elsewhere(sockets[1]);
    }
    close(sockets[1]);
    assert_int_equal(read(sockets[0], &port, sizeof(port)), sizeof(port));
    int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    if (port != 0) {
        autobuf struct buf there = {0}, here = {0};
        buf_addf(&there, "{\"tcpSocket\":{\"port\":%d}}", port);
        trying(&b->t, .probe = there.at, .namespace = pidfd);
        assert_outcome(&b->t, PROBE_SUCCEEDED, "");
        /* this network's server isn't there; a probe with a host is tried from here */
        if (port != b->t.port) {
            trying(&b->t, .probe = "{\"tcpSocket\":{\"port\":\"web\"}}", .namespace = pidfd);
            assert_int_equal(b->t.outcome, PROBE_FAILED);
        }
        trying(&b->t, .probe = "{\"tcpSocket\":{\"port\":\"web\",\"host\":\"localhost\"}}",
               .namespace = pidfd);
        assert_outcome(&b->t, PROBE_SUCCEEDED, "");
    }
    close(sockets[0]);
    close(pidfd);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (port == 0)
        skip(); /* namespaces can't be made here */
}

static void test_a_network_that_cannot_be_entered_is_no_failure(void **state)
{
    struct bench *b = *state;
    autoclose int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(nothing >= 0);
    trying(&b->t, .probe = "{\"tcpSocket\":{\"port\":\"web\"}}", .namespace = nothing);
    assert_outcome(&b->t, PROBE_ERRED, "cannot make a socket in the pod's network: Invalid argument");
}

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_a_tcp_probe_succeeds_where_somebody_listens),
        test(test_a_tcp_probe_fails_where_nobody_listens),
        test(test_names_of_hosts_are_looked_up),
        test(test_what_cannot_be_tried_is_no_failure),
        test(test_an_http_probe_asks_as_it_is_told),
        test(test_the_status_decides),
        test(test_redirects_to_the_same_host_are_followed),
        test(test_redirects_in_a_circle_end),
        test(test_a_server_that_is_silent_times_out),
        test(test_a_server_that_hangs_up_has_failed),
        test(test_one_that_is_forgotten_is_never_heard_of),
        test(test_a_grpc_probe_asks_the_health_service),
        test(test_grpc_servers_that_do_not_answer_time_out),
        test(test_a_grpc_server_that_comes_up_in_time_is_found),
        test(test_commands),
        test(test_a_probe_without_host_goes_to_the_pods_network),
        test(test_a_network_that_cannot_be_entered_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
