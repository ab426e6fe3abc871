#include "cli/supervisor.h"

#include "cli/child.h"
#include "cli/control.h"
#include "cli/logs.h"
#include "cli/mount.h"
#include "cli/probe.h"
#include "cli/units.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/file.h>

/* How long the tree may take to answer at first, and how often fsd may end before that. */
#define START_MS     30000
#define START_ENDS   6
#define PROBE_MS     50
#define ROTATE_MS    30000
#define ROTATE_BYTES (8 * 1024 * 1024)
#define END_PODS_MS  120000

struct supervisor {
    const struct settings *settings;
    struct loop *loop;
    struct held_fds held;
    struct units *units;
    struct loop_source *mounts; /* tells that the mount is gone */
    int mount_list;             /* /proc/self/mountinfo */
    int listener;
    int caller; /* hears how the stop goes; -1 when none asked for it */
    bool end_pods;
    bool answered;
    int64_t started_ms;
    void (*ready)(void *context);
    void *ready_context;
    void (*say)(void *context, const char *text); /* of supervisor_clean_up() */
    void *say_context;
    struct error *failure; /* why it stops, when nobody asked for it */
};

/* ---- stopping ---- */

__attribute__((format(printf, 2, 3))) static void say(struct supervisor *s, const char *format, ...)
{
    autobuf struct buf line = {0};
    va_list args;
    va_start(args, format);
    buf_vaddf(&line, format, args);
    va_end(args);
    control_say(s->caller, line.at);
    if (s->say != NULL)
        s->say(s->say_context, line.at);
    else
        log_info("%s", line.at);
}

struct ending {
    bool over;
    int status;
};

/* What the agent says while it ends its pods: lines. */
struct report {
    struct supervisor *supervisor;
    int fd;
    struct buf text;
    struct loop_source *source;
};

static void on_report(void *context, uint32_t events)
{
    struct report *report = context;
    (void)events;
    ssize_t length = read(report->fd, buf_reserve(&report->text, PIPE_BUF), PIPE_BUF);
    if (length <= 0) {
        loop_remove(report->source);
        report->source = NULL;
        return;
    }
    report->text.length += (size_t)length;
    const char *end;
    while ((end = memchr(report->text.at, '\n', report->text.length)) != NULL) {
        size_t line = (size_t)(end - report->text.at);
        say(report->supervisor, "%.*s", (int)line, report->text.at);
        buf_drop(&report->text, line + 1);
    }
}

static void report_end(struct report *report)
{
    loop_remove(report->source);
    if (report->fd >= 0)
        close(report->fd);
    buf_free(&report->text);
}

static void on_pods_ended(void *context, int status)
{
    *(struct ending *)context = (struct ending){true, status};
}

static int wait_for_pods(struct supervisor *s, struct child *agent, struct report *report, struct error **err)
{
    struct ending ending = {0};
    report->source = loop_fd(s->loop, report->fd, EPOLLIN, on_report, report, err);
    if (report->source == NULL || loop_process(s->loop, agent->pidfd, on_pods_ended, &ending, err) == NULL)
        return -EIO;
    child_release(agent);
    int64_t until = clock_ms() + END_PODS_MS, left;
    int result = 0;
    while (!ending.over && (left = until - clock_ms()) > 0 && result == 0)
        result = loop_turn(s->loop, (int)left, err);
    if (result < 0 || (ending.over && ending.status == 0))
        return result;
    autobuf struct buf end = {0};
    child_describe_end(ending.status, &end);
    return error_make(err, EIO, "the agent could not end all pods: %s",
                      ending.over ? end.at : "no end in sight");
}

/* The agent's own program ends the pods: it alone knows what belongs to this node. */
static int run_end_pods(struct supervisor *s, struct error **err)
{
    const struct component *agent = NULL;
    for (size_t i = 0; i < component_count; i++)
        if (strcmp(components[i].name, "nodeagent") == 0)
            agent = &components[i];
    if (agent == NULL || !component_wanted(agent, s->settings))
        return 0;
    autoclose int log = logs_open(s->settings->run, agent->name, err);
    int ends[2];
    if (log < 0)
        return log;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    cleanup(report_end) struct report report = {.supervisor = s, .fd = ends[0]};
    char **argv = component_argv(agent, s->settings, "--end-pods --report-fd 3");
    const struct child_plan plan = {
        .argv = argv, .gid = identity_gid(agent->identity), .fds = &ends[1], .fd_count = 1, .log = log};
    struct child child;
    int result = child_start(&plan, &child, err);
    component_free_argv(argv);
    close(ends[1]);
    return result < 0 ? result : wait_for_pods(s, &child, &report, err);
}

