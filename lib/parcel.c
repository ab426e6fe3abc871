#include "lib/parcel.h"

#include "lib/file.h"
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define BLOCK_BYTES (64 * 1024)
#define MOST_DEPTH  256

static void cleanup_stream(FILE **stream)
{
    if (*stream != NULL)
        fclose(*stream);
}

/* The caller's descriptor stays his. */
static FILE *open_stream(int fd, const char *mode, struct error **err)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    FILE *stream = copy >= 0 ? fdopen(copy, mode) : NULL;
    if (stream == NULL)
        error_errno(err, errno, "cannot open a stream");
    if (stream == NULL && copy >= 0)
        close(copy);
    return stream;
}

char *parcel_name(const char *path)
{
    struct str rest = str_of(path), piece, last = STR_NONE;
    while (str_split(&rest, '/', &piece))
        if (piece.length > 0)
            last = piece;
    return last.length == 0 || str_is(last, "..") ? str_dup(STR(".")) : str_dup(last);
}

/* ---- packing ---- */

struct packing {
    FILE *stream;
    parcel_left_out_fn *left_out;
};

static int write_item(struct packing *packing, char type, mode_t mode, const char *name, struct error **err)
{
    if (fprintf(packing->stream, "%c %o %s", type, (unsigned)(mode & 0777), name) < 0 ||
        putc('\0', packing->stream) == EOF)
        return error_errno(err, errno, "cannot send the copy");
    return 0;
}

static int write_block(struct packing *packing, const char *bytes, size_t length, struct error **err)
{
    uint32_t header = htobe32((uint32_t)length);
    if (fwrite(&header, sizeof(header), 1, packing->stream) != 1 ||
        fwrite(bytes, 1, length, packing->stream) != length)
        return error_errno(err, errno, "cannot send the copy");
    return 0;
}

/* To its end, wherever that is by then: the sizes of growing files, and of those in /proc, say nothing. */
static int pack_file(struct packing *packing, int fd, const char *path, struct error **err)
{
    autofree char *bytes = memory_new(BLOCK_BYTES);
    for (;;) {
        ssize_t length = read(fd, bytes, BLOCK_BYTES);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return error_errno(err, errno, "cannot read %s", path);
        int result = write_block(packing, bytes, (size_t)length, err);
        if (result < 0 || length == 0)
            return result;
    }
}

static int pack_symlink(struct packing *packing, int directory, const char *name, const char *path,
                        struct error **err)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(directory, name, target, sizeof(target));
    if (length < 0)
        return error_errno(err, errno, "cannot read %s", path);
    int result = write_item(packing, 'l', 0, name, err);
    if (result == 0 && length > 0)
        result = write_block(packing, target, (size_t)length, err);
    return result < 0 ? result : write_block(packing, "", 0, err);
}

static int pack_entry(struct packing *packing, int directory, const char *name, const char *path, int depth,
                      struct error **err);

/* Takes the descriptor. */
static int pack_directory(struct packing *packing, int fd, const char *path, int depth, struct error **err)
{
    DIR *entries = fdopendir(fd);
    struct dirent *entry;
    int result = 0;
    if (entries == NULL) {
        close(fd);
        return error_errno(err, errno, "cannot read %s", path);
    }
    while (result == 0 && (errno = 0, entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        autofree char *below = path_format("%s/%s", path, entry->d_name);
        result = pack_entry(packing, fd, entry->d_name, below, depth + 1, err);
    }
    if (result == 0 && errno != 0)
        result = error_errno(err, errno, "cannot list %s", path);
    closedir(entries);
    return result < 0 ? result : write_item(packing, 'u', 0, ".", err);
}

/* What has been opened under that name. Takes the descriptor. */
static int pack_open(struct packing *packing, int taken, const char *name, const char *path, int depth,
                     struct error **err)
{
    autoclose int fd = taken;
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_errno(err, errno, "cannot read %s", path);
    bool is_directory = S_ISDIR(status.st_mode);
    if (is_directory && depth >= MOST_DEPTH)
        return error_make(err, ELOOP, "%s is too deep", path);
    int result = write_item(packing, is_directory ? 'd' : 'f', status.st_mode, name, err);
    if (result < 0)
        return result;
    return is_directory ? pack_directory(packing, take_fd(fd), path, depth, err)
                        : pack_file(packing, fd, path, err);
}

static int leave_out(struct packing *packing, const char *name, const char *path, struct error **err)
{
    if (packing->left_out != NULL)
        packing->left_out(path);
    return write_item(packing, 's', 0, name, err);
}

/* Opening something else than a file or a directory could do something: it is looked at first, and what it is
 * may change in between, which does no harm with O_NONBLOCK. */
static int pack_entry(struct packing *packing, int directory, const char *name, const char *path, int depth,
                      struct error **err)
{
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "cannot read %s", path);
    if (S_ISLNK(status.st_mode))
        return pack_symlink(packing, directory, name, path, err);
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return leave_out(packing, name, path, err);
    int fd = openat(directory, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "cannot open %s", path);
    return pack_open(packing, fd, name, path, depth, err);
}

