#include "cli/control.h"

#include "lib/file.h"
#include "lib/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#define SOCKET_NAME "control"
#define REQUEST_MS  200

/* A socket's path may have 107 bytes; the detour through /proc makes room for directories of any length. */
static int address_in(const char *run, int *directory, struct sockaddr_un *address, struct error **err)
{
    *directory = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*directory < 0)
        return error_errno(err, errno, "cannot open %s", run);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/" SOCKET_NAME, *directory);
    return 0;
}

static int set_patience(int fd, int timeout_ms)
{
    struct timeval limit = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

int control_listen(const char *run, struct error **err)
{
    autoclose int directory = -1;
    struct sockaddr_un address;
    int result = address_in(run, &directory, &address, err);
    if (result < 0)
        return result;
    control_remove(run);
    autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0117);
    int own = setfsgid(identity_people());
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    int number = errno;
    setfsgid((gid_t)own);
    umask(before);
    if (!bound || listen(fd, 16) < 0)
        return error_errno(err, bound ? errno : number, "cannot listen at %s/" SOCKET_NAME, run);
    return take_fd(fd);
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
    autoclose int directory = -1, fd = -1;
    struct sockaddr_un address;
    int result = address_in(run, &directory, &address, err);
    if (result < 0)
        return result;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    int number = fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
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
