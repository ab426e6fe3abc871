/* Main pushes entries and rings; the thread, an event loop, moves them to a queue of its own when the first
 * is due, and writes bursts: a commit for each that waits, one after the other, and then one wait for the
 * disk for all of them. A commit for itself would cost the disk, which the store needs, ten times as much. A
 * failed burst is repeated whole.
 *
 * Nobody waits for the history: its thread gives way to all others. */
#include "fsd/historian.h"

#include "fsd/digest.h"
#include "lib/clock.h"
#include "lib/doc.h"
#include "lib/fault.h"
#include "lib/log.h"
#include "lib/yaml.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#define RETRY_FIRST_MS 100
#define RETRY_LAST_MS  30000
#define BURST_MS       300
#define NICENESS       10

struct historian {
    pthread_t thread;
    int event_fd; /* main's */
    int bell;     /* ours */
    _Atomic int64_t done;

    pthread_mutex_t lock;
    struct history_queue pushed, finished;
    bool stopping;

    /* The thread's own: */
    struct loop *loop;
    struct loop_source *timer;
    int64_t timer_ms; /* when it fires */
    struct history *history;
    struct history_queue waiting;
    struct history_queue written; /* in commits that are not durable yet */
    int64_t skip;                 /* what the repository had when it was opened */
    int64_t sequence;             /* of the last commit, while a burst is written */
    bool ending;
    int64_t retry_ms; /* 0: all is well */
    int64_t failing_since_ms;
};

/* ---- writing ---- */

static void release_all(struct history_queue *queue)
{
    while (queue->count > 0) {
        struct history_entry *entry = queue_take(queue);
        entry->release(entry);
    }
}

static void give_back(struct historian *historian)
{
    pthread_mutex_lock(&historian->lock);
    queue_append(&historian->finished, &historian->written);
    pthread_mutex_unlock(&historian->lock);
}

static void move_entries(struct history_queue *to, struct history_queue *from, size_t count)
{
    for (; count > 0; count--)
        queue_add(to, queue_take(from));
}

/* False for what is no document: the store holds nothing of the kind, and the others shall not wait for it.
 */
static bool file_of(const struct history_entry *entry, struct buf *path, struct buf *text)
{
    buf_add_str(path, entry->path);
    buf_add_text(path, ".yaml");
    if (entry->document.at == NULL)
        return true;
    autoerror struct error *err = NULL;
    autodoc struct doc *doc = doc_parse(entry->document, &err);
    if (doc == NULL) {
        log_error("history: " STR_FORMAT " is left out: %s", STR_ARGS(entry->path), error_message(err));
        return false;
    }
    yaml_write(text, doc_root(doc));
    return true;
}

static int write_digest(struct historian *historian, const struct digest *digest, int64_t sequence,
                        struct error **err)
{
    struct buf *texts = memory_zeroed(digest->file_count * 2, sizeof(*texts));
    struct history_change *changes = memory_zeroed(digest->file_count, sizeof(*changes));
    size_t count = 0;
    for (size_t i = 0; i < digest->file_count; i++)
        if (file_of(digest->files[i], &texts[2 * i], &texts[2 * i + 1]))
            changes[count++] = (struct history_change){buf_str(&texts[2 * i]), buf_str(&texts[2 * i + 1])};
    int result = history_commit(historian->history, changes, count, digest->author, buf_str(&digest->message),
                                digest->time_ms, sequence, err);
    for (size_t i = 0; i < digest->file_count * 2; i++)
        buf_free(&texts[i]);
    free(texts);
    free(changes);
    return result;
}

/* Only the last commit of a turn says that all of it is there. */
static int write_turn(struct historian *historian, size_t count, struct error **err)
{
    const struct history_entry *last = historian->waiting.first;
    for (size_t i = 1; i < count; i++)
        last = last->next;
    struct digest *digests;
    size_t digest_count = digest_make(&historian->waiting, count, &digests);
    int result = 0;
    for (size_t i = 0; i < digest_count && result == 0; i++) {
        bool whole = i + 1 == digest_count;
        result = write_digest(historian, &digests[i], whole ? last->version : historian->sequence, err);
    }
    digest_free_all(digests, digest_count);
    historian->sequence = last->version;
    return result;
}

