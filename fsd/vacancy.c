#include "fsd/vacancy.h"

#include "fsd/errors.h"
#include "fsd/exclusive.h"
#include "fsd/pace.h"
#include "fsd/tell.h"
#include "fsd/txn.h"
#include "lib/clock.h"
#include "lib/log.h"
#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RETRY_MS 1000
#define BUSY_MS  1000       /* so long requests that wait may hold up what is due */
#define NOBODY   UINT32_MAX /* the process of a promise whose process is not known any more */

enum {
    VACANCY_REMOVE = 1, /* at the end the field is removed */
    VACANCY_STORED = 2, /* … as has been promised */
    VACANCY_CREATED = 4
};

/* What is not shared, of the record of the same index. */
struct side {
    int pidfd; /* 0: none is watched */
    bool carried_out;
    int64_t had_cpu_ms; /* its process, when its time was up and it was held up; -1: has not happened */
    bool inherited;     /* after a takeover: the store has its promise */
};

struct vacancies {
    int epoll_fd;
    unsigned open;
    unsigned in_flight; /* removals on their way to the disk */
    struct side sides[MEMORY_VACANCIES];
};

static struct vacancy_record *record_at(const struct fsd *fsd, int index)
{
    return &fsd->memory->header->vacancies[index];
}

static struct str path_at(const struct fsd *fsd, int index)
{
    return arena_bytes_str(fsd->memory->arena, &record_at(fsd, index)->path);
}

/* ---- finding ---- */

/* The object that a directory belongs to, and the path of a name in it. */
static int64_t locate(struct fsd *fsd, uint32_t parent, struct str name, struct buf *path)
{
    struct place place;
    if (parent == 0 || place_of_node(fsd, parent, &place) < 0)
        return 0;
    if (place.type != PLACE_OBJECT && place.type != PLACE_FIELD)
        return 0;
    place_field_path(fsd, parent, path);
    if (path->length != 0)
        buf_add_char(path, '/');
    buf_add_str(path, name);
    return place.object;
}

/* The next one at that place behind `after` (-1: the first), or -1. */
static int next_at(const struct fsd *fsd, int after, int64_t object, struct str path)
{
    if (object == 0 || fsd->vacancies->open == 0)
        return -1;
    for (int i = after + 1; i < MEMORY_VACANCIES; i++) {
        const struct vacancy_record *record = record_at(fsd, i);
        if (record->process != 0 && record->object == object && str_equal(path_at(fsd, i), path))
            return i;
    }
    return -1;
}

/* The one that the process of the call has there. */
static int own_at(const struct call *call, int64_t object, struct str path)
{
    pid_t process = 0;
    for (int i = next_at(call->fsd, -1, object, path); i >= 0; i = next_at(call->fsd, i, object, path)) {
        if (process == 0)
            process = call_process(call); /* asked only when it matters */
        if (process != 0 && record_at(call->fsd, i)->process == (uint32_t)process)
            return i;
    }
    return -1;
}

static int own_name(const struct call *call, uint32_t parent, struct str name)
{
    if (call->fsd->vacancies->open == 0)
        return -1;
    autobuf struct buf path = {0};
    int64_t object = locate(call->fsd, parent, name, &path);
    return own_at(call, object, buf_str(&path));
}

/* ---- opening and closing ---- */

static void stop_watching(struct vacancies *vacancies, int index)
{
    if (vacancies->sides[index].pidfd > 0)
        close(vacancies->sides[index].pidfd); /* and out of the epoll set */
    vacancies->sides[index].pidfd = 0;
}

static int watch(struct vacancies *vacancies, int index, uint32_t process)
{
    if (process == NOBODY)
        return -ESRCH;
    int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)process, 0);
    if (pidfd < 0)
        return -errno;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
    if (epoll_ctl(vacancies->epoll_fd, EPOLL_CTL_ADD, pidfd, &event) < 0) {
        int number = errno;
        close(pidfd);
        return -number;
    }
    vacancies->sides[index].pidfd = pidfd;
    return 0;
}

static void close_vacancy(struct fsd *fsd, int index)
{
    struct vacancy_record *record = record_at(fsd, index);
    record->process = 0;
    atomic_signal_fence(memory_order_seq_cst);
    arena_bytes_free(fsd->memory->arena, &record->path);
    stop_watching(fsd->vacancies, index);
    fsd->vacancies->sides[index].carried_out = false;
    fsd->vacancies->open--;
}

