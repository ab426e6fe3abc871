/* HTTPS probes and hooks against a real server of OpenSSL's, in a thread. */
#include "tests/unit/nodeagent/trying.h"
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/socket.h>

#define WEB "{\"httpGet\":{\"port\":\"web\",\"path\":\"/a\",\"scheme\":\"HTTPS\"}}"

/* What the server does with a connection, one after the other. */
struct visit {
    enum { VISIT_END, VISIT_TLS, VISIT_PLAIN } kind;
    const char *answer;
    bool wants_certificate;
    int version; /* the newest that it speaks; 0: any */
};

struct bench {
    struct trying t;
    SSL_CTX *context;
    const struct visit *visits;
    pthread_t thread;
    struct buf heard; /* all requests; the thread's while it runs */
};

#define TLS(...)                                 \
    {                                            \
        .kind = VISIT_TLS, .answer = __VA_ARGS__ \
    }
#define PLAIN(text)                         \
    {                                       \
        .kind = VISIT_PLAIN, .answer = text \
    }

/* ---- the server ---- */

/* One that nobody has a reason to trust: made by itself, for another name, and its time has come. */
static SSL_CTX *make_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    assert_non_null(context);
    assert_non_null(key);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate), -3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"nobody", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    SSL_CTX_set_security_level(context, 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return context;
}

static void serve_secretly(struct bench *b, int connection, const struct visit *visit)
{
    char request[4096];
    int length;
    SSL *ssl = SSL_new(b->context);
    SSL_set_fd(ssl, connection);
    if (visit->wants_certificate)
        SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (visit->version != 0)
        SSL_set_max_proto_version(ssl, visit->version);
    if (SSL_accept(ssl) == 1 && (length = SSL_read(ssl, request, sizeof(request))) > 0) {
        buf_add(&b->heard, request, (size_t)length);
        if (visit->answer != NULL) {
            SSL_write(ssl, visit->answer, (int)strlen(visit->answer));
            SSL_shutdown(ssl);
        }
        while (SSL_read(ssl, request, sizeof(request)) > 0)
            ;
    }
    SSL_free(ssl);
}

static void serve_plainly(struct bench *b, int connection, const struct visit *visit)
{
    char request[4096];
    ssize_t length = recv(connection, request, sizeof(request), 0);
    if (length > 0 && request[0] == 'G')
        buf_add(&b->heard, request, (size_t)length);
    if (visit->answer != NULL && length > 0 &&
        send(connection, visit->answer, strlen(visit->answer), MSG_NOSIGNAL) > 0)
        shutdown(connection, SHUT_WR);
    while (visit->answer == NULL || *visit->answer != '\0') {
        if (recv(connection, request, sizeof(request), 0) <= 0)
            break;
    }
}

static void *serve(void *context)
{
    struct bench *b = context;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (const struct visit *visit = b->visits; visit->kind != VISIT_END; visit++) {
        int connection = accept4(b->t.listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0)
            break;
        (visit->kind == VISIT_TLS ? serve_secretly : serve_plainly)(b, connection, visit);
        close(connection);
    }
    return NULL;
}

/* Tries it to its end, while the server has these visits. */
static void visit(struct bench *b, const struct try *try, const struct visit *visits)
{
    b->visits = visits;
    buf_clear(&b->heard);
    assert_int_equal(pthread_create(&b->thread, NULL, serve, b), 0);
    trying_run(&b->t, try);
    assert_int_equal(pthread_join(b->thread, NULL), 0);
    buf_add(&b->heard, "", 0);
}

static int set_up(void **state)
{
    struct bench *b = memory_zeroed(1, sizeof(*b));
    trying_begin(&b->t);
    b->context = make_context();
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    SSL_CTX_free(b->context);
    trying_end(&b->t);
    buf_free(&b->heard);
    free(b);
    return 0;
}

#define visits(...)        \
    (const struct visit[]) \
    {                      \
        __VA_ARGS__,       \
        {                  \
            VISIT_END      \
        }                  \
    }