/* Once something is due, all that waits, for some tenths of a second. Returns how many entries there were, or
 * a negative errno: then all of them wait again. */
static int write_burst(struct historian *historian, int64_t *wait_ms, struct error **err)
{
    int64_t end = clock_ms() + BURST_MS;
    int result = 0;
    historian->sequence = history_sequence(historian->history);
    do {
        bool begun = historian->written.count != 0;
        size_t count = digest_due(&historian->waiting, clock_ms(), begun || historian->ending, wait_ms);
        if (count == 0)
            break;
        result = write_turn(historian, count, err);
        move_entries(&historian->written, &historian->waiting, count);
    } while (result == 0 && clock_ms() < end);
    size_t written = historian->written.count;
    if (result == 0 && written > 0)
        result = history_publish(historian->history, err);
    if (result == 0) {
        give_back(historian);
        return (int)written;
    }
    move_entries(&historian->written, &historian->waiting, historian->waiting.count);
    historian->waiting = historian->written;
    historian->written = (struct history_queue){0};
    return result;
}

/* ---- failing and recovering ---- */

static void note_failure(struct historian *historian, const struct error *err)
{
    if (historian->retry_ms == 0) {
        historian->failing_since_ms = clock_ms();
        log_error("history: changes wait until they can be written: %s", error_message(err));
    }
    int64_t next = historian->retry_ms * 2;
    historian->retry_ms = next == 0 ? RETRY_FIRST_MS : next < RETRY_LAST_MS ? next : RETRY_LAST_MS;
}

static void note_success(struct historian *historian)
{
    if (historian->retry_ms != 0)
        log_info("history: is written again, after %lld s",
                 (long long)(clock_ms() - historian->failing_since_ms) / 1000);
    historian->retry_ms = 0;
    atomic_store(&historian->done, history_sequence(historian->history));
    eventfd_write(historian->event_fd, 1);
}

/* ---- the loop ---- */

static void fetch(struct historian *historian)
{
    pthread_mutex_lock(&historian->lock);
    struct history_queue pushed = historian->pushed;
    historian->pushed = (struct history_queue){0};
    historian->ending = historian->stopping;
    pthread_mutex_unlock(&historian->lock);
    while (pushed.first != NULL) {
        struct history_entry *entry = queue_take(&pushed);
        if (entry->version <= historian->skip)
            entry->release(entry);
        else
            queue_add(&historian->waiting, entry);
    }
}

static void work(struct historian *historian);

static void on_timer(void *context)
{
    struct historian *historian = context;
    historian->timer = NULL;
    work(historian);
}

static void work_later(struct historian *historian, int64_t after_ms)
{
    loop_remove(historian->timer);
    historian->timer = loop_timer(historian->loop, after_ms, on_timer, historian);
    historian->timer_ms = clock_ms() + after_ms;
}

/* While it fails only the clock starts another attempt, not what is pushed. */
static void work(struct historian *historian)
{
    int64_t wait_ms = -1;
    fetch(historian);
    autoerror struct error *err = NULL;
    int count = write_burst(historian, &wait_ms, &err);
    if (count > 0) {
        fault_point("history");
        note_success(historian);
        history_maintain(historian->history, historian->loop);
        work_later(historian, 0);
    } else if (count == 0 && historian->ending) {
        loop_stop(historian->loop);
    } else if (count == 0) {
        if (wait_ms >= 0)
            work_later(historian, wait_ms);
    } else if (historian->ending) {
        log_error("history: %zu changes stay in the store's outbox: %s", historian->waiting.count,
                  error_message(err));
        loop_stop(historian->loop);
    } else {
        note_failure(historian, err);
        work_later(historian, historian->retry_ms);
    }
}