/* A free record, filled in; -1 when there is none, or no room for the path. */
static int make(struct fsd *fsd, uint32_t process, uint32_t uid, uint32_t gid, int64_t object,
                struct str path)
{
    int index = 0;
    while (index < MEMORY_VACANCIES && record_at(fsd, index)->process != 0)
        index++;
    if (index == MEMORY_VACANCIES)
        return -1;
    struct vacancy_record *record = record_at(fsd, index);
    *record = (struct vacancy_record){
        .uid = uid, .gid = gid, .object = object, .deadline_ms = clock_wall_ms() + VACANCY_MS};
    if (arena_bytes_write(fsd->memory->arena, &record->path, 0, path) < 0)
        return -1;
    atomic_signal_fence(memory_order_seq_cst);
    record->process = process;
    fsd->vacancies->sides[index].had_cpu_ms = -1;
    fsd->vacancies->open++;
    return index;
}

/* The record of the call's process at that place, made if need be, and its end watched; -1: it can't be. */
static int own_record(struct call *call, int64_t object, struct str path)
{
    struct fsd *fsd = call->fsd;
    int index = own_at(call, object, path); /* by the first try of this request */
    pid_t process = index < 0 ? call_process(call) : 0;
    if (process != 0)
        index = make(fsd, (uint32_t)process, call->asker.uid, call->asker.gid, object, path);
    if (index < 0 || fsd->vacancies->sides[index].pidfd > 0)
        return index;
    if (watch(fsd->vacancies, index, record_at(fsd, index)->process) == 0)
        return index;
    close_vacancy(fsd, index);
    return -1;
}

/* ---- carrying out ---- */

static void promise(struct fsd *fsd, int index, bool redeemed)
{
    const struct vacancy_record *record = record_at(fsd, index);
    struct promise row = {.object = record->object,
                          .path = path_at(fsd, index),
                          .uid = record->uid,
                          .gid = record->gid,
                          .redeemed = redeemed};
    txn_promise(fsd, &row);
}

static int remove_field(struct fsd *fsd, int index, struct error **err)
{
    const struct vacancy_record *record = record_at(fsd, index);
    struct object *object = object_by_id(fsd->objects, record->object);
    if (object == NULL || !object_is_visible(object))
        return -ENOENT;
    const struct asker asker = {
        .uid = record->uid, .gid = record->gid, .identity = identity_of(record->uid, record->gid)};
    struct change change = {.kind = object->kind,
                            .namespace = str_of(object->namespace),
                            .name = str_of(object->name),
                            .edit = {.type = EDIT_FIELD_REMOVE, .path = path_at(fsd, index)},
                            .must_exist = true};
    return txn_change(fsd, &asker, &change, NULL, err);
}

static void say_refused(struct fsd *fsd, int index, const struct error *err)
{
    const struct vacancy_record *record = record_at(fsd, index);
    autobuf struct buf path = {0}, sentence = {0};
    const struct object *object = object_by_id(fsd->objects, record->object);
    if (object != NULL)
        place_object_path(object, &path);
    buf_addf(&path, "/" STR_FORMAT, STR_ARGS(path_at(fsd, index)));
    buf_addf(&sentence, "was removed, and is there again: %s", error_message(err));
    errors_add(fsd->memory, record->uid, clock_wall_ms(), buf_str(&path), sentence.at);
    tell_errors(fsd, record->uid);
}

/* The batch with the removal has ended. The disk may have refused it: then it is tried again, because it has
 * been acknowledged. */
static void finish_carrying_out(struct call *call, int result)
{
    struct fsd *fsd = call->fsd;
    int index = (int)call->flags;
    fsd->vacancies->in_flight--;
    if (result >= 0) {
        close_vacancy(fsd, index);
    } else {
        fsd->vacancies->sides[index].carried_out = false;
        record_at(fsd, index)->deadline_ms = clock_wall_ms() + RETRY_MS;
    }
    call_free(call);
}

static const struct operation op_vacate = {.name = "vacate", .finish = finish_carrying_out, .always = true};

