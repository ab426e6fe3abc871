#include "lib/process.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define COLLECT_BYTES (64 * 1024)
#define LINGER_MS     200

/* A pipe from the program; what comes behind COLLECT_BYTES is read and dropped, so that it never blocks. */
struct stream {
    struct process *process;
    int fd;
    struct loop_source *source;
    struct buf bytes;
};

struct process {
    struct loop *loop;
    pid_t pid;
    bool group;
    bool exited, timed_out;
    int status;
    struct loop_source *child, *timer;
    struct stream streams[2];
    process_done_fn *done; /* NULL: forgotten */
    void *context;
};

static void stream_close(struct stream *stream)
{
    loop_remove(stream->source);
    stream->source = NULL;
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

static void process_free(struct process *process)
{
    loop_remove(process->timer);
    loop_remove(process->child);
    for (int i = 0; i < 2; i++) {
        stream_close(&process->streams[i]);
        buf_free(&process->streams[i].bytes);
    }
    free(process);
}

static void finish(struct process *process)
{
    struct process_result result = {
        .status = process->status,
        .timed_out = process->timed_out,
        .output = buf_str(&process->streams[0].bytes),
        .complaints = buf_str(&process->streams[1].bytes),
    };
    if (process->done != NULL)
        process->done(process->context, &result);
    process_free(process);
}

static void finish_if_over(struct process *process)
{
    if (process->exited && process->streams[0].fd < 0 && process->streams[1].fd < 0)
        finish(process);
}

static void on_linger_over(void *context)
{
    struct process *process = context;
    process->timer = NULL;
    finish(process);
}

static void on_exit_of(void *context, int status)
{
    struct process *process = context;
    process->child = NULL;
    process->exited = true;
    process->status = status;
    loop_remove(process->timer);
    process->timer = loop_timer(process->loop, LINGER_MS, on_linger_over, process);
    finish_if_over(process);
}

static void on_timeout(void *context)
{
    struct process *process = context;
    process->timer = NULL;
    process->timed_out = true;
    process_signal(process, SIGKILL);
}

static void on_readable(void *context, uint32_t events)
{
    struct stream *stream = context;
    (void)events;
    char bytes[4096];
    ssize_t n = read(stream->fd, bytes, sizeof(bytes));
    if (n < 0 && errno == EINTR)
        return;
    if (n > 0) {
        size_t room = COLLECT_BYTES - stream->bytes.length;
        buf_add(&stream->bytes, bytes, (size_t)n < room ? (size_t)n : room);
        return;
    }
    stream_close(stream);
    finish_if_over(stream->process);
}

/* The read end of a pipe whose other end becomes `target` in the program; both -1 and /dev/null when quiet.
 */
static int open_stream(bool quiet, int *write_end, struct error **err)
{
    int ends[2] = {-1, -1};
    if (quiet)
        *write_end = open("/dev/null", O_WRONLY | O_CLOEXEC);
    else if (pipe2(ends, O_CLOEXEC) == 0)
        *write_end = ends[1];
    if (*write_end < 0)
        return error_errno(err, errno, "cannot make a pipe");
    return ends[0];
}

static int open_input(struct str input, struct error **err)
{
    if (input.length == 0) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return fd >= 0 ? fd : error_errno(err, errno, "cannot open /dev/null");
    }
    /* A file in memory and no pipe: nobody has to feed it. */
    autoclose int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0 || write(fd, input.at, input.length) != (ssize_t)input.length || lseek(fd, 0, SEEK_SET) < 0)
        return error_errno(err, errno, "cannot store a program's input");
    return take_fd(fd);
}