int parcel_pack(const char *path, int stream, parcel_left_out_fn *left_out, struct error **err)
{
    cleanup(cleanup_stream) FILE *out = open_stream(stream, "w", err);
    struct packing packing = {out, left_out};
    struct stat status;
    if (out == NULL)
        return -EIO;
    if (stat(path, &status) < 0)
        return error_errno(err, errno, "cannot read %s", path);
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return error_make(err, EINVAL, "%s is neither a file nor a directory", path);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int result = fd >= 0 ? pack_open(&packing, fd, ".", path, 0, err)
                         : error_errno(err, errno, "cannot open %s", path);
    if (result == 0)
        result = write_item(&packing, 'e', 0, ".", err);
    if (result == 0 && fflush(out) != 0)
        result = error_errno(err, errno, "cannot send the copy");
    return result;
}

/* ---- unpacking ---- */

struct unpacking {
    FILE *stream;
    parcel_left_out_fn *left_out;
    int directories[MOST_DEPTH + 1]; /* the one that it is unpacked into, and those on the way down from it */
    int depth;
    const char *name; /* of the first item, which is the only one at the top */
    bool begun;
};

struct item {
    char type;
    mode_t mode;
    char name[NAME_MAX + 1];
};

static int broken(struct error **err)
{
    return error_make(err, EPROTO, "the copy was cut off, or is none");
}

/* A name that could lead elsewhere is none. */
static bool is_name(const char *name)
{
    return *name != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strchr(name, '/') == NULL;
}

static int read_item(struct unpacking *unpacking, struct item *item, struct error **err)
{
    char line[NAME_MAX + 16];
    size_t length = 0;
    int c;
    while ((c = getc(unpacking->stream)) > 0 && length < sizeof(line) - 1)
        line[length++] = (char)c;
    line[length] = '\0';
    unsigned mode;
    int name_at = 0;
    if (c != 0 || sscanf(line, "%c %o%n", &item->type, &mode, &name_at) != 2 || line[name_at] != ' ' ||
        length - (size_t)name_at - 1 > NAME_MAX)
        return broken(err);
    item->mode = mode & 0777;
    strcpy(item->name, line + name_at + 1);
    return 0;
}

/* The length of the next block, which is in `bytes` then. */
static ssize_t read_block(struct unpacking *unpacking, char bytes[BLOCK_BYTES], struct error **err)
{
    uint32_t header;
    if (fread(&header, sizeof(header), 1, unpacking->stream) != 1 || be32toh(header) > BLOCK_BYTES)
        return broken(err);
    size_t length = be32toh(header);
    if (fread(bytes, 1, length, unpacking->stream) != length)
        return broken(err);
    return (ssize_t)length;
}

static int write_all(int fd, const char *bytes, size_t length, const char *name, struct error **err)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_errno(err, errno, "cannot write %s", name);
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

/* What stands there is emptied only when it is known to be a file. */
static int open_file(int directory, const struct item *item, struct error **err)
{
    int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    struct stat status;
    autoclose int fd = openat(directory, item->name, flags | O_CREAT, item->mode);
    if (fd < 0 && errno == ELOOP)
        return error_make(err, ELOOP, "%s is a symlink there, which is not followed", item->name);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(err, errno, "cannot write %s", item->name);
    if (!S_ISREG(status.st_mode))
        return error_make(err, EEXIST, "%s is there, and no file", item->name);
    if (ftruncate(fd, 0) < 0)
        return error_errno(err, errno, "cannot write %s", item->name);
    return take_fd(fd);
}

