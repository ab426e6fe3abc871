/* podtree up: starts a cluster and returns when its tree answers. */
#include "cli/command.h"
#include "cli/logs.h"
#include "cli/mount.h"
#include "cli/node_options.h"
#include "cli/probe.h"
#include "cli/record.h"
#include "cli/supervisor.h"
#include "lib/clock.h"
#include "lib/identity.h"
#include "lib/log.h"
#include "lib/name.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define OTHER_MS       30000
#define END_MS         5000
#define HOLLOW_AT_MOST 10000 /* a node takes some kilobytes, and heartbeats */

/* ---- what the command line says ---- */

struct wishes {
    struct directories directories;
    const char *node, *libexec;
    bool no_node, foreground;
    int64_t hollow;
    struct node_options of_node;
};

static int read_wishes(int argc, char **argv, struct wishes *wishes, struct error **err)
{
    const struct option_row options[] = {
        OPTION_MOUNT(wishes->directories),
        OPTION_STATE(wishes->directories),
        OPTION_RUN(wishes->directories),
        {.name = "node",
         .argument = "NAME",
         .help = "this machine's name as a node (the host's name)",
         .text = &wishes->node},
        {.name = "no-node", .help = "run no pods on this machine", .flag = &wishes->no_node},
        {.name = "hollow",
         .argument = "N",
         .help = "play N nodes whose pods run at once, for trials",
         .number = &wishes->hollow},
        NODE_OPTIONS(wishes->of_node),
        {.name = "foreground", .help = "stay in the foreground", .flag = &wishes->foreground},
        {.name = "libexec",
         .argument = "DIR",
         .help = "take the components' programs from there",
         .text = &wishes->libexec},
        {0},
    };
    const struct usage usage = {
        .synopsis = "podtree up [OPTION…]",
        .about = "Mounts the tree, starts the cluster, and returns when the tree answers. Where it is "
                 "running already\n"
                 "with these settings, nothing happens, with others this fails; where its supervisor has "
                 "died, this takes over.\n",
        .options = options,
    };
    char **words;
    int count;
    return options_parse(&usage, argc, argv, &words, &count, err);
}

