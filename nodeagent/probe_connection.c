#include "nodeagent/probe_connection.h"

#include "nodeagent/lookup.h"
#include "nodeagent/probe_tls.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct probe_connection {
    struct loop *loop;
    const struct probe_url *to;
    struct probe_listener listener;
    int namespace;
    struct lookup *lookup; /* of the host's address, before there is a socket */
    union address address;
    int socket;
    struct loop_source *source;
    uint32_t events; /* that it waits for */
    bool connected;
    bool *over;            /* where a call on its way hears that it must not touch this any more */
    int refused;           /* an errno: connecting has failed at once */
    struct error *mistake; /* of TLS, while there was nobody to be told */
    struct probe_tls *tls; /* NULL: it speaks plainly */
    struct buf outgoing, plain;
};

/* ---- sockets ---- */

/* The agent's own network namespace. */
static int home(void)
{
    static int home = -1;
    if (home < 0)
        home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    return home;
}

/* A socket of that namespace, or -1 and errno. */
static int socket_in(int namespace, int family)
{
    const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (namespace < 0)
        return socket(family, type, 0);
    if (home() < 0 || setns(namespace, CLONE_NEWNET) < 0)
        return -1;
    int fd = socket(family, type, 0), number = errno;
    if (setns(home(), CLONE_NEWNET) < 0)
        abort(); /* nothing that it did from here on would be in the right place; its successor goes on */
    errno = number;
    return fd;
}

/* False when the host is no address. */
static bool read_address(union address *address, const char *text)
{
    const char *host = strcmp(text, "localhost") == 0 ? "127.0.0.1" : text;
    *address = (union address){0};
    if (inet_pton(AF_INET, host, &address->four.sin_addr) == 1)
        address->four.sin_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &address->six.sin6_addr) == 1)
        address->six.sin6_family = AF_INET6;
    return address->any.sa_family != AF_UNSPEC;
}

/* ---- what the listener hears last ---- */

/* It may close the connection, and nothing comes afterwards. */
static void retire(struct probe_connection *c)
{
    if (c->over != NULL)
        *c->over = true;
    c->over = NULL;
    loop_remove(c->source);
    c->source = NULL;
}

static void fail(struct probe_connection *c, enum probe_outcome outcome, const char *sentence)
{
    retire(c);
    c->listener.failed(c->listener.context, outcome, sentence);
}

/* "dial tcp 10.0.0.1:80: connect: connection refused" */
static void fail_call(struct probe_connection *c, const char *operation, const char *call, int number)
{
    autobuf struct buf sentence = {0};
    const char *text = strerror(number);
    bool four = c->address.any.sa_family == AF_INET;
    char host[INET6_ADDRSTRLEN];
    inet_ntop(c->address.any.sa_family,
              four ? (void *)&c->address.four.sin_addr : (void *)&c->address.six.sin6_addr, host,
              sizeof(host));
    buf_addf(&sentence, four ? "%s tcp %s:%lld" : "%s tcp [%s]:%lld", operation, host,
             (long long)c->to->port);
    buf_addf(&sentence, ": %s: %c%s", call, tolower((unsigned char)text[0]), text + 1);
    fail(c, PROBE_FAILED, sentence.at);
}

/* ---- sending and receiving ---- */

static void on_socket(void *context, uint32_t events);

static void await(struct probe_connection *c, uint32_t events)
{
    autoerror struct error *error = NULL;
    if (events == c->events)
        return;
    loop_remove(c->source);
    c->source = loop_fd(c->loop, c->socket, events, on_socket, c, &error);
    c->events = events;
    if (c->source == NULL)
        fail(c, PROBE_ERRED, error_message(error));
}