static void carry_out(struct fsd *fsd, int index)
{
    const struct vacancy_record *record = record_at(fsd, index);
    autoerror struct error *err = NULL;
    int status = remove_field(fsd, index, &err);
    if (status < 0 && status != -ENOENT)
        say_refused(fsd, index, err);
    if ((record->flags & VACANCY_STORED) != 0)
        promise(fsd, index, true);
    struct call *call = memory_zeroed(1, sizeof(*call));
    call->fsd = fsd;
    call->operation = &op_vacate;
    call->quiet = true;
    call->flags = (unsigned)index;
    fsd->vacancies->in_flight++;
    fsd->vacancies->sides[index].carried_out = true;
    stop_watching(fsd->vacancies, index);
    txn_park(call);
}

static void end(struct fsd *fsd, int index)
{
    if (fsd->vacancies->sides[index].carried_out)
        return;
    if ((record_at(fsd, index)->flags & VACANCY_REMOVE) != 0)
        carry_out(fsd, index);
    else
        close_vacancy(fsd, index);
}

/* What it has created it may just be closing. */
static void process_ended(struct fsd *fsd, int index)
{
    struct vacancy_record *record = record_at(fsd, index);
    stop_watching(fsd->vacancies, index);
    if ((record->flags & VACANCY_CREATED) != 0)
        record->deadline_ms = clock_wall_ms() + VACANCY_MS;
    else
        end(fsd, index);
}

void vacancies_turn(struct fsd *fsd)
{
    struct vacancies *vacancies = fsd->vacancies;
    if (vacancies->open == 0 || exclusive_is_held(fsd))
        return;
    struct epoll_event events[64];
    int count = epoll_wait(vacancies->epoll_fd, events, 64, 0);
    for (int i = 0; i < count; i++)
        process_ended(fsd, (int)events[i].data.u32);
}

/* Has the process had the time to go on, or is it only held up by others? */
static bool has_had_its_time(struct fsd *fsd, int index)
{
    struct side *side = &fsd->vacancies->sides[index];
    struct pace pace;
    if (!pace_of((pid_t)record_at(fsd, index)->process, &pace) || !pace.held_up)
        return true;
    if (side->had_cpu_ms < 0)
        side->had_cpu_ms = pace.cpu_ms;
    return pace.cpu_ms - side->had_cpu_ms >= VACANCY_MS;
}

void vacancies_expire(struct fsd *fsd, bool idle)
{
    int64_t now = clock_wall_ms();
    if (exclusive_is_held(fsd))
        return;
    for (int i = 0; fsd->vacancies->open > 0 && i < MEMORY_VACANCIES; i++) {
        struct vacancy_record *record = record_at(fsd, i);
        if (record->process == 0 || record->deadline_ms == 0 ||
            record->deadline_ms + (idle ? 0 : BUSY_MS) > now)
            continue;
        if (has_had_its_time(fsd, i))
            end(fsd, i);
        else
            record->deadline_ms = now + VACANCY_MS / 2;
    }
}

int vacancies_fd(const struct vacancies *vacancies)
{
    return vacancies->epoll_fd;
}

int vacancies_timeout(const struct fsd *fsd)
{
    return fsd->vacancies->open > 0 ? VACANCY_MS / 2 : -1;
}

/* ---- what other requests mean ---- */

/* Among them the process's own that say nothing: opening files of other objects, from which it may be about
 * to copy, and the name itself. */
static bool decides(const struct call *call, int index, int64_t object, struct str path)
{
    const struct vacancy_record *record = record_at(call->fsd, index);
    if ((record->flags & VACANCY_CREATED) != 0 || (object != 0 && object != record->object))
        return false;
    return path.length == 0 || !str_equal(path, path_at(call->fsd, index));
}

/* False: something would have to be changed, and that is somebody else's at present. */
static bool go_on(struct call *call)
{
    struct fsd *fsd = call->fsd;
    bool renames = call->new_name != NULL;
    uint32_t node = renames ? node_of_number(fsd->nodes, call->new_parent) : call_node(call);
    const char *name = renames ? call->new_name : call->name;
    struct place place = {0};
    autobuf struct buf path = {0};
    if (node != 0 && name != NULL)
        locate(fsd, node, str_of(name), &path);
    if (node != 0 && place_of_node(fsd, node, &place) < 0)
        return true;
    uint32_t process = (uint32_t)call_process(call);
    for (int i = 0; i < MEMORY_VACANCIES && process != 0; i++)
        if (record_at(fsd, i)->process == process && decides(call, i, place.object, buf_str(&path))) {
            if (exclusive_is_held(fsd))
                return false;
            end(fsd, i);
        }
    return true;
}

