/* podtree-fsd: the filesystem daemon. The supervisor starts it with the mounted /dev/fuse, the memory that
 * outlives it, and its end of the notifier's socket.
 *
 * Main owns the tree and waits in one place, in serve() below. Everything that could keep it waiting is done
 * by others: the committer (disk), the historian (git), the invalidator (locks of the kernel), the notifier
 * (the mount), the log reader (what containers write), the log's thread (what fsd itself has to say). */
#include "fsd/announce.h"
#include "fsd/audit.h"
#include "fsd/custom.h"
#include "fsd/documents.h"
#include "fsd/errors.h"
#include "fsd/exclusive.h"
#include "fsd/heavy.h"
#include "fsd/history.h"
#include "fsd/invalidator.h"
#include "fsd/logs.h"
#include "fsd/papers.h"
#include "fsd/removal.h"
#include "fsd/returns.h"
#include "fsd/session.h"
#include "fsd/snapshot.h"
#include "fsd/strays.h"
#include "fsd/tell.h"
#include "fsd/txn.h"
#include "fsd/vacancy.h"
#include "fsd/worker.h"
#include "lib/clock.h"
#include "lib/fault.h"
#include "lib/log.h"
#include "lib/options.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#define KEPT_BYTES      (4 << 20)
#define TICK_MS         1000
#define SCRATCH_KEPT_MS (10 * 60 * 1000)

struct settings {
    const char *mount, *state, *kinds;
    int fuse_fd, memory_fd, notifier_fd;
};

/* What main waits for. */
enum source { SOURCE_REQUESTS, SOURCE_WAKE, SOURCE_NOTIFIER, SOURCE_SIGNAL, SOURCE_VACANCIES, SOURCES };

struct daemon {
    struct fsd fsd;
    struct settings settings;
    int wake_fd, signal_fd, epoll_fd;
    int64_t next_tick_ms;
};

/* What the predecessor left in the shared memory. */
static void take_over_memory(struct fsd *fsd)
{
    errors_mark(fsd->memory);
    fsd->nodes = nodes_new(fsd->memory);
    fsd->handles = handles_new(fsd->memory);
    fsd->vacancies = vacancies_new(fsd->memory);
    arena_ready(fsd->memory->arena);
    for (uint32_t handle = handles_next(fsd->handles, 0); handle != 0;
         handle = handles_next(fsd->handles, handle)) {
        const struct handle_record *record = handle_record(fsd->handles, handle);
        node_opened(fsd->nodes, record->node, (record->flags & HANDLE_WRITE) != 0);
    }
    fsd->slots = slots_new(fsd->memory);
}

static void clear_wake(struct daemon *daemon)
{
    eventfd_t count;
    (void)eventfd_read(daemon->wake_fd, &count); /* EAGAIN: nothing has ended */
}

static int make_permanent(struct fsd *fsd, const struct kind *kind, struct error **err)
{
    const struct asker asker = {.identity = IDENTITY_FSD};
    for (size_t i = 0; i < kind->permanent_count; i++) {
        const struct permanent *permanent = &kind->permanent[i];
        autodoc struct doc *manifest = doc_new();
        if (value_exists(permanent->manifest))
            value_replace(doc_root(manifest), permanent->manifest);
        value_set_str(doc_root(manifest), STR("apiVersion"), kind_form(kind)->api_version);
        value_set_str(doc_root(manifest), STR("kind"), kind->name);
        struct change change = {.kind = kind,
                                .namespace = STR(""),
                                .name = permanent->name,
                                .edit = {.type = EDIT_CREATE, .document = doc_root(manifest)}};
        if (object_newest(fsd->objects, kind, STR(""), change.name) != NULL)
            continue;
        int status = txn_change(fsd, &asker, &change, NULL, err);
        if (status < 0)
            return error_wrap(err, "cannot make " STR_FORMAT "/" STR_FORMAT, STR_ARGS(kind->plural),
                              STR_ARGS(change.name));
    }
    return 0;
}

