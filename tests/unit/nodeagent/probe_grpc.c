/* gRPC probes against a server in memory: what is asked, and what the answers mean. */
#include "nodeagent/probe_grpc.h"
#include "tests/unit/lib/test.h"
#include "tests/unit/nodeagent/health_server.h"
#include <nghttp2/nghttp2.h>

#define MESSAGE(bytes) .body = bytes, .body_length = sizeof(bytes) - 1

struct talk {
    struct probe_url url;
    struct probe_grpc *call;
    struct health_server *server;
};

static void begin(struct talk *talk, const char *service, const struct health_answer *answer)
{
    probe_url_set(&talk->url, false, STR("10.0.0.1"), 50051, STR(""));
    talk->call = probe_grpc_new(&talk->url, str_of(service), 1000);
    talk->server = health_server_new(answer);
}

static void end(struct talk *talk)
{
    probe_grpc_free(talk->call);
    health_server_free(talk->server);
    probe_url_free(&talk->url);
}

/* Lets both speak until neither has anything to say. */
static void speak(struct talk *talk)
{
    for (;;) {
        autobuf struct buf there = {0}, back = {0};
        probe_grpc_send(talk->call, &there);
        health_server_serve(talk->server, buf_str(&there), &back);
        if (back.length > 0)
            probe_grpc_receive(talk->call, buf_str(&back), false);
        if (there.length + back.length == 0)
            return;
    }
}

static void test_the_call_is_what_health_servers_expect(void **state)
{
    (void)state;
    static const struct health_answer answer = {MESSAGE("\0\0\0\0\2\x08\1"), .code = "0"};
    static const char heard[] = ":method: POST\n:scheme: http\n:path: /grpc.health.v1.Health/Check\n"
                                ":authority: 10.0.0.1:50051\ncontent-type: application/grpc\n"
                                "user-agent: kube-probe/1.32\nte: trailers\ngrpc-timeout: 1000m\n"
                                "\0\0\0\0\6\x0a\4live";
    struct talk talk;
    begin(&talk, "live", &answer);
    assert_int_equal(probe_grpc_progress(talk.call), GRPC_CONNECTING);
    speak(&talk);
    assert_int_equal(health_server_heard(talk.server)->length, sizeof(heard) - 1);
    assert_memory_equal(health_server_heard(talk.server)->at, heard, sizeof(heard) - 1);
    end(&talk);
}

static void test_long_names_and_none_are_asked_for_too(void **state)
{
    (void)state;
    static const struct health_answer answer = {MESSAGE("\0\0\0\0\2\x08\1"), .code = "0"};
    struct talk talk;
    char name[301] = {0};
    memset(name, 'x', sizeof(name) - 1);
    begin(&talk, name, &answer);
    speak(&talk);
    assert_true(str_ends(buf_str(health_server_heard(talk.server)), str_of(name)));
    assert_memory_equal(strstr(health_server_heard(talk.server)->at, "1000m\n") + 6,
                        "\0\0\0\1\x2f\x0a\xac\x02x", 9);
    end(&talk);
    begin(&talk, "", &answer);
    speak(&talk);
    assert_true(str_ends(buf_str(health_server_heard(talk.server)), STR("1000m\n\0\0\0\0\0")));
    end(&talk);
}

