#include "nodeagent/probe_run.h"

#include "nodeagent/probe_http.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define REDIRECTS 10

struct probe_run {
    struct loop *loop;
    struct doc *probe;   /* a copy */
    struct doc *command; /* likewise, while a command runs */
    struct probe_exec exec;
    int namespace;
    int64_t timeout_ms;
    probe_run_done_fn *done;
    void *context;
    struct loop_source *timer, *source; /* its end or its timeout; its socket */
    int socket;
    bool http, connected, any_answer;
    struct probe_url url; /* of a tcpSocket only host and port */
    int redirects;
    struct buf request, received;
    /* what is to be said by the timer */
    enum probe_outcome outcome;
    struct buf output;
};

static void close_socket(struct probe_run *run)
{
    loop_remove(run->source);
    run->source = NULL;
    if (run->socket >= 0)
        close(run->socket);
    run->socket = -1;
}

static void free_run(struct probe_run *run)
{
    close_socket(run);
    loop_remove(run->timer);
    doc_free(run->probe);
    doc_free(run->command);
    probe_url_free(&run->url);
    buf_free(&run->request);
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
    close_socket(run);
    loop_remove(run->timer);
    run->outcome = outcome;
    run->timer = loop_timer(run->loop, 0, on_end, run);
}

/* ---- sentences ---- as Go's and thereby Kubernetes' are, because people and their alerts know them */

static void say_url(struct probe_run *run)
{
    if (!run->http)
        return;
    buf_add_text(&run->output, "Get \"");
    probe_url_write(&run->output, &run->url);
    buf_add_text(&run->output, "\": ");
}

static void fail_text(struct probe_run *run, const char *text)
{
    buf_clear(&run->output);
    say_url(run);
    buf_add_text(&run->output, text);
    end(run, PROBE_FAILED);
}

static void fail_connection(struct probe_run *run, const char *what, int number)
{
    const char *text = strerror(number);
    buf_clear(&run->output);
    say_url(run);
    buf_addf(&run->output, "%s tcp ", run->connected ? "read" : "dial");
    probe_url_write_authority(&run->output, &run->url);
    buf_addf(&run->output, ": %s: %c%s", what, tolower((unsigned char)text[0]), text + 1);
    end(run, PROBE_FAILED);
}

static void err_run(struct probe_run *run, const char *sentence)
{
    buf_clear(&run->output);
    buf_add_text(&run->output, sentence);
    end(run, PROBE_ERRED);
}

