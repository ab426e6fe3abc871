#include "cli/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>

/* What a pipe always takes when poll() says that it takes something: our standard output may be somebody
 * else's too, and must not be told not to block. */
#define CHUNK_BYTES 4096
/* What has ended has said everything, but a terminal brings its last words a moment later; and what it has
 * left in the background may hold the other end for ever. */
#define LINGER_MS 200

struct stream {
    int from, to; /* -1: it is over */
    char bytes[CHUNK_BYTES];
    size_t at, length;
};

enum { INPUT, OUTPUT, ERRORS, STREAMS, LEASH = STREAMS, SIGNALS, POLLED };

struct relay {
    struct call *call;
    struct stream streams[STREAMS];
    int terminal, signals;
    struct termios before;
    bool raw, ended;
    int failure; /* errno: what the command says has no place to go */
    struct door_answer answer;
};

/* ---- the terminal ---- */

static void pass_size(const struct relay *relay)
{
    struct winsize size;
    if (relay->terminal >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        ioctl(relay->terminal, TIOCSWINSZ, &size);
}

static void take_terminal(struct relay *relay)
{
    struct termios raw;
    relay->streams[INPUT] = (struct stream){.from = STDIN_FILENO, .to = relay->terminal};
    relay->streams[OUTPUT] = (struct stream){.from = relay->terminal, .to = STDOUT_FILENO};
    fcntl(relay->terminal, F_SETFL, O_NONBLOCK);
    pass_size(relay);
    if (tcgetattr(STDIN_FILENO, &relay->before) < 0)
        return;
    raw = relay->before;
    cfmakeraw(&raw);
    relay->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void give_terminal_back(struct relay *relay)
{
    if (relay->raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &relay->before);
    if (relay->terminal >= 0)
        close(relay->terminal);
}

/* ---- one stream ---- */

static void stream_close(struct relay *relay, struct stream *stream)
{
    /* The command hears of the end of its input. A terminal has no such end. */
    if (stream == &relay->streams[INPUT] && stream->to >= 0 && stream->to == relay->call->input) {
        close(relay->call->input);
        relay->call->input = -1;
    }
    stream->from = stream->to = -1;
    stream->length = 0;
}

static void stream_fill(struct relay *relay, struct stream *stream)
{
    ssize_t length = read(stream->from, stream->bytes, sizeof(stream->bytes));
    if (length < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (length <= 0) { /* a terminal that nobody holds any more gives EIO */
        stream_close(relay, stream);
        return;
    }
    stream->at = 0;
    stream->length = (size_t)length;
}

static void stream_drain(struct relay *relay, struct stream *stream)
{
    ssize_t length = write(stream->to, stream->bytes + stream->at, stream->length);
    if (length < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (length < 0 && stream != &relay->streams[INPUT] && errno == EPIPE) {
        /* Nobody reads what we print: so ends every program, and the command with us. */
        give_terminal_back(relay);
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    if (length < 0) { /* a command that closes its input is content; one that isn't heard is not */
        relay->failure = stream != &relay->streams[INPUT] ? errno : 0;
        stream_close(relay, stream);
        return;
    }
    stream->at += (size_t)length;
    stream->length -= (size_t)length;
}

static struct pollfd stream_poll(const struct stream *stream)
{
    if (stream->length > 0)
        return (struct pollfd){.fd = stream->to, .events = POLLOUT};
    return (struct pollfd){.fd = stream->from, .events = POLLIN};
}

/* ---- the talk ---- */

static int hear(struct relay *relay, struct error **err)
{
    int terminal = -1, result = call_receive(relay->call, &terminal, err);
    if (terminal >= 0) {
        relay->terminal = terminal;
        take_terminal(relay);
    }
    while (result == 0 && !relay->ended && call_next(relay->call, &relay->answer))
        relay->ended = relay->answer.word != DOOR_TERMINAL;
    return result;
}

static void pass_signal(struct relay *relay)
{
    struct signalfd_siginfo caught;
    if (read(relay->signals, &caught, sizeof(caught)) != sizeof(caught))
        return;
    unsigned char number = (unsigned char)caught.ssi_signo;
    if (number == SIGWINCH)
        pass_size(relay);
    else
        (void)!write(relay->call->leash, &number, 1); /* where that fails, the end is heard as well */
}

static int listen_for_signals(struct error **err)
{
    static const int wanted[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH};
    sigset_t signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < COUNT(wanted); i++)
        sigaddset(&signals, wanted[i]);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC);
    return fd >= 0 ? fd : error_errno(err, errno, "cannot listen for signals");
}

/* One turn; 1 when nothing came that is worth waiting for. */
static int turn(struct relay *relay, struct error **err)
{
    struct pollfd polled[POLLED] = {
        [LEASH] = {.fd = relay->ended ? -1 : relay->call->leash, .events = POLLIN},
        [SIGNALS] = {.fd = relay->signals, .events = POLLIN}};
    if (relay->ended)
        stream_close(relay, &relay->streams[INPUT]);
    bool open = !relay->ended, holds = false;
    for (int i = 0; i < STREAMS; i++) {
        polled[i] = stream_poll(&relay->streams[i]);
        open |= polled[i].fd >= 0;
        holds |= relay->streams[i].length > 0;
    }
    /* Whoever reads slowly gets all of it; only for what may never come there is an end. */
    int ready = open ? poll(polled, POLLED, relay->ended && !holds ? LINGER_MS : -1) : 0;
    if (ready < 0)
        return errno == EINTR ? 0 : error_errno(err, errno, "cannot wait for the command");
    if (ready == 0)
        return 1;
    for (int i = 0; i < STREAMS; i++) {
        if (polled[i].revents == 0)
            continue;
        if (relay->streams[i].length > 0)
            stream_drain(relay, &relay->streams[i]);
        else
            stream_fill(relay, &relay->streams[i]);
    }
    if (relay->failure != 0)
        return error_errno(err, relay->failure, "cannot write what the command says");
    if (polled[SIGNALS].revents != 0)
        pass_signal(relay);
    return polled[LEASH].revents != 0 ? hear(relay, err) : 0;
}

int relay(struct call *call, bool input, bool terminal, struct error **err)
{
    struct relay relay = {.call = call,
                          .streams = {{.from = STDIN_FILENO, .to = call->input},
                                      {.from = call->output, .to = STDOUT_FILENO},
                                      {.from = call->errors, .to = STDERR_FILENO}},
                          .terminal = -1,
                          .signals = listen_for_signals(err)};
    int result = relay.signals < 0 ? relay.signals : 0;
    if (!input || terminal)
        stream_close(&relay, &relay.streams[INPUT]);
    if (terminal) /* it is still to come */
        stream_close(&relay, &relay.streams[OUTPUT]);
    while (result == 0)
        result = turn(&relay, err);
    give_terminal_back(&relay);
    if (relay.signals >= 0)
        close(relay.signals);
    return result < 0 ? result : call_result(&relay.answer, err);
}
