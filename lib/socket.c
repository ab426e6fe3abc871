#include "lib/socket.h"

#include "lib/file.h"
#include "lib/identity.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define RECEIVE_BYTES (64 * 1024)

/* A socket's path may have 107 bytes; the detour through /proc makes room for directories of any length. */
static int address_in(const char *path, const char *name, int *directory, struct sockaddr_un *address,
                      struct error **err)
{
    *directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*directory < 0)
        return error_errno(err, errno, "cannot open %s", path);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s", *directory, name);
    return 0;
}

int socket_listen(const char *directory, const char *name, int type, struct error **err)
{
    autoclose int place = -1;
    struct sockaddr_un address;
    int result = address_in(directory, name, &place, &address, err);
    if (result < 0)
        return result;
    unlinkat(place, name, 0);
    autoclose int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0117);
    int own = setfsgid(identity_people());
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    int number = errno;
    setfsgid((gid_t)own);
    umask(before);
    if (!bound || listen(fd, 16) < 0)
        return error_errno(err, bound ? errno : number, "cannot listen at %s/%s", directory, name);
    return take_fd(fd);
}

int socket_connect(const char *directory, const char *name, int type, struct error **err)
{
    autoclose int place = -1;
    struct sockaddr_un address;
    int result = address_in(directory, name, &place, &address, err);
    if (result < 0)
        return result;
    autoclose int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_errno(err, errno, "cannot connect to %s/%s", directory, name);
    return take_fd(fd);
}

/* Room for the descriptors of one message, aligned as the kernel wants it. */
union passage {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(SOCKET_DESCRIPTORS * sizeof(int))];
};

int socket_send(int fd, struct str bytes, const int *descriptors, size_t count)
{
    union passage passage = {0};
    while (bytes.length > 0) {
        struct iovec part = {(void *)(uintptr_t)bytes.at, bytes.length};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        if (count > 0) {
            message.msg_control = &passage;
            message.msg_controllen = CMSG_SPACE(count * sizeof(int));
            struct cmsghdr *header = CMSG_FIRSTHDR(&message);
            *header = (struct cmsghdr){CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
            memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
        }
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -errno;
        bytes = str_cut(bytes, (size_t)sent, bytes.length);
        count = 0; /* they went with the first bytes */
    }
    return 0;
}

static void take_descriptors(struct msghdr *message, int descriptors[SOCKET_DESCRIPTORS], size_t *count)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t came = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < came; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            if (*count < SOCKET_DESCRIPTORS)
                descriptors[(*count)++] = descriptor;
            else
                close(descriptor);
        }
    }
}

ssize_t socket_receive(int fd, struct buf *bytes, int descriptors[SOCKET_DESCRIPTORS], size_t *count)
{
    union passage passage = {0};
    struct iovec part = {buf_reserve(bytes, RECEIVE_BYTES), RECEIVE_BYTES};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &passage, .msg_controllen = sizeof(passage)};
    ssize_t received;
    do
        received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return -errno;
    take_descriptors(&message, descriptors, count);
    bytes->length += (size_t)received;
    bytes->at[bytes->length] = '\0';
    return received;
}
