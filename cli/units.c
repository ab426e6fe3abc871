#include "cli/units.h"

#include "cli/backoff.h"
#include "cli/child.h"
#include "cli/logs.h"
#include "lib/clock.h"
#include "lib/log.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define TERM_MS 10000
#define KILL_MS 3000

struct unit {
    struct units *units;
    const struct component *component;
    struct child_identity identity; /* pid 0: not running */
    bool adopted;                   /* an earlier supervisor's child */
    int pidfd;                      /* for signals; the loop has one of its own */
    struct loop_source *process, *timer;
    struct backoff backoff;
    int64_t started_ms;
    int restarts;
    char end[64]; /* how it ended last */
};

struct units {
    struct loop *loop;
    const struct settings *settings;
    struct held_fds *held;
    bool keep; /* start again what dies */
    loop_due_fn *fsd_ended;
    void *fsd_ended_context;
    struct unit *unit;
};

static void schedule(struct unit *unit, int64_t after_ms);

struct units *units_new(struct loop *loop, const struct settings *settings, struct held_fds *held)
{
    struct units *units = memory_zeroed(1, sizeof(*units));
    *units = (struct units){.loop = loop, .settings = settings, .held = held};
    units->unit = memory_zeroed(component_count, sizeof(*units->unit));
    for (size_t i = 0; i < component_count; i++)
        units->unit[i] = (struct unit){.units = units, .component = &components[i], .pidfd = -1};
    return units;
}

static void forget(struct unit *unit)
{
    loop_remove(unit->process);
    loop_remove(unit->timer);
    if (unit->pidfd >= 0)
        close(unit->pidfd);
    unit->process = unit->timer = NULL;
    unit->identity = (struct child_identity){0};
    unit->pidfd = -1;
}

void units_free(struct units *units)
{
    if (units == NULL)
        return;
    for (size_t i = 0; i < component_count; i++)
        forget(&units->unit[i]);
    free(units->unit);
    free(units);
}

static void on_end(void *context, int status)
{
    struct unit *unit = context;
    int64_t lived = clock_ms() - unit->started_ms;
    unit->process = NULL;
    forget(unit);
    if (!unit->units->keep)
        return;
    if (unit->component == &components[COMPONENT_FSD] && unit->units->fsd_ended != NULL)
        loop_timer(unit->units->loop, 0, unit->units->fsd_ended, unit->units->fsd_ended_context);
    if (unit->adopted) {
        unit->adopted = false;
        schedule(unit, 0);
        return;
    }
    autobuf struct buf end = {0};
    child_describe_end(status, &end);
    snprintf(unit->end, sizeof(unit->end), "%s", end.at);
    bool killed = status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    int64_t wait = backoff_next(&unit->backoff, lived, killed);
    log_warning("%s: %s after %" PRId64 " ms, starting it again in %" PRId64 " ms", unit->component->name,
                end.at, lived, wait);
    unit->restarts++;
    schedule(unit, wait);
}

/* Listens for the end of the process; takes the pidfd over. */
static int follow(struct unit *unit, int pidfd, struct error **err)
{
    unit->pidfd = pidfd;
    unit->started_ms = clock_ms();
    int copy = fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return error_errno(err, errno, "cannot copy a descriptor");
    unit->process = loop_process(unit->units->loop, copy, on_end, unit, err);
    if (unit->process != NULL)
        return 0;
    close(copy);
    return -EIO;
}

static int write_record(const struct units *units, struct error **err)
{
    autofree struct child_identity *processes = memory_zeroed(component_count, sizeof(*processes));
    for (size_t i = 0; i < component_count; i++)
        processes[i] = units->unit[i].identity;
    return record_write(units->settings, processes, err);
}

static int start(struct unit *unit, struct error **err)
{
    const struct units *units = unit->units;
    autoclose int log = logs_open(units->settings->run, unit->component->name, err);
    if (log < 0)
        return log;
    int fds[COMPONENT_FDS];
    for (int i = 0; i < unit->component->fd_count; i++)
        fds[i] = units->held->fd[unit->component->fds[i]];
    char **argv = component_argv(unit->component, units->settings, NULL);
    const struct child_plan plan = {
        .argv = argv,
        .gid = identity_gid(unit->component->identity),
        .fds = fds,
        .fd_count = unit->component->fd_count,
        .log = log,
    };
    struct child child;
    int result = child_start(&plan, &child, err);
    component_free_argv(argv);
    if (result < 0)
        return result;
    unit->identity = child.identity;
    unit->adopted = false;
    result = follow(unit, child.pidfd, err);
    if (result == 0)
        result = write_record(units, err);
    if (result == 0)
        child_release(&child);
    else
        close(child.gate); /* it ends without having begun, and on_end() sees to the rest */
    return result;
}

