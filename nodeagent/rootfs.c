#include "nodeagent/rootfs.h"

#include "lib/file.h"
#include "nodeagent/image.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <mntent.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- mounting ---- */

/* mount(2) takes one page of options, and an image may have a hundred layers: so they are named relative to
 * the store, and the working directory is there during the call. */
static int mount_from(const char *directory, const char *target, const char *options, struct error **err)
{
    autoclose int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (here < 0 || chdir(directory) < 0)
        return error_errno(err, errno, "cannot go to %s", directory);
    int result = mount("overlay", target, "overlay", 0, options);
    int number = errno;
    if (fchdir(here) < 0)
        return error_errno(err, errno, "cannot go back to the working directory");
    return result == 0 ? 0 : error_errno(err, number, "cannot mount %s", target);
}

/* The newer calls take one layer at a time, as many as overlayfs can have (500). They are not in every kernel
 * that should do, so they are left to what doesn't fit into a page. */
static int mount_one_by_one(const char *directory, struct str lowest_last, const char *layer,
                            const char *target, struct error **err)
{
    autofree char *upper = path_format("%s/upper", layer), *work = path_format("%s/work", layer);
    autoclose int context = fsopen("overlay", FSOPEN_CLOEXEC);
    bool fine = context >= 0;
    struct str name;
    while (fine && str_split(&lowest_last, ':', &name)) {
        autofree char *path = path_format("%s/" STR_FORMAT, directory, STR_ARGS(name));
        fine = fsconfig(context, FSCONFIG_SET_STRING, "lowerdir+", path, 0) == 0;
    }
    fine = fine && fsconfig(context, FSCONFIG_SET_STRING, "upperdir", upper, 0) == 0 &&
           fsconfig(context, FSCONFIG_SET_STRING, "workdir", work, 0) == 0 &&
           fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0;
    autoclose int mounted = fine ? fsmount(context, FSMOUNT_CLOEXEC, 0) : -1;
    if (mounted < 0 || move_mount(mounted, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_errno(err, errno, "cannot mount %s, of more layers than fit into a page", target);
    return 0;
}

/* Is it once more among those above? Then it adds nothing here, and overlayfs refuses to take one twice. */
static bool comes_again(struct value names, size_t i)
{
    for (size_t above = i + 1; above < value_count(names); above++)
        if (value_equal(value_element(names, i), value_element(names, above)))
            return true;
    return false;
}

static void list_layers(struct value names, struct buf *list)
{
    for (size_t i = value_count(names); i > 0; i--) /* the uppermost comes first */
        if (!comes_again(names, i - 1))
            buf_addf(list, "%s" STR_FORMAT, list->length == 0 ? "" : ":",
                     STR_ARGS(value_str(value_element(names, i - 1))));
}

static int mount_layers(const char *layers, struct str list, const char *layer, const char *target,
                        struct error **err)
{
    autobuf struct buf options = {0};
    buf_addf(&options, "lowerdir=" STR_FORMAT ",upperdir=%s/upper,workdir=%s/work", STR_ARGS(list), layer,
             layer);
    if (options.length >= (size_t)sysconf(_SC_PAGESIZE))
        return mount_one_by_one(layers, list, layer, target, err);
    return mount_from(layers, target, options.at, err);
}

int rootfs_mount(const char *state, struct value image, const char *layer, const char *target,
                 struct error **err)
{
    autofree char *layers = path_format("%s/images/layers", state);
    autobuf struct buf list = {0};
    list_layers(value_get(image, STR("layers")), &list);
    if (list.length == 0)
        return error_make(err, EINVAL, "the image has no layers");
    if (strchr(layer, ',') != NULL || strchr(layer, ':') != NULL)
        return error_make(err, EINVAL, "overlayfs can't take the path %s: it has a comma or a colon", layer);
    autofree char *upper = path_format("%s/upper", layer), *work = path_format("%s/work", layer);
    int result = directory_make(upper, 0755, err);
    /* It becomes the container's own root directory: nobody's group but root's. */
    if (result == 0 && chown(upper, 0, 0) < 0)
        result = error_errno(err, errno, "cannot give %s to root", upper);
    if (result < 0 || (result = directory_make(work, 0700, err)) < 0 ||
        (result = directory_make(target, 0700, err)) < 0)
        return result;
    return mount_layers(layers, buf_str(&list), layer, target, err);
}

/* The mount points at or below the directory, each terminated, the last one first: what lies on top of others
 * goes before them. */
static int list_mounts(const char *directory, struct buf *points, struct error **err)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    if (mounts == NULL)
        return error_errno(err, errno, "cannot read /proc/self/mounts");
    size_t length = strlen(directory);
    struct mntent *mount;
    while ((mount = getmntent(mounts)) != NULL)
        if (strncmp(mount->mnt_dir, directory, length) == 0 &&
            (mount->mnt_dir[length] == '/' || mount->mnt_dir[length] == '\0'))
            buf_add(points, mount->mnt_dir, strlen(mount->mnt_dir) + 1);
    endmntent(mounts);
    return 0;
}

int rootfs_unmount_below(const char *directory, struct error **err)
{
    autobuf struct buf points = {0};
    int result = list_mounts(directory, &points, err);
    /* From the end: each begins behind the NUL before it. */
    for (size_t end = points.length; end > 0 && result == 0;) {
        size_t begin = end - 1;
        while (begin > 0 && points.at[begin - 1] != '\0')
            begin--;
        if (umount2(points.at + begin, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL &&
            errno != ENOENT)
            result = error_errno(err, errno, "cannot unmount %s", points.at + begin);
        end = begin;
    }
    return result;
}

/* ---- users ---- */

/* Looked at before it is opened: what an image has there may be a device, and that would be the machine's. */
static int open_inside(const char *target, const char *path)
{
    struct stat there;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    autoclose int root = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose int found = root >= 0 ? (int)syscall(SYS_openat2, root, path, &how, sizeof(how)) : -1;
    if (found < 0 || fstat(found, &there) < 0)
        return -errno;
    if (!S_ISREG(there.st_mode))
        return -EINVAL;
    autofree char *again = path_format("/proc/self/fd/%d", found);
    int fd = open(again, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

static int read_inside(const char *target, const char *path, struct buf *out)
{
    autoclose int fd = open_inside(target, path);
    if (fd < 0)
        return fd;
    while (out->length < 1024 * 1024) {
        ssize_t n = read(fd, buf_reserve(out, 8192), 8192);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        out->length += (size_t)n;
    }
    return -EFBIG;
}

/* The n-th field (from 0) of a line of passwd or group. */
static struct str field_of(struct str line, int n)
{
    struct str field = STR_NONE;
    for (int i = 0; i <= n; i++)
        if (!str_split(&line, ':', &field))
            return STR_NONE;
    return field;
}

/* The line whose first field is the name, or whose third one is the number. */
static struct str find_line(struct str text, struct str wanted)
{
    struct str line;
    int64_t number;
    bool numeric = str_to_int64(wanted, &number);
    while (str_split(&text, '\n', &line))
        if (line.length != 0 &&
            (str_equal(field_of(line, 0), wanted) || (numeric && str_equal(field_of(line, 2), wanted))))
            return line;
    return STR_NONE;
}

static bool is_id(struct str text, int64_t *number)
{
    return str_to_int64(text, number) && *number >= 0 && *number < UINT32_MAX;
}

static int find_id(struct str file, struct str wanted, const char *what, int64_t *number, struct error **err)
{
    if (is_id(wanted, number) || is_id(field_of(find_line(file, wanted), 2), number))
        return 0;
    return error_make(err, ENOENT, "the image has no %s \"" STR_FORMAT "\"", what, STR_ARGS(wanted));
}

static bool is_member(struct str members, struct str name)
{
    struct str member;
    while (str_split(&members, ',', &member))
        if (str_equal(member, name))
            return true;
    return false;
}

static void add_memberships(struct str groups, struct str name, struct oci_user *found)
{
    struct str line;
    int64_t gid;
    while (name.length != 0 && str_split(&groups, '\n', &line))
        if (is_member(field_of(line, 3), name) && is_id(field_of(line, 2), &gid) &&
            (gid_t)gid != found->gid && found->group_count < (int)COUNT(found->groups))
            found->groups[found->group_count++] = (gid_t)gid;
}

int rootfs_user(const char *target, struct str user, struct oci_user *found, struct error **err)
{
    *found = (struct oci_user){0};
    autobuf struct buf passwd = {0}, group = {0};
    /* Images without these files know numbers only, and root. */
    if (read_inside(target, "/etc/passwd", &passwd) < 0)
        buf_clear(&passwd);
    if (read_inside(target, "/etc/group", &group) < 0)
        buf_clear(&group);
    struct str wanted;
    int64_t uid = 0, gid = 0;
    if (user.length == 0 || !str_split(&user, ':', &wanted))
        wanted = STR("0");
    struct str line = find_line(buf_str(&passwd), wanted);
    int result = find_id(buf_str(&passwd), wanted, "user", &uid, err);
    if (result < 0)
        return result;
    if (user.at != NULL && user.length != 0)
        result = find_id(buf_str(&group), user, "group", &gid, err);
    else if (!is_id(field_of(line, 3), &gid))
        gid = 0;
    if (result < 0)
        return result;
    found->uid = (uid_t)uid;
    found->gid = (gid_t)gid;
    add_memberships(buf_str(&group), field_of(line, 0), found);
    return 0;
}