static void end_pods(struct supervisor *s)
{
    autoerror struct error *err = NULL;
    say(s, "ending the pods of this node");
    if (run_end_pods(s, &err) < 0)
        say(s, "%s", error_message(err));
}

static void forget_mount(struct supervisor *s)
{
    loop_remove(s->mounts);
    s->mounts = NULL;
}

static void take_mount_away(struct supervisor *s)
{
    forget_mount(s);
    autoerror struct error *err = NULL;
    autobuf struct buf users = {0};
    if (mount_remove(s->settings->mount, &users, &err) < 0) {
        say(s, "%s", error_message(err));
        return;
    }
    struct str rest = str_trim(buf_str(&users)), user;
    while (users.length > 0 && str_split(&rest, '\n', &user))
        say(s, "still in use by " STR_FORMAT, STR_ARGS(user));
    say(s, "unmounted %s", s->settings->mount);
}

/* Whatever fails on the way is said, and the rest is done all the same. Where no fsd answers, what waits for
 * an answer must be freed before it can be stopped. */
static void stop(struct supervisor *s)
{
    bool answered = units_any_running(s->units, STOP_FSD, STOP_FSD);
    if (!answered)
        take_mount_away(s);
    say(s, "stopping the agents and reconcilers");
    units_stop(s->units, STOP_USERS, STOP_USERS);
    if (s->end_pods)
        end_pods(s);
    units_stop(s->units, STOP_NOTIFIER, STOP_NOTIFIER);
    if (answered)
        take_mount_away(s);
    say(s, "stopping fsd");
    units_stop(s->units, STOP_FSD, STOP_FSD);
    held_close(&s->held);
    record_remove(s->settings->run);
    control_remove(s->settings->run);
    say(s, SUPERVISOR_STOPPED);
}

/* ---- the mount ---- */

static int watch_mount(struct supervisor *s, struct error **err);

/* Somebody has unmounted the tree, or ended its connection: make it anew. */
static void check_mount(void *context)
{
    struct supervisor *s = context;
    if (!mount_is_over(s->held.fd[HELD_FUSE]) && mount_exists(s->settings->mount))
        return;
    log_error("the mount at %s is gone: making it anew", s->settings->mount);
    forget_mount(s);
    units_stop(s->units, STOP_NOTIFIER, STOP_FSD);
    bool mounted;
    int result = held_complete(&s->held, s->settings->mount, &mounted, &s->failure);
    if (result == 0)
        result = watch_mount(s, &s->failure);
    if (result == 0)
        result = units_start(s->units, &s->failure);
    if (result < 0)
        loop_stop(s->loop);
}

static void on_mount_list(void *context, uint32_t events)
{
    (void)events;
    check_mount(context);
}

/* The list of mounts tells of every change, and a connection that is over ends fsd. The connection itself is
 * not polled: that would wake the supervisor with each request. */
static int watch_mount(struct supervisor *s, struct error **err)
{
    units_on_fsd_end(s->units, check_mount, s);
    s->mounts = loop_fd(s->loop, s->mount_list, EPOLLPRI, on_mount_list, s, err);
    return s->mounts != NULL ? 0 : -EIO;
}

/* ---- starting: does the tree answer? ---- */

static void probe(void *context);

static void fail_to_answer(struct supervisor *s, const char *why)
{
    autobuf struct buf lines = {0};
    logs_tail(s->settings->run, components[COMPONENT_FSD].name, 5, &lines);
    error_make(&s->failure, EIO, "the tree at %s does not answer: %s%s" STR_FORMAT, s->settings->mount, why,
               lines.length > 0 ? "; the last lines of fsd's log:\n" : "",
               STR_ARGS(str_trim(buf_str(&lines))));
    loop_stop(s->loop);
}

static void on_probed(void *context, int status)
{
    struct supervisor *s = context;
    if (s->answered || s->failure != NULL)
        return;
    if (status != 0) {
        loop_timer(s->loop, PROBE_MS, probe, s);
        return;
    }
    s->answered = true;
    log_info("%s answers after %" PRId64 " ms", s->settings->mount, clock_ms() - s->started_ms);
    s->ready(s->ready_context);
}

