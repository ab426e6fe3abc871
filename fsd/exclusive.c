#include "fsd/exclusive.h"

#include "fsd/operations.h"
#include "lib/clock.h"

#define SLICE_US 500

struct exclusive {
    struct call *holder; /* changes things alone; NULL: nobody does */
    bool closed;         /* nobody may */
    struct call_queue waiting;
    struct call *next; /* the one of them whose turn it is */
};

struct exclusive *exclusive_new(void)
{
    return memory_zeroed(1, sizeof(struct exclusive));
}

/* What waits is found in its slot by a successor. */
void exclusive_free(struct exclusive *exclusive)
{
    free(exclusive);
}

void exclusive_begin(struct call *call)
{
    struct exclusive *exclusive = call->fsd->exclusive;
    if (exclusive->holder != NULL)
        abort(); /* a programming error: this one should be in the queue */
    exclusive->holder = call;
}

void exclusive_end(struct call *call)
{
    call->fsd->exclusive->holder = NULL;
}

void exclusive_close(struct fsd *fsd)
{
    fsd->exclusive->closed = true;
}

void exclusive_open(struct fsd *fsd)
{
    fsd->exclusive->closed = false;
}

bool exclusive_is_held(const struct fsd *fsd)
{
    return fsd->exclusive->holder != NULL || fsd->exclusive->closed;
}

/* ---- which requests may change something ---- */

static bool always(const struct call *call)
{
    (void)call;
    return true;
}

static bool has_collected(const struct call *call)
{
    const struct handle_record *handle = handle_of_number(call->fsd->handles, call->file.fh, NULL);
    return handle != NULL && (handle->flags & HANDLE_DIRTY) != 0;
}

/* An emptied file takes effect here. */
static bool was_writing(const struct call *call)
{
    const struct handle_record *handle = handle_of_number(call->fsd->handles, call->file.fh, NULL);
    return handle != NULL && (handle->flags & HANDLE_WRITE) != 0;
}

static bool resizes(const struct call *call)
{
    return (call->set & FUSE_SET_ATTR_SIZE) != 0;
}

static const struct {
    const struct operation *operation;
    bool (*changes)(const struct call *call);
} changing[] = {
    {&op_write, always},        {&op_flush, has_collected}, {&op_fsync, has_collected},
    {&op_release, was_writing}, {&op_setattr, resizes},     {&op_mkdir, always},
    {&op_symlink, always},      {&op_rmdir, always},        {&op_unlink, always},
    {&op_rename, always},       {&op_vacate, always},
};

/* The notifier only repeats what has been changed. */
static bool may_change(const struct call *call)
{
    if (call->asker.identity == IDENTITY_NOTIFIER)
        return false;
    for (size_t i = 0; i < COUNT(changing); i++)
        if (changing[i].operation == call->operation)
            return changing[i].changes(call);
    return false;
}

/* ---- the queue ---- */

/* Who comes while others wait waits behind them: a file that was emptied by one request may be written by the
 * next. */
bool exclusive_delays(struct call *call)
{
    struct exclusive *exclusive = call->fsd->exclusive;
    bool free = !exclusive_is_held(call->fsd) && call_queue_is_empty(&exclusive->waiting);
    if (free || call == exclusive->holder || call == exclusive->next || !may_change(call))
        return false;
    call_queue_add(&exclusive->waiting, call);
    return true;
}

bool exclusive_turn(struct fsd *fsd)
{
    struct exclusive *exclusive = fsd->exclusive;
    int64_t end_us = clock_us() + SLICE_US;
    while (!call_queue_is_empty(&exclusive->waiting) && !exclusive_is_held(fsd) && clock_us() < end_us) {
        exclusive->next = call_queue_take(&exclusive->waiting);
        call_run(exclusive->next);
        exclusive->next = NULL;
    }
    return !call_queue_is_empty(&exclusive->waiting) && !exclusive_is_held(fsd);
}
