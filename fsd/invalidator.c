/* Two lanes, each with a thread here and one in the child, and a socket between them. A thread here takes
 * what has gathered, sends it, and waits until the child has said that the last of it is done. Waiting on a
 * socket it can be killed; the child's threads, in the kernel, cannot.
 *
 * Names wait for the lock of their directory, which the kernel may hold for a request whose answer waits for
 * a fence: so they have a lane of their own, without fences. */
#include "fsd/invalidator.h"

#include "lib/log.h"
#include <errno.h>
#include <linux/close_range.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum item_type { ITEM_NODE, ITEM_ATTRIBUTES, ITEM_ENTRY, ITEM_DELETED, ITEM_FENCE };

/* What crosses the socket; the answer to a last one is a byte. */
struct message {
    uint32_t type;
    uint32_t last;
    uint64_t number, child;
    char name[256];
};

struct item {
    enum item_type type;
    uint64_t number, child;
    char *name;
    void *cookie;
    struct item *next;
};

struct list {
    struct item *first, **end;
};

enum lane_type { LANE_NODES, LANE_NAMES, LANES };

struct lane {
    struct invalidator *invalidator;
    int socket;
    pthread_t thread;
    pthread_cond_t filled;
    struct list gathered; /* main's */
    size_t gathered_count;
    struct list waiting; /* under the lock */
    size_t count;        /* waiting or being done */
};

struct invalidator {
    int fuse_fd;
    int wake_fd;
    pthread_mutex_t lock;
    struct lane lanes[LANES];
    struct list reached; /* fences */
    bool stopping;
};

/* ---- the kernel ---- */

/* What the kernel doesn't know needs no invalidation; ENOTEMPTY: it will drop the children first, in time. */
static void notify(int fuse_fd, int code, const void *arguments, size_t size, const char *name)
{
    size_t name_size = name != NULL ? strlen(name) + 1 : 0;
    struct fuse_out_header header = {.len = (uint32_t)(sizeof(header) + size + name_size), .error = code};
    struct iovec parts[] = {{&header, sizeof(header)}, {(void *)arguments, size}, {(void *)name, name_size}};
    static int64_t last_said;
    if (writev(fuse_fd, parts, name != NULL ? 3 : 2) < 0 && errno != ENOENT && errno != ENOTEMPTY &&
        errno != ENODEV && log_due(&last_said, 10))
        log_warning("the kernel refused an invalidation: %s", strerror(errno));
}

static void invalidate(int fuse_fd, const struct message *message)
{
    uint32_t name_length = (uint32_t)strlen(message->name);
    struct fuse_notify_inval_inode_out node = {.ino = message->number,
                                               .off = message->type == ITEM_ATTRIBUTES ? -1 : 0};
    struct fuse_notify_inval_entry_out entry = {.parent = message->number, .namelen = name_length};
    struct fuse_notify_delete_out deleted = {
        .parent = message->number, .child = message->child, .namelen = name_length};
    if (message->type == ITEM_ENTRY)
        notify(fuse_fd, FUSE_NOTIFY_INVAL_ENTRY, &entry, sizeof(entry), message->name);
    else if (message->type == ITEM_DELETED)
        notify(fuse_fd, FUSE_NOTIFY_DELETE, &deleted, sizeof(deleted), message->name);
    else
        notify(fuse_fd, FUSE_NOTIFY_INVAL_INODE, &node, sizeof(node), NULL);
}

/* ---- the child ---- */

struct served {
    int socket, fuse_fd;
};

/* Until fsd is gone: then nothing of what it wanted counts any more, for its successor begins by telling the
 * kernel again. */
static void *serve(void *context)
{
    const struct served *served = context;
    struct message message = {0};
    while (recv(served->socket, &message, sizeof(message), 0) > 0) {
        invalidate(served->fuse_fd, &message);
        if (message.last && send(served->socket, "", 1, MSG_NOSIGNAL) < 0)
            break;
    }
    _exit(0);
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

__attribute__((noreturn)) static void live_as_child(int fuse_fd, const int sockets[LANES])
{
    int kept[] = {2, fuse_fd, sockets[0], sockets[1]};
    qsort(kept, 4, sizeof(int), by_number);
    for (int i = 0; i < 4; i++)
        close_range((unsigned)kept[i] + 1, i < 3 ? (unsigned)kept[i + 1] - 1 : ~0u, 0);
    prctl(PR_SET_NAME, "podtree-caches");
    struct served served[LANES];
    for (int i = 0; i < LANES; i++)
        served[i] = (struct served){sockets[i], fuse_fd};
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, &served[LANE_NAMES]) != 0)
        _exit(1);
    serve(&served[LANE_NODES]);
    _exit(0);
}

