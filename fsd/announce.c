#include "fsd/announce.h"

#include "fsd/place.h"
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
    int64_t version; /* what it tells of is later than this */
    bool sent;
    bool again;    /* changed after it was sent: it goes out once more, … */
    int64_t later; /* … and tells then of what is later than this */
    bool performed;
    struct announcement *next_in_bucket;
    struct announcement *next, *previous; /* the oldest first */
};

#define BUCKETS 1024

struct announcer {
    struct fsd *fsd;
    int socket_fd;
    uint64_t last_number;
    int64_t seen; /* what was published up to here has been told to the announcer */
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
    announcer->seen = (int64_t)fsd->memory->header->announced;
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

/* In the order, before `next`; at the end for NULL. */
static void enlist(struct announcer *announcer, struct announcement *a, struct announcement *next)
{
    a->next = next;
    a->previous = next != NULL ? next->previous : announcer->newest;
    *(a->previous != NULL ? &a->previous->next : &announcer->oldest) = a;
    *(a->next != NULL ? &a->next->previous : &announcer->newest) = a;
}

static void delist(struct announcer *announcer, struct announcement *a)
{
    *(a->previous != NULL ? &a->previous->next : &announcer->oldest) = a->next;
    *(a->next != NULL ? &a->next->previous : &announcer->newest) = a->previous;
    if (announcer->first_unsent == a)
        announcer->first_unsent = a->next;
}

static void drop(struct announcer *announcer, struct announcement *a)
{
    struct announcement **link = bucket_of(announcer, a->directory, str_of(a->name));
    while (*link != a)
        link = &(*link)->next_in_bucket;
    *link = a->next_in_bucket;
    delist(announcer, a);
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

static void add(struct announcer *announcer, uint32_t directory, struct str name, enum notify_action action)
{
    struct announcement *a = memory_zeroed(1, sizeof(*a));
    a->number = ++announcer->last_number;
    a->action = action;
    a->directory = directory;
    a->name = str_dup(name);
    a->version = announcer->seen;
    node_record(announcer->fsd->nodes, directory)->handles++;
    struct announcement **head = bucket_of(announcer, directory, name);
    a->next_in_bucket = *head;
    *head = a;
    enlist(announcer, a, NULL);
    if (announcer->first_unsent == NULL)
        announcer->first_unsent = a;
}

static bool makes(enum notify_action action)
{
    return action == NOTIFY_MAKE_DIR || action == NOTIFY_MAKE_LINK;
}

static bool removes(enum notify_action action)
{
    return action == NOTIFY_REMOVE_DIR || action == NOTIFY_REMOVE_LINK;
}

/* It is on its way: a touch behind it tells of everything later, whatever that was; but a name that has gone
 * meanwhile, or come, has to be said as that. */
static void send_again_later(struct announcer *announcer, struct announcement *a, enum notify_action action)
{
    if (!a->again)
        a->later = announcer->seen;
    a->again = true;
    if (action != NOTIFY_TOUCH && action != a->action) {
        a->action = action;
        a->performed = false;
    }
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
    if (a->sent)
        send_again_later(announcer, a, action);
    else if (makes(a->action) && removes(action))
        drop(announcer, a);
    else if (removes(a->action) && makes(action))
        a->action = NOTIFY_TOUCH;
    else if (action != NOTIFY_TOUCH)
        a->action = action;
}

/* The node, if somebody may watch it; else 0. */
static uint32_t held(struct announcer *announcer, uint32_t node)
{
    const struct node_record *record = node_record(announcer->fsd->nodes, node);
    return node != 0 && record->lookups != 0 && (record->flags & NODE_ECHO) == 0 ? node : 0;
}

static uint32_t child(struct announcer *announcer, uint32_t directory, struct str name)
{
    return directory != 0 ? held(announcer, node_find(announcer->fsd->nodes, directory, name)) : 0;
}

static uint32_t kind_directory(struct announcer *announcer, const struct kind *kind, const char *namespace)
{
    uint32_t node = NODE_ROOT;
    if (kind->namespaced)
        node = child(announcer, child(announcer, node, STR("namespaces")), str_of(namespace));
    return child(announcer, node, kind->directory);
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

/* ---- links ---- */

/* all/<plural>: the namespaces that have objects of the kind. */
static uint32_t all_of_kind(struct announcer *announcer, const struct kind *kind)
{
    return kind->namespaced ? child(announcer, child(announcer, NODE_ROOT, STR("all")), kind->directory) : 0;
}

static void announce_namespace(struct announcer *announcer, const struct object *object,
                               enum notify_action action)
{
    uint32_t directory = all_of_kind(announcer, object->kind);
    if (directory != 0)
        announce(announcer, directory, str_of(object->namespace), action);
}

static void announce_in_all(struct announcer *announcer, const struct object *object, bool was, bool is)
{
    const struct collection *of_namespace =
        objects_collection(announcer->fsd->objects, object->kind, str_of(object->namespace));
    size_t live = of_namespace != NULL ? of_namespace->live : 0;
    /* Before the first link, and after the last one. */
    if (is && !was && live == 1)
        announce_namespace(announcer, object, NOTIFY_MAKE_DIR);
    uint32_t directory = child(announcer, all_of_kind(announcer, object->kind), str_of(object->namespace));
    if (directory != 0 && (was || is))
        announce(announcer, directory, str_of(object->name),
                 !is    ? NOTIFY_REMOVE_LINK
                 : !was ? NOTIFY_MAKE_LINK
                        : NOTIFY_TOUCH);
    if (was && !is && live == 0)
        announce_namespace(announcer, object, NOTIFY_REMOVE_DIR);
}

static void announce_bound(struct announcer *announcer, struct str machine, const struct object *object,
                           enum notify_action action)
{
    uint32_t directory = child(announcer, child(announcer, NODE_ROOT, STR("nodes")), machine);
    directory = child(announcer, directory, object->kind->directory);
    if (directory == 0)
        return;
    autobuf struct buf name = {0};
    buf_addf(&name, "%s.%s", object->namespace, object->name);
    announce(announcer, directory, buf_str(&name), action);
}

/* The node that has a link to the object. */
static struct str linked_from(const struct version *version)
{
    return version != NULL && version_is_live(version) ? version->node : STR("");
}

void announce_links(struct announcer *announcer, const struct object *object, const struct version *before,
                    const struct version *now)
{
    struct str was = linked_from(before), is = linked_from(now);
    if (was.length != 0 && !str_equal(was, is))
        announce_bound(announcer, was, object, NOTIFY_REMOVE_LINK);
    if (is.length != 0)
        announce_bound(announcer, is, object, str_equal(was, is) ? NOTIFY_TOUCH : NOTIFY_MAKE_LINK);
    announce_in_all(announcer, object, version_is_live(before), version_is_live(now));
}

/* ---- names and files ---- */

void announce_name(struct announcer *announcer, uint32_t directory, struct str name, bool link, bool gone)
{
    static const enum notify_action actions[2][2] = {{NOTIFY_MAKE_DIR, NOTIFY_REMOVE_DIR},
                                                     {NOTIFY_MAKE_LINK, NOTIFY_REMOVE_LINK}};
    if (directory == NODE_ROOT || held(announcer, directory))
        announce(announcer, directory, name, actions[link][gone]);
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
    return makes(a->action)                  ? VIEW_ABSENT
           : a->action == NOTIFY_REMOVE_DIR  ? VIEW_DIRECTORY
           : a->action == NOTIFY_REMOVE_LINK ? VIEW_LINK
                                             : VIEW_AS_IT_IS;
}

void announcer_performed(struct announcer *announcer, uint32_t directory, struct str name, bool removed)
{
    struct announcement *a = find(announcer, directory, name);
    /* What it was to say may have turned into the opposite while it was on its way. */
    if (a == NULL || !(removed ? removes(a->action) : makes(a->action)))
        return;
    if (a->sent)
        a->performed = true;
    else
        drop(announcer, a);
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
    /* Before all that wait, and so not later than they are. */
    struct announcement *next = announcer->first_unsent;
    delist(announcer, a);
    enlist(announcer, a, next);
    announcer->first_unsent = a;
    a->number = ++announcer->last_number;
    a->action = a->performed ? NOTIFY_TOUCH : a->action;
    a->version = next != NULL && next->version < a->later ? next->version : a->later;
    a->sent = a->again = a->performed = false;
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

/* Everything up to here has been announced. Those that wait are in the order of their versions; in front of
 * them are at most a window of others, in no order. */
static int64_t announced(const struct announcer *announcer)
{
    int64_t least = announcer->seen;
    const struct announcement *a = announcer->oldest;
    for (int i = 0; i <= WINDOW && a != NULL; i++, a = a->next)
        least = a->version < least ? a->version : least;
    return least;
}

void announcer_turn(struct announcer *announcer, bool readable)
{
    if (readable)
        receive(announcer);
    send_waiting(announcer);
    announcer->seen = txn_version(announcer->fsd);
    announcer->fsd->memory->header->announced = (uint64_t)announced(announcer);
}

/* What it was before is not known: whether it is there or not, it may be news. */
static void announce_again(struct announcer *announcer, const struct object *object)
{
    bool gone = (object->committed->flags & VERSION_GONE) != 0;
    const struct collection *collection =
        objects_collection(announcer->fsd->objects, object->kind, str_of(object->namespace));
    announce_object(announcer, object, gone ? ANNOUNCE_GONE : ANNOUNCE_CREATED);
    if (place_has_linked(collection))
        announce_namespace(announcer, object, NOTIFY_MAKE_DIR);
    announce_links(announcer, object, NULL, object->committed);
    if (gone)
        announce_in_all(announcer, object, true, false);
}

void announcer_take_over(struct announcer *announcer)
{
    struct fsd *fsd = announcer->fsd;
    if (fsd->memory->fresh)
        return; /* a new mount: nobody can have watched anything */
    int64_t from = (int64_t)fsd->memory->header->announced;
    for (size_t k = 0; k < kinds_count(fsd->kinds); k++) {
        const struct kind *kind = kinds_at(fsd->kinds, k);
        const struct object *object;
        for (int64_t version = from; (object = objects_after(fsd->objects, kind, version)) != NULL;
             version = object->committed->number) {
            announce_again(announcer, object);
        }
    }
}
