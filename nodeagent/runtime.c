#include "nodeagent/runtime_private.h"

#include "lib/clock.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/log.h"
#include "nodeagent/conmon.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct runtime *runtime_open(struct loop *loop, const struct place *place,
                             const struct runtime_listener *listener, struct error **err)
{
    struct cgroups *cgroups = cgroups_open(err);
    if (cgroups == NULL)
        return NULL;
    struct runtime *runtime = memory_zeroed(1, sizeof(*runtime));
    *runtime = (struct runtime){
        .loop = loop, .place = place, .listener = *listener, .cgroups = cgroups, .burstable_milli = -1};
    runtime->last_waiting = &runtime->first_waiting;
    return runtime;
}

/* ---- wards ---- */

static struct ward **find_ward(struct runtime *runtime, const char *uid, const char *name, int attempt)
{
    struct ward **at = &runtime->wards;
    for (; *at != NULL; at = &(*at)->next) {
        const struct ward *ward = *at;
        if (strcmp(ward->uid, uid) == 0 && (ward->name == NULL) == (name == NULL) &&
            (name == NULL || (strcmp(ward->name, name) == 0 && ward->attempt == attempt)))
            break;
    }
    return at;
}

pid_t runtime_container_pid(struct runtime *runtime, const struct runtime_target *target)
{
    const struct ward *ward = *find_ward(runtime, target->uid, target->name, target->attempt);
    return ward != NULL ? ward->pid : 0;
}

static void ward_free(struct ward **at)
{
    struct ward *ward = *at;
    *at = ward->next;
    loop_remove(ward->monitor);
    free(ward->uid);
    free(ward->name);
    free(ward);
}

void ward_forget(struct runtime *runtime, const char *uid, const char *name, int attempt)
{
    struct ward **at = find_ward(runtime, uid, name, attempt);
    if (*at != NULL)
        ward_free(at);
}

/* ---- has it been let go on? ---- */

/* The first process waits at a fifo until somebody opens its other end, and then writes a byte into it before
 * it becomes the container's command. The kernel notes when a fifo was last written to: so it is given a time
 * that no clock shows, and whoever comes later, even when all that had to do with it is dead, sees whether
 * the command has begun. */
static const struct timespec not_yet_written = {.tv_sec = 0};

char *runtime_fifo_path(const struct runtime *runtime, const char *bundle, const char *id)
{
    automaker struct maker maker = maker_of(runtime->place, bundle);
    return maker_fifo(&maker, id);
}

void runtime_mark_as_waiting(const char *fifo)
{
    const struct timespec times[2] = {not_yet_written, not_yet_written};
    if (utimensat(AT_FDCWD, fifo, times, 0) < 0 && errno != ENOENT)
        log_warning("cannot mark %s: %m", fifo);
}

/* A process that was never asked to go on is waiting, marked or not: its agent may have died before that. */
static bool waits_at(const char *fifo, bool asked)
{
    struct stat status;
    return stat(fifo, &status) == 0 && (!asked || status.st_mtim.tv_sec == not_yet_written.tv_sec);
}

/* From conmon's exit file; false when there is none. */
static bool read_end(const struct runtime *runtime, const char *uid, const char *name, int attempt,
                     struct runtime_end *end)
{
    autofree char *id = place_container_id(uid, name, attempt);
    autofree char *path = place_exit_file(runtime->place, id);
    autobuf struct buf text = {0};
    struct stat written;
    int64_t code;
    if (stat(path, &written) < 0 || file_read(path, &text, NULL) < 0 ||
        !str_to_int64(str_trim(buf_str(&text)), &code))
        return false;
    *end = (struct runtime_end){
        .exit_code = (int)code,
        .finished_ms = (int64_t)written.st_mtim.tv_sec * 1000 + written.st_mtim.tv_nsec / 1000000,
        .out_of_memory = runtime_out_of_memory(runtime, uid, name, attempt),
    };
    return true;
}

