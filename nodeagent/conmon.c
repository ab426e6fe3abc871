#include "nodeagent/conmon.h"

#include "lib/doc.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/process.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

/* The number of the descriptor over which conmon says how making the container went. */
#define SYNC_FD 3

/* Two things must have happened before it is known how it went: conmon has become a daemon, and has said
 * {"data":<pid>} or {"data":-1,"message":…}. */
struct launch {
    struct loop *loop;
    char *id, *bundle;
    int sync;
    struct loop_source *source, *timer;
    int64_t timeout_ms;
    struct process *process; /* conmon before it is a daemon */
    bool answered;
    struct buf answer;
    struct error *error;
    conmon_done_fn *done;
    void *context;
};

static pid_t read_pid(const char *bundle, const char *name)
{
    autofree char *path = path_format("%s/%s", bundle, name);
    autobuf struct buf text = {0};
    int64_t pid = 0;
    if (file_read(path, &text, NULL) < 0 || !str_to_int64(str_trim(buf_str(&text)), &pid) || pid <= 0)
        return 0;
    return (pid_t)pid;
}

pid_t conmon_container_pid(const char *bundle)
{
    return read_pid(bundle, "pid");
}

/* Among the words of its command line: a pid alone may belong to another process by now. */
static bool has_argument(pid_t pid, const char *word)
{
    autofree char *path = path_format("/proc/%d/cmdline", (int)pid);
    autobuf struct buf text = {0};
    if (file_read(path, &text, NULL) < 0)
        return false;
    struct str rest = buf_str(&text), argument;
    while (str_split(&rest, '\0', &argument))
        if (str_is(argument, word))
            return true;
    return false;
}

pid_t conmon_find(const char *bundle, const char *id, int *pidfd)
{
    *pidfd = -1;
    pid_t pid = read_pid(bundle, "conmon.pid");
    autoclose int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    /* The descriptor first: what it stands for can't become another process after the look. */
    if (fd < 0 || !has_argument(pid, id) || poll(&ended, 1, 0) != 0)
        return 0;
    *pidfd = take_fd(fd);
    return pid;
}

static void launch_free(struct launch *launch)
{
    loop_remove(launch->source);
    loop_remove(launch->timer);
    if (launch->process != NULL)
        process_forget(launch->process);
    close(launch->sync);
    buf_free(&launch->answer);
    error_free(launch->error);
    free(launch->id);
    free(launch->bundle);
    free(launch);
}

/* The last complaint in the log of the runtime, which is a line of JSON each. */
static char *runtime_complaint(const char *bundle)
{
    autofree char *path = path_format("%s/runtime.log", bundle);
    autobuf struct buf text = {0};
    if (file_read(path, &text, NULL) < 0)
        return NULL;
    char *last = NULL;
    struct str rest = buf_str(&text), line;
    while (str_split(&rest, '\n', &line)) {
        autodoc struct doc *doc = line.length != 0 ? doc_parse(line, NULL) : NULL;
        struct str message = value_str(value_at(doc_root(doc), "msg"));
        if (message.length == 0 || !value_is(value_at(doc_root(doc), "level"), "error"))
            continue;
        free(last);
        last = str_dup(message);
    }
    return last;
}

/* The runtime says everything in one way. These words are about the machine: with any other container it
 * would have said the same, and of this one perhaps not again. (The pipe is that between the parts of the
 * runtime, one of which was killed.) */
static bool is_of_machine(const char *complaint)
{
    static const char *const troubles[] = {"no space left on device", "disk quota exceeded",
                                           "signal: killed",          "cannot allocate memory",
                                           "too many open files",     "resource temporarily unavailable",
                                           "device or resource busy", "broken pipe"};
    for (size_t i = 0; i < COUNT(troubles); i++)
        if (strstr(complaint, troubles[i]) != NULL)
            return true;
    return false;
}

static pid_t read_answer(struct launch *launch)
{
    autodoc struct doc *doc = doc_parse(str_trim(buf_str(&launch->answer)), NULL);
    int64_t pid = value_int_or(value_at(doc_root(doc), "data"), -1);
    if (pid > 0)
        return (pid_t)pid;
    autofree char *complaint = runtime_complaint(launch->bundle);
    struct str message = str_trim(value_str(value_at(doc_root(doc), "message")));
    if (complaint == NULL && message.length != 0)
        complaint = str_dup(message);
    if (complaint != NULL)
        error_make(&launch->error, is_of_machine(complaint) ? EIO : EINVAL, "%s", complaint);
    else
        error_make(&launch->error, EIO, "the container's monitor died while it was making the container");
    return 0;
}

static void finish(struct launch *launch)
{
    int pidfd = -1;
    fault_point("container-made");
    pid_t pid = launch->error == NULL ? read_answer(launch) : 0;
    if (launch->error == NULL && conmon_find(launch->bundle, launch->id, &pidfd) == 0) {
        /* It ended before we looked: then so has the container, and the exit file says how. */
        pidfd = -1;
    }
    launch->done(launch->context, pid, pidfd, launch->error);
    launch_free(launch);
}

static void on_sync(void *context, uint32_t events)
{
    struct launch *launch = context;
    (void)events;
    ssize_t n = read(launch->sync, buf_reserve(&launch->answer, 4096), 4096);
    if (n < 0 && errno == EINTR)
        return;
    if (n > 0) {
        launch->answer.length += (size_t)n;
        if (memchr(launch->answer.at, '\n', launch->answer.length) == NULL)
            return;
    }
    loop_remove(launch->source);
    launch->source = NULL;
    launch->answered = true;
    if (launch->process == NULL)
        finish(launch);
}