static int host_name(char **out, struct error **err)
{
    char name[HOST_NAME_MAX + 1];
    if (gethostname(name, sizeof(name)) < 0)
        return error_errno(err, errno, "cannot read the host's name");
    name[sizeof(name) - 1] = '\0';
    for (char *c = name; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a'); /* the names of objects have no capitals */
    *out = str_dup(str_of(name));
    return 0;
}

static int choose_node(const struct wishes *wishes, char **out, struct error **err)
{
    if (wishes->no_node)
        return wishes->node == NULL ? 0
                                    : error_make(err, EINVAL, "--node and --no-node contradict each other");
    if (wishes->node != NULL)
        *out = str_dup(str_of(wishes->node));
    int result = wishes->node == NULL ? host_name(out, err) : 0;
    if (result < 0 || name_is_subdomain(str_of(*out)))
        return result;
    return error_make(err, EINVAL,
                      "%s%s is no name of a node: lower case letters, digits, dashes and dots, at most %d, "
                      "a letter or digit at both ends of each part%s",
                      wishes->node != NULL ? "--node: " : "the host's name ", *out, NAME_SUBDOMAIN_AT_MOST,
                      wishes->node != NULL ? "" : "; give another with --node");
}

/* What is wanted, as far as it was said. Nothing is made. */
static int make_settings(const struct wishes *wishes, struct settings *settings, struct error **err)
{
    int result = choose_node(wishes, &settings->node, err);
    if (result == 0 && wishes->hollow > HOLLOW_AT_MOST)
        result = error_make(err, EINVAL, "--hollow: at most %d nodes can be played, not %lld", HOLLOW_AT_MOST,
                            (long long)wishes->hollow);
    if (result == 0)
        result = settings_resolve(&wishes->directories, settings, err);
    if (result == 0)
        result = node_options_resolve(&wishes->of_node, settings, err);
    if (result < 0)
        return result;
    if (wishes->hollow > 0 && asprintf(&settings->hollow, "%lld", (long long)wishes->hollow) < 0)
        abort();
    if (wishes->libexec != NULL && (settings->libexec = realpath(wishes->libexec, NULL)) == NULL)
        return error_errno(err, errno, "cannot find %s", wishes->libexec);
    return 0;
}

/* Mounting over files would hide them. */
static int check_mount_point(const char *directory, struct error **err)
{
    if (mount_exists(directory))
        return 0;
    DIR *entries = opendir(directory);
    if (entries == NULL)
        return error_errno(err, errno, "cannot open %s", directory);
    const char *found = NULL;
    for (struct dirent *entry; found == NULL && (entry = readdir(entries)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            found = entry->d_name;
    int result =
        found != NULL ? error_make(err, ENOTEMPTY, "%s is not empty: there is %s", directory, found) : 0;
    closedir(entries);
    return result;
}

/* ---- telling that it is ready ---- */

/* systemd's protocol for units of type notify: one datagram. */
static void tell_systemd(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || strlen(path) >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (*path == '@')
        address.sun_path[0] = '\0';
    autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    static const char ready[] = "READY=1";
    if (fd < 0 || sendto(fd, ready, sizeof(ready) - 1, 0, (struct sockaddr *)&address, length) < 0)
        log_warning("cannot tell the service manager that the tree is ready: %s", strerror(errno));
}

#define READY_BYTE '+'

/* To the process that has been started by the user: a plus when the tree answers, else the sentence. */
static void tell_parent(void *context)
{
    int *report = context;
    if (*report < 0) {
        tell_systemd();
        return;
    }
    if (write(*report, (char[]){READY_BYTE}, 1) < 0)
        log_debug("podtree up has not waited for the tree");
    close(take_fd(*report));
}

/* The daemon says one thing in one write, or ends without a word (EOWNERDEAD: there may be something of it
 * that runs). When it has failed, it is waited for: then nothing of it is left. */
static int wait_for_report(const char *run, pid_t daemon, int report, struct error **err)
{
    char said[PIPE_BUF];
    autoclose int pidfd = pidfd_open(daemon, 0);
    struct pollfd waiting[] = {{.fd = report, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
    while (poll(waiting, 2, -1) < 0)
        if (errno != EINTR)
            return error_errno(err, errno, "cannot wait for the supervisor");
    ssize_t length = (waiting[0].revents & POLLIN) != 0 ? read(report, said, sizeof(said)) : 0;
    autobuf struct buf lines = {0};
    if (length <= 0) {
        logs_tail(run, identity_name(IDENTITY_SUPERVISOR), 5, &lines);
        return error_make(err, EOWNERDEAD, "the supervisor has died; the last lines of its log:\n" STR_FORMAT,
                          STR_ARGS(str_trim(buf_str(&lines))));
    }
    if (said[0] == READY_BYTE)
        return 0;
    while (poll(&waiting[1], 1, END_MS) < 0 && errno == EINTR)
        ;
    return error_make(err, EIO, "%.*s", (int)length, said);
}

/* ---- the two ways to run ---- */

static int redirect_output(const char *run, struct error **err)
{
    autoclose int log = logs_open(run, "supervisor", err);
    if (log < 0)
        return log;
    autoclose int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0)
        return error_errno(err, errno, "cannot redirect the output");
    return 0;
}

static int supervise(const struct settings *settings, int *report, struct error **err)
{
    log_init(identity_name(IDENTITY_SUPERVISOR));
    umask(022);
    if (chdir("/") < 0)
        return error_errno(err, errno, "cannot go to /");
    return supervisor_run(settings, tell_parent, report, err);
}

__attribute__((noreturn)) static void be_daemon(const struct settings *settings, int report)
{
    autoerror struct error *err = NULL;
    setsid();
    int result = redirect_output(settings->run, &err);
    if (result == 0)
        result = supervise(settings, &report, &err);
    if (result < 0) {
        log_error("%s", error_message(err));
        size_t length = strnlen(error_message(err), PIPE_BUF);
        if (report >= 0 && write(report, error_message(err), length) < 0)
            log_warning("nobody hears it");
    }
    _exit(result < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* A careless shell leaves files of the tree open to us, and closing one waits for an answer of fsd, which may
 * be dead and about to be started by us. So the daemon is born sharing our table of descriptors, and leaves
 * it for one that never had them; what it needs of ours it fetches. */
static int leave_descriptors(int *lock, int *report)
{
    int numbers[] = {*lock, *report};
    if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_UNSHARE) < 0)
        return -errno;
    autoclose int parent = pidfd_open(getppid(), 0);
    if (parent < 0)
        return -errno;
    *lock = pidfd_getfd(parent, numbers[0], 0);
    *report = pidfd_getfd(parent, numbers[1], 0);
    return *lock < 0 || *report < 0 ? -errno : 0;
}

static int run_in_background(const struct settings *settings, int lock, struct error **err)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    /* As fork(), but for the descriptors. */
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_FILES, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        int result = leave_descriptors(&lock, &report[1]);
        if (result == 0)
            be_daemon(settings, report[1]);
        fprintf(stderr, "cannot leave the terminal: %s\n", strerror(-result));
        _exit(EXIT_FAILURE);
    }
    int result = pid > 0 ? wait_for_report(settings->run, pid, report[0], err)
                         : error_errno(err, errno, "cannot fork");
    close(report[0]);
    close(report[1]);
    return result;
}

/* Success where that is what is wanted. */
static int find_running(const struct settings *settings, struct error **err)
{
    autorecord struct record record;
    record_init(&record);
    autobuf struct buf how = {0};
    int result = record_read(settings->run, &record, err);
    if (result < 0)
        return result;
    if (result > 0 && settings_differ(&record.settings, settings, &how))
        return error_make(err, EBUSY, "podtree is running already with other settings (%s): stop it first",
                          how.at);
    result = probe_tree(settings->mount, OTHER_MS);
    if (result < 0)
        return error_errno(err, -result, "podtree is running already, but %s does not answer",
                           settings->mount);
    printf("podtree is running already: %s\n", settings->mount);
    return 0;
}

/* The lock is held for as long as this process lives, or the daemon. 1 when a cluster runs there already. */
static int take_lock(const struct settings *settings, int *lock, struct error **err)
{
    autoerror struct error *failure = NULL;
    *lock = supervisor_lock(settings->run, &failure);
    if (*lock >= 0)
        return 0;
    if (*lock != -EWOULDBLOCK) {
        error_move(err, take_pointer(failure));
        return *lock;
    }
    int result = find_running(settings, err);
    return result < 0 ? result : 1;
}

static int start_cluster(const struct wishes *wishes, const struct settings *settings, int lock,
                         struct error **err)
{
    int64_t began_ms = clock_ms();
    int result = check_mount_point(settings->mount, err), nobody = -1;
    if (result < 0)
        return result;
    if (wishes->foreground)
        return supervise(settings, &nobody, err);
    result = run_in_background(settings, lock, err);
    if (result == 0)
        printf("%s answers after %lld ms\n", settings->mount, (long long)(clock_ms() - began_ms));
    return result;
}

static int make_and_start(const struct wishes *wishes, struct settings *settings, int *lock,
                          struct error **err)
{
    unsigned made = 0;
    int result = settings_find_programs(settings, err);
    if (result == 0)
        result = settings_make(settings, &made, err);
    if (result == 0 && *lock < 0 && (result = take_lock(settings, lock, err)) != 0)
        return result; /* another one has begun here at the same time: what was made serves it */
    if (result == 0)
        result = start_cluster(wishes, settings, *lock, err);
    if (result < 0 && result != -EOWNERDEAD)
        settings_unmake(settings, made);
    return result;
}

/* What runs already is asked for before anything is made, and can only be where the directory is. */
int command_up(int argc, char **argv, struct error **err)
{
    struct wishes wishes = {.directories = directories_default(), .of_node = NODE_OPTIONS_NONE};
    autosettings struct settings settings = {0};
    autoclose int lock = -1;
    autoerror struct error *unlocked = NULL;
    int result = read_wishes(argc, argv, &wishes, err);
    if (result != 0)
        return result < 0 ? result : EXIT_SUCCESS;
    if (geteuid() != 0)
        return error_make(err, EPERM, "only root can start a cluster");
    result = make_settings(&wishes, &settings, err);
    if (result < 0)
        return result;
    result = take_lock(&settings, &lock, &unlocked);
    if (result == 0 || lock == -ENOENT)
        result = make_and_start(&wishes, &settings, &lock, err);
    else
        error_move(err, take_pointer(unlocked));
    return result < 0 ? result : EXIT_SUCCESS;
}