/* Nobody hears any more how it ends, nor reads what it writes: it is ended. */
static void end_lost(const struct runtime *runtime, const char *uid, const char *name, int attempt,
                     struct runtime_end *end)
{
    autofree char *cgroup = hierarchy_container(runtime->cgroups, runtime->place, uid, name, attempt);
    cgroups_kill(runtime->cgroups, cgroup);
    *end = (struct runtime_end){.exit_code = 128 + SIGKILL, .finished_ms = clock_wall_ms(), .lost = true};
}

/* Returns whether it has run at all. */
static bool container_ended(struct ward *ward)
{
    struct runtime *runtime = ward->runtime;
    autofree char *uid = take_pointer(ward->uid), *name = take_pointer(ward->name);
    int attempt = ward->attempt;
    autofree char *id = place_container_id(uid, name, attempt);
    autofree char *bundle = place_bundle(runtime->place, uid, name, attempt);
    autofree char *fifo = runtime_fifo_path(runtime, bundle, id);
    struct runtime_end end;
    if (!read_end(runtime, uid, name, attempt, &end))
        end_lost(runtime, uid, name, attempt, &end);
    end.never_ran = waits_at(fifo, ward->asked);
    runtime->listener.container_ended(runtime->listener.context, uid, name, attempt, &end);
    return !end.never_ran;
}

static void on_ward_ended(void *context, int status)
{
    struct ward *ward = context;
    struct runtime *runtime = ward->runtime;
    (void)status;
    ward->monitor = NULL;
    struct ward **at = &runtime->wards;
    while (*at != ward)
        at = &(*at)->next;
    *at = ward->next;
    ward->next = NULL;
    struct job *starting = ward->starting;
    bool ran = false; /* what ends at once may have ended before it is seen to go on */
    if (ward->name != NULL)
        ran = container_ended(ward);
    else
        runtime->listener.sandbox_ended(runtime->listener.context, ward->uid);
    ward_free(&ward);
    if (starting != NULL && !ran)
        error_make(&starting->error, ESRCH, "the container ended before it was started");
    if (starting != NULL)
        job_end(starting);
}

int ward_add(struct runtime *runtime, const char *uid, const char *name, int attempt, pid_t pid, int pidfd,
             struct error **err)
{
    ward_forget(runtime, uid, name, attempt);
    struct ward *ward = memory_zeroed(1, sizeof(*ward));
    *ward = (struct ward){.runtime = runtime,
                          .next = runtime->wards,
                          .uid = str_dup(str_of(uid)),
                          .name = name != NULL ? str_dup(str_of(name)) : NULL,
                          .attempt = attempt,
                          .pid = pid};
    runtime->wards = ward;
    ward->monitor = loop_process(runtime->loop, pidfd, on_ward_ended, ward, err);
    if (ward->monitor != NULL)
        return 0;
    close(pidfd);
    ward_free(&runtime->wards);
    return -EIO;
}

void runtime_close(struct runtime *runtime)
{
    if (runtime == NULL)
        return;
    while (runtime->wards != NULL)
        ward_free(&runtime->wards);
    loop_remove(runtime->asking_begins);
    asking_free(runtime->asking);
    images_close(runtime->images);
    cgroups_close(runtime->cgroups);
    free(runtime);
}

void runtime_clear(struct runtime *runtime)
{
    autoerror struct error *error = NULL;
    if (cgroups_remove(runtime->cgroups, runtime->place->cgroup, &error) < 0)
        log_warning("%s", error_message(error));
}

/* ---- sandboxes ---- */

/* One whose end would not be heard is ended: it could not be removed while it lives. Takes the descriptor. */
static int ward_sandbox(struct runtime *runtime, const char *uid, pid_t pid, int pidfd, struct error **err)
{
    int result = ward_add(runtime, uid, NULL, 0, pid, pidfd, err);
    if (result < 0)
        sandbox_stop(runtime->place, uid);
    return result;
}

int runtime_share(struct runtime *runtime, int64_t burstable_milli, struct error **err)
{
    if (runtime->burstable_milli == burstable_milli)
        return 0;
    int result = hierarchy_share(runtime->cgroups, runtime->place, burstable_milli, err);
    runtime->burstable_milli = result == 0 ? burstable_milli : -1;
    return result;
}

