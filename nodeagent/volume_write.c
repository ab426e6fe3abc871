#include "nodeagent/volume_write.h"

#include "lib/fault.h"
#include "lib/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define DATA         "..data"
#define DATA_NEXT    "..data_tmp"
#define DATA_PREFIX  DATA "/"
#define VERSION_TEXT 64

/* What fsGroup adds to modes (pkg/volume/volume_linux.go): of what containers only read, and of what they
 * write; directories can be searched, and hand the group down. */
#define GROUP_READS       0440
#define GROUP_WRITES      0660
#define GROUP_SEARCHES    0110
#define MODE_OF_DIRECTORY 0755

/* A directory being written: names in sentences are relative to the path. */
struct writer {
    const char *path;
    int directory;
    const struct volume_files *files;
    int64_t group;
};

/* Opens something below the directory that is reached through nothing but directories. */
static int open_below(int directory, const char *path, uint64_t flags, mode_t mode)
{
    struct open_how how = {.flags = flags | O_CLOEXEC | O_NOFOLLOW,
                           .mode = mode,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

/* ---- ownership ---- */

static int own(int fd, const char *path, mode_t mode, int64_t group, struct error **err)
{
    if (group >= 0 && fchown(fd, (uid_t)-1, (gid_t)group) < 0)
        return error_errno(err, errno, "cannot give %s to group %lld", path, (long long)group);
    if (fchmod(fd, mode) < 0) /* whatever the umask is, and what chown has taken away */
        return error_errno(err, errno, "cannot set the mode of %s", path);
    return 0;
}

static mode_t mode_for(mode_t mode, bool directory, int64_t group)
{
    if (group < 0)
        return mode;
    return mode | GROUP_READS | (directory ? GROUP_SEARCHES | S_ISGID : 0);
}

int volume_own(const char *directory, int64_t fs_group, struct error **err)
{
    if (fs_group < 0)
        return 0;
    struct stat there;
    autoclose int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &there) < 0)
        return error_errno(err, errno, "cannot open %s", directory);
    mode_t mode = (there.st_mode & 07777) | GROUP_WRITES | GROUP_SEARCHES | S_ISGID;
    return own(fd, directory, mode, fs_group, err);
}

/* ---- is it what is there already? ---- */

