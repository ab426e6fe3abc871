#include "tests/unit/nodeagent/trying.h"
#include <arpa/inet.h>
#include <sys/socket.h>

void trying_begin(struct trying *t)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    *t = (struct trying){.loop = loop_new(NULL)};
    t->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(t->listener >= 0);
    assert_int_equal(bind(t->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(t->listener, 16), 0);
    assert_int_equal(getsockname(t->listener, (struct sockaddr *)&address, &size), 0);
    t->port = ntohs(address.sin_port);
}

void trying_end(struct trying *t)
{
    close(t->listener);
    loop_free(t->loop);
    buf_free(&t->output);
}

static void on_done(void *context, enum probe_outcome outcome, struct str output)
{
    struct trying *t = context;
    t->calls++;
    t->outcome = outcome;
    buf_clear(&t->output);
    buf_add_str(&t->output, output);
    buf_add(&t->output, "", 0);
}

void trying_run(struct trying *t, const struct try *try)
{
    autodoc struct doc *probe = must_parse(try->probe);
    autobuf struct buf text = {0};
    buf_addf(&text,
             "{\"ports\":[{\"name\":\"other\",\"containerPort\":1},{\"name\":\"web\",\"containerPort\":%d}]}",
             t->port);
    autodoc struct doc *container = must_parse(text.at);
    struct probe_target target = {.probe = doc_root(probe),
                                  .container = doc_root(container),
                                  .timeout_ms = try->timeout_ms != 0 ? try->timeout_ms : TIMEOUT_MS,
                                  .address = "127.0.0.1",
                                  .namespace = try->namespace != 0 ? try->namespace : -1,
                                  .hook = try->hook};
    if (try->exec != NULL)
        target.exec = *try->exec;
    t->calls = 0;
    assert_non_null(probe_run_start(t->loop, &target, on_done, t));
    assert_int_equal(t->calls, 0);
    while (t->calls == 0)
        assert_true(loop_turn(t->loop, 1000, NULL) >= 0);
    assert_int_equal(t->calls, 1);
}
