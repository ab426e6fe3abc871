#include "fsd/apply.h"

#include "fsd/check.h"
#include "fsd/heavy.h"
#include "fsd/txn.h"
#include <errno.h>

void apply_text(struct fsd *fsd, const struct place *place, uint32_t node, struct buf *out)
{
    (void)place, (void)node;
    buf_addf(out, "Write manifests here (YAML or JSON): cp web.yaml %s/apply\n", fsd->mount);
}

/* A document within what was written, for sentences. */
struct origin {
    int index, count, line;
    size_t weight; /* about how many bytes it has */
};

static int wrap_origin(const struct origin *origin, struct value document, struct error **err)
{
    struct str kind = value_str(value_get(document, STR("kind")));
    struct str name = value_str(value_at(document, "metadata", "name"));
    autobuf struct buf what = {0};
    if (kind.length != 0 && name.length != 0)
        buf_addf(&what, STR_FORMAT " " STR_FORMAT, STR_ARGS(kind), STR_ARGS(name));
    else if (kind.length != 0)
        buf_addf(&what, STR_FORMAT " without a name", STR_ARGS(kind));
    else
        buf_add_text(&what, "manifest");
    if (origin->count > 1)
        buf_addf(&what, " (document %d, line %d)", origin->index + 1, origin->line);
    return error_wrap(err, "%s", what.at);
}

static int apply_one(struct call *call, const struct origin *origin, struct value document,
                     struct error **err)
{
    if (value_type(document) != VALUE_OBJECT)
        return check_refuse(document, "must be a mapping of fields", err);
    const struct kind *kind = kinds_by_manifest(call->fsd->kinds, document, err);
    if (kind == NULL)
        return -EINVAL;
    struct value metadata = value_get(document, STR("metadata"));
    struct str name = value_str(value_get(metadata, STR("name")));
    if (name.length == 0)
        return error_make(err, EINVAL, "metadata.name: is required");
    struct str namespace = value_str(value_get(metadata, STR("namespace")));
    struct change change = {
        .kind = kind,
        .namespace = !kind->namespaced       ? STR("")
                     : namespace.length != 0 ? namespace
                                             : STR("default"),
        .name = name,
        .edit = {.type = EDIT_APPLY, .document = document, .weight = origin->weight},
        .call = call,
    };
    return txn_change(call->fsd, &call->asker, &change, NULL, err);
}

static int apply_document(struct call *call, const struct origin *origin, struct value document,
                          struct error **err)
{
    struct str kind = value_str(value_get(document, STR("kind")));
    struct value items = value_get(document, STR("items"));
    if (!str_ends(kind, STR("List")) || value_type(items) != VALUE_ARRAY)
        return apply_one(call, origin, document, err);
    int index = 0;
    value_each (item, items) {
        int result = apply_one(call, origin, item, err);
        if (result == -EINPROGRESS)
            return result;
        if (result < 0)
            return error_wrap(err, "items[%d]", index);
        index++;
    }
    return 0;
}

int apply_write(struct call *call, const struct place *place, uint32_t node, struct str bytes,
                struct error **err)
{
    (void)place, (void)node;
    struct doc **docs;
    int *lines;
    int count = heavy_parse(call, bytes, &docs, &lines, err);
    if (count < 0)
        return count;
    int result = count == 0 ? error_make(err, EINVAL, "there is no manifest in it") : 0;
    struct txn_mark mark = txn_mark(call->fsd);
    for (int i = 0; i < count && result >= 0; i++) {
        struct origin origin = {i, count, lines[i], bytes.length / (size_t)count};
        result = apply_document(call, &origin, doc_root(docs[i]), err);
        if (result < 0 && result != -EINPROGRESS)
            wrap_origin(&origin, doc_root(docs[i]), err);
    }
    (result < 0 ? txn_undo : txn_keep)(call->fsd, mark);
    return result;
}

int manifest_write(struct call *call, const struct place *place, uint32_t node, struct str bytes,
                   struct error **err)
{
    (void)node;
    struct object *object = object_by_id(call->fsd->objects, place->object);
    if (object == NULL || !object_is_visible(object))
        return error_make(err, ENOENT, "the object is gone");
    struct doc **docs;
    int *lines, count = heavy_parse(call, bytes, &docs, &lines, err);
    if (count < 0)
        return count;
    if (count != 1)
        return error_make(err, EINVAL, "there has to be one document in a manifest, not %d", count);
    struct change change = {
        .kind = object->kind,
        .namespace = str_of(object->namespace),
        .name = str_of(object->name),
        .edit = {.type = EDIT_REPLACE, .document = doc_root(docs[0]), .weight = bytes.length},
        .call = call,
        .must_exist = true};
    return txn_change(call->fsd, &call->asker, &change, NULL, err);
}
