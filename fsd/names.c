/* Making and removing names. */
#include "fsd/announce.h"
#include "fsd/leaf.h"
#include "fsd/operations.h"
#include "fsd/removal.h"
#include "fsd/reply.h"
#include "fsd/special.h"
#include "fsd/tell.h"
#include "fsd/txn.h"
#include "fsd/vacancy.h"
#include <errno.h>

static int forbidden(struct call *call, struct error **err)
{
    (void)call;
    return error_make(err, EPERM, "links, devices, pipes and sockets can't be made here");
}

const struct operation op_forbidden = {"forbidden", forbidden, NULL, REGARDS_NOTHING, false};

/* The directory of the call. */
static int parent_of_call(struct call *call, const char *verb, uint32_t *parent, struct place *place,
                          struct error **err)
{
    int status = call_authorize(call, verb, err);
    if (status < 0)
        return status;
    *parent = call_node(call);
    return *parent != 0 ? place_of_node(call->fsd, *parent, place) : -ENOENT;
}

static bool is_notifier(const struct call *call)
{
    return call->asker.identity == IDENTITY_NOTIFIER;
}

/* An edit of the object that the place belongs to, at the name's path below it. */
static int edit_at_name(struct call *call, const struct place *place, uint32_t parent, enum edit_type type,
                        struct error **err)
{
    struct object *object = object_by_id(call->fsd->objects, place->object);
    if (object == NULL || !object_is_visible(object))
        return -ENOENT;
    autobuf struct buf path = {0};
    place_field_path(call->fsd, parent, &path);
    if (path.length != 0)
        buf_add_char(&path, '/');
    buf_add_text(&path, call->name);
    struct change change = {.kind = object->kind,
                            .namespace = str_of(object->namespace),
                            .name = str_of(object->name),
                            .edit = {.type = type, .path = buf_str(&path)},
                            .call = call,
                            .must_exist = true};
    int status = txn_change(call->fsd, &call->asker, &change, NULL, err);
    return status < 0 ? status : CALL_PARKED;
}

/* ---- mkdir ---- */

static int make_object(struct call *call, const struct place *place, struct error **err)
{
    struct change change = {.kind = place->kind,
                            .namespace = str_of(place->namespace),
                            .name = str_of(call->name),
                            .edit = {.type = EDIT_DRAFT},
                            .call = call,
                            .create_only = true};
    int status = txn_change(call->fsd, &call->asker, &change, NULL, err);
    return status < 0 ? status : CALL_PARKED;
}

static int start_mkdir(struct call *call, struct error **err)
{
    uint32_t parent;
    struct place place;
    int status = parent_of_call(call, "create", &parent, &place, err);
    if (status < 0)
        return status;
    if (is_notifier(call)) {
        announcer_performed(call->fsd->announcer, parent, str_of(call->name), false);
        return 0; /* answered with what is there already */
    }
    if (place.type == PLACE_KIND)
        return make_object(call, &place, err);
    if (place.type == PLACE_OBJECT || place.type == PLACE_FIELD)
        return edit_at_name(call, &place, parent, EDIT_FIELD_MAKE, err);
    return error_make(err, EPERM, "no directory can be made here");
}

static void finish_mkdir(struct call *call, int result)
{
    (void)result;
    uint32_t parent = call_node(call);
    if (parent != 0)
        announcer_performed(call->fsd->announcer, parent, str_of(call->name), false);
    if (parent == 0)
        reply_error(call, ENOENT);
    else
        reply_entry(call, parent, str_of(call->name));
}

const struct operation op_mkdir = {"mkdir", start_mkdir, finish_mkdir, GOES_ON, false};

/* The notifier repeats links that have come; nobody else makes any. */
static int start_symlink(struct call *call, struct error **err)
{
    return is_notifier(call) ? start_mkdir(call, err) : forbidden(call, err);
}

const struct operation op_symlink = {"symlink", start_symlink, finish_mkdir, REGARDS_NOTHING, false};

/* ---- rmdir and unlink ---- */

/* The kernel forgets the name when this succeeds. What has it next, perhaps the same thing, must be another
 * node. */