/* When the first of what has been pushed is due. */
static int64_t pushed_due_ms(struct historian *historian)
{
    pthread_mutex_lock(&historian->lock);
    const struct history_entry *first = historian->pushed.first;
    int64_t due_ms = historian->stopping ? 0
                     : first != NULL     ? first->arrived_ms + DIGEST_SOONEST_MS
                                         : INT64_MAX;
    pthread_mutex_unlock(&historian->lock);
    return due_ms;
}

/* What has been pushed stays where it is until something is due, so that main rings once for all of it. */
static void on_bell(void *context, uint32_t events)
{
    struct historian *historian = context;
    (void)events;
    eventfd_t rings;
    if (eventfd_read(historian->bell, &rings) != 0)
        return;
    int64_t due_ms = pushed_due_ms(historian), now = clock_ms();
    bool soon = historian->timer != NULL && historian->timer_ms <= due_ms;
    bool waits = historian->retry_ms != 0 && due_ms != 0;
    if (!soon && !waits && due_ms != INT64_MAX)
        work_later(historian, due_ms > now ? due_ms - now : 0);
}

static void *historian_thread(void *argument)
{
    struct historian *historian = argument;
    pthread_setname_np(pthread_self(), "historian");
    autoerror struct error *err = NULL;
    if (setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS) != 0)
        log_warning("history: its thread keeps its priority: %s", strerror(errno));
    if (loop_run(historian->loop, &err) != 0)
        log_error("history: %s", error_message(err));
    return NULL;
}

/* ---- for main ---- */

static void historian_free(struct historian *historian)
{
    history_close(historian->history); /* before the loop: a repacking may run in it */
    loop_free(historian->loop);
    release_all(&historian->waiting);
    release_all(&historian->finished);
    if (historian->bell >= 0)
        close(historian->bell);
    pthread_mutex_destroy(&historian->lock);
    free(historian);
}

static int prepare(struct historian *historian, const char *repository, struct error **err)
{
    historian->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (historian->bell < 0)
        return error_errno(err, errno, "cannot make an event descriptor");
    historian->loop = loop_new(err);
    if (historian->loop == NULL ||
        loop_fd(historian->loop, historian->bell, EPOLLIN, on_bell, historian, err) == NULL)
        return -EIO;
    int result = history_open(repository, &historian->history, err);
    if (result != 0)
        return result;
    historian->skip = history_sequence(historian->history);
    atomic_store(&historian->done, historian->skip);
    int number = pthread_create(&historian->thread, NULL, historian_thread, historian);
    return number == 0 ? 0 : error_errno(err, number, "cannot start the historian");
}

int historian_start(const char *repository, int event_fd, struct historian **historian, struct error **err)
{
    struct historian *made = memory_zeroed(1, sizeof(*made));
    made->event_fd = event_fd;
    pthread_mutex_init(&made->lock, NULL);
    int result = prepare(made, repository, err);
    if (result != 0) {
        historian_free(made);
        return result;
    }
    *historian = made;
    return 0;
}

void historian_push(struct historian *historian, struct history_queue *entries)
{
    if (entries->count == 0)
        return;
    pthread_mutex_lock(&historian->lock);
    bool first = historian->pushed.count == 0;
    queue_append(&historian->pushed, entries);
    pthread_mutex_unlock(&historian->lock);
    if (first)
        eventfd_write(historian->bell, 1);
}

void historian_take_back(struct historian *historian, struct history_queue *done)
{
    pthread_mutex_lock(&historian->lock);
    queue_append(done, &historian->finished);
    pthread_mutex_unlock(&historian->lock);
}

int64_t historian_done(struct historian *historian)
{
    return atomic_load(&historian->done);
}

void historian_stop(struct historian *historian)
{
    if (historian == NULL)
        return;
    pthread_mutex_lock(&historian->lock);
    historian->stopping = true;
    pthread_mutex_unlock(&historian->lock);
    eventfd_write(historian->bell, 1);
    pthread_join(historian->thread, NULL);
    historian_free(historian);
}