static void flush(struct probe_connection *c)
{
    if (c->mistake != NULL) {
        fail(c, PROBE_FAILED, error_message(c->mistake));
        return;
    }
    if (c->outgoing.length > 0) {
        ssize_t length = send(c->socket, c->outgoing.at, c->outgoing.length, MSG_NOSIGNAL);
        if (length < 0 && errno != EAGAIN && errno != EINTR) {
            fail_call(c, "write", "write", errno);
            return;
        }
        buf_drop(&c->outgoing, length > 0 ? (size_t)length : 0);
    }
    await(c, c->outgoing.length > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void tell(struct probe_connection *c, struct str bytes, bool closed)
{
    if (closed)
        retire(c);
    c->listener.received(c->listener.context, bytes, closed);
}

static void receive_secret(struct probe_connection *c, struct str bytes, bool closed)
{
    autoerror struct error *error = NULL;
    buf_clear(&c->plain);
    if (probe_tls_receive(c->tls, bytes, &c->outgoing, &c->plain, &error) < 0) {
        fail(c, PROBE_FAILED, error_message(error));
        return;
    }
    closed = closed || probe_tls_is_closed(c->tls);
    if (closed || c->plain.length > 0)
        tell(c, buf_str(&c->plain), closed);
}

static void receive(struct probe_connection *c)
{
    char bytes[16 * 1024];
    ssize_t length = recv(c->socket, bytes, sizeof(bytes), 0);
    if (length < 0) {
        if (errno != EAGAIN && errno != EINTR)
            fail_call(c, "read", "read", errno);
        return;
    }
    struct str arrived = {bytes, (size_t)length};
    (c->tls != NULL ? receive_secret : tell)(c, arrived, length == 0);
}

/* ---- connecting ---- */

static void finish_connecting(struct probe_connection *c)
{
    int number = c->refused;
    socklen_t size = sizeof(number);
    if (number == 0 && getsockopt(c->socket, SOL_SOCKET, SO_ERROR, &number, &size) < 0)
        number = errno;
    c->connected = number == 0;
    if (!c->connected) {
        fail_call(c, "dial", "connect", number);
    } else if (c->listener.opened != NULL) {
        retire(c);
        c->listener.opened(c->listener.context);
    }
}

static void on_socket(void *context, uint32_t events)
{
    struct probe_connection *c = context;
    bool over = false;
    c->over = &over;
    if (!c->connected)
        finish_connecting(c);
    else if ((events & ~(uint32_t)EPOLLOUT) != 0)
        receive(c);
    if (!over)
        flush(c);
    if (!over)
        c->over = NULL;
}

/* What fails at once is told like what fails later: a socket that isn't connecting wakes the loop at once. */
static int dial(struct probe_connection *c, struct error **err)
{
    union address *address = &c->address;
    bool four = address->any.sa_family == AF_INET;
    socklen_t length = four ? sizeof(address->four) : sizeof(address->six);
    *(four ? &address->four.sin_port : &address->six.sin6_port) = htons((uint16_t)c->to->port);
    c->socket = socket_in(c->namespace, address->any.sa_family);
    if (c->socket < 0)
        return error_errno(err, errno, "cannot make a socket in the pod's network");
    if (connect(c->socket, &address->any, length) < 0 && errno != EINPROGRESS)
        c->refused = errno;
    c->events = EPOLLOUT;
    c->source = loop_fd(c->loop, c->socket, c->events, on_socket, c, err);
    return c->source != NULL ? 0 : -EIO;
}

static void on_looked_up(void *context, const union address *address, const char *why)
{
    struct probe_connection *c = context;
    autoerror struct error *error = NULL;
    c->lookup = NULL;
    if (address == NULL) {
        autobuf struct buf sentence = {0};
        buf_addf(&sentence, "dial tcp: lookup %s: %s", c->to->host, why);
        fail(c, PROBE_FAILED, sentence.at);
        return;
    }
    c->address = *address;
    if (dial(c, &error) < 0)
        fail(c, PROBE_ERRED, error_message(error));
}

static int find_and_dial(struct probe_connection *c, struct error **err)
{
    if (read_address(&c->address, c->to->host))
        return dial(c, err);
    c->lookup = lookup_start(c->loop, c->to->host, on_looked_up, c, err);
    return c->lookup != NULL ? 0 : -EIO;
}

struct probe_connection *probe_connection_open(struct loop *loop, const struct probe_url *to, int namespace,
                                               const struct probe_listener *listener, struct error **err)
{
    struct probe_connection *c = memory_zeroed(1, sizeof(*c));
    *c = (struct probe_connection){
        .loop = loop, .to = to, .namespace = namespace, .listener = *listener, .socket = -1};
    int result = 0;
    if (to->tls && (c->tls = probe_tls_new(to->host, err)) == NULL)
        result = -EIO;
    if (result < 0 || find_and_dial(c, err) < 0) {
        probe_connection_close(c);
        return NULL;
    }
    return c;
}

/* What goes wrong here is told when the loop comes round. */
void probe_connection_send(struct probe_connection *c, struct str bytes)
{
    if (c->tls == NULL)
        buf_add_str(&c->outgoing, bytes);
    else if (c->mistake == NULL)
        probe_tls_send(c->tls, bytes, &c->outgoing, &c->mistake);
}

void probe_connection_close(struct probe_connection *c)
{
    if (c == NULL)
        return;
    retire(c);
    lookup_forget(c->lookup);
    if (c->connected && c->tls != NULL) {
        probe_tls_close(c->tls, &c->outgoing);
        (void)send(c->socket, c->outgoing.at, c->outgoing.length, MSG_NOSIGNAL);
    }
    if (c->socket >= 0)
        close(c->socket);
    probe_tls_free(c->tls);
    error_free(c->mistake);
    buf_free(&c->outgoing);
    buf_free(&c->plain);
    free(c);
}