static void on_sandbox_started(void *context, pid_t pid, int pidfd, struct error *error)
{
    struct job *job = context;
    if (error != NULL)
        error_make(&job->error, error->number, "%s", error->message);
    else
        ward_sandbox(job->runtime, job->uid, pid, pidfd, &job->error);
    job_end(job);
}

static void begin_sandbox(struct job *job)
{
    struct runtime *runtime = job->runtime;
    if (sandbox_start(runtime->loop, runtime->place, runtime->cgroups, &job->sandbox, on_sandbox_started, job,
                      &job->error) < 0)
        job_end(job);
}

void runtime_run_sandbox(struct runtime *runtime, const struct sandbox_config *config, runtime_done_fn *done,
                         void *context)
{
    struct job *job = job_new(runtime, config->uid, NULL, 0, done, context);
    job->sandbox = sandbox_config_copy(config);
    job_enqueue(job, begin_sandbox);
}

bool runtime_stop_sandbox(struct runtime *runtime, const char *uid)
{
    return sandbox_stop(runtime->place, uid);
}

int runtime_remove_sandbox(struct runtime *runtime, const char *uid, struct error **err)
{
    ward_forget(runtime, uid, NULL, 0);
    return sandbox_remove(runtime->place, runtime->cgroups, uid, err);
}

/* ---- starting it ---- */

static void on_fifo_readable(void *context, uint32_t events)
{
    struct job *job = context;
    (void)events;
    char byte;
    ssize_t n = read(job->fd, &byte, 1);
    /* Closed without a byte: it has ended, which will be told in a moment. */
    if (n <= 0) {
        loop_remove(job->source);
        job->source = NULL;
        return;
    }
    fault_point("start-answered");
    /* The runtime tells by the fifo whether a container has been started. */
    autofree char *path = maker_fifo(&job->maker, job->id);
    if (unlink(path) < 0 && errno != ENOENT)
        error_errno(&job->error, errno, "cannot remove %s", path);
    struct ward *ward = *find_ward(job->runtime, job->uid, job->name, job->attempt);
    if (ward != NULL)
        ward->starting = NULL;
    job_end(job);
}

/* Whatever the runtime says: the one that an earlier agent asked may have come first. If it was killed
 * itself, that says nothing against the container, which waits still. */
static void on_started(void *context, const struct process_result *result)
{
    struct job *job = context;
    autofree char *complaint = process_complaint(maker_name(&job->maker), result);
    autofree char *fifo = maker_fifo(&job->maker, job->id);
    bool runs = *find_ward(job->runtime, job->uid, job->name, job->attempt) != NULL && !waits_at(fifo, true);
    if (complaint != NULL && !runs)
        error_make(&job->error, WIFEXITED(result->status) ? EIO : EAGAIN, "%s", complaint);
    job_end(job);
}

int job_run_runtime(struct job *job, const char *const *words, process_done_fn *done)
{
    struct runtime *runtime = job->runtime;
    autofree char *cgroup =
        hierarchy_monitor(runtime->cgroups, runtime->place, job->uid, job->name, job->attempt);
    maker_free(&job->maker);
    job->maker = maker_of(runtime->place, job->bundle);
    autofree char *root = path_format("--root=%s", job->maker.root);
    const char *argv[8] = {job->maker.program, root};
    for (int i = 0; words[i] != NULL; i++)
        argv[2 + i] = words[i];
    struct process_plan plan = {.argv = argv, .timeout_ms = runtime->place->runtime_timeout_ms};
    struct process *process =
        cgroups_start(runtime->cgroups, cgroup, runtime->loop, &plan, done, job, &job->error);
    if (process == NULL)
        return -EIO;
    fault_child("runtime", process_pid(process));
    fault_point("runtime-begun");
    return 0;
}

/* What is left of it is removed, and then it can't go on any more. */
static void on_start_timeout(void *context)
{
    struct job *job = context;
    struct ward *ward = *find_ward(job->runtime, job->uid, job->name, job->attempt);
    job->deadline = NULL;
    if (ward != NULL)
        ward->starting = NULL;
    error_make(&job->error, ETIMEDOUT, "the container could not be started within %lld seconds",
               (long long)job->runtime->place->runtime_timeout_ms / 1000);
    job_end(job);
}

