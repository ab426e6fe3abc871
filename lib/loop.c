#include "lib/loop.h"

#include "lib/clock.h"
#include "lib/str.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

/* Sources are linked in a list that the loop owns. A removed one is only marked, and freed between turns:
 * epoll may already have handed out its address for this turn. Timers stand in a second list in order of
 * their time; there are few of them, and most go to its end. */

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_PROCESS, SOURCE_SIGNALS };

struct loop_source {
    struct loop *loop;
    struct loop_source *previous, *next;
    enum source_kind kind;
    int fd; /* -1 for a timer; ours for processes and signals */
    bool removed;
    int64_t due_ms;
    union {
        loop_ready_fn *ready;
        loop_due_fn *due;
        loop_exited_fn *exited;
        loop_caught_fn *caught;
    } call;
    void *context;
};

struct source_list {
    struct loop_source *first, *last;
};

struct loop {
    int epoll;
    bool stopped;
    struct source_list sources, timers, removed;
};

static void list_insert_after(struct source_list *list, struct loop_source *before,
                              struct loop_source *source)
{
    source->previous = before;
    source->next = before != NULL ? before->next : list->first;
    *(source->previous != NULL ? &source->previous->next : &list->first) = source;
    *(source->next != NULL ? &source->next->previous : &list->last) = source;
}

static void list_take(struct source_list *list, struct loop_source *source)
{
    *(source->previous != NULL ? &source->previous->next : &list->first) = source->next;
    *(source->next != NULL ? &source->next->previous : &list->last) = source->previous;
}

static struct source_list *list_of(struct loop_source *source)
{
    if (source->removed)
        return &source->loop->removed;
    return source->kind == SOURCE_TIMER ? &source->loop->timers : &source->loop->sources;
}

static void free_removed(struct loop *loop)
{
    struct loop_source *source;
    while ((source = loop->removed.first) != NULL) {
        list_take(&loop->removed, source);
        free(source);
    }
}

struct loop *loop_new(struct error **err)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        error_errno(err, errno, "cannot make an epoll descriptor");
        return NULL;
    }
    struct loop *loop = memory_zeroed(1, sizeof(*loop));
    loop->epoll = fd;
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    while (loop->sources.first != NULL)
        loop_remove(loop->sources.first);
    while (loop->timers.first != NULL)
        loop_remove(loop->timers.first);
    free_removed(loop);
    close(loop->epoll);
    free(loop);
}

static struct loop_source *source_new(struct loop *loop, enum source_kind kind, int fd, void *context)
{
    struct loop_source *source = memory_zeroed(1, sizeof(*source));
    *source = (struct loop_source){.loop = loop, .kind = kind, .fd = fd, .context = context};
    return source;
}

/* Frees the source when the kernel doesn't take it. */
static struct loop_source *source_add(struct loop_source *source, uint32_t events, struct error **err)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(source->loop->epoll, EPOLL_CTL_ADD, source->fd, &event) < 0) {
        error_errno(err, errno, "cannot wait for descriptor %d", source->fd);
        free(source);
        return NULL;
    }
    list_insert_after(&source->loop->sources, source->loop->sources.last, source);
    return source;
}

struct loop_source *loop_fd(struct loop *loop, int fd, uint32_t events, loop_ready_fn *ready, void *context,
                            struct error **err)
{
    struct loop_source *source = source_new(loop, SOURCE_FD, fd, context);
    source->call.ready = ready;
    return source_add(source, events, err);
}

struct loop_source *loop_process(struct loop *loop, int pidfd, loop_exited_fn *exited, void *context,
                                 struct error **err)
{
    struct loop_source *source = source_new(loop, SOURCE_PROCESS, pidfd, context);
    source->call.exited = exited;
    return source_add(source, EPOLLIN, err);
}

