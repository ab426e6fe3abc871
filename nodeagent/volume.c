#include "nodeagent/volume.h"

#include "lib/demand.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/quantity.h"
#include "nodeagent/discard.h"
#include "nodeagent/limits.h"
#include "nodeagent/ownership.h"
#include "nodeagent/rootfs.h"
#include "nodeagent/volume_write.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* What secrets are in is never written to a disk. */
static const struct volume_kind kinds[] = {
    {"emptyDir", VOLUME_DISK, false},     {"hostPath", VOLUME_ELSEWHERE, false},
    {"configMap", VOLUME_DISK, true},     {"secret", VOLUME_MEMORY, true},
    {"downwardAPI", VOLUME_MEMORY, true}, {"projected", VOLUME_MEMORY, true},
};

const struct volume_kind *volume_kind(struct value volume)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (value_exists(value_get(volume, str_of(kinds[i].name))))
            return &kinds[i];
    value_each (member, volume)
        if (!str_is(value_key(member), "name"))
            return NULL;
    return &kinds[0];
}

static struct str volume_name(struct value volume)
{
    return value_str(value_get(volume, STR("name")));
}

char *volume_path(const char *volumes, struct value volume)
{
    const struct volume_kind *kind = volume_kind(volume);
    if (kind != NULL && kind->medium == VOLUME_ELSEWHERE)
        return str_dup(value_str(value_at(volume, "hostPath", "path")));
    return path_format("%s/%s~" STR_FORMAT, volumes, kind != NULL ? kind->name : "unknown",
                       STR_ARGS(volume_name(volume)));
}

/* ---- memory ---- */

