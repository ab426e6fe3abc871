#include "fsd/session.h"

#include "fsd/operations.h"
#include "fsd/vacancy.h"
#include "lib/clock.h"
#include "lib/fault.h"
#include "lib/log.h"
#include <errno.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <sys/uio.h>

#define TURN_US    1000
#define PAGE_BYTES 4096
#define MAX_WRITE  (128u << 10)
#define INIT_UNIQUE \
    0x7fffffffffffff00u /* of the INIT that is played again: no request of the kernel has it */

struct session {
    struct fsd *fsd;
    struct fuse_session *fuse;
    int fd;
    int slot; /* being dispatched */
    bool repeated;
    struct call_queue waiting;
};

int session_slot(const struct session *session, bool *repeated)
{
    *repeated = session->repeated;
    return session->slot;
}

/* ---- libfuse's callbacks: each fills in a call ---- */

static struct call *begin(fuse_req_t request, const struct operation *operation, fuse_ino_t node,
                          const char *name)
{
    struct call *call = call_new(fuse_req_userdata(request), request, operation);
    call->node = node;
    call->name = name;
    return call;
}

static void set_file(struct call *call, const struct fuse_file_info *file)
{
    if (file == NULL)
        return;
    call->file = *file;
    call->has_file = true;
}

static void on_init(void *context, struct fuse_conn_info *connection)
{
    (void)context;
    const unsigned not_wanted = FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                                FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_POSIX_ACL;
    connection->want &= ~not_wanted;
    const unsigned wanted = FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_READDIRPLUS |
                            FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ |
                            FUSE_CAP_CACHE_SYMLINKS;
    connection->want |= wanted & connection->capable;
    if ((connection->capable & FUSE_CAP_ATOMIC_O_TRUNC) == 0)
        log_error("this kernel opens and truncates in two steps: writing with > will not work");
    connection->max_write = MAX_WRITE;
    connection->time_gran = 1000000;
}

static void on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    call_run(begin(request, &op_lookup, parent, name));
}

static void forget(struct fsd *fsd, fuse_ino_t number, uint64_t count)
{
    uint32_t node = node_of_number(fsd->nodes, number);
    if (node != 0)
        node_forget(fsd->nodes, node, count);
}

static void on_forget(fuse_req_t request, fuse_ino_t node, uint64_t count)
{
    forget(fuse_req_userdata(request), node, count);
    fuse_reply_none(request);
}

static void on_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t i = 0; i < count; i++)
        forget(fuse_req_userdata(request), forgets[i].ino, forgets[i].nlookup);
    fuse_reply_none(request);
}

static void on_getattr(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    struct call *call = begin(request, &op_getattr, node, NULL);
    set_file(call, file);
    call_run(call);
}

static void on_setattr(fuse_req_t request, fuse_ino_t node, struct stat *attributes, int set,
                       struct fuse_file_info *file)
{
    struct call *call = begin(request, &op_setattr, node, NULL);
    set_file(call, file);
    call->attributes = *attributes;
    call->set = set;
    call_run(call);
}

static void on_readlink(fuse_req_t request, fuse_ino_t node)
{
    call_run(begin(request, &op_readlink, node, NULL));
}

static void on_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    (void)mode, (void)device;
    call_run(begin(request, &op_forbidden, parent, name));
}

static void on_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
    (void)mode;
    call_run(begin(request, &op_mkdir, parent, name));
}

static void on_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    call_run(begin(request, &op_unlink, parent, name));
}

static void on_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    call_run(begin(request, &op_rmdir, parent, name));
}

static void on_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name)
{
    (void)target;
    call_run(begin(request, &op_symlink, parent, name));
}

static void on_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                      const char *new_name, unsigned flags)
{
    struct call *call = begin(request, &op_rename, parent, name);
    call->new_parent = new_parent;
    call->new_name = new_name;
    call->flags = flags;
    call_run(call);
}

static void on_link(fuse_req_t request, fuse_ino_t node, fuse_ino_t new_parent, const char *new_name)
{
    (void)node;
    call_run(begin(request, &op_forbidden, new_parent, new_name));
}

static void on_open(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    struct call *call = begin(request, &op_open, node, NULL);
    set_file(call, file);
    call_run(call);
}

static void on_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *file)
{
    struct call *call = begin(request, &op_create, parent, name);
    set_file(call, file);
    call->mode = mode;
    call_run(call);
}