/* A new store gets what every cluster has, before anybody looks for it. */
static int make_all_permanent(struct daemon *daemon, struct error **err)
{
    struct fsd *fsd = &daemon->fsd;
    for (size_t i = 0; i < kinds_count(fsd->kinds); i++) {
        int status = make_permanent(fsd, kinds_at(fsd->kinds, i), err);
        if (status < 0)
            return status;
    }
    for (bool more = txn_turn(fsd); txn_is_busy(fsd); more = txn_turn(fsd)) {
        struct pollfd polled = {.fd = daemon->wake_fd, .events = POLLIN};
        if (poll(&polled, 1, more ? 0 : -1) < 0 && errno != EINTR)
            return error_errno(err, errno, "poll");
        clear_wake(daemon);
    }
    return 0;
}

static int open_descriptors(struct daemon *daemon, struct error **err)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0)
        return error_make(err, EINVAL, "cannot block signals");
    signal(SIGPIPE, SIG_IGN);
    daemon->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    daemon->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (daemon->wake_fd < 0 || daemon->signal_fd < 0)
        return error_errno(err, errno, "cannot make a descriptor");
    if (fcntl(daemon->settings.fuse_fd, F_SETFL, fcntl(daemon->settings.fuse_fd, F_GETFL) | O_NONBLOCK) < 0)
        return error_errno(err, errno, "--fuse-fd");
    return 0;
}

static int start(struct daemon *daemon, struct error **err)
{
    struct fsd *fsd = &daemon->fsd;
    const struct settings *settings = &daemon->settings;
    fsd->mount = settings->mount;
    fsd->started_ms = clock_wall_ms();
    fsd->group = identity_people();
    int status = open_descriptors(daemon, err);
    if (status == 0)
        history_prepare();
    if (status == 0)
        status = invalidator_start(settings->fuse_fd, daemon->wake_fd, &fsd->invalidator, err);
    if (status == 0)
        status = memory_attach(settings->memory_fd, &fsd->memory, err);
    if (status == 0)
        status = kinds_load(settings->kinds, &fsd->kinds, err);
    if (status < 0)
        return status;
    take_over_memory(fsd);
    fsd->objects = objects_new(fsd->kinds);
    fsd->documents = documents_new();
    fsd->papers = papers_new(settings->kinds);
    fsd->exclusive = exclusive_new();
    fsd->audit = audit_new();
    status = txn_open(fsd, settings->state, daemon->wake_fd, err);
    if (status == 0)
        status = session_open(fsd, settings->fuse_fd, &fsd->session, err);
    if (status == 0)
        status = worker_start("worker", daemon->wake_fd, &fsd->worker, err);
    if (status == 0)
        status = logs_start(fsd, settings->state, daemon->wake_fd, err);
    if (status < 0)
        return status;
    fsd->announcer = announcer_new(fsd, settings->notifier_fd);
    announcer_take_over(fsd->announcer);
    tell_take_over(fsd);
    custom_take_over(fsd);
    status = make_all_permanent(daemon, err);
    if (status < 0)
        return status;
    meter_start(&fsd->meter);
    vacancies_take_over(fsd);
    vacancies_turn(fsd);
    removals_extend(fsd, fsd->started_ms);
    logs_take_over(fsd);
    fault_point("taking-over");
    session_take_over(fsd->session);
    fault_point("taken-over");
    nodes_sweep(fsd->nodes);
    if (fsd->memory->fresh)
        audit_all(fsd);
    return 0;
}

/* The kernel must not go on showing the name. */
static void drop_scratch(void *context, uint32_t node)
{
    struct fsd *fsd = context;
    invalidate_entry(fsd->invalidator, node_number(fsd->nodes, node_record(fsd->nodes, node)->parent),
                     node_name(fsd->nodes, node));
}

