/* How the removal of a field is rehearsed and carried out. Of a large object that takes milliseconds: the
 * worker computes it (heavy.h), for the unlink, which is asked again, and for a call of our own.
 *
 * A removal is in flight from the moment when it is decided, and requests that look wait for its end: it may
 * wait for the worker, for a bulk that changes things alone (exclusive.h), for another removal of the same
 * object, so that each is computed once upon what the one before it has left, and for the disk. Nothing of
 * that is noted: killed meanwhile, the record is what it was, and its promise is in the store. */
#include "fsd/vacancy_private.h"

#include "fsd/errors.h"
#include "fsd/operations.h"
#include "fsd/session.h"
#include "fsd/tell.h"
#include "fsd/txn.h"
#include "lib/clock.h"
#include <errno.h>

#define RETRY_MS 1000

/* ---- asking and promising ---- */

void vacancy_promise(struct fsd *fsd, int index, bool redeemed)
{
    const struct vacancy_record *record = vacancy_record(fsd, index);
    struct promise row = {.object = record->object,
                          .path = vacancy_path(fsd, index),
                          .uid = record->uid,
                          .gid = record->gid,
                          .redeemed = redeemed};
    txn_promise(fsd, &row);
}

/* `others`: paths of fields that are taken for removed, each with a NUL behind it. */
static int change(struct call *call, int index, struct str others, bool rehearsal, struct error **err)
{
    struct fsd *fsd = call->fsd;
    const struct vacancy_record *record = vacancy_record(fsd, index);
    struct object *object = object_by_id(fsd->objects, record->object);
    if (object == NULL || !object_is_visible(object))
        return -ENOENT;
    const struct asker asker = {
        .uid = record->uid, .gid = record->gid, .identity = identity_of(record->uid, record->gid)};
    struct change change = {
        .kind = object->kind,
        .namespace = str_of(object->namespace),
        .name = str_of(object->name),
        .edit = {.type = EDIT_FIELD_REMOVE, .path = vacancy_path(fsd, index), .bytes = others},
        .call = call,
        .must_exist = true,
        .rehearsal = rehearsal};
    return txn_change(fsd, &asker, &change, NULL, err);
}

int vacancy_rehearse(struct call *call, int index, struct error **err)
{
    struct fsd *fsd = call->fsd;
    const struct vacancy_record *record = vacancy_record(fsd, index);
    autobuf struct buf others = {0};
    for (int i = 0; i < MEMORY_VACANCIES; i++) {
        const struct vacancy_record *other = vacancy_record(fsd, i);
        if (i == index || other->process != record->process || other->object != record->object ||
            (other->flags & (VACANCY_STORED | VACANCY_CREATED)) != VACANCY_STORED ||
            vacancy_is_below(vacancy_path(fsd, i), vacancy_path(fsd, index)))
            continue;
        buf_add_str(&others, vacancy_path(fsd, i));
        buf_add_char(&others, '\0');
    }
    return change(call, index, buf_str(&others), true, err);
}

/* ---- carrying out ---- */

static void say_refused(struct fsd *fsd, int index, const struct error *err)
{
    const struct vacancy_record *record = vacancy_record(fsd, index);
    autobuf struct buf path = {0}, sentence = {0};
    const struct object *object = object_by_id(fsd->objects, record->object);
    if (object != NULL)
        place_object_path(object, &path);
    buf_addf(&path, "/" STR_FORMAT, STR_ARGS(vacancy_path(fsd, index)));
    buf_addf(&sentence, "was removed, and is there again: %s", error_message(err));
    errors_add(fsd->memory, record->uid, clock_wall_ms(), buf_str(&path), sentence.at);
    tell_errors(fsd, record->uid);
}

/* Does the worker compute another removal from the object? */
static bool is_busy(const struct fsd *fsd, int64_t object)
{
    for (int i = 0; i < MEMORY_VACANCIES; i++)
        if (fsd->vacancies->sides[i].computing && vacancy_record(fsd, i)->object == object)
            return true;
    return false;
}

static int start_removal(struct call *call, struct error **err)
{
    struct fsd *fsd = call->fsd;
    int index = (int)call->flags;
    struct vacancy_side *side = &fsd->vacancies->sides[index];
    side->computing = false;
    if (is_busy(fsd, vacancy_record(fsd, index)->object)) {
        call_queue_add(&fsd->vacancies->followers, call);
        return -EINPROGRESS;
    }
    int status = change(call, index, STR_NONE, false, err);
    if (status == -EINPROGRESS) {
        side->computing = true;
        return status;
    }
    if (status < 0 && status != -ENOENT)
        say_refused(fsd, index, *err);
    error_free(take_pointer(*err));
    if ((vacancy_record(fsd, index)->flags & VACANCY_STORED) != 0)
        vacancy_promise(fsd, index, true);
    session_run_all_later(fsd->session, &fsd->vacancies->followers);
    return CALL_PARKED;
}

/* The batch with the removal has ended. The disk may have refused it: then it is tried again, because it has
 * been acknowledged. */
static void finish_removal(struct call *call, int result)
{
    struct fsd *fsd = call->fsd;
    struct vacancies *vacancies = fsd->vacancies;
    int index = (int)call->flags;
    if (result >= 0) {
        vacancy_close(fsd, index);
    } else {
        vacancies->sides[index].decided = false;
        vacancy_record(fsd, index)->deadline_ms = clock_wall_ms() + RETRY_MS;
    }
    if (--vacancies->in_flight == 0)
        session_run_all_later(fsd->session, &vacancies->lookers);
    call_free(call);
}

const struct operation op_vacate = {"vacate", start_removal, finish_removal, REGARDS_NOTHING, true};

void vacancy_carry_out(struct fsd *fsd, int index)
{
    struct call *call = memory_zeroed(1, sizeof(*call));
    call->fsd = fsd;
    call->operation = &op_vacate;
    call->quiet = true;
    call->flags = (unsigned)index;
    fsd->vacancies->in_flight++;
    fsd->vacancies->sides[index].decided = true;
    vacancy_stop_watching(fsd->vacancies, index);
    call_run(call);
}
