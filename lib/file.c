#include "lib/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

char *path_format(const char *format, ...)
{
    struct buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vaddf(&text, format, args);
    va_end(args);
    return buf_take(&text);
}

int file_read(const char *path, struct buf *out, struct error **err)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", path);
    for (;;) {
        char *to = buf_reserve(out, 16384);
        ssize_t n = read(fd, to, 16384);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, errno, "cannot read %s", path);
        out->length += (size_t)n;
        out->at[out->length] = '\0';
        if (n == 0)
            return 0;
    }
}

static int write_all(int fd, const char *path, struct str bytes, struct error **err)
{
    while (bytes.length > 0) {
        ssize_t n = write(fd, bytes.at, bytes.length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, errno, "cannot write %s", path);
        bytes.at += n;
        bytes.length -= (size_t)n;
    }
    return 0;
}

static int write_and_sync(const char *path, struct str bytes, mode_t mode, bool sync, struct error **err)
{
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return error_errno(err, errno, "cannot create %s", path);
    int result = write_all(fd, path, bytes, err);
    if (result < 0)
        return result;
    if (sync && fsync(fd) < 0)
        return error_errno(err, errno, "cannot sync %s", path);
    return 0;
}

int file_write(const char *path, struct str bytes, mode_t mode, struct error **err)
{
    return write_and_sync(path, bytes, mode, false, err);
}

static int sync_directory_of(const char *path, struct error **err)
{
    const char *slash = strrchr(path, '/');
    autofree char *parent =
        slash == NULL ? path_format(".") : path_format("%.*s/", (int)(slash - path), path);
    autoclose int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return error_errno(err, errno, "cannot sync %s", parent);
    return 0;
}

int file_replace(const char *path, struct str bytes, mode_t mode, enum file_durability durability,
                 struct error **err)
{
    autofree char *scratch = path_format("%s.new", path);
    int result = write_and_sync(scratch, bytes, mode, durability == FILE_DURABLE, err);
    if (result == 0 && rename(scratch, path) < 0)
        result = error_errno(err, errno, "cannot put %s in place", path);
    if (result < 0)
        unlink(scratch);
    else if (durability == FILE_DURABLE)
        result = sync_directory_of(path, err);
    return result;
}

int directory_make(const char *path, mode_t mode, struct error **err)
{
    if (mkdir(path, mode) == 0)
        return 0;
    if (errno == ENOENT) {
        const char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path)
            return error_errno(err, ENOENT, "cannot make directory %s", path);
        autofree char *parent = str_dup((struct str){path, (size_t)(slash - path)});
        int result = directory_make(parent, mode, err);
        if (result < 0)
            return result;
        if (mkdir(path, mode) == 0)
            return 0;
    }
    struct stat there;
    if (errno == EEXIST && stat(path, &there) == 0 && S_ISDIR(there.st_mode))
        return 0;
    return error_errno(err, errno, "cannot make directory %s", path);
}

/* A tree may be deeper than a process can have descriptors, or stack: whoever writes into it can make it so.
 * What lies deeper than this is moved up into the uppermost directory, and removed from there. */
#define REMOVAL_DEPTH 64

struct removal {
    int top;
    dev_t device;
    int depth;
    unsigned moved, names;
};

static int remove_entries(struct removal *removal, int directory, const char *path, struct error **err);

static int move_up(struct removal *removal, int parent, const char *name, const char *path,
                   struct error **err)
{
    char fresh[32];
    int result;
    do
        snprintf(fresh, sizeof(fresh), ".deep.%u", removal->names++);
    while ((result = renameat2(parent, name, removal->top, fresh, RENAME_NOREPLACE)) < 0 && errno == EEXIST);
    removal->moved++;
    return result == 0 ? 0 : error_errno(err, errno, "cannot move %s/%s up", path, name);
}

static int remove_entry(struct removal *removal, int parent, const char *name, const char *path,
                        struct error **err)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return error_errno(err, errno, "cannot remove %s/%s", path, name);
    if (removal->depth == REMOVAL_DEPTH)
        return unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : move_up(removal, parent, name, path, err);
    autofree char *below = path_format("%s/%s", path, name);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", below);
    removal->depth++;
    int result = remove_entries(removal, fd, below, err);
    removal->depth--;
    if (result == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        result = error_errno(err, errno, "cannot remove %s", below);
    return result;
}

int directory_names(const char *path, struct buf *names, struct error **err)
{
    DIR *entries = opendir(path);
    if (entries == NULL)
        return error_errno(err, errno, "cannot list %s", path);
    struct dirent *entry;
    while ((errno = 0, entry = readdir(entries)) != NULL)
        if (entry->d_name[0] != '.')
            buf_add(names, entry->d_name, strlen(entry->d_name) + 1);
    int number = errno;
    closedir(entries);
    return number != 0 ? error_errno(err, number, "cannot list %s", path) : 0;
}

/* Takes the descriptor. */
static int remove_entries(struct removal *removal, int directory, const char *path, struct error **err)
{
    struct stat here;
    DIR *entries = fdopendir(directory);
    if (entries == NULL) {
        int number = errno;
        close(directory);
        return error_errno(err, number, "cannot list %s", path);
    }
    int result = 0;
    if (fstat(directory, &here) < 0)
        result = error_errno(err, errno, "cannot look at %s", path);
    else if (here.st_dev != removal->device)
        result = error_make(err, EBUSY, "cannot remove %s: something is mounted there", path);
    struct dirent *entry;
    while (result == 0 && (entry = readdir(entries)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = remove_entry(removal, directory, entry->d_name, path, err);
    closedir(entries);
    return result;
}

int directory_remove(const char *path, struct error **err)
{
    autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "cannot open %s", path);
    struct stat here;
    if (fstat(fd, &here) < 0)
        return error_errno(err, errno, "cannot look at %s", path);
    struct removal removal = {.top = fd, .device = here.st_dev};
    int result = 0;
    do {
        removal.moved = 0;
        int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        result = again >= 0 ? remove_entries(&removal, again, path, err)
                            : error_errno(err, errno, "cannot open %s", path);
    } while (result == 0 && removal.moved != 0);
    if (result == 0 && rmdir(path) < 0 && errno != ENOENT)
        result = error_errno(err, errno, "cannot remove %s", path);
    return result;
}

void descriptors_hold_standard(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

void descriptors_allow_all(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}