static void tick(struct daemon *daemon)
{
    int64_t now = clock_ms();
    if (now < daemon->next_tick_ms)
        return;
    daemon->next_tick_ms = now + TICK_MS;
    removals_expire(&daemon->fsd, clock_wall_ms());
    strays_expire(&daemon->fsd, clock_wall_ms());
    logs_tick(&daemon->fsd);
    nodes_drop_scratch(daemon->fsd.nodes, clock_wall_ms() - SCRATCH_KEPT_MS, drop_scratch, &daemon->fsd);
}

static int timeout(const struct fsd *fsd)
{
    int vacancies = vacancies_timeout(fsd);
    return vacancies >= 0 ? vacancies : TICK_MS;
}

static int watch_sources(struct daemon *daemon, struct error **err)
{
    const int descriptors[SOURCES] = {[SOURCE_REQUESTS] = daemon->settings.fuse_fd,
                                      [SOURCE_WAKE] = daemon->wake_fd,
                                      [SOURCE_NOTIFIER] = daemon->settings.notifier_fd,
                                      [SOURCE_SIGNAL] = daemon->signal_fd,
                                      [SOURCE_VACANCIES] = vacancies_fd(daemon->fsd.vacancies)};
    daemon->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (daemon->epoll_fd < 0)
        return error_errno(err, errno, "epoll");
    for (uint32_t i = 0; i < SOURCES; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        if (epoll_ctl(daemon->epoll_fd, EPOLL_CTL_ADD, descriptors[i], &event) < 0)
            return error_errno(err, errno, "cannot wait for descriptor %d", descriptors[i]);
    }
    return 0;
}

static int wait_for_sources(struct daemon *daemon, int timeout_ms, bool ready[SOURCES], struct error **err)
{
    struct epoll_event events[SOURCES];
    int count = epoll_wait(daemon->epoll_fd, events, SOURCES, timeout_ms);
    if (count < 0 && errno != EINTR)
        return error_errno(err, errno, "epoll");
    memset(ready, 0, SOURCES * sizeof(*ready));
    for (int i = 0; i < count; i++)
        ready[events[i].data.u32] = true;
    return 0;
}

/* What has been freed is sorted by malloc only when somebody asks for a large piece, and then all of it: some
 * ten thousand pieces, which the end of a large batch leaves, take a tenth of a second. So it is asked for
 * one in each turn. Another size each time: the one that was given back last would be had without looking. */
static void sort_free_memory(void)
{
    static size_t size = 5000;
    size = 11000 - size;
    void *volatile probe = malloc(size);
    free(probe);
}

/* Until it is unmounted (0) or told to end (0). */
static int serve(struct daemon *daemon, struct error **err)
{
    struct fsd *fsd = &daemon->fsd;
    bool more = true, ready[SOURCES];
    for (;;) {
        int status = wait_for_sources(daemon, more ? 0 : timeout(fsd), ready, err);
        meter_start(&fsd->meter);
        if (status < 0)
            return status;
        if (ready[SOURCE_WAKE])
            clear_wake(daemon);
        if (ready[SOURCE_SIGNAL])
            return 0;
        status = ready[SOURCE_REQUESTS] ? session_turn(fsd->session) : 0;
        if (status == -ENODEV)
            return 0;
        if (status < 0 && status != -EAGAIN)
            return error_errno(err, -status, "cannot read requests");
        more = status == -EAGAIN;
        struct meter *meter = &fsd->meter;
        heavy_turn(fsd);
        logs_turn(fsd);
        meter_step(meter, "taking what the worker has done");
        more = session_run_waiting(fsd->session) || more;
        more = exclusive_turn(fsd) || more;
        vacancies_turn(fsd);
        vacancies_expire(fsd, !more && worker_is_idle(fsd->worker));
        meter_step(meter, "fields that were taken away");
        more = txn_turn(fsd) || more;
        meter_step(meter, "changes");
        announcer_turn(fsd->announcer, ready[SOURCE_NOTIFIER]);
        meter_step(meter, "announcements");
        returns_turn(fsd);
        slots_turn(fsd->slots, fsd->worker);
        audit_turn(fsd);
        tick(daemon);
        meter_step(meter, "what is done each second");
        invalidator_turn(fsd->invalidator);
        sort_free_memory();
        meter_step(meter, "the kernel's caches");
    }
}

