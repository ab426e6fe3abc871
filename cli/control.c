#include "cli/control.h"

#include "lib/file.h"
#include "lib/socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#define SOCKET_NAME "control"
#define REQUEST_MS  200

static int set_patience(int fd, int timeout_ms)
{
    struct timeval limit = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

int control_listen(const char *run, struct error **err)
{
    return socket_listen(run, SOCKET_NAME, SOCK_SEQPACKET, err);
}

void control_remove(const char *run)
{
    autofree char *path = path_format("%s/" SOCKET_NAME, run);
    unlink(path);
}

int control_accept(int listener, char request[CONTROL_LINE], bool *is_root)
{
    autoclose int caller = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    struct ucred who;
    socklen_t length = sizeof(who);
    if (caller < 0 || getsockopt(caller, SOL_SOCKET, SO_PEERCRED, &who, &length) < 0)
        return -1;
    *is_root = who.uid == 0;
    set_patience(caller, REQUEST_MS);
    ssize_t got = recv(caller, request, CONTROL_LINE - 1, 0);
    if (got <= 0)
        return -1;
    request[got] = '\0';
    return take_fd(caller);
}

void control_say(int caller, const char *line)
{
    if (caller >= 0)
        send(caller, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
}

int control_ask(const char *run, const char *request, int timeout_ms,
                void (*line)(void *context, const char *text), void *context, struct error **err)
{
    autoerror struct error *failure = NULL;
    autoclose int fd = socket_connect(run, SOCKET_NAME, SOCK_SEQPACKET, &failure);
    int number = fd < 0 ? -fd : 0;
    if (number == ECONNREFUSED)
        return error_make(
            err, number,
            "no supervisor answers at %s/" SOCKET_NAME ": it has died, and podtree up takes over", run);
    if (number == EACCES)
        return error_make(err, number, "only root and the group podtree may ask the supervisor");
    if (number != 0)
        return error_errno(err, number, "no supervisor answers at %s/" SOCKET_NAME, run);
    set_patience(fd, timeout_ms);
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        return error_errno(err, errno, "cannot ask the supervisor");
    char text[CONTROL_LINE];
    ssize_t length;
    while ((length = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
        text[length] = '\0';
        line(context, text);
    }
    if (length < 0)
        return error_errno(err, errno == EAGAIN ? ETIMEDOUT : errno, "the supervisor does not answer");
    return 0;
}