static void probe(void *context)
{
    struct supervisor *s = context;
    int pidfd;
    autoerror struct error *err = NULL;
    pid_t pid = probe_start(s->settings->mount, &pidfd);
    if (pid > 0 && loop_process(s->loop, pidfd, on_probed, s, &err) == NULL)
        close(pidfd);
    else if (pid > 0)
        return;
    log_warning("cannot ask whether the tree answers: %s",
                pid < 0 ? strerror((int)-pid) : error_message(err));
    loop_timer(s->loop, PROBE_MS, probe, s);
}

static void on_start_over(void *context)
{
    struct supervisor *s = context;
    const char *how;
    if (!s->answered && s->failure == NULL)
        fail_to_answer(s, units_fsd_ends(s->units, &how) > 0 ? how : "it is taking too long");
}

/* An fsd that ends again and again won't answer later either. */
static void check_fsd(void *context)
{
    struct supervisor *s = context;
    const char *how;
    if (s->answered || s->failure != NULL)
        return;
    autobuf struct buf why = {0};
    if (units_fsd_ends(s->units, &how) >= START_ENDS) {
        buf_addf(&why, "fsd %s", how);
        fail_to_answer(s, why.at);
    } else {
        loop_timer(s->loop, PROBE_MS, check_fsd, s);
    }
}

/* ---- requests ---- */

static void say_to_caller(void *context, const char *text)
{
    control_say(*(int *)context, text);
}

static void answer_status(struct supervisor *s, int *caller)
{
    char text[CONTROL_LINE];
    snprintf(text, sizeof(text), "mount %s", s->settings->mount);
    control_say(*caller, text);
    snprintf(text, sizeof(text), "supervisor %d %" PRId64 " 0 ", (int)getpid(), clock_ms() - s->started_ms);
    control_say(*caller, text);
    units_describe(s->units, say_to_caller, caller);
}

/* The caller stays connected, hears each step, and knows by the end of the connection that all is over. */
static void answer_down(struct supervisor *s, int *caller)
{
    if (s->caller < 0)
        s->caller = take_fd(*caller);
    loop_stop(s->loop);
}

static void answer_down_pods(struct supervisor *s, int *caller)
{
    s->end_pods = true;
    answer_down(s, caller);
}

static const struct {
    const char *request;
    void (*answer)(struct supervisor *s, int *caller); /* may take the caller's descriptor */
    bool root_only;                                    /* else the group podtree may ask, too */
} requests[] = {
    {"status", answer_status, false}, {"down", answer_down, true}, {"down pods", answer_down_pods, true}};

static void on_caller(void *context, uint32_t events)
{
    struct supervisor *s = context;
    char request[CONTROL_LINE];
    bool is_root;
    autoclose int caller = control_accept(s->listener, request, &is_root);
    (void)events;
    for (size_t i = 0; caller >= 0 && i < COUNT(requests); i++)
        if (strcmp(request, requests[i].request) == 0 && (is_root || !requests[i].root_only))
            requests[i].answer(s, &caller);
}

static void on_signal(void *context, int number)
{
    struct supervisor *s = context;
    log_info("%s: stopping", strsignal(number));
    loop_stop(s->loop);
}

static void on_rotate(void *context)
{
    struct supervisor *s = context;
    logs_rotate(s->settings->run, ROTATE_BYTES);
    loop_timer(s->loop, ROTATE_MS, on_rotate, s);
}

/* ---- putting it together ---- */

int supervisor_lock(const char *run, struct error **err)
{
    autofree char *path = path_format("%s/lock", run);
    autoclose int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return error_errno(err, errno, "cannot lock %s", path);
    return take_fd(fd);
}

static int supervisor_init(struct supervisor *s, const struct settings *settings, struct error **err)
{
    *s = (struct supervisor){.settings = settings,
                             .held = HELD_NONE,
                             .mount_list = -1,
                             .listener = -1,
                             .caller = -1,
                             .started_ms = clock_ms()};
    signal(SIGPIPE, SIG_IGN);
    s->loop = loop_new(err);
    if (s->loop == NULL)
        return -EIO;
    s->mount_list = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (s->mount_list < 0)
        return error_errno(err, errno, "cannot open the list of mounts");
    s->units = units_new(s->loop, settings, &s->held);
    return 0;
}