static void on_daemon(void *context, const struct process_result *result)
{
    struct launch *launch = context;
    autofree char *path = path_format("%s/conmon.log", launch->bundle);
    autobuf struct buf said = {0};
    struct process_result told = *result;
    if (file_read(path, &said, NULL) == 0)
        told.complaints = buf_str(&said);
    launch->process = NULL;
    autofree char *complaint = process_complaint("conmon", &told);
    if (complaint != NULL) {
        error_free(launch->error);
        launch->error = NULL;
        error_make(&launch->error, EIO, "%s", complaint);
    }
    if (complaint != NULL || launch->answered)
        finish(launch);
}

static void on_timeout(void *context)
{
    struct launch *launch = context;
    launch->timer = NULL;
    error_make(&launch->error, ETIMEDOUT, "the container could not be made within %lld seconds",
               (long long)launch->timeout_ms / 1000);
    pid_t pid = read_pid(launch->bundle, "conmon.pid");
    /* It leads a session in which the runtime is too. */
    if (pid > 0 && has_argument(pid, launch->id))
        kill(-pid, SIGKILL);
    finish(launch);
}

/* Puts what there is to be said of them at the end of the arguments, from `at` on. */
static void add_files(const char **argv, size_t at, const struct conmon_files *files)
{
    if (files->terminal)
        argv[at++] = "--terminal";
    if (files->input)
        argv[at++] = "--stdin";
    if (files->input && files->input_stays)
        argv[at++] = "--leave-stdin-open";
}

static int launch_conmon(struct launch *launch, const struct place *place, const struct cgroups *cgroups,
                         const struct conmon_plan *plan, int sync, struct error **err)
{
    autofree char *exits = path_format("%s/exits", place->run);
    autofree char *root = path_format("--root=%s", plan->maker->root);
    autofree char *complaints = path_format("--log=%s/runtime.log", plan->bundle);
    autofree char *log = path_format("k8s-file:%s", plan->log);
    autofree char *pid_file = path_format("%s/pid", plan->bundle);
    autofree char *conmon_pid_file = path_format("%s/conmon.pid", plan->bundle);
    /* A file, because a pipe would break with the agent, and conmon with it. */
    autofree char *own_log_path = path_format("%s/conmon.log", plan->bundle);
    autoclose int own_log = open(own_log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (own_log < 0)
        return error_errno(err, errno, "cannot create %s", own_log_path);
    autofree char *path =
        path_format("PATH=%s", getenv("PATH") != NULL ? getenv("PATH") : "/usr/sbin:/usr/bin");
    const char *argv[] = {"conmon", "--api-version", "1", "--cid", plan->id, "--cuuid", plan->id, "--runtime",
                          plan->maker->program,
                          /* what comes before the runtime's "create" */
                          "--runtime-arg", root, "--runtime-arg", complaints, "--runtime-arg",
                          "--log-format=json", "--bundle", plan->bundle, "--container-pidfile", pid_file,
                          "--conmon-pidfile", conmon_pid_file, "--log-path", log, "--exit-dir", exits,
                          "--full-attach", "--no-sync-log", "--log-level", "warning", NULL, NULL, NULL, NULL};
    add_files(argv, COUNT(argv) - 4, &plan->files);
    const char *const environment[] = {path, "_OCI_SYNCPIPE=3", NULL};
    struct process_plan conmon = {
        .argv = argv,
        .environment = environment,
        .directory = plan->bundle,
        .fds = {{sync, SYNC_FD}, {own_log, STDOUT_FILENO}, {own_log, STDERR_FILENO}},
        .fd_count = 3,
        .quiet = true};
    launch->process = cgroups_start(cgroups, plan->cgroup, launch->loop, &conmon, on_daemon, launch, err);
    if (launch->process == NULL)
        return -EIO;
    fault_child("monitor", process_pid(launch->process));
    fault_point("monitor-begun");
    return 0;
}

/* conmon ends, and its container with it, when it can't say how it went because the agent has died. So it
 * gets a descriptor that is a reader as well as a writer: then there is always somebody who could read. */
static int reopen_for_both(int write_end)
{
    autofree char *path = path_format("/proc/self/fd/%d", write_end);
    return open(path, O_RDWR | O_CLOEXEC);
}

int conmon_start(struct loop *loop, const struct place *place, const struct cgroups *cgroups,
                 const struct conmon_plan *plan, conmon_done_fn *done, void *context, struct error **err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    autoclose int write_end = ends[1];
    autoclose int theirs = reopen_for_both(write_end);
    if (theirs < 0) {
        close(ends[0]);
        return error_errno(err, errno, "cannot open a pipe for both directions");
    }
    struct launch *launch = memory_zeroed(1, sizeof(*launch));
    *launch = (struct launch){.loop = loop,
                              .id = str_dup(str_of(plan->id)),
                              .bundle = str_dup(str_of(plan->bundle)),
                              .sync = ends[0],
                              .timeout_ms = place->runtime_timeout_ms,
                              .done = done,
                              .context = context};
    launch->source = loop_fd(loop, launch->sync, EPOLLIN, on_sync, launch, err);
    if (launch->source == NULL || launch_conmon(launch, place, cgroups, plan, theirs, err) < 0) {
        launch_free(launch);
        return -EIO;
    }
    launch->timer = loop_timer(loop, launch->timeout_ms, on_timeout, launch);
    return 0;
}
