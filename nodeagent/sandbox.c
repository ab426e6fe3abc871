#include "nodeagent/sandbox.h"

#include "lib/clock.h"
#include "lib/doc.h"
#include "lib/fault.h"
#include "lib/file.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SHM_OPTIONS "mode=1777,size=64m,uid=0,gid=0"

/* What the newborn says over its socket: which step failed and with what errno; step 0: ready, may I go on?
 */
struct report {
    int step, number;
};
enum {
    STEP_READY,
    STEP_CGROUP,
    STEP_SESSION,
    STEP_HOSTNAME,
    STEP_LOOPBACK,
    STEP_SYSCTLS,
    STEP_STANDARD_FILES,
    STEP_EXEC
};
static const char *const step_names[] = {
    [STEP_CGROUP] = "join its cgroup",     [STEP_SESSION] = "make a session",
    [STEP_HOSTNAME] = "set the host name", [STEP_LOOPBACK] = "bring the loopback interface up",
    [STEP_SYSCTLS] = "set its sysctls",    [STEP_STANDARD_FILES] = "open /dev/null",
    [STEP_EXEC] = "become podtree-pause",
};

struct birth {
    struct loop *loop;
    const struct place *place;
    char *uid;
    pid_t pid;
    int pidfd;
    int socket;
    struct loop_source *source;
    bool going; /* it has been told to go on */
    sandbox_started_fn *started;
    void *context;
};

static struct str copy_text(struct str text)
{
    return (struct str){str_dup(text), text.length};
}

struct sandbox_config sandbox_config_copy(const struct sandbox_config *config)
{
    return (struct sandbox_config){.uid = str_dup(str_of(config->uid)),
                                   .title = str_dup(str_of(config->title)),
                                   .namespaces = config->namespaces,
                                   .hostname = str_dup(str_of(config->hostname)),
                                   .hosts = copy_text(config->hosts),
                                   .resolver = copy_text(config->resolver),
                                   .sysctls = sysctls_copy(&config->sysctls),
                                   .quality = config->quality,
                                   .limits = config->limits,
                                   .times = config->times};
}

void sandbox_config_free(struct sandbox_config *config)
{
    const char *const texts[] = {config->uid, config->title, config->hostname, config->hosts.at,
                                 config->resolver.at};
    for (size_t i = 0; i < COUNT(texts); i++)
        free((void *)(uintptr_t)texts[i]);
    sysctls_free(&config->sysctls);
}

/* ---- in the new process: only system calls, as after any fork of a process that may have threads ---- */

static int bring_loopback_up(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int result = ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
    return result;
}

/* /proc/sys shows everybody the values of his own namespaces. */
static int set_sysctls(const struct sysctls *sysctls)
{
    for (size_t i = 0; i < sysctls->count; i++) {
        const char *value = sysctls->list[i].value;
        int fd = open(sysctls->list[i].path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, value, strlen(value)) < 0)
            return -1;
        close(fd);
    }
    return 0;
}

static int open_standard_files(void)
{
    int fd = open("/dev/null", O_RDWR);
    if (fd < 0)
        return -1;
    for (int i = 0; i < 3; i++)
        if (fd != i && dup2(fd, i) < 0)
            return -1;
    if (fd > 2)
        close(fd);
    return 0;
}

static void fail(int fd, int step)
{
    struct report report = {step, errno};
    _exit(write(fd, &report, sizeof(report)) == (ssize_t)sizeof(report) ? 1 : 2);
}

static void become_pause(int fd, int cgroup_to_join, const struct sandbox_config *config,
                         const char *const *argv)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (cgroup_to_join >= 0 && cgroups_join(cgroup_to_join, 0) < 0)
        fail(fd, STEP_CGROUP);
    if (setsid() < 0)
        fail(fd, STEP_SESSION);
    if ((config->namespaces & CLONE_NEWUTS) != 0 &&
        sethostname(config->hostname, strlen(config->hostname)) < 0)
        fail(fd, STEP_HOSTNAME);
    if ((config->namespaces & CLONE_NEWNET) != 0 && bring_loopback_up() < 0)
        fail(fd, STEP_LOOPBACK);
    if (set_sysctls(&config->sysctls) < 0)
        fail(fd, STEP_SYSCTLS);
    if (open_standard_files() < 0)
        fail(fd, STEP_STANDARD_FILES);
    struct report ready = {STEP_READY, 0};
    char go;
    /* The other end is closed when the agent has died: nobody knows this process then. */
    if (write(fd, &ready, sizeof(ready)) != (ssize_t)sizeof(ready) || read(fd, &go, 1) != 1)
        _exit(1);
    static char *const environment[] = {NULL};
    execve(argv[0], (char *const *)(uintptr_t)argv, environment);
    fail(fd, STEP_EXEC);
}

/* ---- in the agent ---- */

