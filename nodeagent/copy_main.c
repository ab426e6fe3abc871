/* podtree-copy: packs or unpacks a parcel (lib/parcel.h) in a container's filesystem: nothing of it needs to
 * be in the container.
 *
 *     podtree-copy in|out PID PATH NAME
 *
 * Its descriptors are the stream (0 or 1), the leash (3) and the pidfd of PID (4).
 *
 * Before it touches a path this process goes to where the container's first process is: into its mount
 * namespace and below its root, so that every path and symlink means what it means there; and it takes that
 * process' user, groups and capabilities, so that it may just what that one may. What it doesn't enter is the
 * PID namespace: nobody in there sees it.
 */
#include "lib/door.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/parcel.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { PIDFD = DOOR_LEASH + 1 };

struct identity_there {
    uid_t user;
    gid_t group, groups[NGROUPS_MAX];
    size_t group_count;
    uint64_t capabilities;
};

/* ---- who is there ---- */

/* What stands behind "Uid:" and the like. */
static struct str line_of(struct str status, const char *label)
{
    struct str line, wanted = str_of(label);
    while (str_split(&status, '\n', &line))
        if (str_starts(line, wanted))
            return str_trim(str_cut(line, wanted.length, line.length));
    return STR_NONE;
}

/* Real, effective, saved, of the filesystem. */
static bool read_effective(struct str line, uint32_t *id)
{
    struct str word;
    int64_t number;
    if (!str_split(&line, '\t', &word) || !str_split(&line, '\t', &word) || !str_to_int64(word, &number))
        return false;
    *id = (uint32_t)number;
    return true;
}

static int read_identity(const char *pid, struct identity_there *there, struct error **err)
{
    autofree char *path = path_format("/proc/%s/status", pid);
    autobuf struct buf text = {0};
    int result = file_read(path, &text, err);
    if (result < 0)
        return result;
    struct str status = buf_str(&text), groups = line_of(status, "Groups:"), word;
    autofree char *capabilities = str_dup(line_of(status, "CapEff:"));
    char *end = NULL;
    there->capabilities = strtoull(capabilities, &end, 16);
    if (end == capabilities || !read_effective(line_of(status, "Uid:"), &there->user) ||
        !read_effective(line_of(status, "Gid:"), &there->group))
        return error_make(err, EPROTO, "%s can't be understood", path);
    int64_t number;
    while (str_split(&groups, ' ', &word))
        if (there->group_count < NGROUPS_MAX && str_to_int64(word, &number))
            there->groups[there->group_count++] = (gid_t)number;
    return 0;
}

/* ---- going there ---- */

static int become(const struct identity_there *there, struct error **err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    uint32_t low = (uint32_t)there->capabilities, high = (uint32_t)(there->capabilities >> 32);
    struct __user_cap_data_struct data[2] = {{.effective = low, .permitted = low},
                                             {.effective = high, .permitted = high}};
    if (setgroups(there->group_count, there->groups) < 0 ||
        setresgid(there->group, there->group, there->group) < 0 ||
        setresuid(there->user, there->user, there->user) < 0)
        return error_errno(err, errno, "cannot become the container's user");
    /* Another user has lost them all by that. */
    if (there->user == 0 && syscall(SYS_capset, &header, data) < 0)
        return error_errno(err, errno, "cannot give up capabilities");
    return 0;
}

/* Everything that is found by number is found before the look at the pidfd: as long as that process lives the
 * number was its own. */
static int go(const char *pid, struct error **err)
{
    static struct identity_there there;
    autofree char *path = path_format("/proc/%s/root", pid);
    autoclose int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct pollfd ended = {.fd = PIDFD, .events = POLLIN};
    if (root < 0)
        return error_errno(err, errno, "cannot find the container's root");
    int result = read_identity(pid, &there, err);
    if (result < 0)
        return result;
    if (poll(&ended, 1, 0) != 0)
        return error_make(err, ESRCH, "the container has ended");
    if (setns(PIDFD, CLONE_NEWNS) < 0 || fchdir(root) < 0 || chroot(".") < 0)
        return error_errno(err, errno, "cannot enter the container's filesystem");
    return become(&there, err);
}

static int copy(char **words, struct error **err)
{
    bool inwards = strcmp(words[1], "in") == 0;
    fcntl(DOOR_LEASH, F_SETFD, FD_CLOEXEC);
    fcntl(PIDFD, F_SETFD, FD_CLOEXEC);
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    int result = go(words[2], err);
    if (result < 0)
        return result;
    return inwards ? parcel_unpack(STDIN_FILENO, words[3], words[4], NULL, err)
                   : parcel_pack(words[3], STDOUT_FILENO, NULL, err);
}

int main(int argc, char **argv)
{
    autoerror struct error *error = NULL;
    if (argc != 5) {
        fprintf(stderr, "usage: podtree-copy in|out PID PATH NAME\n");
        return 1;
    }
    log_init("copy");
    if (copy(argv, &error) < 0)
        door_say_error(DOOR_LEASH, error);
    else
        door_say(DOOR_LEASH, &(struct door_answer){.word = DOOR_EXIT}, -1);
    return error == NULL ? 0 : 1;
}