static void on_timeout(void *context)
{
    struct probe_run *run = context;
    run->timer = NULL;
    if (run->command != NULL) {
        run->exec.forget(run->exec.context, run);
        buf_clear(&run->output);
        buf_add_text(&run->output, "command timed out: \"");
        value_each (word, doc_root(run->command)) {
            buf_add_str(&run->output, value_str(word));
            buf_add_char(&run->output, ' ');
        }
        if (run->output.at[run->output.length - 1] == ' ')
            run->output.at[--run->output.length] = '\0';
        buf_addf(&run->output, "\" timed out after %llds", (long long)run->timeout_ms / 1000);
        doc_free(take_pointer(run->command));
        end(run, PROBE_FAILED);
    } else if (!run->http) {
        buf_clear(&run->output);
        buf_add_text(&run->output, "dial tcp ");
        probe_url_write_authority(&run->output, &run->url);
        buf_add_text(&run->output, ": i/o timeout");
        end(run, PROBE_FAILED);
    } else if (probe_http_read(buf_str(&run->received), false).progress == HTTP_HEAD) {
        /* Kubernetes throws away what an answer means whose body never ends. */
        err_run(run, "context deadline exceeded (Client.Timeout or context cancellation while reading body)");
    } else {
        fail_text(run, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
    }
}

/* ---- sockets ---- */

struct request {
    int namespace, family;
    int fd, number; /* the answer: a socket, or -1 and an errno */
};

static void make_socket(struct request *request)
{
    request->fd = socket(request->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    request->number = errno;
}

static void *make_socket_there(void *argument)
{
    struct request *request = argument;
    if (setns(request->namespace, CLONE_NEWNET) == 0)
        make_socket(request);
    else
        request->number = errno;
    return NULL;
}

/* A socket of that namespace, or -1 and errno. */
static int socket_in(int namespace, int family)
{
    struct request request = {.namespace = namespace, .family = family, .fd = -1};
    if (namespace < 0) {
        make_socket(&request);
    } else {
        pthread_t thread;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 64 * 1024 > PTHREAD_STACK_MIN ? 64 * 1024 : PTHREAD_STACK_MIN);
        int number = pthread_create(&thread, &attributes, make_socket_there, &request);
        pthread_attr_destroy(&attributes);
        /* From here on the answer is the thread's until it has ended. */
        if (number == 0)
            pthread_join(thread, NULL);
        else
            request.number = number;
    }
    errno = request.number;
    return request.fd;
}

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

/* The length, 0 when the host is no address. */
static socklen_t read_address(union address *address, const struct probe_url *url)
{
    const char *host = strcmp(url->host, "localhost") == 0 ? "127.0.0.1" : url->host;
    *address = (union address){0};
    if (inet_pton(AF_INET, host, &address->four.sin_addr) == 1) {
        address->four.sin_family = AF_INET;
        address->four.sin_port = htons((uint16_t)url->port);
        return sizeof(address->four);
    }
    if (inet_pton(AF_INET6, host, &address->six.sin6_addr) == 1) {
        address->six.sin6_family = AF_INET6;
        address->six.sin6_port = htons((uint16_t)url->port);
        return sizeof(address->six);
    }
    return 0;
}

static void on_socket(void *context, uint32_t events);

static void dial(struct probe_run *run)
{
    union address address;
    socklen_t length = read_address(&address, &run->url);
    autoerror struct error *error = NULL;
    run->connected = false;
    if (length == 0) {
        error_make(&error, EINVAL, "%s is no address, and names of hosts are not looked up", run->url.host);
        err_run(run, error_message(error));
        return;
    }
    run->socket = socket_in(run->namespace, address.any.sa_family);
    if (run->socket < 0) {
        error_errno(&error, errno, "cannot make a socket in the pod's network");
        err_run(run, error_message(error));
        return;
    }
    if (connect(run->socket, &address.any, length) < 0 && errno != EINPROGRESS) {
        fail_connection(run, "connect", errno);
        return;
    }
    run->source = loop_fd(run->loop, run->socket, EPOLLOUT, on_socket, run, &error);
    if (run->source == NULL)
        err_run(run, error_message(error));
}

/* ---- HTTP ---- */

static void dial_http(struct probe_run *run)
{
    if (run->url.tls) {
        err_run(run, "HTTPS probes are not supported on this node");
        return;
    }
    buf_clear(&run->request);
    buf_clear(&run->received);
    probe_http_request(&run->request, &run->url, value_at(doc_root(run->probe), "httpGet", "httpHeaders"));
    dial(run);
}

/* Only to the same host: elsewhere somebody else would answer for the container. False when it stays. */
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
        fail_text(run, "stopped after 10 redirects");
        return true;
    }
    struct probe_url before = run->url;
    run->url = next;
    next = before;
    close_socket(run);
    dial_http(run);
    return true;
}

