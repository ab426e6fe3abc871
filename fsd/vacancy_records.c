/* The records of vacancies, and the processes that they are of. */
#include "fsd/vacancy_private.h"

#include "lib/clock.h"
#include "lib/log.h"
#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

struct vacancy_record *vacancy_record(const struct fsd *fsd, int index)
{
    return &fsd->memory->header->vacancies[index];
}

struct str vacancy_path(const struct fsd *fsd, int index)
{
    return arena_bytes_str(fsd->memory->arena, &vacancy_record(fsd, index)->path);
}

/* ---- finding ---- */

int64_t vacancy_locate(struct fsd *fsd, uint32_t parent, struct str name, struct buf *path)
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

int vacancy_next(const struct fsd *fsd, int after, int64_t object, struct str path)
{
    if (object == 0 || fsd->vacancies->open == 0)
        return -1;
    for (int i = after + 1; i < MEMORY_VACANCIES; i++) {
        const struct vacancy_record *record = vacancy_record(fsd, i);
        if (record->process != 0 && record->object == object && str_equal(vacancy_path(fsd, i), path))
            return i;
    }
    return -1;
}

int vacancy_own(const struct call *call, int64_t object, struct str path)
{
    pid_t process = 0;
    for (int i = vacancy_next(call->fsd, -1, object, path); i >= 0;
         i = vacancy_next(call->fsd, i, object, path)) {
        if (process == 0)
            process = call_process(call); /* asked only when it matters */
        if (process != 0 && vacancy_record(call->fsd, i)->process == (uint32_t)process)
            return i;
    }
    return -1;
}

/* ---- opening and closing ---- */

void vacancy_stop_watching(struct vacancies *vacancies, int index)
{
    if (vacancies->sides[index].pidfd > 0)
        close(vacancies->sides[index].pidfd); /* and out of the epoll set */
    vacancies->sides[index].pidfd = 0;
}

static int watch(struct vacancies *vacancies, int index, uint32_t process)
{
    if (process == VACANCY_NOBODY)
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

void vacancy_close(struct fsd *fsd, int index)
{
    struct vacancy_record *record = vacancy_record(fsd, index);
    record->process = 0;
    atomic_signal_fence(memory_order_seq_cst);
    arena_bytes_free(fsd->memory->arena, &record->path);
    vacancy_stop_watching(fsd->vacancies, index);
    fsd->vacancies->sides[index].decided = fsd->vacancies->sides[index].asked = false;
    fsd->vacancies->open--;
}

int vacancy_make(struct fsd *fsd, uint32_t process, uint32_t uid, uint32_t gid, int64_t object,
                 struct str path)
{
    int index = 0;
    while (index < MEMORY_VACANCIES && vacancy_record(fsd, index)->process != 0)
        index++;
    if (index == MEMORY_VACANCIES)
        return -1;
    struct vacancy_record *record = vacancy_record(fsd, index);
    *record = (struct vacancy_record){
        .uid = uid, .gid = gid, .object = object, .deadline_ms = clock_wall_ms() + VACANCY_MS};
    if (arena_bytes_write(fsd->memory->arena, &record->path, 0, path) < 0)
        return -1;
    atomic_signal_fence(memory_order_seq_cst);
    record->process = process;
    fsd->vacancies->sides[index].had_cpu_ms = -1;
    fsd->vacancies->sides[index].rests = false;
    fsd->vacancies->open++;
    return index;
}

int vacancy_ensure(struct call *call, int64_t object, struct str path)
{
    struct fsd *fsd = call->fsd;
    int index = vacancy_own(call, object, path); /* by the first try of this request */
    pid_t process = index < 0 ? call_process(call) : 0;
    if (process != 0)
        index = vacancy_make(fsd, (uint32_t)process, call->asker.uid, call->asker.gid, object, path);
    if (index < 0 || fsd->vacancies->sides[index].pidfd > 0)
        return index;
    if (watch(fsd->vacancies, index, vacancy_record(fsd, index)->process) == 0)
        return index;
    vacancy_close(fsd, index);
    return -1;
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
        vacancy_stop_watching(vacancies, i);
    if (vacancies->epoll_fd >= 0)
        close(vacancies->epoll_fd);
    free(vacancies);
}