bool vacancies_delay(struct call *call)
{
    struct vacancies *vacancies = call->fsd->vacancies;
    if (vacancies->open == 0 || call->operation->regards == REGARDS_NOTHING)
        return false;
    bool gone_on = call->operation->regards != GOES_ON || go_on(call);
    return !gone_on || vacancies->in_flight > 0;
}

/* ---- unlink and rmdir ---- */

static bool is_below(struct str path, struct str directory)
{
    return path.length > directory.length && str_starts(path, directory) && path.at[directory.length] == '/';
}

/* What is below it, and has at most these flags, goes with it. */
static void close_below(struct fsd *fsd, int index, uint32_t flags)
{
    for (int i = 0; i < MEMORY_VACANCIES; i++) {
        const struct vacancy_record *record = record_at(fsd, i);
        if (record->process != 0 && record->object == record_at(fsd, index)->object &&
            (record->flags & ~flags) == 0 && !fsd->vacancies->sides[i].carried_out &&
            is_below(path_at(fsd, i), path_at(fsd, index)))
            close_vacancy(fsd, i);
    }
}

/* Would the removal be accepted, upon the others that the process has been promised? */
static int rehearse(struct fsd *fsd, int index, struct error **err)
{
    const struct vacancy_record *record = record_at(fsd, index);
    struct txn_mark mark = txn_mark(fsd);
    for (int i = 0; i < MEMORY_VACANCIES; i++) {
        const struct vacancy_record *other = record_at(fsd, i);
        autoerror struct error *refusal = NULL;
        if (i != index && other->process == record->process && other->object == record->object &&
            (other->flags & (VACANCY_STORED | VACANCY_CREATED)) == VACANCY_STORED &&
            !is_below(path_at(fsd, i), path_at(fsd, index)))
            (void)remove_field(fsd, i, &refusal);
    }
    int status = remove_field(fsd, index, err);
    txn_undo(fsd, mark);
    return status;
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
    int64_t object = locate(fsd, parent, str_of(call->name), &path);
    int index = own_record(call, object, buf_str(&path));
    if (index < 0)
        return -ESRCH;
    int status = rehearse(fsd, index, err);
    if (status < 0 && !has_open(call, parent)) {
        close_vacancy(fsd, index);
        return status;
    }
    if (status < 0) {
        error_free(take_pointer(*err));
        record_at(fsd, index)->flags |= VACANCY_REMOVE;
        close_below(fsd, index, VACANCY_REMOVE);
        return 0;
    }
    promise(fsd, index, false);
    for (int i = 0; i < MEMORY_VACANCIES; i++)
        if (record_at(fsd, i)->process != 0 && record_at(fsd, i)->object == object &&
            is_below(path_at(fsd, i), buf_str(&path)))
            promise(fsd, i, true);
    return CALL_PARKED;
}

void vacancy_granted(struct call *call, uint32_t parent)
{
    struct fsd *fsd = call->fsd;
    if (fsd->vacancies->open == 0)
        return;
    autobuf struct buf path = {0};
    int64_t object = locate(fsd, parent, str_of(call->name), &path);
    for (int i = next_at(fsd, -1, object, buf_str(&path)); i >= 0;
         i = next_at(fsd, i, object, buf_str(&path))) {
        struct vacancy_record *record = record_at(fsd, i);
        if ((record->flags & VACANCY_REMOVE) != 0)
            continue;
        record->deadline_ms = clock_wall_ms() + VACANCY_MS;
        record->flags |= VACANCY_REMOVE | VACANCY_STORED;
        close_below(fsd, i, VACANCY_REMOVE | VACANCY_STORED);
    }
}

void vacancy_leave(struct call *call, uint32_t parent)
{
    autobuf struct buf path = {0};
    int64_t object = locate(call->fsd, parent, str_of(call->name), &path);
    if (object != 0)
        (void)own_record(call, object, buf_str(&path));
}

/* ---- the name, and what comes there ---- */

bool vacancy_hides(const struct call *call, uint32_t parent, struct str name)
{
    int index = own_name(call, parent, name);
    return index >= 0 && (record_at(call->fsd, index)->flags & VACANCY_CREATED) == 0;
}

bool vacancy_is_at(const struct fsd *fsd, uint32_t node)
{
    if (fsd->vacancies->open == 0 || node == NODE_ROOT)
        return false;
    autobuf struct buf path = {0};
    int64_t object =
        locate((struct fsd *)fsd, node_record(fsd->nodes, node)->parent, node_name(fsd->nodes, node), &path);
    return next_at(fsd, -1, object, buf_str(&path)) >= 0;
}