static int unpack_file(struct unpacking *unpacking, int directory, const struct item *item,
                       struct error **err)
{
    autofree char *bytes = memory_new(BLOCK_BYTES);
    autoclose int fd = open_file(directory, item, err);
    ssize_t length = fd;
    while (length >= 0 && (length = read_block(unpacking, bytes, err)) > 0) {
        int result = write_all(fd, bytes, (size_t)length, item->name, err);
        if (result < 0)
            return result;
    }
    return (int)length;
}

static int unpack_symlink(struct unpacking *unpacking, int directory, const struct item *item,
                          struct error **err)
{
    autofree char *bytes = memory_new(BLOCK_BYTES);
    char target[PATH_MAX];
    ssize_t length = read_block(unpacking, bytes, err);
    if (length <= 0 || length >= PATH_MAX)
        return length < 0 ? (int)length : broken(err);
    memcpy(target, bytes, (size_t)length);
    target[length] = '\0';
    length = read_block(unpacking, bytes, err);
    if (length != 0)
        return length < 0 ? (int)length : broken(err);
    struct stat status;
    if (fstatat(directory, item->name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode))
        unlinkat(directory, item->name, 0);
    if (symlinkat(target, directory, item->name) < 0)
        return error_errno(err, errno, "cannot make the symlink %s", item->name);
    return 0;
}

static int enter(struct unpacking *unpacking, int directory, const struct item *item, struct error **err)
{
    if (unpacking->depth == MOST_DEPTH)
        return error_make(err, ELOOP, "%s is too deep", item->name);
    bool itself = strcmp(item->name, ".") == 0;
    if (!itself && mkdirat(directory, item->name, item->mode | 0700) < 0 && errno != EEXIST)
        return error_errno(err, errno, "cannot make the directory %s", item->name);
    int fd = openat(directory, item->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot open the directory %s", item->name);
    unpacking->directories[++unpacking->depth] = fd;
    return 0;
}

static int unpack_item(struct unpacking *unpacking, struct item *item, struct error **err)
{
    bool top = unpacking->depth == 0;
    int directory = unpacking->directories[unpacking->depth];
    if (item->type == 'u') {
        if (top)
            return broken(err);
        close(unpacking->directories[unpacking->depth--]);
        return 0;
    }
    if (top ? unpacking->begun : !is_name(item->name))
        return broken(err);
    unpacking->begun = true;
    if (top)
        snprintf(item->name, sizeof(item->name), "%s", unpacking->name);
    switch (item->type) {
    case 'd':
        return enter(unpacking, directory, item, err);
    case 'f':
        return unpack_file(unpacking, directory, item, err);
    case 'l':
        return unpack_symlink(unpacking, directory, item, err);
    case 's':
        if (unpacking->left_out != NULL)
            unpacking->left_out(item->name);
        return 0;
    default:
        return broken(err);
    }
}

/* The directory that it goes into, and in *name what it is called there. */
static int open_destination(const char *path, const char *wanted, char **name, struct error **err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        *name = str_dup(str_of(wanted));
        return fd;
    }
    *name = parcel_name(path);
    size_t length = strlen(path);
    if (length == 0 || path[length - 1] == '/' || !is_name(*name))
        return error_errno(err, errno, "there is no directory %s", path);
    const char *slash = strrchr(path, '/');
    autofree char *parent =
        slash == NULL ? str_dup(STR(".")) : str_dup((struct str){path, (size_t)(slash - path) + 1});
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : error_errno(err, errno, "cannot open the directory %s", parent);
}

int parcel_unpack(int stream, const char *path, const char *name, parcel_left_out_fn *left_out,
                  struct error **err)
{
    cleanup(cleanup_stream) FILE *in = open_stream(stream, "r", err);
    autofree char *top = NULL;
    struct unpacking unpacking = {.stream = in, .left_out = left_out};
    int result = in != NULL ? open_destination(path, name, &top, err) : -EIO;
    if (result < 0)
        return result;
    unpacking.directories[0] = result;
    unpacking.name = top;
    struct item item;
    do {
        result = read_item(&unpacking, &item, err);
        if (result == 0 && item.type != 'e')
            result = unpack_item(&unpacking, &item, err);
    } while (result == 0 && item.type != 'e');
    if (result == 0 && (unpacking.depth != 0 || !unpacking.begun))
        result = broken(err);
    while (unpacking.depth >= 0)
        close(unpacking.directories[unpacking.depth--]);
    return result;
}
