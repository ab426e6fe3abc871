#include "fsd/vacancy_private.h"

#include "fsd/exclusive.h"
#include "fsd/operations.h"
#include "fsd/pace.h"
#include "lib/clock.h"
#include "lib/log.h"
#include <errno.h>
#include <sys/epoll.h>

#define BUSY_MS 1000 /* so long requests that wait may hold up what is due */

static int own_name(const struct call *call, uint32_t parent, struct str name)
{
    if (call->fsd->vacancies->open == 0)
        return -1;
    autobuf struct buf path = {0};
    int64_t object = vacancy_locate(call->fsd, parent, name, &path);
    return vacancy_own(call, object, buf_str(&path));
}

static void end(struct fsd *fsd, int index)
{
    if (fsd->vacancies->sides[index].decided)
        return;
    if ((vacancy_record(fsd, index)->flags & VACANCY_REMOVE) != 0)
        vacancy_carry_out(fsd, index);
    else
        vacancy_close(fsd, index);
}

/* What it has created it may just be closing. */
static void process_ended(struct fsd *fsd, int index)
{
    struct vacancy_record *record = vacancy_record(fsd, index);
    vacancy_stop_watching(fsd->vacancies, index);
    if ((record->flags & VACANCY_CREATED) != 0)
        record->deadline_ms = clock_wall_ms() + VACANCY_MS;
    else
        end(fsd, index);
}

void vacancies_turn(struct fsd *fsd)
{
    struct vacancies *vacancies = fsd->vacancies;
    if (vacancies->open == 0)
        return;
    struct epoll_event events[64];
    int count = epoll_wait(vacancies->epoll_fd, events, 64, 0);
    for (int i = 0; i < count; i++)
        process_ended(fsd, (int)events[i].data.u32);
}

/* Has the process had the time to go on, or is it only held up by others? */
static bool has_had_its_time(struct fsd *fsd, int index)
{
    struct vacancy_side *side = &fsd->vacancies->sides[index];
    struct pace pace;
    if (!pace_of((pid_t)vacancy_record(fsd, index)->process, &pace) || !pace.held_up)
        return true;
    if (side->had_cpu_ms < 0)
        side->had_cpu_ms = pace.cpu_ms;
    return pace.cpu_ms - side->had_cpu_ms >= VACANCY_MS;
}

/* Twice in a row: a process that waits for the answer to a request that has not been read looks as if it
 * rested, and before the second look what it has asked is read. */
static bool is_at_rest(struct fsd *fsd, int index)
{
    struct vacancy_side *side = &fsd->vacancies->sides[index];
    bool rested = side->rests;
    side->rests = has_had_its_time(fsd, index);
    fsd->vacancies->look_again |= side->rests && !rested;
    return side->rests && rested;
}

void vacancies_expire(struct fsd *fsd, bool idle)
{
    int64_t now = clock_wall_ms();
    fsd->vacancies->look_again = false;
    if (exclusive_is_held(fsd))
        return;
    idle = idle && call_queue_is_empty(&fsd->vacancies->lookers);
    for (int i = 0; fsd->vacancies->open > 0 && i < MEMORY_VACANCIES; i++) {
        struct vacancy_record *record = vacancy_record(fsd, i);
        if (record->process == 0 || record->deadline_ms == 0 || fsd->vacancies->sides[i].asked ||
            record->deadline_ms + (idle ? 0 : BUSY_MS) > now)
            continue;
        if (is_at_rest(fsd, i))
            end(fsd, i);
        else if (!fsd->vacancies->sides[i].rests)
            record->deadline_ms = now + VACANCY_MS / 2;
    }
}

int vacancies_fd(const struct vacancies *vacancies)
{
    return vacancies->epoll_fd;
}

int vacancies_timeout(const struct fsd *fsd)
{
    if (fsd->vacancies->look_again)
        return 0;
    return fsd->vacancies->open > 0 ? VACANCY_MS / 2 : -1;
}

/* ---- what other requests mean ---- */

/* Among them the process's own that say nothing: opening files of other objects, from which it may be about
 * to copy, and the name itself. */
static bool decides(const struct call *call, int index, int64_t object, struct str path)
{
    const struct vacancy_record *record = vacancy_record(call->fsd, index);
    if ((record->flags & VACANCY_CREATED) != 0 || (object != 0 && object != record->object))
        return false;
    return path.length == 0 || !str_equal(path, vacancy_path(call->fsd, index));
}

static void go_on(struct call *call)
{
    struct fsd *fsd = call->fsd;
    bool renames = call->new_name != NULL;
    uint32_t node = renames ? node_of_number(fsd->nodes, call->new_parent) : call_node(call);
    const char *name = renames ? call->new_name : call->name;
    struct place place = {0};
    autobuf struct buf path = {0};
    if (node != 0 && name != NULL)
        vacancy_locate(fsd, node, str_of(name), &path);
    if (node != 0 && place_of_node(fsd, node, &place) < 0)
        return;
    uint32_t process = (uint32_t)call_process(call);
    for (int i = 0; i < MEMORY_VACANCIES && process != 0; i++)
        if (vacancy_record(fsd, i)->process == process && decides(call, i, place.object, buf_str(&path)))
            end(fsd, i);
}