static int spawn(const struct process_plan *plan, const int standard[3], pid_t *pid, struct error **err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int number = 0, lifted[4] = {-1, -1, -1, -1};
    if (plan->directory != NULL)
        number |= posix_spawn_file_actions_addchdir_np(&actions, plan->directory);
    for (int i = 0; i < 3; i++)
        number |= posix_spawn_file_actions_adddup2(&actions, standard[i], i);
    /* From numbers that no target has: one dup2 must not overwrite what the next one copies. */
    for (int i = 0; i < plan->fd_count && number == 0; i++) {
        lifted[i] = fcntl(plan->fds[i].from, F_DUPFD_CLOEXEC, 64);
        number =
            lifted[i] < 0 ? errno : posix_spawn_file_actions_adddup2(&actions, lifted[i], plan->fds[i].to);
    }
    number |= posix_spawnattr_setsigmask(&attributes, &none);
    number |= posix_spawnattr_setsigdefault(&attributes, &all);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (plan->session)
        flags |= POSIX_SPAWN_SETSID;
    number |= posix_spawnattr_setflags(&attributes, flags);
    if (number == 0)
        number =
            posix_spawnp(pid, plan->argv[0], &actions, &attributes, (char *const *)(uintptr_t)plan->argv,
                         plan->environment != NULL ? (char *const *)(uintptr_t)plan->environment : environ);
    for (int i = 0; i < plan->fd_count; i++)
        if (lifted[i] >= 0)
            close(lifted[i]);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return number == 0 ? 0 : error_errno(err, number, "cannot run %s", plan->argv[0]);
}

static int listen_to(struct process *process, int pidfd, struct error **err)
{
    process->child = loop_process(process->loop, pidfd, on_exit_of, process, err);
    if (process->child == NULL) {
        close(pidfd);
        return -EIO;
    }
    for (int i = 0; i < 2; i++) {
        struct stream *stream = &process->streams[i];
        stream->process = process;
        if (stream->fd < 0)
            continue;
        stream->source = loop_fd(process->loop, stream->fd, EPOLLIN, on_readable, stream, err);
        if (stream->source == NULL)
            return -EIO;
    }
    return 0;
}

struct process *process_start(struct loop *loop, const struct process_plan *plan, process_done_fn *done,
                              void *context, struct error **err)
{
    autoclose int input = open_input(plan->input, err);
    if (input < 0)
        return NULL;
    struct process *process = memory_zeroed(1, sizeof(*process));
    *process = (struct process){.loop = loop,
                                .group = plan->session,
                                .done = done,
                                .context = context,
                                .streams = {{.fd = -1}, {.fd = -1}}};
    autoclose int output = -1, complaints = -1;
    if ((process->streams[0].fd = open_stream(plan->quiet, &output, err)) < -1 ||
        (process->streams[1].fd = open_stream(plan->quiet, &complaints, err)) < -1 ||
        spawn(plan, (int[]){input, output, complaints}, &process->pid, err) < 0) {
        process_free(process);
        return NULL;
    }
    /* It can't have been reaped: only this process can do that. */
    int pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    if (pidfd < 0)
        error_errno(err, errno, "cannot watch %s", plan->argv[0]);
    if (pidfd < 0 || listen_to(process, pidfd, err) < 0) {
        kill(process->pid, SIGKILL);
        waitpid(process->pid, NULL, 0);
        process_free(process);
        return NULL;
    }
    if (plan->timeout_ms > 0)
        process->timer = loop_timer(loop, plan->timeout_ms, on_timeout, process);
    return process;
}

pid_t process_pid(const struct process *process)
{
    return process->pid;
}

void process_signal(struct process *process, int signal_number)
{
    if (!process->exited)
        kill(process->group ? -process->pid : process->pid, signal_number);
}

void process_forget(struct process *process)
{
    process->done = NULL;
}

char *process_complaint(const char *program, const struct process_result *result)
{
    if (result->status == 0)
        return NULL;
    struct str last = STR_NONE, rest = str_trim(result->complaints), line;
    while (str_split(&rest, '\n', &line))
        if (str_trim(line).length != 0)
            last = str_trim(line);
    struct buf text = {0};
    if (result->timed_out)
        buf_addf(&text, "%s took too long and was killed", program);
    else if (WIFSIGNALED(result->status))
        buf_addf(&text, "%s was killed by signal %d", program, WTERMSIG(result->status));
    else
        buf_addf(&text, "%s exited with %d", program, WEXITSTATUS(result->status));
    if (last.length != 0)
        buf_addf(&text, ": " STR_FORMAT, STR_ARGS(last));
    return buf_take(&text);
}