struct loop_source *loop_signals(struct loop *loop, const sigset_t *signals, loop_caught_fn *caught,
                                 void *context, struct error **err)
{
    if (sigprocmask(SIG_BLOCK, signals, NULL) < 0) {
        error_errno(err, errno, "cannot block signals");
        return NULL;
    }
    int fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        error_errno(err, errno, "cannot make a descriptor for signals");
        return NULL;
    }
    struct loop_source *source = source_new(loop, SOURCE_SIGNALS, fd, context);
    source->call.caught = caught;
    source = source_add(source, EPOLLIN, err);
    if (source == NULL)
        close(fd);
    return source;
}

struct loop_source *loop_timer(struct loop *loop, int64_t after_ms, loop_due_fn *due, void *context)
{
    struct loop_source *source = source_new(loop, SOURCE_TIMER, -1, context);
    source->call.due = due;
    source->due_ms = clock_ms() + (after_ms > 0 ? after_ms : 0);
    struct loop_source *before = loop->timers.last;
    while (before != NULL && before->due_ms > source->due_ms)
        before = before->previous;
    list_insert_after(&loop->timers, before, source);
    return source;
}

void loop_remove(struct loop_source *source)
{
    if (source == NULL || source->removed)
        return;
    struct loop *loop = source->loop;
    if (source->fd >= 0)
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    if (source->kind == SOURCE_PROCESS || source->kind == SOURCE_SIGNALS)
        close(source->fd);
    list_take(list_of(source), source);
    source->removed = true;
    list_insert_after(&loop->removed, NULL, source);
}

static void call_process(struct loop_source *source)
{
    siginfo_t info = {0};
    int status = -1;
    if (waitid((idtype_t)P_PIDFD, (id_t)source->fd, &info, WEXITED) == 0)
        status = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0) : W_EXITCODE(0, info.si_status);
    loop_exited_fn *exited = source->call.exited;
    void *context = source->context;
    loop_remove(source);
    exited(context, status);
}

static void call_signals(struct loop_source *source)
{
    struct signalfd_siginfo info;
    while (!source->removed && read(source->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        source->call.caught(source->context, (int)info.ssi_signo);
}

static void call_source(struct loop_source *source, uint32_t events)
{
    if (source->removed)
        return;
    switch (source->kind) {
    case SOURCE_FD:
        source->call.ready(source->context, events);
        break;
    case SOURCE_PROCESS:
        call_process(source);
        break;
    case SOURCE_SIGNALS:
        call_signals(source);
        break;
    case SOURCE_TIMER:
        break;
    }
}

/* Those that are due now, not those that they add: a timer of 0 ms that sets itself again leaves room for the
 * others. */
static void call_timers(struct loop *loop)
{
    int64_t now = clock_ms();
    struct loop_source *last = NULL;
    for (struct loop_source *t = loop->timers.first; t != NULL && t->due_ms <= now; t = t->next)
        last = t;
    bool more = last != NULL;
    while (more && loop->timers.first != NULL && loop->timers.first->due_ms <= now) {
        struct loop_source *timer = loop->timers.first;
        more = timer != last;
        loop_due_fn *due = timer->call.due;
        void *context = timer->context;
        loop_remove(timer);
        due(context);
    }
}

static int wait_for(const struct loop *loop, int wait_ms)
{
    if (loop->timers.first == NULL)
        return wait_ms;
    int64_t until = loop->timers.first->due_ms - clock_ms();
    if (until < 0)
        until = 0;
    if (wait_ms >= 0 && until > wait_ms)
        return wait_ms;
    return until > INT32_MAX ? INT32_MAX : (int)until;
}

int loop_turn(struct loop *loop, int wait_ms, struct error **err)
{
    struct epoll_event events[64];
    int count = epoll_wait(loop->epoll, events, 64, wait_for(loop, wait_ms));
    if (count < 0 && errno != EINTR)
        return error_errno(err, errno, "cannot wait for events");
    for (int i = 0; i < count; i++)
        call_source(events[i].data.ptr, events[i].events);
    call_timers(loop);
    free_removed(loop);
    return 0;
}

int loop_run(struct loop *loop, struct error **err)
{
    loop->stopped = false;
    while (!loop->stopped) {
        int result = loop_turn(loop, -1, err);
        if (result < 0)
            return result;
    }
    return 0;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
