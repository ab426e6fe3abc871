#include "fsd/announce.h"

#include "fsd/txn.h"
#include "lib/log.h"
#include "lib/notify.h"
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

/* So many are with the notifier at a time; the others wait here, where they can be coalesced. */
#define WINDOW 32

/* One announcement: of a name in a directory, or of a file (its name in its directory). */
struct announcement {
    uint64_t number;
    enum notify_action action;
    uint32_t directory; /* held by a handle count, so that its index stays its own */
    char *name;
    int64_t version; /* published up to here when it was made */
    bool sent;
    bool again; /* changed after it was sent: a touch follows */
    bool performed;
    struct announcement *next_in_bucket;
    struct announcement *next, *previous; /* the oldest first */
};

#define BUCKETS 1024

struct announcer {
    struct fsd *fsd;
    int socket_fd;
    uint64_t last_number;
    unsigned in_flight;
    struct announcement *oldest, *newest;
    struct announcement *first_unsent;
    struct announcement *buckets[BUCKETS];
};

struct announcer *announcer_new(struct fsd *fsd, int socket_fd)
{
    struct announcer *announcer = memory_zeroed(1, sizeof(*announcer));
    announcer->fsd = fsd;
    announcer->socket_fd = socket_fd;
    announcer->last_number = (uint64_t)fsd->started_ms << 20; /* not the numbers of a predecessor */
    return announcer;
}

static struct announcement **bucket_of(const struct announcer *announcer, uint32_t directory, struct str name)
{
    return (struct announcement **)&announcer->buckets[(str_hash(name) ^ directory * 0x9e3779b9u) % BUCKETS];
}

static struct announcement *find(const struct announcer *announcer, uint32_t directory, struct str name)
{
    struct announcement *a = *bucket_of(announcer, directory, name);
    while (a != NULL && (a->directory != directory || !str_is(name, a->name)))
        a = a->next_in_bucket;
    return a;
}

static void drop(struct announcer *announcer, struct announcement *a)
{
    struct announcement **link = bucket_of(announcer, a->directory, str_of(a->name));
    while (*link != a)
        link = &(*link)->next_in_bucket;
    *link = a->next_in_bucket;
    *(a->previous != NULL ? &a->previous->next : &announcer->oldest) = a->next;
    *(a->next != NULL ? &a->next->previous : &announcer->newest) = a->previous;
    if (announcer->first_unsent == a)
        announcer->first_unsent = a->next;
    node_record(announcer->fsd->nodes, a->directory)->handles--;
    node_release_if_idle(announcer->fsd->nodes, a->directory);
    free(a->name);
    free(a);
}

void announcer_free(struct announcer *announcer)
{
    if (announcer == NULL)
        return;
    while (announcer->oldest != NULL)
        drop(announcer, announcer->oldest);
    free(announcer);
}

static struct announcement *add(struct announcer *announcer, uint32_t directory, struct str name,
                                enum notify_action action)
{
    struct announcement *a = memory_zeroed(1, sizeof(*a));
    a->number = ++announcer->last_number;
    a->action = action;
    a->directory = directory;
    a->name = str_dup(name);
    a->version = txn_version(announcer->fsd);
    node_record(announcer->fsd->nodes, directory)->handles++;
    struct announcement **head = bucket_of(announcer, directory, name);
    a->next_in_bucket = *head;
    *head = a;
    a->previous = announcer->newest;
    *(announcer->newest != NULL ? &announcer->newest->next : &announcer->oldest) = a;
    announcer->newest = a;
    if (announcer->first_unsent == NULL)
        announcer->first_unsent = a;
    return a;
}

/* What two announcements of one name come to. A name that came and went before anybody was told needs no
 * word; one that went and came again has changed; everything else is said by the later one. */