static void run_file_call(fuse_req_t request, const struct operation *operation, fuse_ino_t node, size_t size,
                          off_t offset, const struct fuse_file_info *file)
{
    struct call *call = begin(request, operation, node, NULL);
    set_file(call, file);
    call->size = size;
    call->offset = offset;
    call_run(call);
}

static void on_read(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                    struct fuse_file_info *file)
{
    run_file_call(request, &op_read, node, size, offset, file);
}

static void on_write(fuse_req_t request, fuse_ino_t node, const char *bytes, size_t size, off_t offset,
                     struct fuse_file_info *file)
{
    struct call *call = begin(request, &op_write, node, NULL);
    set_file(call, file);
    call->data = (struct str){bytes, size};
    call->size = size;
    call->offset = offset;
    call_run(call);
}

static void on_flush(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    run_file_call(request, &op_flush, node, 0, 0, file);
}

static void on_fsync(fuse_req_t request, fuse_ino_t node, int data_only, struct fuse_file_info *file)
{
    (void)data_only;
    run_file_call(request, &op_fsync, node, 0, 0, file);
}

static void on_release(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    run_file_call(request, &op_release, node, 0, 0, file);
}

static void on_opendir(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    run_file_call(request, &op_opendir, node, 0, 0, file);
}

static void on_readdir(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                       struct fuse_file_info *file)
{
    run_file_call(request, &op_readdir, node, size, offset, file);
}

static void on_readdirplus(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                           struct fuse_file_info *file)
{
    run_file_call(request, &op_readdirplus, node, size, offset, file);
}

static void on_releasedir(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    run_file_call(request, &op_releasedir, node, 0, 0, file);
}

static void on_statfs(fuse_req_t request, fuse_ino_t node)
{
    call_run(begin(request, &op_statfs, node, NULL));
}

static void on_access(fuse_req_t request, fuse_ino_t node, int mask)
{
    struct call *call = begin(request, &op_access, node, NULL);
    call->flags = (unsigned)mask;
    call_run(call);
}

/* No extended attributes: without callbacks libfuse says ENOSYS, and the kernel answers ENOTSUP by itself
 * from then on. Locks are the kernel's own for the same reason. */
static const struct fuse_lowlevel_ops callbacks = {
    .init = on_init,
    .lookup = on_lookup,
    .forget = on_forget,
    .forget_multi = on_forget_multi,
    .getattr = on_getattr,
    .setattr = on_setattr,
    .readlink = on_readlink,
    .mknod = on_mknod,
    .mkdir = on_mkdir,
    .unlink = on_unlink,
    .rmdir = on_rmdir,
    .symlink = on_symlink,
    .rename = on_rename,
    .link = on_link,
    .open = on_open,
    .create = on_create,
    .read = on_read,
    .write = on_write,
    .flush = on_flush,
    .fsync = on_fsync,
    .release = on_release,
    .opendir = on_opendir,
    .readdir = on_readdir,
    .readdirplus = on_readdirplus,
    .releasedir = on_releasedir,
    .statfs = on_statfs,
    .access = on_access,
};

/* ---- input and output ---- */

static ssize_t total(const struct iovec *parts, int count)
{
    ssize_t length = 0;
    for (int i = 0; i < count; i++)
        length += (ssize_t)parts[i].iov_len;
    return length;
}

/* The kernel copies an answer from pages that it first has to get hold of; from a process that is being
 * killed it takes only those that are mapped already, and the client would be told EIO. What a predecessor
 * has written into the shared memory is not mapped until it is touched. */
static void touch_pages(const struct iovec *parts, int count)
{
    for (int i = 0; i < count; i++)
        for (size_t offset = 0; offset < parts[i].iov_len; offset += PAGE_BYTES)
            (void)((const volatile char *)parts[i].iov_base)[offset];
    for (int i = 0; i < count; i++)
        if (parts[i].iov_len != 0)
            (void)((const volatile char *)parts[i].iov_base)[parts[i].iov_len - 1];
}

static ssize_t write_answer(int fd, struct iovec *parts, int count, void *context)
{
    struct fsd *fsd = context;
    const struct fuse_out_header *header = parts[0].iov_base;
    if (header->unique == INIT_UNIQUE)
        return total(parts, count); /* the kernel had it from the first fsd */
    touch_pages(parts, count);
    fault_point("answering");
    ssize_t written = writev(fd, parts, count);
    int number = errno;
    fault_point("answered");
    if (header->unique != 0) {
        int slot = slots_find(fsd->slots, header->unique);
        if (slot >= 0)
            slots_release(fsd->slots, slot);
    }
    errno = number;
    return written;
}