static void finish_removal(struct call *call, int result)
{
    struct fsd *fsd = call->fsd;
    uint32_t parent = call_node(call);
    if (result < 0) {
        vacancy_refused(call, parent);
        reply_error(call, -result);
        return;
    }
    uint32_t node = parent != 0 ? node_find(fsd->nodes, parent, str_of(call->name)) : 0;
    if (node != 0)
        node_detach(fsd->nodes, node);
    if (parent != 0)
        announcer_performed(fsd->announcer, parent, str_of(call->name), true);
    struct place place, child;
    struct object *object = NULL;
    if (parent != 0 && place_of_node(fsd, parent, &place) == 0 && place.type == PLACE_KIND &&
        place_child(fsd, &place, parent, str_of(call->name), &child) == 0 && child.type == PLACE_OBJECT)
        object = object_by_id(fsd->objects, child.object);
    if (object != NULL && object_is_visible(object) && !removal_is_open(call, object->id))
        tell_reborn(fsd, object);
    if (parent != 0)
        vacancy_granted(call, parent, result);
    reply_error(call, 0);
}

static int delete_object(struct call *call, const struct place *place, struct error **err)
{
    struct change change = {.kind = place->kind,
                            .namespace = str_of(place->namespace),
                            .name = str_of(call->name),
                            .edit = {.type = EDIT_DELETE, .grace = -1},
                            .call = call,
                            .must_exist = true};
    struct object *object =
        object_visible(call->fsd->objects, place->kind, str_of(place->namespace), str_of(call->name));
    if (object == NULL)
        return -ENOENT;
    int status = txn_change(call->fsd, &call->asker, &change, NULL, err);
    if (status == -EINPROGRESS)
        return status;
    removal_close(call->fsd, object->id);
    /* Somebody else's deletion of it may be on its way: then this one has nothing to add. */
    if (status == -ENOENT && object->pending != NULL) {
        error_free(take_pointer(*err));
        return CALL_PARKED;
    }
    return status < 0 ? status : CALL_PARKED;
}

/* At once only where nobody can be waited for. */
static int remove_field(struct call *call, const struct place *place, uint32_t parent, struct error **err)
{
    int status = vacancy_open(call, parent, err);
    return status == -ESRCH ? edit_at_name(call, place, parent, EDIT_FIELD_REMOVE, err) : status;
}

/* A removal that the notifier repeats late, of a name that has been given again: the kernel would take what
 * has it now for dead. */
static int remove_for_notifier(const struct call *call, uint32_t parent, const struct place *place)
{
    struct place child;
    if (place_child(call->fsd, place, parent, str_of(call->name), &child) == 0)
        return -ENOENT;
    announcer_performed(call->fsd->announcer, parent, str_of(call->name), true);
    return 0;
}

static int start_rmdir(struct call *call, struct error **err)
{
    uint32_t parent;
    struct place place, child;
    int status = parent_of_call(call, "delete", &parent, &place, err);
    if (status < 0)
        return status;
    if (is_notifier(call))
        return remove_for_notifier(call, parent, &place);
    if (removal_covers(call, parent))
        return 0;
    status = place_child(call->fsd, &place, parent, str_of(call->name), &child);
    if (place.type == PLACE_KIND && (status < 0 || child.type == PLACE_OBJECT))
        return delete_object(call, &place, err);
    if (status < 0)
        return status;
    if (child.type == PLACE_FIELD)
        return remove_field(call, &place, parent, err);
    return error_make(err, EPERM, "this directory belongs to the tree and can't be removed");
}

const struct operation op_rmdir = {"rmdir", start_rmdir, finish_removal, LOOKS, true};

/* A file that the process has just created, and has still open: there for nobody else. */
static bool is_its_making(const struct call *call, uint32_t parent)
{
    uint32_t node = node_find(call->fsd->nodes, parent, str_of(call->name));
    return node != 0 && (node_record(call->fsd->nodes, node)->flags & NODE_FORMING) != 0 &&
           leaf_is_writer(call, node);
}

static int start_unlink(struct call *call, struct error **err)
{
    uint32_t parent;
    struct place place, child;
    int status = parent_of_call(call, "update", &parent, &place, err);
    if (status < 0)
        return status;
    if (is_notifier(call))
        return remove_for_notifier(call, parent, &place);
    status = place_child(call->fsd, &place, parent, str_of(call->name), &child);
    if (status < 0)
        return is_its_making(call, parent) ? 0 : status;
    if (child.type == PLACE_SCRATCH || removal_covers(call, parent))
        return 0;
    if (child.type == PLACE_FILE && place.type == PLACE_OBJECT && strcmp(call->name, "manifest.yaml") == 0) {
        status = call_authorize(call, "delete", err);
        return status < 0 ? status : removal_open(call, place.object);
    }
    if (child.type == PLACE_FIELD)
        return remove_field(call, &place, parent, err);
    return error_make(err, EPERM, "this file belongs to the tree and can't be removed");
}

const struct operation op_unlink = {"unlink", start_unlink, finish_removal, LOOKS, true};