void vacancy_create(struct call *call, uint32_t parent)
{
    struct fsd *fsd = call->fsd;
    int index = own_name(call, parent, str_of(call->name));
    if (index < 0)
        return;
    struct vacancy_record *record = record_at(fsd, index);
    if ((record->flags & VACANCY_REMOVE) == 0) {
        close_vacancy(fsd, index);
        return;
    }
    record->deadline_ms = 0;
    record->flags |= VACANCY_CREATED;
}

void vacancy_fill(struct fsd *fsd, int64_t object, struct str path)
{
    for (int i = next_at(fsd, -1, object, path); i >= 0; i = next_at(fsd, i, object, path))
        if ((record_at(fsd, i)->flags & VACANCY_STORED) != 0)
            promise(fsd, i, true);
}

/* Those of a node: calls back for each. */
static void each_of_node(struct fsd *fsd, uint32_t node, void (*act)(struct fsd *fsd, int index))
{
    if (fsd->vacancies->open == 0)
        return;
    autobuf struct buf path = {0};
    int64_t object = locate(fsd, node_record(fsd->nodes, node)->parent, node_name(fsd->nodes, node), &path);
    for (int i = next_at(fsd, -1, object, buf_str(&path)); i >= 0;
         i = next_at(fsd, i, object, buf_str(&path)))
        if (!fsd->vacancies->sides[i].carried_out)
            act(fsd, i);
}

void vacancy_filled(struct fsd *fsd, uint32_t node)
{
    each_of_node(fsd, node, close_vacancy);
}

static void abandon(struct fsd *fsd, int index)
{
    struct vacancy_record *record = record_at(fsd, index);
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

struct vacancies *vacancies_new(struct memory *memory)
{
    struct vacancies *vacancies = memory_zeroed(1, sizeof(*vacancies));
    vacancies->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (vacancies->epoll_fd < 0)
        log_error("cannot watch processes: %s", strerror(errno)); /* they are given a time then */
    for (int i = 0; i < MEMORY_VACANCIES; i++) {
        struct vacancy_record *record = &memory->header->vacancies[i];
        if (record->process == 0) {
            record->path = (struct arena_bytes){0}; /* its block goes, should it have one */
            continue;
        }
        arena_mark(memory->arena, record->path.ref);
        vacancies->open++;
        vacancies->sides[i].had_cpu_ms = -1;
        if (watch(vacancies, i, record->process) < 0)
            record->deadline_ms = 1;
    }
    return vacancies;
}

void vacancies_free(struct vacancies *vacancies)
{
    if (vacancies == NULL)
        return;
    for (int i = 0; i < MEMORY_VACANCIES; i++)
        stop_watching(vacancies, i);
    if (vacancies->epoll_fd >= 0)
        close(vacancies->epoll_fd);
    free(vacancies);
}

void vacancy_inherit(struct fsd *fsd, const struct promise *row)
{
    for (int i = next_at(fsd, -1, row->object, row->path); i >= 0;
         i = next_at(fsd, i, row->object, row->path)) {
        /* The answer may not have been given; the promise has. */
        record_at(fsd, i)->flags |= VACANCY_REMOVE | VACANCY_STORED;
        fsd->vacancies->sides[i].inherited = true;
        return;
    }
    int index = make(fsd, NOBODY, row->uid, row->gid, row->object, row->path);
    if (index < 0) {
        log_warning("a removal that was promised waits for the next start");
        return;
    }
    record_at(fsd, index)->flags = VACANCY_REMOVE | VACANCY_STORED;
    record_at(fsd, index)->deadline_ms = 1;
    fsd->vacancies->sides[index].inherited = true;
}

void vacancies_take_over(struct fsd *fsd)
{
    for (int i = 0; i < MEMORY_VACANCIES; i++) {
        const struct vacancy_record *record = record_at(fsd, i);
        if (record->process != 0 && (record->flags & VACANCY_STORED) != 0 &&
            !fsd->vacancies->sides[i].inherited)
            close_vacancy(fsd, i);
        else if (record->process != 0 && fsd->vacancies->sides[i].pidfd == 0)
            end(fsd, i); /* its process is gone: whoever knows that is answered after this */
    }
}