/* libfuse never reads by itself: requests are given to it from their slots. */
static ssize_t read_nothing(int fd, void *buffer, size_t length, void *context)
{
    (void)fd, (void)buffer, (void)length, (void)context;
    errno = EAGAIN;
    return -1;
}

/* Answers that will never come: the slot is free at once. For FORGET it must be free before the count goes
 * down: counted twice, a node would go that the kernel still knows. */
static bool wants_no_answer(uint32_t opcode)
{
    return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT;
}

static void dispatch(struct session *session, int slot, bool repeated)
{
    struct fsd *fsd = session->fsd;
    const struct fuse_in_header *header = (const void *)slot_bytes(fsd->slots, slot);
    struct memory_header *memory = fsd->memory->header;
    if (header->opcode == FUSE_INIT && header->len <= MEMORY_INIT_BYTES) {
        memcpy(memory->init, header, header->len);
        memory->init_length = header->len;
    }
    struct fuse_buf buffer = {.mem = slot_bytes(fsd->slots, slot),
                              .size = slot_record(fsd->slots, slot)->length};
    if (wants_no_answer(header->opcode))
        slots_release(fsd->slots, slot);
    session->slot = slot;
    session->repeated = repeated;
    fault_point(repeated ? "repeating" : "dispatching");
    fuse_session_process_buf(session->fuse, &buffer);
    meter_step(&fsd->meter, "a request without an answer");
}

static bool is_init_left(struct fsd *fsd)
{
    int slot = slots_oldest_left(fsd->slots);
    return slot >= 0 && ((const struct fuse_in_header *)slot_bytes(fsd->slots, slot))->opcode == FUSE_INIT;
}

static void replay_init(struct session *session)
{
    struct memory_header *memory = session->fsd->memory->header;
    char request[MEMORY_INIT_BYTES];
    memcpy(request, memory->init, memory->init_length);
    ((struct fuse_in_header *)request)->unique = INIT_UNIQUE;
    struct fuse_buf buffer = {.mem = request, .size = memory->init_length};
    fuse_session_process_buf(session->fuse, &buffer);
}

int session_open(struct fsd *fsd, int fuse_fd, struct session **result, struct error **err)
{
    static const struct fuse_custom_io io = {.writev = write_answer, .read = read_nothing};
    struct session *session = memory_zeroed(1, sizeof(*session));
    char name[] = "podtree";
    char *arguments[] = {name, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, arguments);
    session->fsd = fsd;
    session->fd = fuse_fd;
    session->fuse = fuse_session_new(&args, &callbacks, sizeof(callbacks), fsd);
    if (session->fuse == NULL || fuse_session_custom_io(session->fuse, &io, fuse_fd) != 0) {
        free(session);
        return error_make(err, EIO, "cannot make a FUSE session");
    }
    fsd->session = session;
    /* An INIT whose slot is left is carried out itself. */
    if (fsd->memory->header->init_length != 0 && !is_init_left(fsd))
        replay_init(session);
    *result = session;
    return 0;
}

void session_close(struct session *session)
{
    /* fuse_session_destroy() would close the descriptor's number, which is harmless: the process ends. */
    free(session);
}

void session_take_over(struct session *session)
{
    int slot, count = 0;
    while ((slot = slots_next_left(session->fsd->slots)) >= 0) {
        dispatch(session, slot, true);
        count++;
    }
    if (count > 0)
        log_info("carried out %d requests that were not answered", count);
}

int session_turn(struct session *session)
{
    int64_t end = clock_us() + TURN_US;
    do {
        int slot = slots_read(session->fsd->slots, session->fd);
        if (slot == -EAGAIN || slot == -EBUSY)
            return 0;
        if (slot < 0)
            return slot;
        vacancies_turn(session->fsd); /* whoever knows that a process has ended is answered after this */
        dispatch(session, slot, false);
    } while (clock_us() < end);
    return -EAGAIN;
}

void session_run_later(struct session *session, struct call *call)
{
    call_queue_add(&session->waiting, call);
}

void session_run_all_later(struct session *session, struct call_queue *calls)
{
    call_queue_append(&session->waiting, calls);
}

void session_run_next(struct session *session, struct call_queue *calls)
{
    call_queue_prepend(&session->waiting, calls);
}

bool session_run_waiting(struct session *session)
{
    struct call_queue waiting = session->waiting;
    session->waiting = (struct call_queue){0};
    struct call *call;
    while ((call = call_queue_take(&waiting)) != NULL)
        call_run(call);
    return !call_queue_is_empty(&session->waiting);
}