static uint64_t process_start_time(pid_t pid)
{
    autofree char *path = path_format("/proc/%d/stat", (int)pid);
    autobuf struct buf text = {0};
    if (file_read(path, &text, NULL) < 0)
        return 0;
    /* The program's name in parentheses may hold anything; field 22 is the 20th behind it. */
    const char *end = strrchr(text.at, ')');
    struct str rest = end != NULL ? str_of(end + 2) : STR_NONE, field = STR_NONE;
    for (int i = 0; i < 20; i++)
        if (!str_split(&rest, ' ', &field))
            return 0;
    int64_t ticks = 0;
    return str_to_int64(field, &ticks) ? (uint64_t)ticks : 0;
}

static char *record_path(const struct place *place, const char *uid)
{
    return path_format("%s/pods/%s/sandbox.json", place->run, uid);
}

static int write_record(const struct birth *birth, struct error **err)
{
    autodoc struct doc *doc = doc_new();
    value_set_int(doc_root(doc), STR("pid"), birth->pid);
    value_set_int(doc_root(doc), STR("startTime"), (int64_t)process_start_time(birth->pid));
    autobuf struct buf text = {0};
    value_write(&text, doc_root(doc));
    autofree char *path = record_path(birth->place, birth->uid);
    return file_replace(path, buf_str(&text), 0600, FILE_CACHED, err);
}

pid_t sandbox_find(const struct place *place, const char *uid, int *pidfd)
{
    autofree char *path = record_path(place, uid);
    autobuf struct buf text = {0};
    *pidfd = -1;
    if (file_read(path, &text, NULL) < 0)
        return 0;
    autodoc struct doc *doc = doc_parse(buf_str(&text), NULL);
    pid_t pid = (pid_t)value_int_or(value_get(doc_root(doc), STR("pid")), 0);
    uint64_t start = (uint64_t)value_int_or(value_get(doc_root(doc), STR("startTime")), 0);
    if (pid <= 0)
        return 0;
    /* First the descriptor, then the question: if the pid has been given to another process meanwhile, that
     * one is younger than the record. */
    autoclose int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    if (fd < 0 || process_start_time(pid) != start || poll(&ended, 1, 0) != 0)
        return 0;
    *pidfd = take_fd(fd);
    return pid;
}

static int record_birth(const struct birth *birth, struct error **err)
{
    fault_point("sandbox-ready");
    int result = write_record(birth, err);
    fault_point("sandbox-recorded");
    return result;
}

static void birth_end(struct birth *birth, struct error *error)
{
    loop_remove(birth->source);
    close(birth->socket);
    if (error != NULL) {
        close(birth->pidfd);
        birth->pidfd = -1;
    }
    fault_point("sandbox-made");
    birth->started(birth->context, birth->pid, birth->pidfd, error);
    error_free(error);
    free(birth->uid);
    free(birth);
}

/* Nobody else reaps it: the descriptor has not been given to the loop. */
static void birth_fail(struct birth *birth, struct error *error)
{
    syscall(SYS_pidfd_send_signal, birth->pidfd, SIGKILL, NULL, 0);
    siginfo_t info;
    waitid((idtype_t)P_PIDFD, (id_t)birth->pidfd, &info, WEXITED);
    birth_end(birth, error);
}

static void on_report(void *context, uint32_t events)
{
    struct birth *birth = context;
    (void)events;
    struct report report;
    struct error *error = NULL;
    ssize_t length = read(birth->socket, &report, sizeof(report));
    if (length == 0 && birth->going) {
        birth_end(birth, NULL); /* the socket closed by execve */
        return;
    }
    if (length != (ssize_t)sizeof(report))
        error_make(&error, EPIPE, "the sandbox process died while it was being made");
    else if (report.step != STEP_READY)
        error_errno(&error, report.number, "the sandbox process could not %s", step_names[report.step]);
    else if (record_birth(birth, &error) == 0 && send(birth->socket, "", 1, MSG_NOSIGNAL) != 1)
        error_errno(&error, errno, "cannot answer the sandbox process");
    birth->going = true;
    if (error != NULL)
        birth_fail(birth, error);
}