/* Could the call see that a removal which is in flight has not been carried out? What lies in that object,
 * and lists. Names outside of objects stay as they are. */
static bool would_see(const struct call *call)
{
    struct fsd *fsd = call->fsd;
    struct place place;
    uint32_t node = call_node(call);
    if (node == 0 || place_of_node(fsd, node, &place) < 0)
        return false;
    if (place.object == 0)
        return call->operation == &op_open;
    for (int i = 0; i < MEMORY_VACANCIES; i++)
        if (vacancy_record(fsd, i)->process != 0 && vacancy_record(fsd, i)->object == place.object &&
            fsd->vacancies->sides[i].decided)
            return true;
    return false;
}

bool vacancies_delay(struct call *call)
{
    struct vacancies *vacancies = call->fsd->vacancies;
    if (vacancies->open == 0 || call->operation->regards == REGARDS_NOTHING)
        return false;
    if (call->operation->regards == GOES_ON)
        go_on(call);
    if (vacancies->in_flight == 0 || !would_see(call))
        return false;
    call_queue_add(&vacancies->lookers, call);
    return true;
}

/* ---- unlink and rmdir ---- */

/* What is below it, and has at most these flags, goes with it. */
static void close_below(struct fsd *fsd, int index, uint32_t flags)
{
    for (int i = 0; i < MEMORY_VACANCIES; i++) {
        const struct vacancy_record *record = vacancy_record(fsd, i);
        if (record->process != 0 && record->object == vacancy_record(fsd, index)->object &&
            (record->flags & ~flags) == 0 && !fsd->vacancies->sides[i].decided &&
            vacancy_is_below(vacancy_path(fsd, i), vacancy_path(fsd, index)))
            vacancy_close(fsd, i);
    }
}

/* rm -r and its like have the directory open while they empty it. */
static bool has_open(const struct call *call, uint32_t directory)
{
    struct fsd *fsd = call->fsd;
    pid_t process = call_process(call);
    for (uint32_t h = handles_next(fsd->handles, 0); h != 0; h = handles_next(fsd->handles, h)) {
        const struct handle_record *handle = handle_record(fsd->handles, h);
        if (handle->node == directory && (handle->flags & HANDLE_DIRECTORY) != 0 &&
            process_of_thread((pid_t)handle->opener) == process)
            return true;
    }
    return false;
}

int vacancy_open(struct call *call, uint32_t parent, struct error **err)
{
    struct fsd *fsd = call->fsd;
    autobuf struct buf path = {0};
    int64_t object = vacancy_locate(fsd, parent, str_of(call->name), &path);
    int index = vacancy_ensure(call, object, buf_str(&path));
    if (index < 0)
        return -ESRCH;
    int status = vacancy_rehearse(call, index, err);
    if (status == -EINPROGRESS)
        return status;
    if (status < 0 && !has_open(call, parent)) {
        vacancy_close(fsd, index);
        return status;
    }
    if (status < 0) {
        error_free(take_pointer(*err));
        vacancy_record(fsd, index)->flags |= VACANCY_REMOVE;
        close_below(fsd, index, VACANCY_REMOVE);
        return 0;
    }
    vacancy_promise(fsd, index, false);
    for (int i = 0; i < MEMORY_VACANCIES; i++)
        if (vacancy_record(fsd, i)->process != 0 && vacancy_record(fsd, i)->object == object &&
            vacancy_is_below(vacancy_path(fsd, i), buf_str(&path)))
            vacancy_promise(fsd, i, true);
    call->result = VACANCY_PROMISED;
    fsd->vacancies->sides[index].asked = true;
    return CALL_PARKED;
}

/* A promise of which no process is known. The record, or -1. */
static int adopt(struct fsd *fsd, const struct promise *row)
{
    int index = vacancy_make(fsd, VACANCY_NOBODY, row->uid, row->gid, row->object, row->path);
    if (index < 0) {
        log_warning("a removal that was promised waits for the next start");
        return -1;
    }
    vacancy_record(fsd, index)->flags = VACANCY_REMOVE | VACANCY_STORED;
    vacancy_record(fsd, index)->deadline_ms = 1;
    return index;
}

void vacancy_granted(struct call *call, uint32_t parent, int result)
{
    struct fsd *fsd = call->fsd;
    bool promised = result == VACANCY_PROMISED;
    if (fsd->vacancies->open == 0 && !promised)
        return;
    autobuf struct buf path = {0};
    int64_t object = vacancy_locate(fsd, parent, str_of(call->name), &path);
    /* Its process may have ended before the disk was done. */
    if (promised && object != 0 && vacancy_next(fsd, -1, object, buf_str(&path)) < 0) {
        const struct promise row = {
            .object = object, .path = buf_str(&path), .uid = call->asker.uid, .gid = call->asker.gid};
        (void)adopt(fsd, &row);
        return;
    }
    for (int i = vacancy_next(fsd, -1, object, buf_str(&path)); i >= 0;
         i = vacancy_next(fsd, i, object, buf_str(&path))) {
        struct vacancy_record *record = vacancy_record(fsd, i);
        if ((record->flags & VACANCY_REMOVE) != 0)
            continue;
        fsd->vacancies->sides[i].asked = false;
        record->deadline_ms = clock_wall_ms() + VACANCY_MS;
        record->flags |= VACANCY_REMOVE | VACANCY_STORED;
        close_below(fsd, i, VACANCY_REMOVE | VACANCY_STORED);
    }
}

