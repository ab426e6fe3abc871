/* Looking: names, attributes, links. */
#include "fsd/announce.h"
#include "fsd/leaf.h"
#include "fsd/logs.h"
#include "fsd/operations.h"
#include "fsd/removal.h"
#include "fsd/reply.h"
#include "fsd/special.h"
#include "fsd/txn.h"
#include "fsd/vacancy.h"
#include <errno.h>
#include <sys/statvfs.h>

/* To the notifier, what it has to make is not there yet, and what it has to remove still is. */
static bool lookup_for_notifier(struct call *call, uint32_t parent, int *status)
{
    struct fsd *fsd = call->fsd;
    struct str name = str_of(call->name);
    enum announce_view view = announcer_view(fsd->announcer, parent, name);
    *status = -ENOENT;
    if (view == VIEW_AS_IT_IS || view == VIEW_ABSENT)
        return view == VIEW_ABSENT;
    struct place place, dead;
    if (place_of_node(fsd, parent, &place) < 0)
        return true;
    dead = place;
    dead.type = view == VIEW_LINK              ? PLACE_LINK
                : place.type == PLACE_ALL_KIND ? PLACE_ALL_NAMESPACE
                                               : PLACE_OBJECT;
    dead.object = -1; /* no object has this number: its attributes say that it is dead */
    uint32_t node = node_find(fsd->nodes, parent, name);
    if (node == 0)
        node = node_make(fsd->nodes, parent, name);
    if (node == 0)
        return true;
    node_set_place(fsd->nodes, node, &dead);
    *status = CALL_SILENT;
    reply_node(call, node, NULL);
    return true;
}

static int lookup(struct call *call, struct error **err)
{
    uint32_t parent = call_node(call);
    int status = call_authorize(call, "get", err);
    if (status < 0)
        return status;
    call->quiet = true;
    if (parent == 0)
        return -ENOENT;
    if (call->asker.identity == IDENTITY_NOTIFIER && lookup_for_notifier(call, parent, &status))
        return status;
    struct place place;
    status = place_of_node(call->fsd, parent, &place);
    if (status < 0)
        return status;
    if (place.type == PLACE_OBJECT && strcmp(call->name, "manifest.yaml") == 0 &&
        removal_is_open(call, place.object))
        return -ENOENT;
    if (vacancy_hides(call, parent, str_of(call->name)))
        return -ENOENT;
    uint32_t node = node_find(call->fsd->nodes, parent, str_of(call->name));
    bool forming = node != 0 && (node_record(call->fsd->nodes, node)->flags & NODE_FORMING) != 0;
    if (forming && leaf_is_writer(call, node)) { /* there for the one who is making it */
        reply_node(call, node, NULL);
        return CALL_SILENT;
    }
    uint32_t followed = logs_followed(call, parent, str_of(call->name));
    if (followed != 0) {
        reply_node(call, followed, NULL);
        return CALL_SILENT;
    }
    char own[OWN_NAME_BYTES];
    reply_entry(call, parent, own_name(call, parent, str_of(call->name), own));
    return CALL_SILENT;
}

const struct operation op_lookup = {"lookup", lookup, NULL, LOOKS, false};

static int getattr(struct call *call, struct error **err)
{
    uint32_t node = call_node(call);
    /* The root's attributes are for everybody: df and mount tables ask for them. */
    int status = node != NODE_ROOT ? call_authorize(call, "get", err) : 0;
    if (status == 0)
        status = reply_prepare(call, node);
    if (status < 0)
        return status;
    reply_attributes(call, node);
    return CALL_SILENT;
}

const struct operation op_getattr = {"getattr", getattr, NULL, LOOKS, false};

static int read_link(struct call *call, struct error **err)
{
    struct place place;
    uint32_t node = call_node(call);
    int status = call_authorize(call, "get", err);
    if (status == 0)
        status = node != 0 ? place_of_node(call->fsd, node, &place) : -ENOENT;
    if (status < 0)
        return status;
    if (place.type != PLACE_LINK)
        return -EINVAL;
    autobuf struct buf target = {0};
    place_link_target(call->fsd, &place, node, &target);
    fuse_reply_readlink(call->request, target.at);
    call_free(call);
    return CALL_SILENT;
}

const struct operation op_readlink = {"readlink", read_link, NULL, LOOKS, false};

static bool is_server_managed(struct fsd *fsd, uint32_t node, const struct place *place)
{
    struct object *object = object_by_id(fsd->objects, place->object);
    if (object == NULL || !object_is_visible(object))
        return false;
    autobuf struct buf path = {0}, scratch = {0};
    place_field_path(fsd, node, &path);
    return place_field(fsd, object, buf_str(&path), &scratch).server_managed;
}

static int access_check(struct call *call, struct error **err)
{
    struct place place;
    uint32_t node = call_node(call);
    call->quiet = true; /* a question, not an attempt */
    int status = call_authorize(call, (call->flags & W_OK) != 0 ? "update" : "get", err);
    if (status < 0 || (call->flags & W_OK) == 0 || node == 0 || removal_covers(call, node))
        return status;
    status = place_of_node(call->fsd, node, &place);
    if (status < 0)
        return status;
    if (place.type == PLACE_FILE && !place.special->writable)
        return -EACCES;
    if (place.type == PLACE_FIELD && call->asker.identity == IDENTITY_NONE &&
        is_server_managed(call->fsd, node, &place))
        return -EACCES;
    return 0;
}

const struct operation op_access = {"access", access_check, NULL, REGARDS_NOTHING, false};

static int stat_filesystem(struct call *call, struct error **err)
{
    (void)err;
    size_t objects = 0;
    for (size_t k = 0; k < kinds_count(call->fsd->kinds); k++) {
        size_t count;
        struct collection *const *collections =
            objects_collections(call->fsd->objects, kinds_at(call->fsd->kinds, k), &count);
        for (size_t c = 0; c < count; c++)
            objects += collections[c]->count;
    }
    /* Room is the store's disk's affair; tools that look for free blocks before they write shall not be
     * stopped here. */
    struct statvfs answer = {.f_bsize = 4096,
                             .f_frsize = 4096,
                             .f_blocks = 1u << 20,
                             .f_bfree = 1u << 20,
                             .f_bavail = 1u << 20,
                             .f_files = objects + (1u << 20),
                             .f_ffree = 1u << 20,
                             .f_namemax = 255};
    fuse_reply_statfs(call->request, &answer);
    call_free(call);
    return CALL_SILENT;
}

const struct operation op_statfs = {"statfs", stat_filesystem, NULL, REGARDS_NOTHING, false};