static void test_only_serving_is_healthy(void **state)
{
    (void)state;
#define HEALTH "error: health rpc probe failed: rpc error: code = "
    static const struct {
        struct health_answer answer;
        const char *sentence; /* NULL: it has succeeded */
    } rows[] = {
        {{MESSAGE("\0\0\0\0\2\x08\1"), .code = "0"}, NULL},
        {{MESSAGE("\0\0\0\0\2\x08\1"), .code = "0", .type = "application/grpc+proto"}, NULL},
        {{MESSAGE("\0\0\0\0\x0a\x12\1x\x1d\0\0\0\0\x08\1"), .code = "0"}, NULL},
        {{MESSAGE("\0\0\0\0\2\x08\2"), .code = "0"}, "service unhealthy (responded with \"NOT_SERVING\")"},
        {{MESSAGE("\0\0\0\0\2\x08\3"), .code = "0"},
         "service unhealthy (responded with \"SERVICE_UNKNOWN\")"},
        {{MESSAGE("\0\0\0\0\0"), .code = "0"}, "service unhealthy (responded with \"UNKNOWN\")"},
        {{MESSAGE("\0\0\0\0\3\x08\xac\2"), .code = "0"}, "service unhealthy (responded with \"300\")"},
        {{.code = "5", .message = "unknown service"}, HEALTH "NotFound desc = unknown service"},
        {{.code = "2", .message = "caf%C3%A9 100% %zz"}, HEALTH "Unknown desc = caf\xc3\xa9 100% %zz"},
        {{.code = "99", .message = "x"}, HEALTH "Code(99) desc = x"},
        {{MESSAGE("\0\0\0\0\2\x08\1"), .code = "14", .message = "later"}, HEALTH "Unavailable desc = later"},
        {{.code = "12", .message = "unknown service grpc.health.v1.Health"},
         "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown "
         "service grpc.health.v1.Health"},
        {{.code = "4", .message = "x"}, "timeout: health rpc did not complete within 1s"},
        {{.code = "0"}, "error: health rpc probe failed: EOF"},
        {{MESSAGE("\0\0\0\0\2\x08\1")}, HEALTH "Unknown desc = "},
        {{MESSAGE("\0\0\0\0\2\x08"), .code = "0"}, HEALTH "Internal desc = unexpected EOF"},
        {{MESSAGE("\0\0\0\0\2\x0a\5"), .code = "0"},
         HEALTH "Internal desc = grpc: failed to unmarshal the received message"},
        {{MESSAGE("\1\0\0\0\2\x08\1"), .code = "0"},
         HEALTH "Internal desc = grpc: compressed flag set with identity or empty encoding"},
        {{.status = "404", .type = "text/html"},
         "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unexpected "
         "HTTP status code received from server: 404 (Not Found); transport: received unexpected "
         "content-type \"text/html\""},
        {{.status = "503", .type = ""},
         HEALTH "Unavailable desc = unexpected HTTP status code received from server: 503 (Service "
                "Unavailable); malformed header: missing HTTP content-type"},
        {{.type = "text/plain", MESSAGE("hello")},
         HEALTH "Unknown desc = transport: received unexpected content-type \"text/plain\""},
        {{.reset = NGHTTP2_REFUSED_STREAM},
         HEALTH "Unavailable desc = stream terminated by RST_STREAM with error code: REFUSED_STREAM"},
        {{.reset = NGHTTP2_INTERNAL_ERROR},
         HEALTH "Internal desc = stream terminated by RST_STREAM with error code: INTERNAL_ERROR"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct talk talk;
        autobuf struct buf sentence = {0};
        begin(&talk, "", &rows[i].answer);
        speak(&talk);
        assert_int_equal(probe_grpc_progress(talk.call), GRPC_ANSWERED);
        enum probe_outcome outcome = probe_grpc_judge(talk.call, &sentence);
        assert_string_equal(sentence.at, rows[i].sentence != NULL ? rows[i].sentence : "service healthy");
        assert_int_equal(outcome, rows[i].sentence != NULL ? PROBE_FAILED : PROBE_SUCCEEDED);
        end(&talk);
    }
}

static void test_a_connection_that_is_lost_has_failed_once_it_was_one(void **state)
{
    (void)state;
    static const struct health_answer silent = {.silent = true};
    autobuf struct buf sentence = {0};
    struct talk talk;
    begin(&talk, "", &silent);
    probe_grpc_receive(talk.call, STR_NONE, true);
    assert_int_equal(probe_grpc_progress(talk.call), GRPC_UNCONNECTED);
    probe_grpc_time_out(talk.call, &sentence);
    assert_string_equal(sentence.at,
                        "timeout: failed to connect service \"10.0.0.1:50051\" within 1s: context "
                        "deadline exceeded");
    end(&talk);

    begin(&talk, "", &silent);
    speak(&talk);
    assert_int_equal(probe_grpc_progress(talk.call), GRPC_CALLING);
    buf_clear(&sentence);
    probe_grpc_time_out(talk.call, &sentence);
    assert_string_equal(sentence.at, "timeout: health rpc did not complete within 1s");
    probe_grpc_receive(talk.call, STR_NONE, true);
    assert_int_equal(probe_grpc_progress(talk.call), GRPC_ANSWERED);
    buf_clear(&sentence);
    assert_int_equal(probe_grpc_judge(talk.call, &sentence), PROBE_FAILED);
    assert_string_equal(sentence.at, HEALTH "Unavailable desc = error reading from server: EOF");
    end(&talk);
}

static void test_who_speaks_something_else_is_not_connected(void **state)
{
    (void)state;
    static const struct health_answer silent = {.silent = true};
    struct talk talk;
    begin(&talk, "", &silent);
    autobuf struct buf said = {0};
    probe_grpc_receive(talk.call, STR("HTTP/1.1 400 Bad Request\r\n\r\n"), false);
    probe_grpc_send(talk.call, &said);
    assert_int_equal(probe_grpc_progress(talk.call), GRPC_UNCONNECTED);
    end(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_call_is_what_health_servers_expect),
        cmocka_unit_test(test_long_names_and_none_are_asked_for_too),
        cmocka_unit_test(test_only_serving_is_healthy),
        cmocka_unit_test(test_a_connection_that_is_lost_has_failed_once_it_was_one),
        cmocka_unit_test(test_who_speaks_something_else_is_not_connected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
