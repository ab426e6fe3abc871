#include "fsd/invalidator.h"

#include "lib/log.h"
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>

enum item_type { ITEM_NODE, ITEM_ATTRIBUTES, ITEM_ENTRY, ITEM_DELETED, ITEM_FENCE };

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

/* Names wait for the lock of their directory, which the kernel may hold for a request whose answer waits for
 * a fence: so they have a lane (a thread) of their own, without fences. */
enum lane_type { LANE_NODES, LANE_NAMES, LANES };

struct lane {
    struct invalidator *invalidator;
    pthread_t thread;
    pthread_cond_t filled;
    struct list waiting;
    size_t count; /* waiting or being done */
};

struct invalidator {
    struct fuse_session *session;
    int wake_fd;
    pthread_mutex_t lock;
    struct lane lanes[LANES];
    struct list reached; /* fences */
    bool stopping;
};

static void list_add(struct list *list, struct item *item)
{
    item->next = NULL;
    if (list->first == NULL)
        list->end = &list->first;
    *list->end = item;
    list->end = &item->next;
}

static void add(struct invalidator *invalidator, enum lane_type type, struct item item)
{
    struct lane *lane = &invalidator->lanes[type];
    struct item *copy = memory_new(sizeof(*copy));
    *copy = item;
    pthread_mutex_lock(&invalidator->lock);
    list_add(&lane->waiting, copy);
    lane->count++;
    pthread_cond_signal(&lane->filled);
    pthread_mutex_unlock(&invalidator->lock);
}

static void perform(struct invalidator *invalidator, const struct item *item)
{
    struct fuse_session *session = invalidator->session;
    int result = 0;
    switch (item->type) {
    case ITEM_NODE:
        result = fuse_lowlevel_notify_inval_inode(session, item->number, 0, 0);
        break;
    case ITEM_ATTRIBUTES:
        result = fuse_lowlevel_notify_inval_inode(session, item->number, -1, 0);
        break;
    case ITEM_ENTRY:
        result = fuse_lowlevel_notify_inval_entry(session, item->number, item->name, strlen(item->name));
        break;
    case ITEM_DELETED:
        result =
            fuse_lowlevel_notify_delete(session, item->number, item->child, item->name, strlen(item->name));
        break;
    case ITEM_FENCE:
        break;
    }
    /* What the kernel doesn't know needs no invalidation; ENOTEMPTY: it will drop the children first, in
     * time. */
    static int64_t last_said;
    if (result < 0 && result != -ENOENT && result != -ENOTEMPTY && result != -ENODEV &&
        log_due(&last_said, 10))
        log_warning("the kernel refused an invalidation: %s", strerror(-result));
}

static void *run(void *context)
{
    struct lane *lane = context;
    struct invalidator *invalidator = lane->invalidator;
    pthread_mutex_lock(&invalidator->lock);
    for (;;) {
        while (lane->waiting.first == NULL && !invalidator->stopping)
            pthread_cond_wait(&lane->filled, &invalidator->lock);
        struct item *item = lane->waiting.first;
        if (item == NULL)
            break;
        lane->waiting.first = item->next;
        pthread_mutex_unlock(&invalidator->lock);
        perform(invalidator, item);
        pthread_mutex_lock(&invalidator->lock);
        lane->count--;
        if (item->type != ITEM_FENCE) {
            free(item->name);
            free(item);
            continue;
        }
        list_add(&invalidator->reached, item);
        uint64_t one = 1;
        if (write(invalidator->wake_fd, &one, sizeof(one)) < 0)
            log_error("cannot wake main: %s", strerror(errno));
    }
    pthread_mutex_unlock(&invalidator->lock);
    return NULL;
}

int invalidator_start(struct fuse_session *session, int wake_fd, struct invalidator **result,
                      struct error **err)
{
    struct invalidator *invalidator = memory_zeroed(1, sizeof(*invalidator));
    invalidator->session = session;
    invalidator->wake_fd = wake_fd;
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
    pthread_mutex_lock(&invalidator->lock);
    invalidator->stopping = true;
    for (int i = 0; i < LANES; i++)
        pthread_cond_signal(&invalidator->lanes[i].filled);
    pthread_mutex_unlock(&invalidator->lock);
    for (int i = 0; i < LANES; i++) {
        pthread_join(invalidator->lanes[i].thread, NULL);
        pthread_cond_destroy(&invalidator->lanes[i].filled);
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
        idle = idle && invalidator->lanes[i].count == 0;
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
