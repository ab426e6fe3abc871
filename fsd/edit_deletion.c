/* Deletion, as Kubernetes has it: what is held or takes its time gets a deletionTimestamp, and goes with the
 * change that releases it. */
#include "fsd/edit_private.h"

#include "lib/clock.h"
#include <errno.h>

static bool is_held(const struct work *work)
{
    struct value metadata = work_metadata(work);
    if (value_count(value_get(metadata, STR("finalizers"))) > 0)
        return true;
    return kind_is(work->base->kind, "", "Namespace") &&
           value_count(value_at(doc_root(work->after), "spec", "finalizers")) > 0;
}

/* A hundred years, in seconds: more could not be written as a time. */
#define GRACE_LIMIT (100ll * 365 * 86400)

/* How long its node may take to end it: 0 for what no node runs. As Kubernetes' pod strategy decides. */
static int64_t grace_of(const struct work *work)
{
    struct value root = doc_root(work->after);
    struct str field = work->base->kind->node_field;
    struct value spec = value_get(root, STR("spec"));
    struct str phase = value_str(value_at(root, "status", "phase"));
    if (field.length == 0 || value_str(value_get(spec, field)).length == 0 || str_is(phase, "Succeeded") ||
        str_is(phase, "Failed"))
        return 0;
    int64_t grace = work->edit->grace >= 0
                        ? work->edit->grace
                        : value_int_or(value_get(spec, STR("terminationGracePeriodSeconds")), 30);
    return grace < GRACE_LIMIT ? grace : GRACE_LIMIT;
}

int edit_delete(struct work *work, struct error **err)
{
    if (kind_is_permanent(work->base->kind, work->base->name))
        return error_make(err, EPERM,
                          STR_FORMAT "/" STR_FORMAT " belongs to every cluster and can't be deleted",
                          STR_ARGS(work->base->kind->plural), STR_ARGS(work->base->name));
    if (work->draft) { /* nobody acts upon it: none would end it, or release it */
        work->gone = true;
        return 0;
    }
    struct value metadata = work_metadata(work);
    int64_t grace = grace_of(work);
    bool terminating = value_exists(value_get(metadata, STR("deletionTimestamp")));
    if (terminating) {
        /* Asked again, it can only become shorter. */
        int64_t left = value_int_or(value_get(metadata, STR("deletionGracePeriodSeconds")), 0);
        if (work->edit->grace < 0 || grace >= left)
            return 0;
    }
    if (grace == 0 && !is_held(work)) {
        work->gone = true;
        return 0;
    }
    work_set_time(metadata, STR("deletionTimestamp"), work->now_ms + grace * 1000);
    value_set_int(metadata, STR("deletionGracePeriodSeconds"), grace);
    if (kind_is(work->base->kind, "", "Namespace"))
        value_set_str(value_ensure_object(doc_root(work->after), STR("status")), STR("phase"),
                      STR("Terminating"));
    return 0;
}

int edit_finish(struct work *work, struct error **err)
{
    struct value metadata = work_metadata(work);
    if (!value_exists(value_get(metadata, STR("deletionTimestamp"))))
        return error_make(err, EINVAL, STR_FORMAT "/" STR_FORMAT " is not being deleted",
                          STR_ARGS(work->base->kind->plural), STR_ARGS(work->base->name));
    value_set_int(metadata, STR("deletionGracePeriodSeconds"), 0);
    return 0;
}

void edit_end_if_released(struct work *work)
{
    struct value metadata = work_metadata(work);
    if (!value_exists(value_get(metadata, STR("deletionTimestamp"))) || is_held(work))
        return;
    if (value_int_or(value_get(metadata, STR("deletionGracePeriodSeconds")), 0) == 0)
        work->gone = true;
}

int edit_check_finalizers(const struct work *work, struct error **err)
{
    if (!value_exists(value_get(work_metadata_before(work), STR("deletionTimestamp"))))
        return 0;
    struct value old = value_get(work_metadata_before(work), STR("finalizers"));
    value_each (finalizer, value_get(work_metadata(work), STR("finalizers"))) {
        bool known = false;
        value_each (other, old)
            known = known || value_equal(other, finalizer);
        if (!known)
            return error_make(err, EPERM,
                              "metadata.finalizers: the object is being deleted, \"" STR_FORMAT
                              "\" can't be added",
                              STR_ARGS(value_str(finalizer)));
    }
    return 0;
}
