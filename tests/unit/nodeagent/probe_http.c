/* What an HTTP probe says and hears. */
#include "nodeagent/probe_http.h"
#include "tests/unit/lib/test.h"

static void test_addresses_are_written_as_people_do(void **state)
{
    (void)state;
    static const struct {
        bool tls;
        const char *host;
        int port;
        const char *path, *expected;
    } rows[] = {
        {false, "10.0.0.1", 80, "", "http://10.0.0.1:80/"},
        {true, "10.0.0.1", 443, "/x?a=b", "https://10.0.0.1:443/x?a=b"},
        {false, "::1", 8080, "healthz#part", "http://[::1]:8080/healthz"},
        {false, "h", 1, "/a b\r\nX: y", "http://h:1/a%20b%0D%0AX:%20y"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autourl struct probe_url url = {0};
        autobuf struct buf text = {0};
        probe_url_set(&url, rows[i].tls, str_of(rows[i].host), rows[i].port, str_of(rows[i].path));
        probe_url_write(&text, &url);
        assert_string_equal(text.at, rows[i].expected);
    }
}

static void test_a_location_is_understood_from_where_it_was_said(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"/there", "http://h:8080/there"},
        {"there", "http://h:8080/a/there"},
        {" there ", "http://h:8080/a/there"},
        {"?z=1", "http://h:8080/a/b?z=1"},
        {"//other/x", "http://other:80/x"},
        {"http://h/x", "http://h:80/x"},
        {"HTTPS://h", "https://h:443/"},
        {"https://h:1?q", "https://h:1/?q"},
        {"http://[::1]:9/x", "http://[::1]:9/x"},
        {"http://[::1]/x", "http://[::1]:80/x"},
        {"", NULL},
        {"http://", NULL},
        {"http://:80/", NULL},
        {"http://h:0/", NULL},
        {"http://h:70000/", NULL},
        {"http://[::1/", NULL},
        {"http://[::1]x/", NULL},
    };
    autourl struct probe_url base = {0};
    probe_url_set(&base, false, STR("h"), 8080, STR("/a/b?c=d/e"));
    for (size_t i = 0; i < COUNT(rows); i++) {
        autourl struct probe_url next = {0};
        autobuf struct buf text = {0};
        bool good = probe_url_follow(&base, str_of(rows[i][0]), &next);
        if (good)
            probe_url_write(&text, &next);
        if (good != (rows[i][1] != NULL) || (good && strcmp(text.at, rows[i][1]) != 0))
            fail_msg("%s leads to %s", rows[i][0], good ? text.at : "nothing");
    }
}

static void test_headers_take_the_place_of_ours(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"[]", "Host: h:80\r\nUser-Agent: kube-probe/1.32\r\nAccept: */*\r\n"},
        {"[{\"name\":\"ACCEPT\",\"value\":\"text/html\"},{\"name\":\"user-agent\",\"value\":\"me\"}]",
         "Host: h:80\r\nUser-Agent: me\r\nAccept: text/html\r\n"},
        {"[{\"name\":\"Accept\",\"value\":\"\"}]", "Host: h:80\r\nUser-Agent: kube-probe/1.32\r\n"},
        {"[{\"name\":\"Host\",\"value\":\"web\"},{\"name\":\"Connection\",\"value\":\"keep-alive\"}]",
         "Host: web\r\nUser-Agent: kube-probe/1.32\r\nAccept: */*\r\n"},
        {"[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"A\",\"value\":\"2\\r\\nB: 3\"}]",
         "Host: h:80\r\nUser-Agent: kube-probe/1.32\r\nAccept: */*\r\nA: 1\r\nA: 2\r\n"},
        /* without the probe's word for who it is */
        {"[{\"name\":\"authorization\",\"value\":\"secret\"},{\"name\":\"A\",\"value\":\"1\"}]",
         "Host: h:80\r\nUser-Agent: kube-probe/1.32\r\nAccept: */*\r\nA: 1\r\n"},
    };
    autourl struct probe_url url = {0};
    probe_url_set(&url, false, STR("h"), 80, STR("/"));
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *headers = must_parse(rows[i][0]);
        autobuf struct buf text = {0}, expected = {0};
        struct probe_http_request request = {doc_root(headers), PROBE_USER_AGENT, .anonymous = i == 5};
        probe_http_write(&text, &url, &request);
        buf_addf(&expected, "GET / HTTP/1.1\r\n%sConnection: close\r\n\r\n", rows[i][1]);
        assert_string_equal(text.at, expected.at);
    }
}