/* "PORT" in the text is the server's. */
static void assert_said(const struct bench *b, enum probe_outcome outcome, const char *text)
{
    autobuf struct buf expected = {0};
    const char *port = strstr(text, "PORT");
    buf_add(&expected, text, port != NULL ? (size_t)(port - text) : strlen(text));
    if (port != NULL)
        buf_addf(&expected, "%d%s", b->t.port, port + 4);
    assert_outcome(&b->t, outcome, expected.at != NULL ? expected.at : "");
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* ---- probes ---- */

static void test_nobody_is_asked_for_a_certificate_that_can_be_trusted(void **state)
{
    struct bench *b = *state;
    visit(b, &(struct try){.probe = WEB}, visits(TLS(OK)));
    assert_said(b, PROBE_SUCCEEDED, "ok");
    autobuf struct buf expected = {0};
    buf_addf(&expected,
             "GET /a HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: kube-probe/1.32\r\n"
             "Accept: */*\r\nConnection: close\r\n\r\n",
             b->t.port);
    assert_string_equal(b->heard.at, expected.at);
    visit(b, &(struct try){.probe = WEB}, visits(TLS(OK, .version = TLS1_2_VERSION)));
    assert_said(b, PROBE_SUCCEEDED, "ok");
}

static void test_the_status_decides(void **state)
{
    struct bench *b = *state;
    visit(b, &(struct try){.probe = WEB}, visits(TLS("HTTP/1.1 503 No\r\n\r\nnot yet")));
    assert_said(b, PROBE_FAILED, "HTTP probe failed with statuscode: 503");
    /* the length of the body is where it ends */
    visit(b, &(struct try){.probe = WEB}, visits(TLS("HTTP/1.0 200 OK\r\n\r\nto the end")));
    assert_said(b, PROBE_SUCCEEDED, "to the end");
}

static void test_redirects_lead_into_tls_and_out_of_it(void **state)
{
    struct bench *b = *state;
    autobuf struct buf there = {0}, back = {0};
    buf_addf(&there, "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:%d/b\r\nContent-Length: 0\r\n\r\n",
             b->t.port);
    buf_addf(&back, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/c\r\nContent-Length: 0\r\n\r\n",
             b->t.port);
    visit(b, &(struct try){.probe = "{\"httpGet\":{\"port\":\"web\",\"path\":\"/a\"}}"},
          visits(PLAIN(there.at), TLS(back.at), PLAIN(OK)));
    assert_said(b, PROBE_SUCCEEDED, "ok");
    assert_non_null(strstr(b->heard.at, "GET /b HTTP/1.1\r\n"));
    assert_non_null(strstr(b->heard.at, "GET /c HTTP/1.1\r\n"));
    visit(b, &(struct try){.probe = WEB},
          visits(TLS("HTTP/1.1 302 Found\r\nLocation: https://10.9.8.7/\r\nContent-Length: 2\r\n\r\nby")));
    assert_said(b, PROBE_WARNED, "Probe terminated redirects, Response body: by");
}

static void test_a_long_answer_is_heard_as_far_as_it_is_worth(void **state)
{
    struct bench *b = *state;
    autobuf struct buf answer = {0};
    buf_add_text(&answer, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    for (int i = 0; i < 100000; i++)
        buf_add_char(&answer, 'x');
    visit(b, &(struct try){.probe = WEB}, visits(TLS(answer.at)));
    assert_int_equal(b->t.outcome, PROBE_SUCCEEDED);
    assert_int_equal(b->t.output.length, PROBE_HTTP_BODY_BYTES);
}

static void test_what_goes_wrong_is_said_as_in_kubernetes(void **state)
{
    struct bench *b = *state;
#define GET "Get \"https://127.0.0.1:PORT/a\": "
    static const struct {
        struct visit visit;
        int64_t timeout_ms;
        const char *said;
    } rows[] = {
        {PLAIN("HTTP/1.1 400 Bad Request\r\n\r\n"), 0, GET "http: server gave HTTP response to HTTPS client"},
        {PLAIN("SSH-2.0-x\r\n"), 0, GET "tls: first record does not look like a TLS handshake"},
        {PLAIN(""), 0, GET "EOF"},
        {PLAIN(NULL), 30, GET "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"},
        {TLS(OK, .wants_certificate = true), 0, GET "remote error: tls: certificate required"},
        {TLS(OK, .version = TLS1_1_VERSION), 0, GET "remote error: tls: protocol version not supported"},
        {TLS("gibberish"), 0, GET "net/http: HTTP/1.x transport connection broken: malformed HTTP response"},
        {TLS(""), 0, GET "EOF"},
        {TLS(NULL), 300, GET "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        visit(b, &(struct try){.probe = WEB, .timeout_ms = rows[i].timeout_ms}, visits(rows[i].visit));
        assert_said(b, PROBE_FAILED, rows[i].said);
    }
}

/* ---- hooks ---- */

#define HOOK                                                                                \
    "{\"httpGet\":{\"port\":\"web\",\"path\":\"/a\",\"scheme\":\"HTTPS\",\"httpHeaders\":[" \
    "{\"name\":\"Authorization\",\"value\":\"secret\"},{\"name\":\"A\",\"value\":\"1\"}]}}"

static void test_a_hook_speaks_tls_too(void **state)
{
    struct bench *b = *state;
    visit(b, &(struct try){.probe = HOOK, .hook = true}, visits(TLS("HTTP/1.1 500 No\r\n\r\n")));
    assert_said(b, PROBE_SUCCEEDED, "");
    assert_non_null(strstr(b->heard.at, "User-Agent: kube-lifecycle/1.32\r\n"));
    assert_non_null(strstr(b->heard.at, "Authorization: secret\r\n"));
}

static void test_a_hook_that_finds_no_tls_asks_in_plain_without_secrets(void **state)
{
    struct bench *b = *state;
    visit(b, &(struct try){.probe = HOOK, .hook = true},
          visits(PLAIN("HTTP/1.1 400 Bad Request\r\n\r\n"), PLAIN(OK)));
    assert_said(
        b, PROBE_WARNED,
        "request to HTTPS lifecycle hook 127.0.0.1:PORT got HTTP response, retry with HTTP succeeded");
    assert_non_null(strstr(b->heard.at, "A: 1\r\n"));
    assert_null(strstr(b->heard.at, "secret"));
    /* when that fails too, what was wrong first is said */
    visit(b, &(struct try){.probe = HOOK, .hook = true},
          visits(PLAIN("HTTP/1.1 400 Bad Request\r\n\r\n"), PLAIN("")));
    assert_said(b, PROBE_FAILED, GET "http: server gave HTTP response to HTTPS client");
}

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_nobody_is_asked_for_a_certificate_that_can_be_trusted),
        test(test_the_status_decides),
        test(test_redirects_lead_into_tls_and_out_of_it),
        test(test_a_long_answer_is_heard_as_far_as_it_is_worth),
        test(test_what_goes_wrong_is_said_as_in_kubernetes),
        test(test_a_hook_speaks_tls_too),
        test(test_a_hook_that_finds_no_tls_asks_in_plain_without_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
