#include "cli/held.h"

#include "cli/mount.h"
#include <errno.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#define FIRST_FD 3

static void drop(struct held_fds *held, enum held which)
{
    if (held->fd[which] >= 0)
        close(held->fd[which]);
    held->fd[which] = -1;
}

void held_close(struct held_fds *held)
{
    for (int i = 0; i < HELD_COUNT; i++)
        drop(held, (enum held)i);
}

void held_take(struct held_fds *held, const struct component *component, int pidfd)
{
    for (int i = 0; i < component->fd_count; i++) {
        drop(held, component->fds[i]);
        held->fd[component->fds[i]] = pidfd_getfd(pidfd, FIRST_FD + i, 0);
    }
}

static int make_mount(struct held_fds *held, const char *directory, struct error **err)
{
    drop(held, HELD_FUSE);
    drop(held, HELD_MEMORY);
    int result = mount_clear(directory, err);
    if (result < 0)
        return result;
    held->fd[HELD_MEMORY] = memfd_create("podtree", MFD_CLOEXEC);
    if (held->fd[HELD_MEMORY] < 0)
        return error_errno(err, errno, "cannot make the memory for requests");
    held->fd[HELD_FUSE] = mount_make(directory, err);
    return held->fd[HELD_FUSE] < 0 ? held->fd[HELD_FUSE] : 0;
}

static int make_pair(struct held_fds *held, struct error **err)
{
    int ends[2];
    drop(held, HELD_FSD_END);
    drop(held, HELD_NOTIFIER_END);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_errno(err, errno, "cannot make a socket pair");
    held->fd[HELD_FSD_END] = ends[0];
    held->fd[HELD_NOTIFIER_END] = ends[1];
    return 0;
}

int held_complete(struct held_fds *held, const char *mount, bool *mounted, struct error **err)
{
    int result = 0;
    bool alive = held->fd[HELD_FUSE] >= 0 && held->fd[HELD_MEMORY] >= 0 &&
                 !mount_is_over(held->fd[HELD_FUSE]) && mount_exists(mount);
    *mounted = !alive;
    if (!alive)
        result = make_mount(held, mount, err);
    if (result == 0 && (held->fd[HELD_FSD_END] < 0 || held->fd[HELD_NOTIFIER_END] < 0))
        result = make_pair(held, err);
    return result;
}
