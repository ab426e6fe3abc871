#include "fsd/drafts.h"

#include "lib/log.h"

bool drafts_end(const struct kind *kind, const struct version *before, const struct version *now)
{
    const uint32_t ends = VERSION_TERMINATING | VERSION_GONE;
    return kind_is(kind, "", "Namespace") && (now->flags & ends) != 0 &&
           (before == NULL || (before->flags & ends) == 0);
}

static void drop(struct fsd *fsd, const struct asker *asker, const struct object *draft)
{
    const struct change change = {.kind = draft->kind,
                                  .namespace = str_of(draft->namespace),
                                  .name = str_of(draft->name),
                                  .edit = {.type = EDIT_DELETE, .grace = 0},
                                  .must_exist = true};
    autoerror struct error *error = NULL;
    if (txn_change(fsd, asker, &change, NULL, &error) < 0)
        log_warning("the draft " STR_FORMAT "/%s in %s outlives its namespace: %s",
                    STR_ARGS(draft->kind->plural), draft->name, draft->namespace, error_message(error));
}

void drafts_drop(struct fsd *fsd, const struct asker *asker, struct str namespace)
{
    for (size_t k = 0; k < kinds_count(fsd->kinds); k++) {
        const struct kind *kind = kinds_at(fsd->kinds, k);
        const struct collection *collection =
            kind->namespaced ? objects_collection(fsd->objects, kind, namespace) : NULL;
        for (size_t i = 0; collection != NULL && i < collection->count; i++) {
            const struct object *object = collection->objects[i];
            if ((object_newest_version(object)->flags & (VERSION_DRAFT | VERSION_GONE)) == VERSION_DRAFT)
                drop(fsd, asker, object);
        }
    }
}