static void announce(struct announcer *announcer, uint32_t directory, struct str name,
                     enum notify_action action)
{
    struct announcement *a = find(announcer, directory, name);
    if (a == NULL) {
        add(announcer, directory, name, action);
        return;
    }
    if (a->sent) {
        /* It is on its way: a touch behind it tells of everything later, whatever that was … */
        a->again = true;
        /* … but a name that has gone meanwhile, or come, has to be said as that. */
        if (action != NOTIFY_TOUCH && action != a->action) {
            a->action = action;
            a->performed = false;
        }
        return;
    }
    bool makes = a->action == NOTIFY_MAKE_DIR || a->action == NOTIFY_MAKE_LINK;
    bool removes = action == NOTIFY_REMOVE_DIR || action == NOTIFY_REMOVE_LINK;
    if (makes && removes)
        drop(announcer, a);
    else if (action != NOTIFY_TOUCH)
        a->action = !makes && !removes && a->action != NOTIFY_TOUCH ? NOTIFY_TOUCH : action;
}

static uint32_t held(struct announcer *announcer, uint32_t node)
{
    return node != 0 && node_record(announcer->fsd->nodes, node)->lookups != 0 ? node : 0;
}

static uint32_t kind_directory(struct announcer *announcer, const struct kind *kind, const char *namespace)
{
    struct nodes *nodes = announcer->fsd->nodes;
    uint32_t node = NODE_ROOT;
    if (kind->namespaced) {
        node = node_find(nodes, node, STR("namespaces"));
        node = node != 0 ? node_find(nodes, node, str_of(namespace)) : 0;
    }
    return node != 0 ? held(announcer, node_find(nodes, node, kind->directory)) : 0;
}

void announce_object(struct announcer *announcer, const struct object *object, enum announce_what what)
{
    static const enum notify_action actions[] = {[ANNOUNCE_CREATED] = NOTIFY_MAKE_DIR,
                                                 [ANNOUNCE_CHANGED] = NOTIFY_TOUCH,
                                                 [ANNOUNCE_GONE] = NOTIFY_REMOVE_DIR};
    uint32_t directory = kind_directory(announcer, object->kind, object->namespace);
    if (directory != 0)
        announce(announcer, directory, str_of(object->name), actions[what]);
}

static void announce_link(struct announcer *announcer, struct str machine, const struct object *object,
                          enum notify_action action)
{
    struct nodes *nodes = announcer->fsd->nodes;
    uint32_t directory = node_find(nodes, NODE_ROOT, STR("nodes"));
    directory = directory != 0 ? node_find(nodes, directory, machine) : 0;
    directory = directory != 0 ? held(announcer, node_find(nodes, directory, object->kind->directory)) : 0;
    if (directory == 0)
        return;
    autobuf struct buf name = {0};
    buf_addf(&name, "%s.%s", object->namespace, object->name);
    announce(announcer, directory, buf_str(&name), action);
}

void announce_bound(struct announcer *announcer, const struct object *object, const struct version *before,
                    const struct version *now)
{
    struct str was = before != NULL ? before->node : STR(""),
               is = (now->flags & VERSION_GONE) == 0 ? now->node : STR("");
    if (was.length != 0 && !str_equal(was, is))
        announce_link(announcer, was, object, NOTIFY_REMOVE_LINK);
    if (is.length != 0)
        announce_link(announcer, is, object, str_equal(was, is) ? NOTIFY_TOUCH : NOTIFY_MAKE_LINK);
}

void announce_node(struct announcer *announcer, uint32_t node)
{
    struct nodes *nodes = announcer->fsd->nodes;
    if (held(announcer, node))
        announce(announcer, node_record(nodes, node)->parent, node_name(nodes, node), NOTIFY_TOUCH);
}

enum announce_view announcer_view(const struct announcer *announcer, uint32_t directory, struct str name)
{
    const struct announcement *a = find(announcer, directory, name);
    if (a == NULL || a->performed)
        return VIEW_AS_IT_IS;
    if (a->action == NOTIFY_MAKE_DIR || a->action == NOTIFY_MAKE_LINK)
        return VIEW_ABSENT;
    return a->action == NOTIFY_REMOVE_DIR || a->action == NOTIFY_REMOVE_LINK ? VIEW_PRESENT : VIEW_AS_IT_IS;
}

void announcer_performed(struct announcer *announcer, uint32_t directory, struct str name)
{
    struct announcement *a = find(announcer, directory, name);
    if (a != NULL)
        a->performed = true;
}

/* ---- the notifier ---- */