static void test_answers_are_read_as_far_as_they_have_come(void **state)
{
    (void)state;
    static const struct {
        const char *received;
        bool closed;
        int progress, status;
        const char *body;
    } rows[] = {
        {"", false, HTTP_INCOMPLETE, 0, ""},
        {"", true, HTTP_INCOMPLETE, 0, ""},
        {"HTT", false, HTTP_INCOMPLETE, 0, ""},
        {"HTT", true, HTTP_MALFORMED, 0, ""},
        {"HTTQ", false, HTTP_MALFORMED, 0, ""},
        {"HTTP/1.1 200 OK\r\nA: b\r\n", false, HTTP_INCOMPLETE, 0, ""},
        {"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", false, HTTP_HEAD, 200, ""},
        {"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", true, HTTP_COMPLETE, 200, ""},
        {"HTTP/1.1 200\r\n\r\n", true, HTTP_COMPLETE, 200, ""},
        {"HTTP/1.1 200 OK\n\nhi", true, HTTP_COMPLETE, 200, "hi"},
        {"HTTP/1.1 2000 OK\r\n\r\n", true, HTTP_MALFORMED, 0, ""},
        {"HTTP/1.1 abc\r\n\r\n", true, HTTP_MALFORMED, 0, ""},
        {"HTTP/1.1 099 No\r\n\r\n", true, HTTP_MALFORMED, 0, ""},
        {"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", false, HTTP_HEAD, 200, "ab"},
        {"HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\nabc", false, HTTP_COMPLETE, 200, "abc"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, HTTP_COMPLETE, 200, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", false, HTTP_HEAD, 200,
         "2\r\nab\r\n"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, HTTP_COMPLETE, 200,
         "0\r\n\r\n"},
        {"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", false, HTTP_COMPLETE, 304, ""},
        {"HTTP/1.1 100 Continue\r\n\r\n", false, HTTP_INCOMPLETE, 0, ""},
        {"HTTP/1.1 100 Continue\r\n\r\n", true, HTTP_MALFORMED, 0, ""},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", false, HTTP_COMPLETE, 204, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct probe_http_answer answer = probe_http_read(str_of(rows[i].received), rows[i].closed);
        if ((int)answer.progress != rows[i].progress || answer.status != rows[i].status)
            fail_msg("row %zu: progress %d, status %d", i, (int)answer.progress, answer.status);
        assert_str(answer.body, rows[i].body);
    }
}

static void test_no_more_is_read_than_is_worth_saying(void **state)
{
    (void)state;
    autobuf struct buf text = {0};
    buf_add_text(&text, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
    for (int i = 0; i < PROBE_HTTP_BODY_BYTES + 5; i++)
        buf_add_char(&text, 'x');
    struct probe_http_answer answer = probe_http_read(buf_str(&text), false);
    assert_int_equal(answer.progress, HTTP_COMPLETE);
    assert_int_equal(answer.body.length, PROBE_HTTP_BODY_BYTES);
    buf_clear(&text);
    buf_add_text(&text, "HTTP/1.1 200 OK\r\nA: ");
    while (text.length <= PROBE_HTTP_HEAD_BYTES)
        buf_add_char(&text, 'x');
    assert_int_equal(probe_http_read(buf_str(&text), false).progress, HTTP_MALFORMED);
    buf_clear(&text);
    while (text.length <= PROBE_HTTP_HEAD_BYTES)
        buf_add_text(&text, "HTTP/1.1 100 Continue\n\n");
    assert_int_equal(probe_http_read(buf_str(&text), false).progress, HTTP_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_written_as_people_do),
        cmocka_unit_test(test_a_location_is_understood_from_where_it_was_said),
        cmocka_unit_test(test_headers_take_the_place_of_ours),
        cmocka_unit_test(test_answers_are_read_as_far_as_they_have_come),
        cmocka_unit_test(test_no_more_is_read_than_is_worth_saying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
