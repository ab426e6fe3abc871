#include "nodeagent/probe_run.h"

#include "lib/clock.h"
#include "nodeagent/probe_grpc.h"
#include "nodeagent/probe_tls.h"
#include <errno.h>

#define REDIRECTS 10
#define REDIAL_MS 1000 /* grpc-go's first pause */

/* One of the ways to try. */
struct way {
    const char *member;
    void (*begin)(struct probe_run *run, const struct probe_target *target, struct value handler);
    void (*time_out)(struct probe_run *run);
};

struct probe_run {
    struct loop *loop;
    const struct way *way;
    struct doc *probe;   /* a copy */
    struct doc *command; /* likewise, while a command runs */
    struct probe_exec exec;
    int namespace;
    int64_t timeout_ms;
    bool hook;
    probe_run_done_fn *done;
    void *context;
    struct loop_source *timer; /* its end or its timeout */
    struct probe_connection *connection;
    struct probe_url url; /* where that leads; of a tcpSocket and grpc only host and port */
    /* of HTTP */
    int redirects;
    bool fallen_back; /* from HTTPS */
    struct buf received;
    /* of gRPC */
    struct probe_grpc *call;
    struct loop_source *redial;
    /* what is to be said by the timer */
    enum probe_outcome outcome;
    struct buf output;
};

static void hang_up(struct probe_run *run)
{
    probe_connection_close(take_pointer(run->connection));
    loop_remove(take_pointer(run->redial));
}

static void free_run(struct probe_run *run)
{
    hang_up(run);
    loop_remove(run->timer);
    doc_free(run->probe);
    doc_free(run->command);
    probe_url_free(&run->url);
    probe_grpc_free(run->call);
    buf_free(&run->received);
    buf_free(&run->output);
    free(run);
}

void probe_run_forget(struct probe_run *run)
{
    if (run == NULL)
        return;
    if (run->command != NULL)
        run->exec.forget(run->exec.context, run);
    free_run(run);
}

static void on_end(void *context)
{
    struct probe_run *run = context;
    run->timer = NULL;
    run->done(run->context, run->outcome, buf_str(&run->output));
    free_run(run);
}

/* What is to be said is in run->output. It is said in the next turn: `done` never comes from inside a call of
 * the one who hears it. */
static void end(struct probe_run *run, enum probe_outcome outcome)
{
    hang_up(run);
    loop_remove(run->timer);
    run->outcome = outcome;
    run->timer = loop_timer(run->loop, 0, on_end, run);
}

static void end_saying(struct probe_run *run, enum probe_outcome outcome, const char *sentence)
{
    buf_clear(&run->output);
    buf_add_text(&run->output, sentence);
    end(run, outcome);
}

static void connect_to(struct probe_run *run, struct probe_listener listener)
{
    autoerror struct error *error = NULL;
    listener.context = run;
    run->connection = probe_connection_open(run->loop, &run->url, run->namespace, &listener, &error);
    if (run->connection == NULL)
        end_saying(run, PROBE_ERRED, error_message(error));
}

/* ---- tcpSocket ---- */

static void on_opened(void *context)
{
    end(context, PROBE_SUCCEEDED);
}

static void on_not_opened(void *context, enum probe_outcome outcome, const char *sentence)
{
    end_saying(context, outcome, sentence);
}

static void time_out_socket(struct probe_run *run)
{
    buf_add_text(&run->output, "dial tcp ");
    probe_url_write_authority(&run->output, &run->url);
    buf_add_text(&run->output, ": i/o timeout");
    end(run, PROBE_FAILED);
}

/* ---- httpGet: sentences as Go's and thereby Kubernetes' are, because people and their alerts know them ----
 */

static void fail_http(struct probe_run *run, const char *text)
{
    buf_clear(&run->output);
    buf_add_text(&run->output, "Get \"");
    run->url.tls |= run->fallen_back;
    probe_url_write(&run->output, &run->url);
    buf_addf(&run->output, "\": %s", run->fallen_back ? PROBE_TLS_PLAIN_HTTP : text);
    end(run, PROBE_FAILED);
}