static void judge(struct probe_run *run, const struct probe_http_answer *answer)
{
    enum probe_outcome outcome = PROBE_SUCCEEDED;
    if (redirect(run, answer))
        return;
    buf_clear(&run->output);
    if (run->any_answer) {
        buf_add_str(&run->output, answer->body);
    } else if (answer->status < 200 || answer->status >= 400) {
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

static void read_answer(struct probe_run *run)
{
    char *at = buf_reserve(&run->received, 4096);
    ssize_t length = recv(run->socket, at, 4096, 0);
    if (length < 0) {
        if (errno != EAGAIN && errno != EINTR)
            fail_connection(run, "read", errno);
        return;
    }
    run->received.length += (size_t)length;
    struct probe_http_answer answer = probe_http_read(buf_str(&run->received), length == 0);
    if (answer.progress == HTTP_COMPLETE)
        judge(run, &answer);
    else if (answer.progress == HTTP_MALFORMED)
        fail_text(run, "net/http: HTTP/1.x transport connection broken: malformed HTTP response");
    else if (length == 0)
        fail_text(run, "EOF");
}

/* When all is sent, the answer is waited for. */
static void send_request(struct probe_run *run)
{
    ssize_t length = send(run->socket, run->request.at, run->request.length, MSG_NOSIGNAL);
    if (length < 0) {
        if (errno != EAGAIN && errno != EINTR)
            fail_connection(run, "write", errno);
        return;
    }
    buf_drop(&run->request, (size_t)length);
    if (run->request.length > 0)
        return;
    autoerror struct error *error = NULL;
    loop_remove(run->source);
    run->source = loop_fd(run->loop, run->socket, EPOLLIN, on_socket, run, &error);
    if (run->source == NULL)
        err_run(run, error_message(error));
}

static void on_socket(void *context, uint32_t events)
{
    struct probe_run *run = context;
    (void)events;
    if (!run->connected) {
        int number = 0;
        socklen_t size = sizeof(number);
        if (getsockopt(run->socket, SOL_SOCKET, SO_ERROR, &number, &size) < 0)
            number = errno;
        if (number != 0) {
            fail_connection(run, "connect", number);
            return;
        }
        run->connected = true;
    }
    if (!run->http)
        end(run, PROBE_SUCCEEDED);
    else if (run->request.length > 0)
        send_request(run);
    else
        read_answer(run);
}

/* ---- the beginning ---- */

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

static void begin_connection(struct probe_run *run, const struct probe_target *target, struct value handler)
{
    autoerror struct error *error = NULL;
    struct str host = value_str(value_get(handler, STR("host")));
    struct str scheme = value_str(value_get(handler, STR("scheme")));
    int64_t port = 0;
    if (probe_port(value_get(handler, STR("port")), target->container, &port, &error) < 0) {
        err_run(run, error_message(error));
        return;
    }
    run->namespace = host.length > 0 ? -1 : target->namespace;
    probe_url_set(&run->url, str_is(scheme, "HTTPS"), host.length > 0 ? host : str_of(target->address), port,
                  value_str(value_get(handler, STR("path"))));
    if (run->http)
        dial_http(run);
    else
        dial(run);
}

static void begin_exec(struct probe_run *run, struct value handler)
{
    autoerror struct error *error = NULL;
    run->command = doc_copy(value_get(handler, STR("command")));
    if (run->exec.start(run->exec.context, run, doc_root(run->command), &error) < 0) {
        doc_free(take_pointer(run->command));
        err_run(run, error_message(error));
    }
}

void probe_run_exec_ended(struct probe_run *run, int exit_code, struct str output, struct error *error)
{
    autoerror struct error *mine = error;
    doc_free(take_pointer(run->command));
    if (mine != NULL) {
        err_run(run, error_message(mine));
        return;
    }
    buf_clear(&run->output);
    buf_add_str(&run->output, str_cut(output, 0, PROBE_OUTPUT_BYTES));
    end(run, exit_code == 0 ? PROBE_SUCCEEDED : PROBE_FAILED);
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
                              .any_answer = target->any_answer,
                              .done = done,
                              .context = context,
                              .socket = -1};
    run->timer = loop_timer(loop, target->timeout_ms, on_timeout, run);
    struct value exec = value_get(target->probe, STR("exec"));
    struct value http = value_get(target->probe, STR("httpGet"));
    struct value tcp = value_get(target->probe, STR("tcpSocket"));
    run->http = value_exists(http);
    if (value_exists(exec))
        begin_exec(run, exec);
    else if (value_exists(http) || value_exists(tcp))
        begin_connection(run, target, run->http ? http : tcp);
    else
        err_run(run, "gRPC probes are not supported on this node");
    return run;
}
