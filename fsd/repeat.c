#include "fsd/repeat.h"

#include "lib/str.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Both times at once: the modification time alone would be reported as IN_MODIFY instead of IN_ATTRIB. */
static int touch(int root, const char *path)
{
    return utimensat(root, path, NULL, AT_SYMLINK_NOFOLLOW);
}

/* The kernel answers EEXIST by itself, without an event, when it has the name cached; touching it then gives
 * the watchers something that makes them look. */
static int make_dir(int root, const char *path)
{
    int result = mkdirat(root, path, 0755);
    return result < 0 && errno == EEXIST ? touch(root, path) : result;
}

static int make_link(int root, const char *path)
{
    int result = symlinkat(".", root, path); /* fsd knows the target */
    return result < 0 && errno == EEXIST ? touch(root, path) : result;
}

static int remove_dir(int root, const char *path)
{
    return unlinkat(root, path, AT_REMOVEDIR);
}

static int remove_link(int root, const char *path)
{
    return unlinkat(root, path, 0);
}

static const struct {
    int (*call)(int root, const char *path);
    const char *name;
} actions[] = {
    [NOTIFY_MAKE_DIR] = {make_dir, "make"},         [NOTIFY_TOUCH] = {touch, "touch"},
    [NOTIFY_REMOVE_DIR] = {remove_dir, "remove"},   [NOTIFY_MAKE_LINK] = {make_link, "link"},
    [NOTIFY_REMOVE_LINK] = {remove_link, "unlink"},
};

int repeat_action(int root, enum notify_action action, const char *path, struct error **err)
{
    if (action >= COUNT(actions) || actions[action].call == NULL)
        return error_make(err, EINVAL, "%d is no action", (int)action);
    if (actions[action].call(root, path) == 0 || errno == ENOENT)
        return 0;
    return error_errno(err, errno, "cannot %s %s", actions[action].name, path);
}