static void supervisor_free(struct supervisor *s)
{
    units_free(s->units);
    loop_free(s->loop);
    held_close(&s->held);
    if (s->listener >= 0)
        close(s->listener);
    if (s->mount_list >= 0)
        close(s->mount_list);
    /* The caller's connection ends with the process: by then the lock is free. */
}

/* Takes over from a supervisor that has died: first the descriptors and fsd, so that calls into the tree wait
 * as shortly as possible for the new one. The others are replaced when that has been started: as long as
 * nobody answers they couldn't end anyway, and there is no moment at which only one process holds the mount.
 */
static int take_over(struct supervisor *s, struct error **err)
{
    autorecord struct record record;
    record_init(&record);
    int result = record_read(s->settings->run, &record, err);
    if (result <= 0)
        return result;
    const struct settings *was = &record.settings, *is = s->settings;
    if (strcmp(was->mount, is->mount) != 0 || was->state == NULL || strcmp(was->state, is->state) != 0)
        return error_make(
            err, EBUSY,
            "%s belongs to a cluster that is mounted at %s, with its state in %s: stop that first", is->run,
            was->mount, was->state != NULL ? was->state : "?");
    units_adopt(s->units, &record);
    if (!units_any_running(s->units, STOP_USERS, STOP_FSD))
        return 0;
    log_info("taking over from a supervisor that has died");
    units_stop(s->units, STOP_FSD, STOP_FSD);
    if (!units_any_running(s->units, STOP_FSD, STOP_FSD))
        return 0;
    /* An fsd that can't be killed waits for an answer of its own tree: ending the connection frees it. */
    autobuf struct buf users = {0};
    held_close(&s->held);
    result = mount_remove(s->settings->mount, &users, err);
    units_stop(s->units, STOP_USERS, STOP_FSD);
    return result;
}

static int listen_for_requests(struct supervisor *s, struct error **err)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    s->listener = control_listen(s->settings->run, err);
    if (s->listener < 0)
        return s->listener;
    if (loop_fd(s->loop, s->listener, EPOLLIN, on_caller, s, err) == NULL ||
        loop_signals(s->loop, &signals, on_signal, s, err) == NULL)
        return -EIO;
    return 0;
}

static int set_up(struct supervisor *s, struct error **err)
{
    bool mounted;
    int result = take_over(s, err);
    if (result == 0)
        result = held_complete(&s->held, s->settings->mount, &mounted, err);
    if (result == 0)
        result = watch_mount(s, err);
    if (result == 0)
        result = listen_for_requests(s, err);
    if (result < 0)
        return result;
    loop_timer(s->loop, START_MS, on_start_over, s);
    loop_timer(s->loop, ROTATE_MS, on_rotate, s);
    check_fsd(s);
    result = units_start(s->units, err);
    if (result < 0)
        return result;
    units_replace_adopted(s->units);
    probe(s);
    return 0;
}

int supervisor_run(const struct settings *settings, void (*ready)(void *context), void *context,
                   struct error **err)
{
    struct supervisor s;
    int result = supervisor_init(&s, settings, err);
    if (result == 0) {
        s.ready = ready;
        s.ready_context = context;
        result = set_up(&s, &s.failure);
        if (result == 0)
            result = loop_run(s.loop, &s.failure);
        if (s.held.fd[HELD_FUSE] >= 0)
            stop(&s);
    }
    supervisor_free(&s);
    if (s.failure == NULL)
        return result;
    result = -s.failure->number;
    error_move(err, s.failure);
    return result;
}

int supervisor_clean_up(const char *run, bool end_pods_too, void (*say_fn)(void *context, const char *text),
                        void *context, bool *found, struct error **err)
{
    autorecord struct record record;
    record_init(&record);
    int result = record_read(run, &record, err);
    *found = result > 0;
    if (result <= 0)
        return result;
    struct supervisor s;
    result = supervisor_init(&s, &record.settings, err);
    if (result == 0) {
        s.end_pods = end_pods_too;
        s.say = say_fn;
        s.say_context = context;
        units_adopt(s.units, &record);
        stop(&s);
    }
    supervisor_free(&s);
    return result;
}