static int64_t lesser(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

int64_t volume_memory_size(struct value volume, struct value pod, struct value allocatable)
{
    int64_t node = demand_amount(allocatable, RESOURCE_MEMORY), own = 0;
    if (!quantity_units(value_str(value_at(volume, "emptyDir", "sizeLimit")), &own))
        own = 0;
    return lesser(lesser(node, limits_of_pod(pod, 0).memory), own);
}

/* Is it the root of a mount? */
static int is_mounted(const char *path, struct error **err)
{
    struct statx there;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &there) < 0)
        return error_errno(err, errno, "cannot look at %s", path);
    return (there.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* With the group that make_directory() gives, and its mode; that nobody may remove what is another's comes
 * from tmpfs itself, where kubelet leaves it. */
static int mount_memory(const char *path, int64_t size, int64_t fs_group, struct error **err)
{
    int mounted = is_mounted(path, err);
    if (mounted != 0)
        return mounted < 0 ? mounted : 0;
    autobuf struct buf options = {0};
    if (fs_group >= 0)
        buf_addf(&options, "mode=03777,gid=%lld", (long long)fs_group);
    else
        buf_addf(&options, "mode=01777");
    if (size > 0)
        buf_addf(&options, ",size=%lld", (long long)size);
    /* Kernels before 6.4 don't know how to keep it out of the swap. */
    autofree char *unswapped = path_format("%s,noswap", options.at);
    if (mount("tmpfs", path, "tmpfs", 0, unswapped) == 0 ||
        (errno == EINVAL && mount("tmpfs", path, "tmpfs", 0, options.at) == 0))
        return 0;
    return error_errno(err, errno, "cannot mount a tmpfs at %s", path);
}

/* ---- the machine's own paths ---- */

/* The types that a hostPath can ask for, and what is made where nothing is (0: nothing). */
static const struct {
    const char *type, *called;
    mode_t is, made;
} host_types[] = {
    {"DirectoryOrCreate", "directory", S_IFDIR, S_IFDIR},
    {"Directory", "directory", S_IFDIR, 0},
    {"FileOrCreate", "file", S_IFREG, S_IFREG},
    {"File", "file", S_IFREG, 0},
    {"Socket", "socket file", S_IFSOCK, 0},
    {"CharDevice", "character device", S_IFCHR, 0},
    {"BlockDevice", "block device", S_IFBLK, 0},
};

static int make_host_file(const char *path, struct error **err)
{
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    return fd >= 0 || errno == EEXIST ? 0 : error_errno(err, errno, "cannot create %s", path);
}

static bool has_backstep(struct str path)
{
    struct str part;
    while (str_split(&path, '/', &part))
        if (str_is(part, ".."))
            return true;
    return false;
}

static int check_host_type(const char *path, size_t row, struct error **err)
{
    struct stat there;
    int result = 0;
    bool absent = stat(path, &there) < 0;
    if (absent && errno != ENOENT)
        return error_errno(err, errno, "cannot look at %s", path);
    if (absent && host_types[row].made == 0)
        return error_make(err, ENOENT, "hostPath type check failed: %s is not a %s", path,
                          host_types[row].called);
    if (absent)
        result =
            host_types[row].made == S_IFDIR ? directory_make(path, 0755, err) : make_host_file(path, err);
    if (result < 0 || absent)
        return result;
    if ((there.st_mode & S_IFMT) == host_types[row].is)
        return 0;
    return error_make(err, EINVAL, "hostPath type check failed: %s is not a %s", path,
                      host_types[row].called);
}

int volume_host_path(struct value source, struct error **err)
{
    struct str type = value_str(value_get(source, STR("type")));
    autofree char *path = str_dup(value_str(value_get(source, STR("path"))));
    if (path[0] != '/')
        return error_make(err, EINVAL, "invalid HostPath `%s`: must be an absolute path", path);
    if (has_backstep(str_of(path)))
        return error_make(err, EINVAL, "invalid HostPath `%s`: must not contain '..'", path);
    if (type.length == 0) /* nothing is checked, and containerd makes a directory of what isn't there */
        return access(path, F_OK) == 0 ? 0 : directory_make(path, 0755, err);
    for (size_t i = 0; i < COUNT(host_types); i++)
        if (str_is(type, host_types[i].type))
            return check_host_type(path, i, err);
    return error_make(err, EINVAL, STR_FORMAT " is an invalid volume type", STR_ARGS(type));
}

/* ---- coming and going ---- */

/* The directory, of everybody like any emptyDir. It comes to its name when all is right with it, once: later
 * a container may have chosen another mode. */
static int make_directory(const char *path, int64_t fs_group, struct error **err)
{
    if (access(path, F_OK) == 0)
        return 0;
    autofree char *fresh = path_format("%s.new", path);
    int result = directory_make(fresh, 0700, err);
    if (result == 0 && chmod(fresh, 0777) < 0)
        result = error_errno(err, errno, "cannot set the mode of %s", fresh);
    if (result == 0)
        result = volume_own(fresh, fs_group, err);
    fault_point("volume-made");
    if (result == 0 && rename(fresh, path) < 0)
        result = error_errno(err, errno, "cannot put %s in place", path);
    return result;
}

static int make_place(const char *path, struct value volume, const struct volume_kind *kind,
                      const struct volume_world *world, struct error **err)
{
    struct str medium = value_str(value_at(volume, "emptyDir", "medium"));
    bool memory = kind->medium == VOLUME_MEMORY || str_is(medium, "Memory");
    if (medium.length != 0 && !memory)
        return error_make(err, EOPNOTSUPP, "unknown storage medium \"" STR_FORMAT "\"", STR_ARGS(medium));
    int result = make_directory(path, world->fs_group, err);
    if (result < 0 || !memory)
        return result;
    return mount_memory(path, volume_memory_size(volume, world->pod, world->allocatable), world->fs_group,
                        err);
}

static int write_files(const char *path, struct value volume, const struct volume_world *world,
                       struct error **err)
{
    autofiles struct volume_files files = {0};
    int result = volume_files_make(volume, world, &files, err);
    return result < 0 ? result : volume_write(path, &files, world->fs_group, err);
}

static int set_up(const char *volumes, struct value volume, const struct volume_world *world,
                  struct error **err)
{
    const struct volume_kind *kind = volume_kind(volume);
    if (kind == NULL)
        return error_make(err, EOPNOTSUPP, "no volume plugin matched");
    if (kind->medium == VOLUME_ELSEWHERE)
        return volume_host_path(value_get(volume, STR("hostPath")), err);
    autofree char *path = volume_path(volumes, volume);
    int result = make_place(path, volume, kind, world, err);
    return result == 0 && kind->of_files ? write_files(path, volume, world, err) : result;
}

/* One that fails doesn't keep the others from coming: the sentences of all that fail are put together. */
static int set_up_some(const char *volumes, const struct volume_world *world, bool all, struct error **err)
{
    autogroup int own = ownership_of_root();
    int changed = 0, number = 0, result = all ? directory_make(volumes, 0711, err) : 0;
    autobuf struct buf sentences = {0};
    if (result < 0)
        return result;
    value_each (volume, value_at(world->pod, "spec", "volumes")) {
        const struct volume_kind *kind = volume_kind(volume);
        autoerror struct error *error = NULL;
        if (!all && (kind == NULL || !kind->of_files))
            continue;
        result = set_up(volumes, volume, world, &error);
        if (result >= 0) {
            changed |= result;
            continue;
        }
        number = number != 0 ? number : -result;
        buf_addf(&sentences, "%sMountVolume.SetUp failed for volume \"" STR_FORMAT "\" : %s",
                 sentences.length != 0 ? "; " : "", STR_ARGS(volume_name(volume)), error_message(error));
    }
    return number != 0 ? error_make(err, number, "%s", sentences.at) : changed;
}

int volumes_set_up(const char *volumes, const struct volume_world *world, struct error **err)
{
    return set_up_some(volumes, world, true, err);
}

int volumes_update(const char *volumes, const struct volume_world *world, struct error **err)
{
    return set_up_some(volumes, world, false, err);
}

int volumes_tear_down(const char *volumes, const char *state, struct error **err)
{
    if (access(volumes, F_OK) < 0 && errno == ENOENT)
        return 0;
    int result = rootfs_unmount_below(volumes, err);
    return result < 0 ? result : discard(state, volumes, err);
}

/* ---- part of a volume ---- */

/* Follows symlinks, but never out of the volume. */
static int open_inside(int volume, const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, volume, path, &how, sizeof(how));
}

