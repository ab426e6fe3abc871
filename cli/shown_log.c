#include "cli/shown_log.h"

#include "lib/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define READ_BYTES (64 << 10)

void shown_log_init(struct shown_log *log, char *path, int64_t tail)
{
    *log = (struct shown_log){.path = path, .fd = -1, .looks = true, .tail = tail};
}

void shown_log_free(struct shown_log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    container_lines_free(&log->lines);
    free(log->path);
}

void shown_log_changed(struct shown_log *log)
{
    log->looks = true;
}

static void print(const struct buf *out)
{
    if (out->length > 0)
        fwrite(out->at, 1, out->length, stdout);
}

/* Where the last lines begin. What is needed for that is read from the end, more and more of it. */
static int64_t place_of_tail(int fd, int64_t count)
{
    struct stat attributes;
    if (fstat(fd, &attributes) < 0)
        return 0;
    for (int64_t wanted = READ_BYTES;; wanted *= 4) {
        int64_t from = wanted < attributes.st_size ? attributes.st_size - wanted : 0;
        size_t size = (size_t)(attributes.st_size - from), length = 0;
        autofree char *text = memory_new(size + 1);
        for (ssize_t n = 1; n > 0 && length < size;) {
            n = pread(fd, text + length, size - length, from + (int64_t)length);
            length += n > 0 ? (size_t)n : 0;
        }
        int64_t place = container_lines_last((struct str){text, length}, from == 0, count);
        if (place >= 0)
            return from + place;
        if (from == 0)
            return 0;
    }
}

static bool open_log(struct shown_log *log)
{
    log->looks = false;
    log->fd = open(log->path, O_RDONLY | O_CLOEXEC);
    if (log->fd < 0 && errno != ENOENT && errno != ENOTDIR) /* it is tried again when the pod changes */
        fprintf(stderr, "podtree logs: cannot read %s: %s\n", log->path, strerror(errno));
    if (log->fd < 0)
        return false;
    if (log->tail >= 0)
        lseek(log->fd, place_of_tail(log->fd, log->tail), SEEK_SET);
    log->tail = -1; /* of what comes later all is shown */
    return true;
}

/* The log of another attempt has taken the name: everything of the one before has been read. */
static bool is_replaced(const struct shown_log *log)
{
    struct stat open_now, named;
    return fstat(log->fd, &open_now) == 0 && stat(log->path, &named) == 0 && open_now.st_ino != named.st_ino;
}

/* Lines that had been removed while fsd was away, or a disk that fails: what comes will still come. */
static void leave_out(struct shown_log *log, int number)
{
    fprintf(stderr, "podtree logs: cannot read %s: %s: some lines are left out\n", log->path,
            strerror(number));
    shown_log_end(log);
    lseek(log->fd, 0, SEEK_END);
}

static bool read_on(struct shown_log *log)
{
    char bytes[READ_BYTES];
    autobuf struct buf out = {0};
    bool progress = false;
    ssize_t n;
    for (; (n = read(log->fd, bytes, sizeof(bytes))) > 0; progress = true) {
        buf_clear(&out);
        container_lines_take(&log->lines, (struct str){bytes, (size_t)n}, &out);
        print(&out);
    }
    if (n < 0)
        leave_out(log, errno);
    return progress;
}

bool shown_log_print(struct shown_log *log)
{
    if (log->fd < 0 && (!log->looks || !open_log(log)))
        return false;
    bool progress = read_on(log), looked = log->looks;
    log->looks = false;
    if (!looked || !is_replaced(log))
        return progress;
    progress = read_on(log) || progress; /* what came before it was replaced */
    shown_log_end(log);
    close(log->fd);
    log->fd = -1;
    log->looks = true;
    return true;
}

void shown_log_end(struct shown_log *log)
{
    autobuf struct buf out = {0};
    container_lines_end(&log->lines, &out);
    print(&out);
}
