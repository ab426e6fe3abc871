/* The inside of edit, shared by the files that make it up: edit.c (all edits, and what comes with each) and
 * edit_deletion.c. */
#ifndef PODTREE_EDIT_PRIVATE_H
#define PODTREE_EDIT_PRIVATE_H

#include "fsd/edit.h"

/* The work on one edit. */
struct work {
    const struct edit_base *base;
    const struct kind_form *form; /* of its kind */
    const struct edit *edit;
    int64_t now_ms;
    struct value before; /* absent: there is no object yet */
    struct doc *parsed;  /* … where it had to be parsed */
    struct doc *after;
    bool draft;
    bool gone;
};

static inline struct value work_metadata(const struct work *work)
{
    return value_get(doc_root(work->after), STR("metadata"));
}

static inline struct value work_metadata_before(const struct work *work)
{
    return value_get(work->before, STR("metadata"));
}

/* A field that has a moment, in ms of the wall clock. */
void work_set_time(struct value v, struct str key, int64_t ms);

/* The edits EDIT_DELETE and EDIT_FINISHED: 0, or EPERM, EINVAL and a sentence. */
int edit_delete(struct work *work, struct error **err);
int edit_finish(struct work *work, struct error **err);
/* A terminating object that nothing holds any more goes with the change that released it. */
void edit_end_if_released(struct work *work);
/* EPERM when one is added to an object that is being deleted. */
int edit_check_finalizers(const struct work *work, struct error **err);

#endif
