#include "cli/probe.h"

#include "lib/clock.h"
#include "lib/file.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* What the children do; each returns a positive errno, or 0. */
static int look_at_tree(const char *mount)
{
    struct stat status;
    autofree char *path = path_format("%s/README", mount);
    char byte;
    autoclose int fd = -1;
    if (stat(mount, &status) < 0 || (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 || read(fd, &byte, 1) < 0)
        return errno;
    return 0;
}

static int copy_file(const char *path)
{
    char bytes[16384];
    ssize_t length;
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    while ((length = read(fd, bytes, sizeof(bytes))) > 0)
        for (ssize_t done = 0, n; done < length; done += n)
            if ((n = write(STDOUT_FILENO, bytes + done, (size_t)(length - done))) < 0)
                return errno;
    return length < 0 ? errno : 0;
}

static pid_t start(int (*call)(const char *), const char *path, int output, int *pidfd)
{
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        if (output >= 0 && dup2(output, STDOUT_FILENO) < 0)
            _exit(errno);
        close_range(3, ~0U, 0);
        _exit(call(path));
    }
    *pidfd = pidfd_open(pid, 0);
    if (*pidfd >= 0)
        return pid;
    int number = errno;
    kill(pid, SIGKILL);
    return -number;
}

/* The end of a child, or -ETIMEDOUT: then it is left to itself, and to init. */
static int finish(pid_t pid, int pidfd, int timeout_ms)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    int ready;
    while ((ready = poll(&ended, 1, timeout_ms)) < 0 && errno == EINTR)
        ;
    int status;
    if (ready <= 0) {
        kill(pid, SIGKILL);
        return -ETIMEDOUT;
    }
    if (waitpid(pid, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

pid_t probe_start(const char *mount, int *pidfd)
{
    return start(look_at_tree, mount, -1, pidfd);
}

int probe_tree(const char *mount, int timeout_ms)
{
    autoclose int pidfd = -1;
    pid_t pid = probe_start(mount, &pidfd);
    return pid < 0 ? (int)pid : finish(pid, pidfd, timeout_ms);
}

int probe_read(const char *path, int timeout_ms, struct buf *out)
{
    int64_t until = clock_ms() + timeout_ms;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    autoclose int pidfd = -1, output = ends[0];
    pid_t pid = start(copy_file, path, ends[1], &pidfd);
    close(ends[1]);
    if (pid < 0)
        return (int)pid;
    for (;;) {
        struct pollfd readable = {.fd = output, .events = POLLIN};
        int64_t left = until - clock_ms();
        int ready = poll(&readable, 1, left > 0 ? (int)left : 0);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            break;
        ssize_t length = read(output, buf_reserve(out, 4096), 4096);
        if (length <= 0)
            break;
        out->length += (size_t)length;
    }
    int64_t left = until - clock_ms();
    return finish(pid, pidfd, left > 0 ? (int)left : 0);
}