/* Makes one more directory of the path; `parent` is opened. */
static int make_inside(int volume, int parent, const char *name)
{
    struct stat there;
    if (fstat(volume, &there) < 0 || (mkdirat(parent, name, 0700) < 0 && errno != EEXIST))
        return -errno;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fchmod(fd, there.st_mode & 07777) < 0) {
        int number = errno;
        close(fd);
        return -number;
    }
    return fd;
}

/* Opens what the path leads to, making the directories that aren't there. A component that somebody replaces
 * by a symlink meanwhile is not followed: each is opened from the one before. */
static int open_or_make(int volume, const char *path)
{
    int fd = open_inside(volume, path, O_PATH);
    if (fd >= 0 || errno != ENOENT)
        return fd >= 0 ? fd : -errno;
    const char *slash = strrchr(path, '/');
    if (slash != NULL && slash[1] == '\0') { /* it ends with one */
        autofree char *shorter = str_dup((struct str){path, (size_t)(slash - path)});
        return open_or_make(volume, shorter);
    }
    autofree char *above =
        slash != NULL ? str_dup((struct str){path, (size_t)(slash - path)}) : str_dup(STR("."));
    autoclose int parent = open_or_make(volume, above);
    return parent < 0 ? parent : make_inside(volume, parent, slash != NULL ? slash + 1 : path);
}

/* A place of the same sort to mount on. */
static int make_target(const char *target, int source, struct error **err)
{
    struct stat there;
    if (fstat(source, &there) < 0)
        return error_errno(err, errno, "cannot look at what is bound at %s", target);
    if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
        return error_errno(err, errno, "cannot unmount %s", target);
    if (unlink(target) < 0 && errno == EISDIR && rmdir(target) < 0)
        return error_errno(err, errno, "cannot remove %s", target);
    if (S_ISDIR(there.st_mode))
        return directory_make(target, 0700, err);
    const char *slash = strrchr(target, '/');
    autofree char *parent = str_dup((struct str){target, slash != NULL ? (size_t)(slash - target) : 0});
    int result = directory_make(parent, 0700, err);
    return result < 0 ? result : file_write(target, STR(""), 0600, err);
}

int volume_bind(const char *volume, const char *path, const char *target, struct error **err)
{
    autogroup int own = ownership_of_root();
    autoclose int root = open(volume, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return error_errno(err, errno, "cannot open %s", volume);
    autoclose int source = open_or_make(root, path);
    if (source == -EXDEV)
        return error_make(err, EXDEV, "subPath `%s` leads out of the volume", path);
    if (source < 0)
        return error_errno(err, -source, "cannot open subPath `%s`", path);
    int result = make_target(target, source, err);
    if (result < 0)
        return result;
    autofree char *opened = path_format("/proc/self/fd/%d", source);
    if (mount(opened, target, NULL, MS_BIND, NULL) < 0)
        return error_errno(err, errno, "cannot bind subPath `%s` at %s", path, target);
    return 0;
}
