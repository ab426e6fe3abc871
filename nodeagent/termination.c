#include "nodeagent/termination.h"

#include "lib/container_log.h"
#include "lib/file.h"
#include "nodeagent/ownership.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define FILE_BYTES 4096
#define POD_BYTES  (12 * 1024)
#define LOG_BYTES  2048
#define LOG_LINES  80
/* So much of a log is read for its last lines: with what stands before each of them. */
#define LOG_READ (LOG_BYTES + LOG_LINES * 64)

struct str termination_path(struct value container)
{
    struct value path = value_get(container, STR("terminationMessagePath"));
    return value_exists(path) ? value_str(path) : STR("/dev/termination-log");
}

static char *file_of(const char *bundle)
{
    return path_format("%s/termination-log", bundle);
}

char *termination_make(const char *bundle, struct error **err)
{
    autofree char *path = file_of(bundle);
    autogroup int own = ownership_of_root();
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || fchmod(fd, 0666) < 0) {
        error_errno(err, errno, "cannot make %s", path);
        return NULL;
    }
    return take_pointer(path);
}

/* The last bytes of a file, no more than `most`; nothing where it can't be read. */
static void read_end(const char *path, size_t most, struct buf *out)
{
    struct stat file;
    /* What the container has put there may be anything. */
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &file) < 0 || !S_ISREG(file.st_mode))
        return;
    off_t from = file.st_size > (off_t)most ? file.st_size - (off_t)most : 0;
    ssize_t length = pread(fd, buf_reserve(out, most), most, from);
    out->length += length > 0 ? (size_t)length : 0;
}

/* The next line that is whole: the first one may be cut. */
static bool next_line(struct str *rest, struct log_line *line)
{
    struct str text;
    while (str_split(rest, '\n', &text)) {
        *line = log_line_parse(text);
        if (line->time.length != 0)
            return true;
    }
    return false;
}

static void add_last_lines(struct buf *out, const char *log)
{
    autobuf struct buf read = {0};
    struct log_line line;
    int lines = 0, passed = 0;
    read_end(log, LOG_READ, &read);
    for (struct str rest = buf_str(&read); next_line(&rest, &line);)
        lines++;
    for (struct str rest = buf_str(&read); next_line(&rest, &line);) {
        if (passed++ < lines - LOG_LINES)
            continue;
        buf_add_str(out, line.content);
        if (!line.partial)
            buf_add_char(out, '\n');
    }
    if (out->length > LOG_BYTES)
        buf_drop(out, out->length - LOG_BYTES);
}

char *termination_message(const struct termination *t)
{
    autobuf struct buf message = {0};
    autofree char *bundle = place_bundle(t->place, t->uid, t->name, t->attempt);
    autofree char *path = file_of(bundle);
    bool falls_back =
        value_is(value_get(t->container, STR("terminationMessagePolicy")), "FallbackToLogsOnError");
    size_t share = POD_BYTES / (size_t)(t->containers > 0 ? t->containers : 1);
    read_end(path, share < FILE_BYTES ? share : FILE_BYTES, &message);
    if (message.length == 0 && falls_back && t->failed) {
        autofree char *log = place_log(t->place, t->uid, t->name, t->attempt);
        add_last_lines(&message, log);
        if (message.length > share)
            buf_drop(&message, message.length - share);
    }
    return message.length != 0 ? str_dup(buf_str(&message)) : NULL;
}