/* ---- the lanes in fsd ---- */

static void list_add(struct list *list, struct item *item)
{
    item->next = NULL;
    if (list->first == NULL)
        list->end = &list->first;
    *list->end = item;
    list->end = &item->next;
}

/* All of `from`, which is empty then. */
static void list_append(struct list *list, struct list *from)
{
    if (from->first == NULL)
        return;
    if (list->first == NULL)
        list->end = &list->first;
    *list->end = from->first;
    list->end = from->end;
    from->first = NULL;
}

static void add(struct invalidator *invalidator, enum lane_type type, struct item item)
{
    struct lane *lane = &invalidator->lanes[type];
    struct item *copy = memory_new(sizeof(*copy));
    *copy = item;
    list_add(&lane->gathered, copy);
    lane->gathered_count++;
}

static void hand_over(struct lane *lane)
{
    if (lane->gathered_count == 0)
        return;
    pthread_mutex_lock(&lane->invalidator->lock);
    list_append(&lane->waiting, &lane->gathered);
    lane->count += lane->gathered_count;
    lane->gathered_count = 0;
    pthread_mutex_unlock(&lane->invalidator->lock);
    pthread_cond_signal(&lane->filled);
}

void invalidator_turn(struct invalidator *invalidator)
{
    for (int i = 0; i < LANES; i++)
        hand_over(&invalidator->lanes[i]);
}

/* Without the child nothing that has been changed may be acknowledged. */
static void end_with_child(struct invalidator *invalidator)
{
    pthread_mutex_lock(&invalidator->lock);
    bool stopping = invalidator->stopping;
    pthread_mutex_unlock(&invalidator->lock);
    if (stopping)
        return;
    log_error("the process that tells the kernel what has changed is gone: ending, to begin anew");
    _exit(1);
}

static void send_to_child(struct lane *lane, const struct message *message)
{
    size_t size = offsetof(struct message, name) + strlen(message->name) + 1;
    if (send(lane->socket, message, size, MSG_NOSIGNAL) < 0)
        end_with_child(lane->invalidator);
}

/* Attributes are never waited for in the kernel: that is done here. Each message waits for its successor,
 * since the last one says that it is the last. */
static void perform(struct lane *lane, const struct item *first)
{
    struct message messages[2];
    int count = 0;
    for (const struct item *item = first; item != NULL; item = item->next) {
        struct message message = {.type = item->type, .number = item->number, .child = item->child};
        if (item->name != NULL)
            snprintf(message.name, sizeof(message.name), "%s", item->name);
        if (item->type == ITEM_ATTRIBUTES)
            invalidate(lane->invalidator->fuse_fd, &message);
        if (item->type == ITEM_ATTRIBUTES || item->type == ITEM_FENCE)
            continue;
        if (count > 0)
            send_to_child(lane, &messages[(count - 1) % 2]);
        messages[count++ % 2] = message;
    }
    if (count == 0)
        return;
    char answer;
    messages[(count - 1) % 2].last = 1;
    send_to_child(lane, &messages[(count - 1) % 2]);
    if (recv(lane->socket, &answer, 1, 0) != 1)
        end_with_child(lane->invalidator);
}

/* With the lock held. */
static void end_items(struct lane *lane, struct item *item)
{
    bool fences = false;
    for (struct item *next; item != NULL; item = next) {
        next = item->next;
        lane->count--;
        if (item->type == ITEM_FENCE) {
            list_add(&lane->invalidator->reached, item);
            fences = true;
            continue;
        }
        free(item->name);
        free(item);
    }
    uint64_t one = 1;
    if (fences && write(lane->invalidator->wake_fd, &one, sizeof(one)) < 0)
        log_error("cannot wake main: %s", strerror(errno));
}

static void *run(void *context)
{
    struct lane *lane = context;
    struct invalidator *invalidator = lane->invalidator;
    pthread_setname_np(pthread_self(), "invalidator");
    pthread_mutex_lock(&invalidator->lock);
    for (;;) {
        while (lane->waiting.first == NULL && !invalidator->stopping)
            pthread_cond_wait(&lane->filled, &invalidator->lock);
        struct item *first = take_pointer(lane->waiting.first);
        if (first == NULL)
            break;
        pthread_mutex_unlock(&invalidator->lock);
        perform(lane, first);
        pthread_mutex_lock(&invalidator->lock);
        end_items(lane, first);
    }
    pthread_mutex_unlock(&invalidator->lock);
    return NULL;
}