static void time_out_http(struct probe_run *run)
{
    /* Kubernetes throws away what an answer means whose body never ends. */
    if (probe_http_read(buf_str(&run->received), false).progress == HTTP_HEAD)
        end_saying(run, PROBE_ERRED,
                   "context deadline exceeded (Client.Timeout or context cancellation while reading body)");
    else
        fail_http(run, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
}

static void on_answer(void *context, struct str bytes, bool closed);
static void on_no_answer(void *context, enum probe_outcome outcome, const char *sentence);

static void ask(struct probe_run *run)
{
    struct probe_http_request request = {
        .headers = value_at(doc_root(run->probe), "httpGet", "httpHeaders"),
        .user_agent = run->hook ? PROBE_USER_AGENT_HOOK : PROBE_USER_AGENT,
        .anonymous = run->fallen_back,
    };
    autobuf struct buf text = {0};
    buf_clear(&run->received);
    probe_http_write(&text, &run->url, &request);
    connect_to(run, (struct probe_listener){.received = on_answer, .failed = on_no_answer});
    if (run->connection != NULL)
        probe_connection_send(run->connection, buf_str(&text));
}

/* False when it stays. */
static bool redirect(struct probe_run *run, const struct probe_http_answer *answer)
{
    static const int leads_on[] = {301, 302, 303, 307, 308};
    autourl struct probe_url next = {0};
    bool leads = false;
    for (size_t i = 0; i < COUNT(leads_on); i++)
        leads = leads || answer->status == leads_on[i];
    if (!leads || answer->location.length == 0 || !probe_url_follow(&run->url, answer->location, &next) ||
        strcmp(next.host, run->url.host) != 0)
        return false;
    if (++run->redirects >= REDIRECTS) {
        fail_http(run, "stopped after 10 redirects");
        return true;
    }
    hang_up(run);
    struct probe_url before = run->url;
    run->url = next;
    next = before;
    ask(run);
    return true;
}

static void judge_hook(struct probe_run *run)
{
    if (!run->fallen_back) {
        end(run, PROBE_SUCCEEDED);
        return;
    }
    buf_add_text(&run->output, "request to HTTPS lifecycle hook ");
    probe_url_write_authority(&run->output, &run->url);
    buf_add_text(&run->output, " got HTTP response, retry with HTTP succeeded");
    end(run, PROBE_WARNED);
}

static void judge_probe(struct probe_run *run, const struct probe_http_answer *answer)
{
    enum probe_outcome outcome = PROBE_SUCCEEDED;
    if (answer->status < 200 || answer->status >= 400) {
        buf_addf(&run->output, "HTTP probe failed with statuscode: %d", answer->status);
        outcome = PROBE_FAILED;
    } else {
        if (answer->status >= 300) {
            buf_add_text(&run->output, "Probe terminated redirects, Response body: ");
            outcome = PROBE_WARNED;
        }
        buf_add_str(&run->output, answer->body);
    }
    end(run, outcome);
}

static void on_answer(void *context, struct str bytes, bool closed)
{
    struct probe_run *run = context;
    buf_add_str(&run->received, bytes);
    struct probe_http_answer answer = probe_http_read(buf_str(&run->received), closed);
    if (answer.progress == HTTP_MALFORMED)
        fail_http(run, "net/http: HTTP/1.x transport connection broken: malformed HTTP response");
    else if (answer.progress != HTTP_COMPLETE && closed)
        fail_http(run, "EOF");
    else if (answer.progress == HTTP_COMPLETE && !redirect(run, &answer))
        run->hook ? judge_hook(run) : judge_probe(run, &answer);
}

/* There are servers that hooks with HTTPS have always reached in plain, because Kubernetes did once not look
 * at their scheme: it still tries that then, without what was meant to be secret. */
static void on_no_answer(void *context, enum probe_outcome outcome, const char *sentence)
{
    struct probe_run *run = context;
    bool plain = run->url.tls && strcmp(sentence, PROBE_TLS_PLAIN_HTTP) == 0;
    if (outcome == PROBE_ERRED) {
        end_saying(run, PROBE_ERRED, sentence);
    } else if (run->hook && plain) {
        hang_up(run);
        run->url.tls = false;
        run->fallen_back = true;
        ask(run);
    } else {
        fail_http(run, sentence);
    }
}

/* ---- grpc ---- */

static void on_grpc(void *context, struct str bytes, bool closed);
static void on_no_grpc(void *context, enum probe_outcome outcome, const char *sentence);

static void say_grpc(struct probe_run *run)
{
    autobuf struct buf bytes = {0};
    probe_grpc_send(run->call, &bytes);
    probe_connection_send(run->connection, buf_str(&bytes));
}

static void call(void *context)
{
    struct probe_run *run = context;
    run->redial = NULL;
    probe_grpc_free(run->call);
    run->call = probe_grpc_new(&run->url, value_str(value_at(doc_root(run->probe), "grpc", "service")),
                               run->timeout_ms);
    connect_to(run, (struct probe_listener){.received = on_grpc, .failed = on_no_grpc});
    if (run->connection != NULL)
        say_grpc(run);
}

static void go_on(struct probe_run *run)
{
    switch (probe_grpc_progress(run->call)) {
    case GRPC_CONNECTING:
    case GRPC_CALLING:
        break;
    case GRPC_UNCONNECTED:
        hang_up(run);
        run->redial = loop_timer(run->loop, REDIAL_MS, call, run);
        break;
    case GRPC_ANSWERED:
        end(run, probe_grpc_judge(run->call, &run->output));
        break;
    }
}

static void on_grpc(void *context, struct str bytes, bool closed)
{
    struct probe_run *run = context;
    probe_grpc_receive(run->call, bytes, closed);
    say_grpc(run);
    go_on(run);
}

static void on_no_grpc(void *context, enum probe_outcome outcome, const char *sentence)
{
    struct probe_run *run = context;
    if (outcome == PROBE_ERRED) {
        end_saying(run, outcome, sentence);
        return;
    }
    probe_grpc_lose(run->call, sentence);
    go_on(run);
}

static void time_out_grpc(struct probe_run *run)
{
    probe_grpc_time_out(run->call, &run->output);
    end(run, PROBE_FAILED);
}

/* ---- where connections lead ---- */

int probe_port(struct value port, struct value container, int64_t *number, struct error **err)
{
    struct str name = value_str(port);
    bool known = value_int(port, number);
    if (!known && value_type(port) == VALUE_STRING) {
        value_each (row, value_get(container, STR("ports")))
            if (!known && str_equal(value_str(value_get(row, STR("name"))), name))
                known = value_int(value_get(row, STR("containerPort")), number);
        known = known || str_to_int64(name, number);
    }
    if (!known)
        return error_make(err, ENOENT, "the container has no port \"" STR_FORMAT "\"", STR_ARGS(name));
    if (*number < 1 || *number > 65535)
        return error_make(err, ERANGE, "invalid port number: %lld", (long long)*number);
    return 0;
}

/* False when it has been said that it leads nowhere. */
static bool find_address(struct probe_run *run, const struct probe_target *target, struct value handler)
{
    autoerror struct error *error = NULL;
    struct str host = value_str(value_get(handler, STR("host")));
    struct str scheme = value_str(value_get(handler, STR("scheme")));
    int64_t port = 0;
    if (probe_port(value_get(handler, STR("port")), target->container, &port, &error) < 0) {
        end_saying(run, PROBE_ERRED, error_message(error));
        return false;
    }
    run->namespace = host.length > 0 ? -1 : target->namespace;
    probe_url_set(&run->url, str_is(scheme, "HTTPS"), host.length > 0 ? host : str_of(target->address), port,
                  value_str(value_get(handler, STR("path"))));
    return true;
}

static void begin_socket(struct probe_run *run, const struct probe_target *target, struct value handler)
{
    if (find_address(run, target, handler))
        connect_to(run, (struct probe_listener){.opened = on_opened, .failed = on_not_opened});
}

static void begin_http(struct probe_run *run, const struct probe_target *target, struct value handler)
{
    if (find_address(run, target, handler))
        ask(run);
}

static void begin_grpc(struct probe_run *run, const struct probe_target *target, struct value handler)
{
    if (find_address(run, target, handler))
        call(run);
}

/* ---- exec ---- */

static void say_command(struct probe_run *run)
{
    bool first = true;
    value_each (word, doc_root(run->command)) {
        buf_add_text(&run->output, first ? "" : " ");
        buf_add_str(&run->output, value_str(word));
        first = false;
    }
}

static void begin_exec(struct probe_run *run, const struct probe_target *target, struct value handler)
{
    autoerror struct error *error = NULL;
    (void)target;
    run->command = doc_copy(value_get(handler, STR("command")));
    if (run->exec.start(run->exec.context, run, doc_root(run->command), &error) < 0) {
        doc_free(take_pointer(run->command));
        end_saying(run, PROBE_ERRED, error_message(error));
    }
}

static void time_out_exec(struct probe_run *run)
{
    char timeout[CLOCK_TEXT];
    clock_duration(run->timeout_ms, timeout);
    run->exec.forget(run->exec.context, run);
    buf_add_text(&run->output, "command timed out: \"");
    say_command(run);
    buf_addf(&run->output, "\" timed out after %s", timeout);
    doc_free(take_pointer(run->command));
    end(run, PROBE_FAILED);
}

/* Of a probe it is said what the command says, of a hook also what it was, and the rest twice: what comes
 * first is what it has said of errors, and here both are one. */
void probe_run_exec_ended(struct probe_run *run, int exit_code, struct str output, struct error *error)
{
    autoerror struct error *mine = error;
    autodoc struct doc *command = run->command;
    struct str kept = str_cut(output, 0, PROBE_OUTPUT_BYTES);
    if (mine != NULL) {
        run->command = NULL;
        end_saying(run, PROBE_ERRED, error_message(mine));
        return;
    }
    if (run->hook && exit_code != 0) {
        buf_add_text(&run->output, "command '");
        say_command(run);
        buf_addf(&run->output, "' exited with %d: " STR_FORMAT ", message: ", exit_code, STR_ARGS(kept));
        json_write_string(&run->output, kept);
    } else {
        buf_add_str(&run->output, kept);
    }
    run->command = NULL;
    end(run, exit_code == 0 ? PROBE_SUCCEEDED : PROBE_FAILED);
}

/* ---- the beginning ---- */

static const struct way ways[] = {
    {"exec", begin_exec, time_out_exec},
    {"httpGet", begin_http, time_out_http},
    {"tcpSocket", begin_socket, time_out_socket},
    {"grpc", begin_grpc, time_out_grpc},
};

static const struct way *find_way(struct value probe)
{
    for (size_t i = 0; i < COUNT(ways); i++)
        if (value_exists(value_get(probe, str_of(ways[i].member))))
            return &ways[i];
    return NULL;
}

static void on_timeout(void *context)
{
    struct probe_run *run = context;
    run->timer = NULL;
    run->way->time_out(run);
}

struct probe_run *probe_run_start(struct loop *loop, const struct probe_target *target,
                                  probe_run_done_fn *done, void *context)
{
    struct probe_run *run = memory_zeroed(1, sizeof(*run));
    *run = (struct probe_run){.loop = loop,
                              .probe = doc_copy(target->probe),
                              .exec = target->exec,
                              .namespace = -1,
                              .timeout_ms = target->timeout_ms,
                              .hook = target->hook,
                              .done = done,
                              .context = context};
    run->timer = loop_timer(loop, target->timeout_ms, on_timeout, run);
    run->way = find_way(target->probe);
    if (run->way != NULL)
        run->way->begin(run, target, value_get(target->probe, str_of(run->way->member)));
    else /* it would not pass validation */
        end_saying(run, PROBE_ERRED, "missing probe handler");
    return run;
}