static pid_t clone_sandbox(uint64_t namespaces, int *pidfd, int cgroup)
{
    struct clone_args args = {
        .flags = namespaces | CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
    };
    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Containers see whose it is: root's, and not the agent's own group's. */
static int write_shared_file(const char *directory, const char *name, struct str text, struct error **err)
{
    autofree char *path = path_format("%s/%s", directory, name);
    int result = file_write(path, text, 0644, err);
    if (result == 0 && chown(path, 0, 0) < 0)
        result = error_errno(err, errno, "cannot give %s to root", path);
    fault_point("sandbox-file");
    return result;
}

/* That of the machine where its IPC namespace is used. */
static int mount_shm(const char *shm, uint64_t namespaces, struct error **err)
{
    int result = (namespaces & CLONE_NEWIPC) != 0
                     ? mount("shm", shm, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, SHM_OPTIONS)
                     : mount("/dev/shm", shm, NULL, MS_BIND, NULL);
    return result == 0 ? 0 : error_errno(err, errno, "cannot mount %s", shm);
}

static int make_shared_files(const struct place *place, const struct sandbox_config *config,
                             struct error **err)
{
    autofree char *directory = place_pod_run(place, config->uid);
    autofree char *shm = path_format("%s/shm", directory);
    autobuf struct buf hostname = {0};
    buf_addf(&hostname, "%s\n", config->hostname);
    int result = directory_make(shm, 0711, err);
    if (result < 0 || (result = write_shared_file(directory, "hosts", config->hosts, err)) < 0 ||
        (result = write_shared_file(directory, "hostname", buf_str(&hostname), err)) < 0 ||
        (result = write_shared_file(directory, "resolv.conf", config->resolver, err)) < 0)
        return result;
    return mount_shm(shm, config->namespaces, err);
}

/* The group of the pause process: a leaf, because version 2 wants processes in leaves only. */
static int make_cgroup(const struct place *place, const struct cgroups *cgroups,
                       const struct sandbox_config *config, bool *into, struct error **err)
{
    int result = hierarchy_make_pod(cgroups, place, config->uid, config->quality, &config->limits, err);
    autofree char *path = hierarchy_sandbox(cgroups, place, config->uid);
    return result < 0 ? result : cgroups_make(cgroups, path, into, err);
}

static int give_birth(struct birth *birth, const struct cgroups *cgroups, const struct sandbox_config *config,
                      struct error **err)
{
    bool into = false;
    int64_t begun_us = clock_us();
    autoclose int cgroup = make_cgroup(birth->place, cgroups, config, &into, err);
    if (cgroup < 0)
        return cgroup;
    if (config->times != NULL)
        config->times->cgroup_us = clock_us() - begun_us;
    fault_point("sandbox-grouped");
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return error_errno(err, errno, "cannot make a socket pair");
    autoclose int theirs = sockets[1];
    birth->socket = sockets[0];
    const char *const argv[] = {birth->place->pause, config->title, config->uid, NULL};
    birth->pid = clone_sandbox(config->namespaces, &birth->pidfd, into ? cgroup : -1);
    if (birth->pid == 0) {
        close(birth->socket);
        become_pause(theirs, into ? -1 : cgroup, config, argv);
    }
    if (birth->pid < 0)
        return error_errno(err, errno, "cannot make the sandbox process");
    fault_child("sandbox", birth->pid);
    fault_point("sandbox-born");
    return 0;
}

int sandbox_start(struct loop *loop, const struct place *place, const struct cgroups *cgroups,
                  const struct sandbox_config *config, sandbox_started_fn *started, void *context,
                  struct error **err)
{
    int64_t begun_us = clock_us();
    int result = make_shared_files(place, config, err);
    if (result < 0)
        return result;
    if (config->times != NULL)
        config->times->directories_us = clock_us() - begun_us;
    struct birth *birth = memory_zeroed(1, sizeof(*birth));
    *birth = (struct birth){.loop = loop,
                            .place = place,
                            .uid = str_dup(str_of(config->uid)),
                            .pidfd = -1,
                            .socket = -1,
                            .started = started,
                            .context = context};
    result = give_birth(birth, cgroups, config, err);
    if (result == 0) {
        birth->source = loop_fd(loop, birth->socket, EPOLLIN, on_report, birth, err);
        if (birth->source != NULL)
            return 0;
        syscall(SYS_pidfd_send_signal, birth->pidfd, SIGKILL, NULL, 0);
        waitpid(birth->pid, NULL, 0);
        result = -EIO;
    }
    if (birth->pidfd >= 0)
        close(birth->pidfd);
    if (birth->socket >= 0)
        close(birth->socket);
    free(birth->uid);
    free(birth);
    return result;
}

bool sandbox_stop(const struct place *place, const char *uid)
{
    autoclose int pidfd = -1;
    return sandbox_find(place, uid, &pidfd) > 0 &&
           syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0;
}

int sandbox_remove(const struct place *place, const struct cgroups *cgroups, const char *uid,
                   struct error **err)
{
    autoclose int pidfd = -1;
    if (sandbox_find(place, uid, &pidfd) > 0)
        return error_make(err, EBUSY, "the sandbox process still lives");
    autofree char *directory = place_pod_run(place, uid);
    autofree char *shm = path_format("%s/shm", directory);
    if (umount2(shm, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
        return error_errno(err, errno, "cannot unmount %s", shm);
    /* Whatever is still in the group belongs to nobody. */
    autofree char *cgroup = hierarchy_pod(cgroups, place, uid);
    cgroups_kill(cgroups, cgroup);
    int result = cgroups_remove(cgroups, cgroup, err);
    fault_point("sandbox-ungrouped");
    if (result == 0)
        result = directory_remove(directory, err);
    fault_point("sandbox-removed");
    return result;
}