static bool send_one(struct announcer *announcer, struct announcement *a)
{
    struct notify_message message = {.number = a->number, .action = (uint8_t)a->action};
    autobuf struct buf path = {0};
    place_path(announcer->fsd, a->directory, &path);
    buf_addf(&path, "/%s", a->name);
    if (path.length >= sizeof(message.path))
        return true; /* longer than the kernel takes: nobody can watch it */
    const char *relative = path.at + strspn(path.at, "/");
    size_t length = strlen(relative);
    memcpy(message.path, relative, length + 1);
    size_t size = offsetof(struct notify_message, path) + length + 1;
    if (send(announcer->socket_fd, &message, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    static int64_t last_said;
    if (errno != EAGAIN && errno != EINTR && log_due(&last_said, 10))
        log_error("cannot reach the notifier: %s", strerror(errno));
    return false;
}

static void send_waiting(struct announcer *announcer)
{
    while (announcer->first_unsent != NULL && announcer->in_flight < WINDOW) {
        struct announcement *a = announcer->first_unsent;
        if (!send_one(announcer, a))
            return;
        a->sent = true;
        announcer->in_flight++;
        announcer->first_unsent = a->next;
    }
}

/* Those in flight are the first of the list: the answered one is nearly always the very first. */
static struct announcement *find_sent(struct announcer *announcer, uint64_t number)
{
    for (struct announcement *a = announcer->oldest; a != NULL && a->sent; a = a->next)
        if (a->number == number)
            return a;
    return NULL;
}

static void done(struct announcer *announcer, uint64_t number)
{
    struct announcement *a = find_sent(announcer, number);
    if (a == NULL)
        return; /* said by a predecessor of this fsd, or twice */
    announcer->in_flight--;
    if (!a->again) {
        drop(announcer, a);
        return;
    }
    uint32_t directory = a->directory;
    enum notify_action action = a->performed || a->action == NOTIFY_TOUCH ? NOTIFY_TOUCH : a->action;
    autofree char *name = strdup(a->name);
    node_record(announcer->fsd->nodes, directory)->handles++; /* it must not go between the two */
    drop(announcer, a);
    add(announcer, directory, str_of(name), action);
    node_record(announcer->fsd->nodes, directory)->handles--;
}

/* A new notifier knows nothing of what was sent to its predecessor. */
static void send_all_again(struct announcer *announcer)
{
    for (struct announcement *a = announcer->oldest; a != NULL; a = a->next)
        a->sent = false;
    announcer->first_unsent = announcer->oldest;
    announcer->in_flight = 0;
}

static void receive(struct announcer *announcer)
{
    struct notify_message message;
    ssize_t size;
    while ((size = recv(announcer->socket_fd, &message, sizeof(message), MSG_DONTWAIT)) > 0) {
        if ((size_t)size < offsetof(struct notify_message, path))
            continue;
        if (message.action == NOTIFY_HELLO)
            send_all_again(announcer);
        else if (message.action == NOTIFY_DONE)
            done(announcer, message.number);
    }
}

void announcer_turn(struct announcer *announcer)
{
    receive(announcer);
    send_waiting(announcer);
    struct memory_header *header = announcer->fsd->memory->header;
    header->announced =
        (uint64_t)(announcer->oldest != NULL ? announcer->oldest->version - 1 : txn_version(announcer->fsd));
}

void announcer_take_over(struct announcer *announcer)
{
    struct fsd *fsd = announcer->fsd;
    if (fsd->memory->fresh)
        return; /* a new mount: nobody can have watched anything */
    int64_t from = (int64_t)fsd->memory->header->announced;
    for (size_t k = 0; k < kinds_count(fsd->kinds); k++) {
        const struct kind *kind = kinds_at(fsd->kinds, k);
        struct object *object = NULL;
        for (int64_t version = from; (object = objects_after(fsd->objects, kind, version, object)) != NULL;
             version = object->committed->number) {
            bool gone = (object->committed->flags & VERSION_GONE) != 0;
            announce_object(announcer, object, gone ? ANNOUNCE_GONE : ANNOUNCE_CREATED);
            announce_bound(announcer, object, NULL, object->committed);
        }
    }
}
