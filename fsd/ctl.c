#include "fsd/ctl.h"

#include "fsd/txn.h"
#include <errno.h>

struct common_verb {
    const char *name, *help;
    enum edit_type edit;
    int64_t grace;
    bool (*applies)(const struct object *object);
};

static bool is_draft(const struct object *object)
{
    return (object->committed->flags & VERSION_DRAFT) != 0;
}

static bool is_live(const struct object *object)
{
    return !is_draft(object);
}

static bool is_bound_kind(const struct object *object)
{
    return object->kind->node_field.length != 0;
}

static const struct common_verb common_verbs[] = {
    {"live", "make this draft an object", EDIT_LIVE, 0, is_draft},
    {"delete", "delete it, as rmdir does", EDIT_DELETE, -1, is_live},
    {"force", "delete it at once, without waiting for its node", EDIT_DELETE, 0, is_bound_kind},
};

static struct object *object_of(struct fsd *fsd, const struct place *place)
{
    struct object *object = object_by_id(fsd->objects, place->object);
    return object != NULL && object_is_visible(object) ? object : NULL;
}

void ctl_text(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)node;
    const struct object *object = object_of(fsd, place);
    if (object == NULL)
        return;
    for (size_t i = 0; i < object->kind->verb_count && is_live(object); i++)
        buf_addf(out, "%-10.*s %.*s\n", STR_ARGS(object->kind->verbs[i].name),
                 STR_ARGS(object->kind->verbs[i].help));
    for (size_t i = 0; i < COUNT(common_verbs); i++)
        if (common_verbs[i].applies(object))
            buf_addf(out, "%-10s %s\n", common_verbs[i].name, common_verbs[i].help);
}

static int unknown_verb(const struct object *object, struct str verb, struct error **err)
{
    autobuf struct buf known = {0};
    for (size_t i = 0; i < object->kind->verb_count; i++)
        buf_addf(&known, STR_FORMAT ", ", STR_ARGS(object->kind->verbs[i].name));
    for (size_t i = 0; i < COUNT(common_verbs); i++)
        if (common_verbs[i].applies(object))
            buf_addf(&known, "%s, ", common_verbs[i].name);
    if (known.length >= 2)
        known.at[known.length - 2] = '\0';
    return error_make(err, EINVAL, "unknown verb \"" STR_FORMAT "\"; there are: %s", STR_ARGS(verb),
                      known.at);
}

int ctl_write(struct call *call, const struct place *place, uint32_t node, struct str bytes,
              struct error **err)
{
    (void)node;
    struct object *object = object_of(call->fsd, place);
    if (object == NULL)
        return error_make(err, ENOENT, "the object is gone");
    struct str verb = str_trim(bytes);
    struct change change = {.kind = object->kind,
                            .namespace = str_of(object->namespace),
                            .name = str_of(object->name),
                            .call = call,
                            .must_exist = true};
    for (size_t i = 0; i < object->kind->verb_count; i++)
        if (str_equal(verb, object->kind->verbs[i].name)) {
            change.edit = (struct edit){.type = EDIT_VERB, .verb = &object->kind->verbs[i]};
            return txn_change(call->fsd, &call->asker, &change, NULL, err);
        }
    for (size_t i = 0; i < COUNT(common_verbs); i++)
        if (str_is(verb, common_verbs[i].name) && common_verbs[i].applies(object)) {
            change.edit = (struct edit){.type = common_verbs[i].edit, .grace = common_verbs[i].grace};
            return txn_change(call->fsd, &call->asker, &change, NULL, err);
        }
    return unknown_verb(object, verb, err);
}
