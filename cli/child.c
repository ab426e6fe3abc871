#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define FIRST_FD 3
/* Above every number that a program is given. */
#define LIFTED_FD 32

/* The fields of /proc/PID/stat from the third on, the state: behind the command's name, which may contain
 * anything. */
static int read_stat(pid_t pid, char *text, size_t size, struct str *fields)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, size - 1) : -1;
    if (length <= 0)
        return -ESRCH;
    text[length] = '\0';
    const char *name_end = strrchr(text, ')');
    if (name_end == NULL || name_end[1] == '\0')
        return -EIO;
    *fields = str_of(name_end + 2);
    return 0;
}

/* The start time is field 22. */
static int read_start_time(pid_t pid, uint64_t *started)
{
    char text[1024];
    struct str rest, field = STR_NONE;
    int result = read_stat(pid, text, sizeof(text), &rest);
    if (result < 0)
        return result;
    for (int number = 3; number <= 22; number++)
        if (!str_split(&rest, ' ', &field))
            return -EIO;
    int64_t ticks;
    if (!str_to_int64(field, &ticks))
        return -EIO;
    *started = (uint64_t)ticks;
    return 0;
}

bool child_is_stopped(pid_t pid)
{
    char text[1024];
    struct str fields;
    return read_stat(pid, text, sizeof(text), &fields) == 0 &&
           (str_starts(fields, STR("T ")) || str_starts(fields, STR("t ")));
}

/* What follows runs in the child: it says what fails into its log and ends. */
__attribute__((noreturn)) static void give_up(const char *what)
{
    fprintf(stderr, "cannot start: %s: %s\n", what, strerror(errno));
    _exit(127);
}

/* The gate moves away from the numbers that are given. */
static void pass_fds(const struct child_plan *plan, int *gate)
{
    int lifted[8];
    for (int i = 0; i < plan->fd_count; i++)
        if ((lifted[i] = fcntl(plan->fds[i], F_DUPFD_CLOEXEC, LIFTED_FD)) < 0)
            give_up("dup");
    if ((*gate = fcntl(*gate, F_DUPFD_CLOEXEC, LIFTED_FD)) < 0)
        give_up("dup");
    for (int i = 0; i < plan->fd_count; i++)
        if (dup2(lifted[i], FIRST_FD + i) < 0)
            give_up("dup2");
    close_range((unsigned)(FIRST_FD + plan->fd_count), ~0U, CLOSE_RANGE_CLOEXEC);
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &by_default, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void become_program(const struct child_plan *plan, int gate)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(plan->log, STDOUT_FILENO) < 0 ||
        dup2(plan->log, STDERR_FILENO) < 0)
        _exit(127);
    setsid(); /* a terminal's Ctrl-C is the supervisor's to handle */
    pass_fds(plan, &gate);
    if (setgroups(0, NULL) < 0 || setgid(plan->gid) < 0)
        give_up("setgid");
    char go = '\0';
    if (write(gate, &go, 1) != 1 || read(gate, &go, 1) != 1)
        _exit(127); /* the supervisor died before it could note us down */
    reset_signals();
    execv(plan->argv[0], plan->argv);
    give_up(plan->argv[0]);
}

/* Until it says that it stands at the gate, with its descriptors in their places. */
static int wait_at_gate(struct child *child)
{
    char there;
    ssize_t length;
    while ((length = read(child->gate, &there, 1)) < 0 && errno == EINTR)
        ;
    if (length == 1)
        return read_start_time(child->identity.pid, &child->identity.started);
    return length < 0 ? -errno : -ECHILD;
}

int child_start(const struct child_plan *plan, struct child *child, struct error **err)
{
    int gate[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate) < 0)
        return error_errno(err, errno, "cannot make a socket pair");
    pid_t pid = fork();
    if (pid == 0) {
        close(gate[1]); /* or it would wait for itself */
        become_program(plan, gate[0]);
    }
    close(gate[0]);
    if (pid < 0) {
        close(gate[1]);
        return error_errno(err, errno, "cannot fork");
    }
    *child = (struct child){.identity.pid = pid, .pidfd = pidfd_open(pid, 0), .gate = gate[1]};
    int result = child->pidfd >= 0 ? wait_at_gate(child) : -errno;
    if (result == 0)
        return 0;
    close(child->gate); /* it ends by itself */
    if (child->pidfd >= 0)
        close(child->pidfd);
    waitpid(pid, NULL, 0);
    return error_errno(err, -result, "cannot get hold of process %d", (int)pid);
}

void child_release(struct child *child)
{
    /* A child that is gone already is reported through its pidfd. */
    if (send(child->gate, "", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE)
        kill(child->identity.pid, SIGKILL);
    close(child->gate);
    child->gate = -1;
}

int child_find(const struct child_identity *identity)
{
    autoclose int pidfd = pidfd_open(identity->pid, 0);
    uint64_t started;
    if (pidfd < 0 || read_start_time(identity->pid, &started) < 0 || started != identity->started)
        return -1;
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    if (poll(&ended, 1, 0) != 0)
        return -1;
    return take_fd(pidfd);
}

void child_describe_end(int status, struct buf *out)
{
    if (status < 0)
        buf_add_text(out, "ended");
    else if (WIFSIGNALED(status))
        buf_addf(out, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        buf_addf(out, "exited with %d", WEXITSTATUS(status));
}