/* runc's "start" does nothing but open a fifo; doing it here saves a process for each container. Other
 * runtimes are asked. */
static int begin_starting(struct job *job)
{
    struct runtime *runtime = job->runtime;
    struct ward *ward = *find_ward(runtime, job->uid, job->name, job->attempt);
    if (ward == NULL)
        return error_make(&job->error, ESRCH, "the container ended before it was started");
    job->maker = maker_of(runtime->place, job->bundle);
    autofree char *path = maker_fifo(&job->maker, job->id);
    ward->asked = true;
    if (maker_starts_by_reader(&job->maker))
        job->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    fault_point("start-opened");
    if (job->fd < 0)
        return job_run_runtime(job, (const char *const[]){"start", job->id, NULL}, on_started);
    job->source = loop_fd(runtime->loop, job->fd, EPOLLIN, on_fifo_readable, job, &job->error);
    if (job->source == NULL)
        return -EIO;
    job->deadline = loop_timer(runtime->loop, runtime->place->runtime_timeout_ms, on_start_timeout, job);
    ward->starting = job;
    return 0;
}

static void begin_start(struct job *job)
{
    if (begin_starting(job) < 0)
        job_end(job);
}

void runtime_start_container(struct runtime *runtime, const char *uid, const char *name, int attempt,
                             runtime_done_fn *done, void *context)
{
    job_enqueue(job_new(runtime, uid, name, attempt, done, context), begin_start);
}

/* ---- ending it ---- */

bool runtime_signal_container(struct runtime *runtime, const char *uid, const char *name, int attempt,
                              int signal_number)
{
    const struct ward *ward = *find_ward(runtime, uid, name, attempt);
    if (ward == NULL)
        return false;
    autofree char *cgroup = hierarchy_container(runtime->cgroups, runtime->place, uid, name, attempt);
    autoclose int pidfd = (int)syscall(SYS_pidfd_open, ward->pid, 0);
    return pidfd >= 0 && cgroups_holds(runtime->cgroups, cgroup, ward->pid) &&
           syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0) == 0;
}

/* ---- after a restart ---- */

pid_t runtime_adopt_sandbox(struct runtime *runtime, const char *uid)
{
    int pidfd;
    pid_t pid = sandbox_find(runtime->place, uid, &pidfd);
    if (pid > 0 && ward_sandbox(runtime, uid, pid, pidfd, NULL) < 0)
        return 0;
    return pid;
}

enum runtime_state runtime_adopt_container(struct runtime *runtime, const struct runtime_target *target,
                                           bool asked, struct runtime_end *end)
{
    const char *uid = target->uid, *name = target->name;
    int attempt = target->attempt, pidfd;
    autofree char *id = place_container_id(uid, name, attempt);
    autofree char *bundle = place_bundle(runtime->place, uid, name, attempt);
    autofree char *fifo = runtime_fifo_path(runtime, bundle, id);
    pid_t pid = conmon_container_pid(bundle), monitor = conmon_find(bundle, id, &pidfd);
    bool waits = waits_at(fifo, asked);
    if (!waits)
        unlink(fifo); /* its agent died just before it could */
    else if (!asked)
        runtime_mark_as_waiting(fifo); /* likewise */
    if (monitor > 0 && pid > 0 && ward_add(runtime, uid, name, attempt, pid, pidfd, NULL) == 0) {
        (*find_ward(runtime, uid, name, attempt))->asked = asked;
        return waits ? RUNTIME_CREATED : RUNTIME_RUNNING;
    }
    if (monitor > 0 && pid <= 0)
        close(pidfd);
    if (pid <= 0)
        return RUNTIME_ABSENT;
    if (!read_end(runtime, uid, name, attempt, end))
        end_lost(runtime, uid, name, attempt, end);
    /* Only now can it not go on any more: a runtime that the earlier agent asked may have been about to. */
    end->never_ran = waits && waits_at(fifo, asked);
    return RUNTIME_ENDED;
}