/* ---- for main ---- */

static int start_child(struct invalidator *invalidator, struct error **err)
{
    int ours[LANES], theirs[LANES];
    for (int i = 0; i < LANES; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
            return error_errno(err, errno, "cannot make a socket"); /* fsd ends with this */
        ours[i] = pair[0];
        theirs[i] = pair[1];
    }
    pid_t child = fork();
    if (child == 0)
        live_as_child(invalidator->fuse_fd, theirs);
    if (child < 0)
        return error_errno(err, errno, "cannot start the process that tells the kernel what has changed");
    for (int i = 0; i < LANES; i++) {
        close(theirs[i]);
        invalidator->lanes[i].socket = ours[i];
    }
    return 0;
}

int invalidator_start(int fuse_fd, int wake_fd, struct invalidator **result, struct error **err)
{
    struct invalidator *invalidator = memory_zeroed(1, sizeof(*invalidator));
    invalidator->fuse_fd = fuse_fd;
    invalidator->wake_fd = wake_fd;
    int status = start_child(invalidator, err);
    if (status < 0)
        return status;
    pthread_mutex_init(&invalidator->lock, NULL);
    for (int i = 0; i < LANES; i++) {
        struct lane *lane = &invalidator->lanes[i];
        lane->invalidator = invalidator;
        pthread_cond_init(&lane->filled, NULL);
        int number = pthread_create(&lane->thread, NULL, run, lane);
        if (number != 0)
            return error_errno(err, number,
                               "cannot start the invalidator's threads"); /* fsd ends with this */
    }
    *result = invalidator;
    return 0;
}

void invalidator_stop(struct invalidator *invalidator)
{
    if (invalidator == NULL)
        return;
    invalidator_turn(invalidator);
    pthread_mutex_lock(&invalidator->lock);
    invalidator->stopping = true;
    for (int i = 0; i < LANES; i++)
        pthread_cond_signal(&invalidator->lanes[i].filled);
    pthread_mutex_unlock(&invalidator->lock);
    for (int i = 0; i < LANES; i++) {
        shutdown(invalidator->lanes[i].socket, SHUT_RDWR);
        pthread_join(invalidator->lanes[i].thread, NULL);
        pthread_cond_destroy(&invalidator->lanes[i].filled);
        close(invalidator->lanes[i].socket);
    }
    for (struct item *item = invalidator->reached.first, *next; item != NULL; item = next) {
        next = item->next;
        free(item);
    }
    pthread_mutex_destroy(&invalidator->lock);
    free(invalidator);
}

void invalidate_node(struct invalidator *invalidator, uint64_t number, bool attributes_only)
{
    add(invalidator, LANE_NODES,
        (struct item){.type = attributes_only ? ITEM_ATTRIBUTES : ITEM_NODE, .number = number});
}

void invalidate_entry(struct invalidator *invalidator, uint64_t parent, struct str name)
{
    add(invalidator, LANE_NAMES, (struct item){.type = ITEM_ENTRY, .number = parent, .name = str_dup(name)});
}

void invalidate_deleted(struct invalidator *invalidator, uint64_t parent, uint64_t child, struct str name)
{
    add(invalidator, LANE_NAMES,
        (struct item){.type = ITEM_DELETED, .number = parent, .child = child, .name = str_dup(name)});
}

void invalidate_fence(struct invalidator *invalidator, void *cookie)
{
    add(invalidator, LANE_NODES, (struct item){.type = ITEM_FENCE, .cookie = cookie});
}

bool invalidator_is_idle(struct invalidator *invalidator)
{
    pthread_mutex_lock(&invalidator->lock);
    bool idle = true;
    for (int i = 0; i < LANES; i++)
        idle = idle && invalidator->lanes[i].count + invalidator->lanes[i].gathered_count == 0;
    pthread_mutex_unlock(&invalidator->lock);
    return idle;
}

void *invalidator_reached(struct invalidator *invalidator)
{
    pthread_mutex_lock(&invalidator->lock);
    struct item *item = invalidator->reached.first;
    if (item != NULL)
        invalidator->reached.first = item->next;
    pthread_mutex_unlock(&invalidator->lock);
    void *cookie = item != NULL ? item->cookie : NULL;
    free(item);
    return cookie;
}
