/* Tries every operation on a path, and says how each ends, for paths.bats:
 *
 *     try PATH VALUE NEW
 *
 * prints in this order, with blanks between them: type, read, write, append, truncate, rename (a scratch file
 * over it), create (of NEW; a directory if it ends with a slash), remove. "ok", or the name of an errno; "-"
 * for create when NEW is "-". "ok*" where it has succeeded and what is read afterwards is not what was
 * written (for write, rename and create: equal to VALUE; for append: at the end; for truncate: nothing). The
 * type is "unsized" when stat's size is not what a read gives. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTENT_BYTES (1 << 20)

static char content[CONTENT_BYTES];
static const char *value;

static const char *result_name(int result)
{
    return result == 0 ? "ok" : strerrorname_np(-result);
}

/* Its length, or a negative errno. */
static ssize_t read_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t length = 0, more;
    while ((more = read(fd, content + length, CONTENT_BYTES - (size_t)length)) > 0)
        length += more;
    int number = errno;
    close(fd);
    return more < 0 ? -number : length;
}

static int read_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return -errno;
    errno = 0;
    while (readdir(directory) != NULL)
        ;
    int result = -errno;
    closedir(directory);
    return result;
}

static int put(const char *path, int flags)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);
    if (fd < 0)
        return -errno;
    int result = 0;
    if (write(fd, value, strlen(value)) < 0)
        result = -errno;
    if (close(fd) < 0 && result == 0)
        result = -errno;
    return result;
}

/* Is that what is read now? */
static bool holds(const char *path, const char *wanted, bool whole)
{
    ssize_t length = read_file(path);
    size_t size = strlen(wanted);
    if (length < 0 || (size_t)length < size || (whole && (size_t)length != size))
        return false;
    return memcmp(content + length - size, wanted, size) == 0;
}

static void say(int result, bool held)
{
    printf(" %s%s", result_name(result), result == 0 && !held ? "*" : "");
}

static mode_t say_type(const char *path)
{
    struct stat attributes;
    if (lstat(path, &attributes) < 0) {
        printf("%s", result_name(-errno));
        return 0;
    }
    mode_t type = attributes.st_mode & S_IFMT;
    bool sized = type != S_IFREG || read_file(path) < 0 || holds(path, "", attributes.st_size == 0);
    if (type == S_IFREG && sized && (attributes.st_mode & 0444) != 0) {
        ssize_t length = read_file(path);
        sized = length < 0 || length == attributes.st_size;
    }
    printf("%s", !sized ? "unsized" : type == S_IFREG ? "file" : type == S_IFDIR ? "directory" : "link");
    return type;
}

static void try_read(const char *path, mode_t type)
{
    struct stat target;
    if (type == S_IFLNK && stat(path, &target) < 0) {
        say(-errno, true);
        return;
    }
    bool directory = type == S_IFDIR || (type == S_IFLNK && S_ISDIR(target.st_mode));
    ssize_t result = directory ? read_directory(path) : read_file(path);
    say(result < 0 ? (int)result : 0, true);
}

static void try_rename(const char *path)
{
    char scratch[4096];
    const char *slash = strrchr(path, '/');
    snprintf(scratch, sizeof(scratch), "%.*s/.try.abcdef", (int)(slash - path), path);
    int result = put(scratch, O_CREAT | O_TRUNC);
    if (result == 0 && rename(scratch, path) < 0) {
        result = -errno;
        unlink(scratch);
    }
    say(result, result == 0 && holds(path, value, true));
}

static void try_create(const char *path)
{
    size_t length = strlen(path);
    int result;
    if (path[length - 1] == '/')
        result = mkdir(path, 0755) < 0 ? -errno : 0;
    else
        result = put(path, O_CREAT | O_EXCL);
    say(result, result != 0 || path[length - 1] == '/' || holds(path, value, true));
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: try PATH VALUE NEW\n");
        return 2;
    }
    const char *path = argv[1];
    value = argv[2];
    mode_t type = say_type(path);
    try_read(path, type);
    int result = put(path, O_TRUNC);
    say(result, result == 0 && holds(path, value, true));
    result = put(path, O_APPEND);
    say(result, result == 0 && holds(path, value, false));
    result = truncate(path, 0) < 0 ? -errno : 0;
    say(result, result == 0 && holds(path, "", true));
    try_rename(path);
    if (strcmp(argv[3], "-") == 0)
        printf(" -");
    else
        try_create(argv[3]);
    say((type == S_IFDIR ? rmdir(path) : unlink(path)) < 0 ? -errno : 0, true);
    putchar('\n');
    return 0;
}
