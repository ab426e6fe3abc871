#include "nodeagent/whiteout.h"

#include "lib/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define PREFIX    ".wh."
#define AUFS_MARK ".wh..wh." /* all but the next: bookkeeping of a filesystem long gone */
#define OPAQUE    ".wh..wh..opq"

static int convert_directory(int directory, const char *path, struct error **err);

static int convert_below(int parent, const char *path, const char *name, struct error **err)
{
    autofree char *below = path_format("%s/%s", path, name);
    if (strncmp(name, AUFS_MARK, strlen(AUFS_MARK)) == 0)
        return directory_remove(below, err);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? error_errno(err, errno, "cannot open %s", below) : convert_directory(fd, below, err);
}

static int mark_opaque(int directory, const char *path, struct error **err)
{
    return fsetxattr(directory, "trusted.overlay.opaque", "y", 1, 0) == 0
               ? 0
               : error_errno(err, errno, "cannot mark %s as opaque", path);
}

/* Hides what the layers below have under a name. This one may have something of its own there, which stays;
 * of a directory nothing of theirs shows through then. */
static int hide(int parent, const char *path, const char *hidden, struct error **err)
{
    struct stat own;
    if (mknodat(parent, hidden, S_IFCHR, makedev(0, 0)) == 0)
        return 0;
    if (errno != EEXIST || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0 ||
        fstatat(parent, hidden, &own, AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(err, errno, "cannot make the whiteout %s/%s", path, hidden);
    if (!S_ISDIR(own.st_mode))
        return 0;
    autoclose int fd = openat(parent, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    autofree char *below = path_format("%s/%s", path, hidden);
    return fd < 0 ? error_errno(err, errno, "cannot open %s", below) : mark_opaque(fd, below, err);
}

static int convert_entry(int parent, const char *path, const char *name, struct error **err)
{
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return 0;
    if (unlinkat(parent, name, 0) < 0)
        return error_errno(err, errno, "cannot remove %s/%s", path, name);
    if (strcmp(name, OPAQUE) == 0)
        return mark_opaque(parent, path, err);
    return strncmp(name, AUFS_MARK, strlen(AUFS_MARK)) == 0 ? 0
                                                            : hide(parent, path, name + strlen(PREFIX), err);
}

/* Takes the descriptor. Names are collected first: converting changes the directory. */
static int convert_directory(int directory, const char *path, struct error **err)
{
    DIR *entries = fdopendir(directory);
    if (entries == NULL) {
        int number = errno;
        close(directory);
        return error_errno(err, number, "cannot list %s", path);
    }
    autobuf struct buf names = {0};
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        struct stat there;
        if (fstatat(directory, entry->d_name, &there, AT_SYMLINK_NOFOLLOW) < 0)
            result = error_errno(err, errno, "cannot look at %s/%s", path, entry->d_name);
        else if (S_ISDIR(there.st_mode))
            result = convert_below(directory, path, entry->d_name, err);
        else
            buf_add(&names, entry->d_name, strlen(entry->d_name) + 1);
    }
    for (size_t at = 0; result == 0 && at < names.length; at += strlen(names.at + at) + 1)
        result = convert_entry(directory, path, names.at + at, err);
    closedir(entries);
    return result;
}

int whiteouts_convert(const char *directory, struct error **err)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? error_errno(err, errno, "cannot open %s", directory)
                  : convert_directory(fd, directory, err);
}
