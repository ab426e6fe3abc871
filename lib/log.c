#include "lib/log.h"

#include "lib/clock.h"
#include "lib/str.h"
#include <errno.h>
#include <pthread.h>

/* Lines wait here for the thread; a line that finds it full is dropped and counted. */
#define QUEUE_BYTES (256 * 1024)

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static const char *speaker = "podtree";
static enum log_level least = LOG_INFO_LEVEL;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static bool threaded;
static struct buf queue;
static unsigned dropped;

void log_init(const char *who)
{
    speaker = who;
    const char *wanted = getenv("PODTREE_LOG");
    for (int i = 0; wanted != NULL && i <= LOG_ERROR_LEVEL; i++)
        if (strcmp(wanted, level_names[i]) == 0)
            least = (enum log_level)i;
}

static void write_all(struct str text)
{
    while (text.length > 0) {
        ssize_t n = write(STDERR_FILENO, text.at, text.length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody listens: there is no other place to say so */
        text.at += n;
        text.length -= (size_t)n;
    }
}

static void *log_thread(void *unused)
{
    struct buf writing = {0};
    pthread_setname_np(pthread_self(), "log");
    for (;;) {
        pthread_mutex_lock(&lock);
        while (queue.length == 0 && dropped == 0)
            pthread_cond_wait(&filled, &lock);
        struct buf swapped = queue;
        queue = writing;
        writing = swapped;
        unsigned lost = dropped;
        dropped = 0;
        pthread_mutex_unlock(&lock);
        if (lost != 0)
            buf_addf(&writing, "(%u lines dropped: they came faster than they could be written)\n", lost);
        write_all(buf_str(&writing));
        buf_clear(&writing);
    }
    return unused;
}

int log_start_thread(struct error **err)
{
    pthread_t thread;
    int number = pthread_create(&thread, NULL, log_thread, NULL);
    if (number != 0)
        return error_errno(err, number, "cannot start the log's thread");
    pthread_detach(thread);
    threaded = true;
    return 0;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_shows(level))
        return;
    char time[CLOCK_TEXT];
    clock_format_micro(clock_wall_ms() * 1000, time);
    autobuf struct buf line = {0};
    buf_addf(&line, "%.23sZ %s %s: ", time, level_names[level], speaker);
    va_list args;
    va_start(args, format);
    buf_vaddf(&line, format, args);
    va_end(args);
    for (size_t i = 0; i < line.length; i++)
        if (line.at[i] == '\n')
            line.at[i] = ' ';
    buf_add_char(&line, '\n');
    if (!threaded) {
        write_all(buf_str(&line));
        return;
    }
    pthread_mutex_lock(&lock);
    if (queue.length + line.length > QUEUE_BYTES)
        dropped++;
    else
        buf_add_str(&queue, buf_str(&line));
    pthread_cond_signal(&filled);
    pthread_mutex_unlock(&lock);
}

bool log_shows(enum log_level level)
{
    return level >= least;
}

bool log_due(int64_t *state, int seconds)
{
    int64_t now = clock_ms();
    if (*state != 0 && now - *state < seconds * 1000L)
        return false;
    *state = now;
    return true;
}