static void stop(struct fsd *fsd)
{
    txn_close(fsd);
    worker_stop(fsd->worker);
    logs_stop(fsd);
    invalidator_stop(fsd->invalidator);
    tell_end(fsd);
    snapshots_free(fsd);
    returns_free(fsd);
    announcer_free(fsd->announcer);
    session_close(fsd->session);
    exclusive_free(fsd->exclusive);
    audit_free(fsd->audit);
    vacancies_free(fsd->vacancies);
    documents_free(fsd->documents);
    papers_free(fsd->papers);
    objects_free(fsd->objects);
    slots_free(fsd->slots);
    handles_free(fsd->handles);
    nodes_free(fsd->nodes);
    memory_detach(fsd->memory);
    kinds_free(fsd->kinds);
    buf_free(&fsd->events.text);
    buf_free(&fsd->events.numbers);
}

/* Memory that main gives back to the kernel and takes again with the next request costs more than the
 * request: each time the processors of all threads have to be told. And what has been freed is joined with
 * its neighbours at once: kept for later, as small pieces would be, some hundred thousand of them hold up
 * whoever next asks for a large one, for up to a tenth of a second. */
static void keep_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
    mallopt(M_TOP_PAD, KEPT_BYTES / 16);
    mallopt(M_MXFAST, 0);
}

int main(int argc, char **argv)
{
    struct daemon daemon = {.wake_fd = -1, .signal_fd = -1, .epoll_fd = -1};
    struct settings *settings = &daemon.settings;
    int64_t fuse_fd = -1, memory_fd = -1, notifier_fd = -1;
    const struct option_row options[] = {
        {.name = "mount", .argument = "DIR", .help = "where the tree is mounted", .text = &settings->mount},
        {.name = "state",
         .argument = "DIR",
         .help = "where the store and the history are",
         .text = &settings->state},
        {.name = "kinds", .argument = "DIR", .help = "the kinds' files", .text = &settings->kinds},
        {.name = "fuse-fd", .argument = "N", .help = "the mounted /dev/fuse", .number = &fuse_fd},
        {.name = "memory-fd",
         .argument = "N",
         .help = "the memory that outlives this process",
         .number = &memory_fd},
        {.name = "notifier-fd",
         .argument = "N",
         .help = "the socket of the notifier",
         .number = &notifier_fd},
        {0}};
    const struct usage usage = {.synopsis = "podtree-fsd OPTIONS",
                                .about = "The filesystem daemon; podtree up starts it.\n",
                                .options = options};
    char **words;
    int count;
    autoerror struct error *err = NULL;
    log_init("fsd");
    fault_init();
    keep_memory();
    int status = options_parse(&usage, argc, argv, &words, &count, &err);
    if (status > 0)
        return 0;
    if (status == 0 && (settings->mount == NULL || settings->state == NULL || settings->kinds == NULL ||
                        fuse_fd < 0 || memory_fd < 0 || notifier_fd < 0))
        status = error_make(&err, EINVAL, "all options are needed; podtree up gives them");
    settings->fuse_fd = (int)fuse_fd;
    settings->memory_fd = (int)memory_fd;
    settings->notifier_fd = (int)notifier_fd;
    if (status == 0)
        status = start(&daemon, &err);
    if (status == 0)
        status = log_start_thread(&err);
    if (status == 0) {
        log_info("serves %s", settings->mount);
        status = watch_sources(&daemon, &err);
        if (status == 0)
            status = serve(&daemon, &err);
        stop(&daemon.fsd);
    }
    if (status < 0) {
        fprintf(stderr, "podtree-fsd: %s\n", error_message(err));
        return 1;
    }
    return 0;
}
