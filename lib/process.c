#include "lib/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FIRST_LINES   3
#define COLLECT_BYTES (64 * 1024)
#define LINGER_MS     200
#define STACK_BYTES   (256 * 1024)

/* ThreadSanitizer keeps its notes of a thread in memory: with a process that shares it they go wrong, and
 * from then on it doesn't see any more which locks the thread takes. */
#ifdef __SANITIZE_THREAD__
#define SHARES_MEMORY 0
#else
#define SHARES_MEMORY CLONE_VM
#endif

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

/* The read end of a pipe whose other end is *write_end; when quiet -1 and /dev/null. */
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

/* -1: all that comes of it comes through the output's pipe. */
static int share_stream(int output, int *write_end, struct error **err)
{
    *write_end = fcntl(output, F_DUPFD_CLOEXEC, 3);
    return *write_end >= 0 ? -1 : error_errno(err, errno, "cannot copy a descriptor");
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

struct birth {
    const struct process_plan *plan;
    const int *standard, *lifted;
    int report; /* where an errno goes back through */
};

/* In the new process: nothing but system calls, because other threads of the caller may have held any lock,
 * and the memory may be the caller's own. */
__attribute__((noreturn)) static int become(void *context)
{
    const struct birth *birth = context;
    const struct process_plan *plan = birth->plan;
    sigset_t none;
    sigemptyset(&none);
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    bool well = sigprocmask(SIG_SETMASK, &none, NULL) == 0 && (!plan->session || setsid() >= 0) &&
                (plan->directory == NULL || chdir(plan->directory) == 0) &&
                (plan->cgroup_procs <= 0 || write(plan->cgroup_procs, "0", 1) == 1);
    for (int i = 0; i < 3 && well; i++)
        well = dup2(birth->standard[i], i) >= 0;
    for (int i = 0; i < plan->fd_count && well; i++)
        well = dup2(birth->lifted[i], plan->fds[i].to) >= 0;
    if (well)
        execvpe(plan->argv[0], (char *const *)(uintptr_t)plan->argv,
                plan->environment != NULL ? (char *const *)(uintptr_t)plan->environment : environ);
    int number = errno;
    _exit(write(birth->report, &number, sizeof(number)) == (ssize_t)sizeof(number) ? 126 : 127);
}

/* Only clone3 can put a process into a cgroup before it has done anything. */
static pid_t clone_into_cgroup(struct birth *birth, int *pidfd)
{
    struct clone_args args = {
        .flags = CLONE_VFORK | CLONE_PIDFD | CLONE_INTO_CGROUP,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)birth->plan->cgroup,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        become(birth);
    return pid;
}

/* In the caller's memory, on a stack of its own. With a copy of the memory other threads of the caller would
 * have to pay for it: each page that they write for the first time after that costs them a fault. */
static pid_t clone_in_memory(struct birth *birth, int *pidfd)
{
    char *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -1;
    pid_t pid =
        clone(become, stack + STACK_BYTES, SHARES_MEMORY | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, birth, pidfd);
    int number = errno;
    munmap(stack, STACK_BYTES);
    errno = number;
    return pid;
}

/* The caller stands still until the program has taken over (CLONE_VFORK). */
static int clone_and_become(const struct process_plan *plan, const int standard[3], const int lifted[4],
                            pid_t *pid, int *pidfd, struct error **err)
{
    int report[2], number = 0;
    if (pipe2(report, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    autoclose int from = report[0], to = report[1];
    struct birth birth = {.plan = plan, .standard = standard, .lifted = lifted, .report = to};
    *pid = plan->cgroup > 0 ? clone_into_cgroup(&birth, pidfd) : clone_in_memory(&birth, pidfd);
    if (*pid < 0)
        return error_errno(err, errno, "cannot make a process for %s", plan->argv[0]);
    close(take_fd(to));
    if (read(from, &number, sizeof(number)) != (ssize_t)sizeof(number))
        return 0;
    close(*pidfd);
    waitpid(*pid, NULL, 0);
    return error_errno(err, number, "cannot run %s", plan->argv[0]);
}

static int spawn(const struct process_plan *plan, const int standard[3], pid_t *pid, int *pidfd,
                 struct error **err)
{
    int lifted[4] = {-1, -1, -1, -1}, result = 0;
    sigset_t all, before;
    /* To numbers that no target has: one dup2 must not overwrite what the next one copies. */
    for (int i = 0; i < plan->fd_count && result == 0; i++) {
        lifted[i] = fcntl(plan->fds[i].from, F_DUPFD_CLOEXEC, 64);
        if (lifted[i] < 0)
            result = error_errno(err, errno, "cannot copy descriptor %d", plan->fds[i].from);
    }
    /* No handler of the caller's may run in the new process. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (result == 0)
        result = clone_and_become(plan, standard, lifted, pid, pidfd, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    for (int i = 0; i < plan->fd_count; i++)
        if (lifted[i] >= 0)
            close(lifted[i]);
    return result;
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
    int pidfd = -1;
    if ((process->streams[0].fd = open_stream(plan->quiet, &output, err)) < -1 ||
        (process->streams[1].fd = plan->merged ? share_stream(output, &complaints, err)
                                               : open_stream(plan->quiet, &complaints, err)) < -1 ||
        spawn(plan, (int[]){input, output, complaints}, &process->pid, &pidfd, err) < 0) {
        process_free(process);
        return NULL;
    }
    if (listen_to(process, pidfd, err) < 0) {
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

static void on_forgotten_exit(void *context, int status)
{
    (void)context;
    (void)status;
}

/* What has neither pipes nor a time needs no memory of ours until it ends: it may live longer than the loop.
 */
void process_forget(struct process *process)
{
    process->done = NULL;
    bool waits_only = process->child != NULL && process->timer == NULL && process->streams[0].fd < 0 &&
                      process->streams[1].fd < 0;
    int pidfd = waits_only ? (int)syscall(SYS_pidfd_open, process->pid, 0) : -1;
    if (pidfd < 0)
        return;
    if (loop_process(process->loop, pidfd, on_forgotten_exit, NULL, NULL) != NULL)
        process_free(process);
    else
        close(pidfd);
}

void process_abandon(struct process *process)
{
    process_free(process);
}

static struct str last_line(struct str text)
{
    struct str last = STR_NONE, line;
    while (str_split(&text, '\n', &line))
        if (str_trim(line).length != 0)
            last = str_trim(line);
    return last;
}

static char *complain(const char *program, const struct process_result *result, struct str said)
{
    if (result->status == 0)
        return NULL;
    struct buf text = {0};
    if (result->timed_out)
        buf_addf(&text, "%s took too long and was killed", program);
    else if (WIFSIGNALED(result->status))
        buf_addf(&text, "%s was killed by signal %d", program, WTERMSIG(result->status));
    else
        buf_addf(&text, "%s exited with %d", program, WEXITSTATUS(result->status));
    if (said.length != 0)
        buf_addf(&text, ": " STR_FORMAT, STR_ARGS(said));
    return buf_take(&text);
}

char *process_complaint(const char *program, const struct process_result *result)
{
    return complain(program, result, last_line(result->complaints));
}

/* Tools that work on files say first what is wrong with them, and last that something was. */
static void first_lines(struct str text, struct buf *said)
{
    struct str line;
    for (int count = 0; count < FIRST_LINES && str_split(&text, '\n', &line);)
        if (str_trim(line).length != 0)
            buf_addf(said, "%s" STR_FORMAT, count++ > 0 ? "; " : "", STR_ARGS(str_trim(line)));
}

struct run {
    struct loop *loop;
    struct buf *output;
    char *complaint;
    const char *program;
};

static void on_run_done(void *context, const struct process_result *result)
{
    struct run *run = context;
    autobuf struct buf said = {0};
    first_lines(result->complaints, &said);
    run->complaint = complain(run->program, result, buf_str(&said));
    if (run->output != NULL)
        buf_add_str(run->output, result->output);
    loop_stop(run->loop);
}

int process_run(const struct process_plan *plan, struct buf *output, struct error **err)
{
    struct run run = {.loop = loop_new(err), .output = output, .program = plan->argv[0]};
    if (run.loop == NULL)
        return -EIO;
    int result = -EIO;
    if (process_start(run.loop, plan, on_run_done, &run, err) != NULL)
        result = loop_run(run.loop, err);
    loop_free(run.loop);
    autofree char *complaint = run.complaint;
    return complaint != NULL ? error_make(err, EIO, "%s", complaint) : result;
}