static bool has_bytes(int version, const struct volume_file *file)
{
    autoclose int fd = open_below(version, file->path, O_RDONLY | O_NONBLOCK, 0);
    struct stat there;
    if (fd < 0 || fstat(fd, &there) < 0 || !S_ISREG(there.st_mode) ||
        (uint64_t)there.st_size != file->bytes.length)
        return false;
    char bytes[16384];
    for (size_t at = 0; at < file->bytes.length;) {
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || (size_t)n > file->bytes.length - at ||
            memcmp(bytes, file->bytes.at + at, (size_t)n) != 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* How many there are below that are no directories. Takes the descriptor. */
static size_t count_files(int fd)
{
    size_t count = 0;
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (entries == NULL) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        if (is_dots(entry->d_name))
            continue;
        int below = openat(dirfd(entries), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        count += below >= 0 ? count_files(below) : 1;
    }
    closedir(entries);
    return count;
}

/* Each file has its bytes, and there are no others. */
static bool is_current(const struct writer *writer, const char *name)
{
    autoclose int version =
        name[0] != '\0' ? open_below(writer->directory, name, O_RDONLY | O_DIRECTORY, 0) : -1;
    if (version < 0)
        return false;
    for (size_t i = 0; i < writer->files->count; i++)
        if (!has_bytes(version, &writer->files->files[i]))
            return false;
    return count_files(fcntl(version, F_DUPFD_CLOEXEC, 0)) == writer->files->count;
}

/* ---- a new version ---- */

/* The directory `name` in the open one; it is there afterwards. */
static int make_below(const struct writer *writer, int parent, const char *name, struct error **err)
{
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return error_errno(err, errno, "cannot make directory %s in %s", name, writer->path);
    int fd = open_below(parent, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s in %s", name, writer->path);
    int result = own(fd, name, mode_for(MODE_OF_DIRECTORY, true, writer->group), writer->group, err);
    if (result < 0)
        close(fd);
    return result < 0 ? result : fd;
}

/* Goes down to the directory that the file is in, making what is missing. Leaves the file's own name. */
static int descend(const struct writer *writer, int version, struct str *path, struct error **err)
{
    int here = fcntl(version, F_DUPFD_CLOEXEC, 0);
    if (here < 0)
        return error_errno(err, errno, "cannot open %s", writer->path);
    struct str part;
    while (memchr(path->at, '/', path->length) != NULL && str_split(path, '/', &part)) {
        autofree char *name = str_dup(part);
        int below = make_below(writer, here, name, err);
        close(here);
        if (below < 0)
            return below;
        here = below;
    }
    return here;
}

static int write_bytes(int fd, struct str bytes)
{
    while (bytes.length > 0) {
        ssize_t n = write(fd, bytes.at, bytes.length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes.at += n;
        bytes.length -= (size_t)n;
    }
    return 0;
}

static int write_one(const struct writer *writer, int version, const struct volume_file *file,
                     struct error **err)
{
    struct str rest = str_of(file->path);
    autoclose int parent = descend(writer, version, &rest, err);
    if (parent < 0)
        return parent;
    /* What is left of a path is its end, so it is terminated. */
    autoclose int fd = open_below(parent, rest.at, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return error_errno(err, errno, "cannot create %s in %s", file->path, writer->path);
    int result = write_bytes(fd, buf_str(&file->bytes));
    if (result < 0)
        return error_errno(err, -result, "cannot write %s in %s", file->path, writer->path);
    return own(fd, file->path, mode_for(file->mode, false, writer->group), writer->group, err);
}

/* Makes an empty directory named after the time, and says how. */
static int make_version(const struct writer *writer, char name[VERSION_TEXT], struct error **err)
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t length = strftime(name, VERSION_TEXT, "..%Y_%m_%d_%H_%M_%S.", &parts);
    for (int attempt = 0; attempt < 1000; attempt++) { /* a clock that was set back meets old names */
        snprintf(name + length, VERSION_TEXT - length, "%09ld", (now.tv_nsec + attempt) % 1000000000);
        if (mkdirat(writer->directory, name, 0700) == 0)
            return make_below(writer, writer->directory, name, err);
        if (errno != EEXIST)
            break;
    }
    return error_errno(err, errno, "cannot make directory %s in %s", name, writer->path);
}

static int put_in_place(const struct writer *writer, const char *name, struct error **err)
{
    if (unlinkat(writer->directory, DATA_NEXT, 0) < 0 && errno != ENOENT)
        return error_errno(err, errno, "cannot remove %s/%s", writer->path, DATA_NEXT);
    if (symlinkat(name, writer->directory, DATA_NEXT) < 0)
        return error_errno(err, errno, "cannot make symlink %s/%s", writer->path, DATA_NEXT);
    fault_point("volume-linked");
    if (renameat(writer->directory, DATA_NEXT, writer->directory, DATA) < 0)
        return error_errno(err, errno, "cannot put %s/%s in place", writer->path, DATA);
    fault_point("volume-placed");
    return 0;
}

static int write_version(const struct writer *writer, struct error **err)
{
    char name[VERSION_TEXT];
    autoclose int version = make_version(writer, name, err);
    int result = version < 0 ? version : 0;
    for (size_t i = 0; i < writer->files->count && result == 0; i++)
        result = write_one(writer, version, &writer->files->files[i], err);
    fault_point("volume-written");
    return result < 0 ? result : put_in_place(writer, name, err);
}

/* ---- what lies around it ---- */

/* Where the symlink leads, "" when it is none. */
static void read_link(const struct writer *writer, const char *name, char target[PATH_MAX])
{
    ssize_t length = readlinkat(writer->directory, name, target, PATH_MAX - 1);
    target[length > 0 ? length : 0] = '\0';
}

static struct str first_part(const struct volume_file *file)
{
    return (struct str){file->path, strcspn(file->path, "/")};
}

/* The first file in order whose path isn't before the text. */
static const char *path_from(const struct volume_files *files, const char *text)
{
    size_t low = 0, high = files->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(files->files[middle].path, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < files->count ? files->files[low].path : "";
}

static bool is_shown(const struct writer *writer, const char *name)
{
    autofree char *below = path_format("%s/", name);
    return strcmp(path_from(writer->files, name), name) == 0 ||
           strncmp(path_from(writer->files, below), below, strlen(below)) == 0;
}

/* Is this a symlink of ours that leads to itself in ..data? */
static bool leads_to_data(const struct writer *writer, const char *name)
{
    char target[PATH_MAX];
    read_link(writer, name, target);
    return strncmp(target, DATA_PREFIX, strlen(DATA_PREFIX)) == 0 &&
           strcmp(target + strlen(DATA_PREFIX), name) == 0;
}

static int show(const struct writer *writer, struct str part, struct error **err)
{
    autofree char *name = str_dup(part), *target = path_format(DATA_PREFIX "%s", name);
    if (leads_to_data(writer, name))
        return 0;
    /* A subPath that there was no key for has made a directory in its place. */
    unlinkat(writer->directory, name, AT_REMOVEDIR);
    if (symlinkat(target, writer->directory, name) == 0)
        return 0;
    return error_errno(err, errno, "cannot make symlink %s/%s", writer->path, name);
}

static int show_all(const struct writer *writer, struct error **err)
{
    int result = 0;
    for (size_t i = 0; i < writer->files->count && result == 0; i++) {
        struct str part = first_part(&writer->files->files[i]);
        /* They are in order: those with the same first part mostly follow each other. */
        if (i == 0 || !str_equal(part, first_part(&writer->files->files[i - 1])))
            result = show(writer, part, err);
    }
    return result;
}

/* Names that an earlier call has made and that aren't in use any more: versions, and what showed a file. */
static bool is_left_over(const struct writer *writer, const char *name, const char *current, bool shown)
{
    if (strncmp(name, "..", 2) == 0)
        return strcmp(name, DATA) != 0 && strcmp(name, current) != 0;
    return shown && leads_to_data(writer, name) && !is_shown(writer, name);
}

static int remove_entry(const struct writer *writer, const char *name, struct error **err)
{
    if (unlinkat(writer->directory, name, 0) == 0)
        return 0;
    autofree char *path = path_format("%s/%s", writer->path, name);
    if (errno != EISDIR && errno != EPERM)
        return error_errno(err, errno, "cannot remove %s", path);
    return directory_remove(path, err);
}

static int remove_left_over(const struct writer *writer, const char *current, bool shown, struct error **err)
{
    int fd = open(writer->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (entries == NULL) {
        int number = errno;
        if (fd >= 0)
            close(fd);
        return error_errno(err, number, "cannot list %s", writer->path);
    }
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (errno = 0, entry = readdir(entries)) != NULL)
        if (!is_dots(entry->d_name) && is_left_over(writer, entry->d_name, current, shown))
            result = remove_entry(writer, entry->d_name, err);
    if (result == 0 && errno != 0)
        result = error_errno(err, errno, "cannot list %s", writer->path);
    closedir(entries);
    return result;
}

/* ---- the whole ---- */

int volume_write(const char *directory, const struct volume_files *files, int64_t fs_group,
                 struct error **err)
{
    autoclose int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", directory);
    struct writer writer = {.path = directory, .directory = fd, .files = files, .group = fs_group};
    char current[PATH_MAX];
    read_link(&writer, DATA, current);
    bool changed = !is_current(&writer, current);
    int result = changed ? write_version(&writer, err) : 0;
    if (result == 0)
        result = show_all(&writer, err);
    read_link(&writer, DATA, current);
    if (result < 0) { /* what couldn't be finished goes, what shows the old version stays */
        remove_left_over(&writer, current, false, NULL);
        return result;
    }
    result = remove_left_over(&writer, current, true, err);
    return result < 0 ? result : changed;
}
