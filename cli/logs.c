#include "cli/logs.h"

#include "lib/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define TAIL_BYTES 2048

int logs_open(const char *run, const char *component, struct error **err)
{
    autofree char *directory = path_format("%s/log", run);
    autofree char *path = path_format("%s/%s.log", directory, component);
    int result = directory_make(directory, 0750, err);
    if (result < 0)
        return result;
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    return fd >= 0 ? fd : error_errno(err, errno, "cannot open %s", path);
}

/* Lines that are written between the last read and the cut are lost, a few at worst; every writer appends, so
 * the file goes on at its beginning. */
static void rotate(const char *directory, const char *name, int64_t limit)
{
    autofree char *from = path_format("%s/%s", directory, name);
    autofree char *to = path_format("%s.1", from);
    struct stat status;
    autoclose int source = open(from, O_RDWR | O_CLOEXEC);
    if (source < 0 || fstat(source, &status) < 0 || status.st_size <= limit)
        return;
    autoclose int target = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    char bytes[65536];
    ssize_t length;
    while (target >= 0 && (length = read(source, bytes, sizeof(bytes))) > 0)
        if (write(target, bytes, (size_t)length) < 0)
            break; /* a full disk: making room here matters more than the old lines */
    /* Whether or not the cut works, there is nobody to tell. */
    (void)!ftruncate(source, 0);
}

void logs_rotate(const char *run, int64_t limit)
{
    autofree char *directory = path_format("%s/log", run);
    DIR *logs = opendir(directory);
    if (logs == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(logs)) != NULL;)
        if (str_ends(str_of(entry->d_name), STR(".log")))
            rotate(directory, entry->d_name, limit);
    closedir(logs);
}

void logs_tail(const char *run, const char *component, int lines, struct buf *out)
{
    autofree char *path = path_format("%s/log/%s.log", run, component);
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    char bytes[TAIL_BYTES];
    ssize_t length = end > 0 ? pread(fd, bytes, sizeof(bytes), end > TAIL_BYTES ? end - TAIL_BYTES : 0) : 0;
    if (length <= 0)
        return;
    ssize_t start = length;
    for (int seen = 0; start > 0; start--)
        if (bytes[start - 1] == '\n' && start != length && ++seen == lines)
            break;
    struct str rest = str_trim((struct str){bytes + start, (size_t)(length - start)}), line,
               before = STR_NONE;
    for (; str_split(&rest, '\n', &line); before = line)
        if (!str_equal(line, before))
            buf_addf(out, STR_FORMAT "\n", STR_ARGS(line));
}