void vacancy_refused(struct call *call, uint32_t parent)
{
    struct fsd *fsd = call->fsd;
    int index = parent != 0 ? own_name(call, parent, str_of(call->name)) : -1;
    if (index >= 0 && fsd->vacancies->sides[index].asked)
        vacancy_close(fsd, index);
}

void vacancy_leave(struct call *call, uint32_t parent)
{
    autobuf struct buf path = {0};
    int64_t object = vacancy_locate(call->fsd, parent, str_of(call->name), &path);
    if (object != 0)
        (void)vacancy_ensure(call, object, buf_str(&path));
}

/* ---- the name, and what comes there ---- */

bool vacancy_hides(const struct call *call, uint32_t parent, struct str name)
{
    int index = own_name(call, parent, name);
    return index >= 0 && (vacancy_record(call->fsd, index)->flags & VACANCY_CREATED) == 0;
}

bool vacancy_is_at(const struct fsd *fsd, uint32_t node)
{
    if (fsd->vacancies->open == 0 || node == NODE_ROOT)
        return false;
    autobuf struct buf path = {0};
    int64_t object = vacancy_locate((struct fsd *)fsd, node_record(fsd->nodes, node)->parent,
                                    node_name(fsd->nodes, node), &path);
    return vacancy_next(fsd, -1, object, buf_str(&path)) >= 0;
}

void vacancy_create(struct call *call, uint32_t parent)
{
    struct fsd *fsd = call->fsd;
    int index = own_name(call, parent, str_of(call->name));
    if (index < 0)
        return;
    struct vacancy_record *record = vacancy_record(fsd, index);
    if ((record->flags & VACANCY_REMOVE) == 0) {
        vacancy_close(fsd, index);
        return;
    }
    record->deadline_ms = 0;
    record->flags |= VACANCY_CREATED;
}

void vacancy_fill(struct fsd *fsd, int64_t object, struct str path)
{
    for (int i = vacancy_next(fsd, -1, object, path); i >= 0; i = vacancy_next(fsd, i, object, path))
        if ((vacancy_record(fsd, i)->flags & VACANCY_STORED) != 0)
            vacancy_promise(fsd, i, true);
}

/* Those of a node: calls back for each. */
static void each_of_node(struct fsd *fsd, uint32_t node, void (*act)(struct fsd *fsd, int index))
{
    if (fsd->vacancies->open == 0)
        return;
    autobuf struct buf path = {0};
    int64_t object =
        vacancy_locate(fsd, node_record(fsd->nodes, node)->parent, node_name(fsd->nodes, node), &path);
    for (int i = vacancy_next(fsd, -1, object, buf_str(&path)); i >= 0;
         i = vacancy_next(fsd, i, object, buf_str(&path)))
        if (!fsd->vacancies->sides[i].decided)
            act(fsd, i);
}

void vacancy_filled(struct fsd *fsd, uint32_t node)
{
    each_of_node(fsd, node, vacancy_close);
}

static void abandon(struct fsd *fsd, int index)
{
    struct vacancy_record *record = vacancy_record(fsd, index);
    if ((record->flags & VACANCY_CREATED) == 0)
        return;
    record->flags &= ~(uint32_t)VACANCY_CREATED;
    record->deadline_ms = clock_wall_ms();
}

void vacancy_abandon(struct fsd *fsd, uint32_t node)
{
    each_of_node(fsd, node, abandon);
}

/* ---- the beginning and the end ---- */

void vacancy_inherit(struct fsd *fsd, const struct promise *row)
{
    for (int i = vacancy_next(fsd, -1, row->object, row->path); i >= 0;
         i = vacancy_next(fsd, i, row->object, row->path)) {
        /* The answer may not have been given; the promise has. */
        vacancy_record(fsd, i)->flags |= VACANCY_REMOVE | VACANCY_STORED;
        fsd->vacancies->sides[i].inherited = true;
        return;
    }
    int index = adopt(fsd, row);
    if (index >= 0)
        fsd->vacancies->sides[index].inherited = true;
}

void vacancies_take_over(struct fsd *fsd)
{
    for (int i = 0; i < MEMORY_VACANCIES; i++) {
        const struct vacancy_record *record = vacancy_record(fsd, i);
        if (record->process != 0 && (record->flags & VACANCY_STORED) != 0 &&
            !fsd->vacancies->sides[i].inherited)
            vacancy_close(fsd, i);
        else if (record->process != 0 && fsd->vacancies->sides[i].pidfd == 0)
            end(fsd, i); /* its process is gone: whoever knows that is answered after this */
    }
}