static void on_due(void *context)
{
    struct unit *unit = context;
    unit->timer = NULL;
    autoerror struct error *err = NULL;
    if (start(unit, &err) == 0)
        return;
    log_error("cannot start %s: %s", unit->component->name, error_message(err));
    if (unit->process == NULL) {
        forget(unit);
        schedule(unit, backoff_next(&unit->backoff, 0, false));
    }
}

static void schedule(struct unit *unit, int64_t after_ms)
{
    unit->timer = loop_timer(unit->units->loop, after_ms, on_due, unit);
}

void units_adopt(struct units *units, const struct record *record)
{
    for (size_t i = 0; i < component_count; i++) {
        struct unit *unit = &units->unit[i];
        int pidfd = record->processes[i].pid != 0 ? child_find(&record->processes[i]) : -1;
        if (pidfd < 0)
            continue;
        held_take(units->held, unit->component, pidfd);
        unit->identity = record->processes[i];
        unit->adopted = true;
        autoerror struct error *err = NULL;
        if (follow(unit, pidfd, &err) < 0)
            log_error("cannot take over %s: %s", unit->component->name, error_message(err));
    }
}

int units_start(struct units *units, struct error **err)
{
    units->keep = true;
    for (size_t i = 0; i < component_count; i++) {
        struct unit *unit = &units->unit[i];
        if (unit->identity.pid != 0 || unit->timer != NULL ||
            !component_wanted(unit->component, units->settings))
            continue;
        int result = start(unit, err);
        if (result < 0)
            return error_wrap(err, "cannot start %s", unit->component->name);
    }
    return 0;
}

static void signal_phase(const struct units *units, enum stop_phase phase, int number)
{
    for (size_t i = 0; i < component_count; i++)
        if (units->unit[i].component->stop == phase && units->unit[i].pidfd >= 0)
            pidfd_send_signal(units->unit[i].pidfd, number, NULL, 0);
}

/* The first unit of the phase that is still there, or NULL. */
static const struct unit *remaining(const struct units *units, enum stop_phase phase)
{
    for (size_t i = 0; i < component_count; i++)
        if (units->unit[i].component->stop == phase && units->unit[i].identity.pid != 0)
            return &units->unit[i];
    return NULL;
}

bool units_any_running(const struct units *units, enum stop_phase first, enum stop_phase last)
{
    for (enum stop_phase phase = first; phase <= last; phase++)
        if (remaining(units, phase) != NULL)
            return true;
    return false;
}

static bool wait_for_end(const struct units *units, enum stop_phase phase, int64_t limit_ms)
{
    int64_t until = clock_ms() + limit_ms, left;
    while (remaining(units, phase) != NULL && (left = until - clock_ms()) > 0)
        if (loop_turn(units->loop, (int)left, NULL) < 0)
            break;
    return remaining(units, phase) == NULL;
}

static void stop_phase(struct units *units, enum stop_phase phase)
{
    signal_phase(units, phase, SIGTERM);
    if (wait_for_end(units, phase, TERM_MS))
        return;
    log_warning("%s does not end: killing it", remaining(units, phase)->component->name);
    signal_phase(units, phase, SIGKILL);
    if (!wait_for_end(units, phase, KILL_MS))
        log_error("%s does not even end when killed", remaining(units, phase)->component->name);
}

void units_stop(struct units *units, enum stop_phase first, enum stop_phase last)
{
    units->keep = false;
    for (size_t i = 0; i < component_count; i++) {
        loop_remove(units->unit[i].timer);
        units->unit[i].timer = NULL;
    }
    for (enum stop_phase phase = first; phase <= last; phase++)
        stop_phase(units, phase);
}

/* Every component may be killed at any time, and not every one can end when it is asked: it may be waiting
 * for an fsd that isn't there yet. */
void units_replace_adopted(struct units *units)
{
    for (size_t i = 0; i < component_count; i++)
        if (units->unit[i].adopted && units->unit[i].pidfd >= 0)
            pidfd_send_signal(units->unit[i].pidfd, SIGKILL, NULL, 0);
}

void units_on_fsd_end(struct units *units, loop_due_fn *ended, void *context)
{
    units->fsd_ended = ended;
    units->fsd_ended_context = context;
}

int units_fsd_ends(const struct units *units, const char **how)
{
    *how = units->unit[COMPONENT_FSD].end;
    return units->unit[COMPONENT_FSD].restarts;
}

void units_describe(const struct units *units, void (*line)(void *context, const char *text), void *context)
{
    for (size_t i = 0; i < component_count; i++) {
        const struct unit *unit = &units->unit[i];
        if (!component_wanted(unit->component, units->settings))
            continue;
        char text[256];
        snprintf(text, sizeof(text), "%s %d %" PRId64 " %d %s", unit->component->name,
                 (int)unit->identity.pid, unit->identity.pid != 0 ? clock_ms() - unit->started_ms : 0,
                 unit->restarts, unit->end);
        line(context, text);
    }
}
