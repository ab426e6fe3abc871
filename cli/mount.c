#include "cli/mount.h"

#include "cli/probe.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mount.h>

#define FUSE_TYPE "fuse.podtree"
/* Trees may lie on each other where supervisors were killed; this many are plenty. */
#define MOST_LAYERS 64
#define ANSWER_MS   5000
#define MOST_USERS  10

/* Where the new mount spreads to is the parent mount's affair: on a host where everything is shared, other
 * namespaces see the tree come and go, in a private one nobody does. */
int mount_make(const char *directory, struct error **err)
{
    autoclose int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse < 0)
        return error_errno(err, errno, "cannot open /dev/fuse%s",
                           errno == ENOENT || errno == ENODEV ? " (modprobe fuse)" : "");
    char options[128];
    snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse);
    if (mount("podtree", directory, FUSE_TYPE, MS_NOSUID | MS_NODEV, options) < 0)
        return error_errno(err, errno, "cannot mount the tree at %s", directory);
    return take_fd(fuse);
}

bool mount_is_over(int fuse)
{
    struct pollfd connection = {.fd = fuse};
    return poll(&connection, 1, 0) > 0 && (connection.revents & (POLLERR | POLLNVAL)) != 0;
}

/* mountinfo writes space, tab, newline and backslash of a path in octal. */
static void add_escaped(struct buf *out, const char *path)
{
    for (; *path != '\0'; path++)
        if (strchr(" \t\n\\", *path) != NULL)
            buf_addf(out, "\\%03o", (unsigned char)*path);
        else
            buf_add_char(out, *path);
}

/* Is this line of mountinfo a tree of ours at that (escaped) directory?
 *     36 35 0:41 / /k8s rw,nosuid,nodev - fuse.podtree podtree rw,… */
static bool line_is_tree(struct str line, struct str directory)
{
    struct str word, rest = line;
    for (int number = 1; str_split(&rest, ' ', &word); number++) {
        if (number == 5 && !str_equal(word, directory))
            return false;
        if (number > 6 && str_is(word, "-"))
            return str_split(&rest, ' ', &word) && str_is(word, FUSE_TYPE);
    }
    return false;
}

bool mount_exists(const char *directory)
{
    autobuf struct buf escaped = {0};
    add_escaped(&escaped, directory);
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (file == NULL)
        return false;
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (!found && getline(&line, &size, file) > 0)
        found = line_is_tree(str_trim(str_of(line)), buf_str(&escaped));
    free(line);
    fclose(file);
    return found;
}

/* What the kernel says of a tree that nobody serves any more, or never did. */
static bool is_dead(int number)
{
    return number == ENOTCONN || number == ECONNABORTED || number == ECONNREFUSED;
}

int mount_clear(const char *directory, struct error **err)
{
    for (int layer = 0; layer < MOST_LAYERS && mount_exists(directory); layer++) {
        int result = probe_tree(directory, ANSWER_MS);
        if (!is_dead(-result))
            return error_make(err, EBUSY, "a tree of another cluster is at %s already%s", directory,
                              result == -ETIMEDOUT ? " (it does not answer)" : "");
        if (umount2(directory, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
            return error_errno(err, errno, "cannot unmount the dead tree at %s", directory);
    }
    return 0;
}

/* The path behind a link in /proc, if it lies in the directory. A plain comparison of names: asking for the
 * file itself would ask the tree. */
static bool link_is_below(const char *link, const char *directory, struct buf *out)
{
    char target[PATH_MAX];
    ssize_t length = readlink(link, target, sizeof(target));
    struct str path = {target, length > 0 ? (size_t)length : 0}, above = str_of(directory);
    if (!str_starts(path, above) || (path.length > above.length && path.at[above.length] != '/'))
        return false;
    buf_clear(out);
    buf_add_str(out, path);
    return true;
}

static bool process_uses(const char *pid, const char *directory, struct buf *what)
{
    static const char *const links[] = {"cwd", "root", "exe"};
    char path[PATH_MAX];
    for (size_t i = 0; i < COUNT(links); i++) {
        snprintf(path, sizeof(path), "/proc/%s/%s", pid, links[i]);
        if (link_is_below(path, directory, what))
            return true;
    }
    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    DIR *fds = opendir(path);
    bool found = false;
    for (struct dirent *entry; !found && fds != NULL && (entry = readdir(fds)) != NULL;) {
        snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, entry->d_name);
        found = link_is_below(path, directory, what);
    }
    if (fds != NULL)
        closedir(fds);
    return found;
}

static void add_user(const char *pid, const char *what, struct buf *users)
{
    char path[PATH_MAX], name[32] = "?";
    snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, name, sizeof(name) - 1) : -1;
    if (length > 0)
        name[length - 1] = '\0'; /* its newline */
    buf_addf(users, "%s %s %s\n", pid, name, what);
}

static void list_users(const char *directory, struct buf *users)
{
    DIR *processes = opendir("/proc");
    if (processes == NULL)
        return;
    int found = 0;
    autobuf struct buf what = {0};
    for (struct dirent *entry; found < MOST_USERS && (entry = readdir(processes)) != NULL;)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            process_uses(entry->d_name, directory, &what)) {
            add_user(entry->d_name, what.at, users);
            found++;
        }
    closedir(processes);
}

int mount_remove(const char *directory, struct buf *users, struct error **err)
{
    if (umount2(directory, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL)
        return 0; /* EINVAL: nothing is mounted there (any more) */
    if (errno == EBUSY)
        list_users(directory, users);
    /* FUSE takes "force" as: abort the connection, and all calls that wait for an answer with it. */
    if (umount2(directory, MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        return 0;
    return error_errno(err, errno, "cannot unmount %s", directory);
}
