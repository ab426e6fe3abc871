/* podtree-notifier: repeats on the mount what happened without the kernel seeing it, so that inotify works
 * for every change, whoever made it.
 *
 * It is a process of its own, never a thread of fsd: a thread that waits in the kernel for its own process
 * can't be killed, and the mount would hang with it. It has no state. Whatever comes of an announcement, it
 * is answered: a name that is gone has no watchers left to tell, and fsd must not wait for one that can't be
 * told. An announcement whose answer was lost with a notifier is sent again after the next one's hello. */
#include "fsd/repeat.h"
#include "lib/identity.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/str.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#define COMPLAIN_SECONDS 10
#define HEADER_BYTES     offsetof(struct notify_message, path)

struct notifier {
    const char *mount;
    int socket;
    int root; /* O_PATH, -1 when there is no tree */
};

/* Only a FUSE filesystem will do: below a mount point that nothing is mounted on, mkdir would be for real. */
static int open_root(struct notifier *notifier, struct error **err)
{
    autoclose int root = open(notifier->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct statfs status;
    if (root < 0 || fstatfs(root, &status) < 0)
        return error_errno(err, errno, "cannot open %s", notifier->mount);
    if (status.f_type != FUSE_SUPER_MAGIC)
        return error_make(err, ENOTCONN, "there is no tree at %s", notifier->mount);
    notifier->root = take_fd(root);
    return 0;
}

static void close_root(struct notifier *notifier)
{
    if (notifier->root >= 0)
        close(notifier->root);
    notifier->root = -1;
}

/* Says whether this errno means that the descriptor belongs to a mount that is no more. */
static bool is_stale(int number)
{
    return number == ENOTCONN || number == ECONNABORTED || number == ESTALE || number == EBADF;
}

static int repeat(struct notifier *notifier, const struct notify_message *message, struct error **err)
{
    int result = notifier->root >= 0 ? 0 : open_root(notifier, err);
    if (result < 0)
        return result;
    autoerror struct error *first = NULL;
    result = repeat_action(notifier->root, (enum notify_action)message->action, message->path, &first);
    if (result < 0 && is_stale(-result)) {
        close_root(notifier);
        result = open_root(notifier, err);
        if (result < 0)
            return result;
        return repeat_action(notifier->root, (enum notify_action)message->action, message->path, err);
    }
    if (result < 0)
        error_move(err, take_pointer(first));
    return result;
}

static int say(const struct notifier *notifier, enum notify_action action, uint64_t number,
               struct error **err)
{
    struct notify_message message = {.number = number, .action = action};
    while (send(notifier->socket, &message, HEADER_BYTES + 1, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return error_errno(err, errno, "cannot answer fsd");
    return 0;
}

static int serve(struct notifier *notifier, struct error **err)
{
    static int64_t complained;
    struct notify_message message;
    for (;;) {
        ssize_t length = recv(notifier->socket, &message, sizeof(message), 0);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return error_errno(err, errno, "cannot receive from fsd");
        if (length == 0)
            return 0; /* nobody holds the other end any more */
        if ((size_t)length <= HEADER_BYTES || ((char *)&message)[length - 1] != '\0')
            return error_make(err, EPROTO, "fsd sent a message of %zd bytes that has no path", length);
        autoerror struct error *failure = NULL;
        if (repeat(notifier, &message, &failure) < 0 && log_due(&complained, COMPLAIN_SECONDS))
            log_warning("%s", error_message(failure));
        int result = say(notifier, NOTIFY_DONE, message.number, err);
        if (result < 0)
            return result;
    }
}

static int run(int argc, char **argv, struct error **err)
{
    struct notifier notifier = {.mount = "/k8s", .root = -1};
    int64_t socket_fd = 3;
    const struct option_row options[] = {
        {.name = "mount", .argument = "DIR", .help = "where the tree is (/k8s)", .text = &notifier.mount},
        {.name = "socket-fd",
         .argument = "FD",
         .help = "its end of the socket pair with fsd (3)",
         .number = &socket_fd},
        {0},
    };
    const struct usage usage = {
        .synopsis = "podtree-notifier --mount DIR --socket-fd FD",
        .about = "Repeats announced changes on the mount, for inotify. Started by podtree up.\n",
        .options = options,
    };
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result < 0 ? result : 0;
    notifier.socket = (int)socket_fd;
    result = say(&notifier, NOTIFY_HELLO, 0, err);
    if (result == 0)
        result = serve(&notifier, err);
    close_root(&notifier);
    return result;
}

int main(int argc, char **argv)
{
    log_init(identity_name(IDENTITY_NOTIFIER));
    autoerror struct error *err = NULL;
    if (run(argc, argv, &err) == 0)
        return EXIT_SUCCESS;
    log_error("%s", error_message(err));
    return EXIT_FAILURE;
}
