#include "fsd/logs.h"

#include "fsd/authorize.h"
#include "fsd/documents.h"
#include "fsd/log_file.h"
#include "fsd/operations.h"
#include "fsd/reply.h"
#include "fsd/session.h"
#include "fsd/worker.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/mirror.h"
#include <errno.h>
#include <stdatomic.h>

#define CHAINS  256
#define KEPT_MS 10000 /* what has been gone through is kept so long when nobody has it open */

/* A log that the kernel has a node of. Its file is the thread's as long as work on it is under way. */
struct shown_log {
    struct shown_log *next; /* in its chain */
    uint64_t node;          /* its number */
    struct log_file *file;
    struct log_look look; /* the latest */
    bool held;            /* LOG_HOLD */
    unsigned at_work;
    int64_t used_ms;
};

struct logs {
    struct worker *worker;
    char *state;
    struct shown_log *chains[CHAINS]; /* by the node */
};

/* Something for the thread to do. A call's own is freed with it. */
struct log_work {
    struct job job;
    struct shown_log *log;
    bool lets_go;
    unsigned flags; /* LOG_BY_NAME, LOG_HOLD */
    int64_t offset;
    size_t size; /* 0: only looks */
    struct log_look look;
    int status;
    struct buf bytes;
};

/* ---- names ---- */

static void measure(struct fsd *fsd, const struct place *place, uint32_t node, size_t *size,
                    int64_t *time_ms);

#define LOG(own_name, is_listed)                                                             \
    {                                                                                        \
        .name = (own_name), .class = SPECIAL_LOG, .listed = (is_listed), .measure = measure, \
        .form = PART_NONE                                                                    \
    }

static const struct log_name {
    struct special special;
    enum log_which which;
    enum log_form form;
} log_names[] = {
    {LOG("log", true), LOG_NEWEST, LOG_OUTPUT},
    {LOG("log.previous", true), LOG_PREVIOUS, LOG_OUTPUT},
    {LOG(".log", false), LOG_NEWEST, LOG_LINES},
    {LOG(".log.previous", false), LOG_PREVIOUS, LOG_LINES},
};

/* Where a pod has containers, and where its status says how they are. */
static const struct container_list {
    const char *directory, *statuses;
} container_lists[] = {{"containers", "containerStatuses"},
                       {"initContainers", "initContainerStatuses"},
                       {"ephemeralContainers", "ephemeralContainerStatuses"}};

static const struct log_name *find_name(struct str name)
{
    for (size_t i = 0; i < COUNT(log_names); i++)
        if (str_is(name, log_names[i].special.name))
            return &log_names[i];
    return NULL;
}

/* The directory is containers/<name> of a pod: in which list, and `name` is in `path`. */
static const struct container_list *container_of(struct fsd *fsd, const struct place *directory,
                                                 uint32_t node, struct buf *path, struct str *name)
{
    if (directory->type != PLACE_FIELD || !kind_is(directory->kind, "", "Pod"))
        return NULL;
    place_field_path(fsd, node, path);
    struct str rest = buf_str(path), list;
    if (!str_split(&rest, '/', &list) || !str_split(&rest, '/', name) || rest.at != NULL)
        return NULL;
    for (size_t i = 0; i < COUNT(container_lists); i++)
        if (str_is(list, container_lists[i].directory))
            return &container_lists[i];
    return NULL;
}

static bool was_restarted(struct fsd *fsd, const struct place *directory, const struct container_list *list,
                          struct str name)
{
    const struct object *object = object_by_id(fsd->objects, directory->object);
    if (object == NULL || !object_is_visible(object))
        return false;
    struct value statuses =
        value_at(document_of(fsd->documents, object->committed), "status", list->statuses);
    value_each (status, statuses) {
        if (str_equal(value_str(value_get(status, STR("name"))), name))
            return value_int_or(value_get(status, STR("restartCount")), 0) > 0;
    }
    return false;
}

const struct special *logs_child(struct fsd *fsd, const struct place *directory, uint32_t node,
                                 struct str name)
{
    autobuf struct buf path = {0};
    struct str container;
    const struct log_name *found = find_name(name);
    const struct container_list *list =
        found != NULL ? container_of(fsd, directory, node, &path, &container) : NULL;
    if (list == NULL || (found->which == LOG_PREVIOUS && !was_restarted(fsd, directory, list, container)))
        return NULL;
    return &found->special;
}

void logs_list(struct fsd *fsd, const struct place *directory, uint32_t node, place_visit *visit,
               void *context)
{
    for (size_t i = 0; i < COUNT(log_names); i++) {
        const struct special *special = &log_names[i].special;
        if (special->listed && logs_child(fsd, directory, node, str_of(special->name)) != NULL)
            visit(context, str_of(special->name), false, false);
    }
}

/* ---- what is shown ---- */

static struct shown_log **chain_of(struct logs *logs, uint64_t number)
{
    return &logs->chains[number % CHAINS];
}

static struct shown_log *find(struct fsd *fsd, uint32_t node)
{
    uint64_t number = node_number(fsd->nodes, node);
    struct shown_log *log = *chain_of(fsd->logs, number);
    while (log != NULL && log->node != number)
        log = log->next;
    return log;
}

/* NULL where the node is none, or its pod has gone. */
static struct shown_log *find_or_make(struct fsd *fsd, uint32_t node)
{
    struct shown_log *log = find(fsd, node);
    uint32_t parent = node_record(fsd->nodes, node)->parent;
    const struct log_name *name = log == NULL ? find_name(node_name(fsd->nodes, node)) : NULL;
    struct place directory;
    autobuf struct buf path = {0};
    struct str container;
    if (name == NULL || place_of_node(fsd, parent, &directory) < 0 ||
        container_of(fsd, &directory, parent, &path, &container) == NULL)
        return log;
    const struct object *object = object_by_id(fsd->objects, directory.object);
    if (object == NULL)
        return NULL;
    autofree char *container_name = str_dup(container);
    autofree char *uid = str_dup(mirror_node_uid(document_of(fsd->documents, object->committed)));
    const struct log_source source = {.state = fsd->logs->state, .uid = uid, .container = container_name};
    log = memory_zeroed(1, sizeof(*log));
    *log = (struct shown_log){.node = node_number(fsd->nodes, node),
                              .file = log_file_new(&source, name->which, name->form),
                              .look = {.anchor = {.attempt = -1}}};
    struct shown_log **chain = chain_of(fsd->logs, log->node);
    log->next = *chain;
    *chain = log;
    return log;
}

static void shown_log_free(struct shown_log *log)
{
    log_file_free(log->file);
    free(log);
}

static void measure(struct fsd *fsd, const struct place *place, uint32_t node, size_t *size, int64_t *time_ms)
{
    (void)place;
    const struct shown_log *log = find(fsd, node);
    *size = log != NULL ? (size_t)log->look.size : 0;
    if (log != NULL && log->look.time_ms != 0)
        *time_ms = log->look.time_ms;
}

bool logs_attributes(struct fsd *fsd, uint32_t node, struct stat *attributes)
{
    const struct shown_log *log = find(fsd, node);
    if (log == NULL || node_record(fsd->nodes, node)->handles == 0)
        return false;
    *attributes = (struct stat){.st_ino = log->node,
                                .st_mode = S_IFREG | 0444,
                                .st_gid = fsd->group != (gid_t)-1 ? fsd->group : 0,
                                .st_size = (off_t)log->look.size,
                                .st_blksize = 4096,
                                .st_mtim.tv_sec = log->look.time_ms / 1000};
    attributes->st_ctim = attributes->st_mtim;
    return true;
}

/* ---- the thread ---- */

static void run(struct job *job)
{
    struct log_work *work = (struct log_work *)job;
    struct log_file *file = work->log->file;
    if (work->lets_go)
        log_file_let_go(file);
    else
        work->look = log_file_look(file, work->flags);
    if (work->size != 0 && work->look.status == 0)
        work->status = log_file_read(file, work->offset, work->size, &work->bytes);
    else
        work->status = work->look.status;
}

static struct log_work *begin(struct fsd *fsd, struct shown_log *log, const struct log_work *what,
                              struct call *call)
{
    struct log_work *work = memory_zeroed(1, sizeof(*work));
    *work = *what;
    work->job.run = run;
    work->log = log;
    if (call != NULL)
        call_queue_add(&work->job.calls, call);
    log->at_work++;
    log->used_ms = clock_ms();
    worker_submit(fsd->logs->worker, &work->job);
    return work;
}

static void work_free(struct log_work *work)
{
    if (work == NULL)
        return;
    buf_free(&work->bytes);
    free(work);
}

void logs_forget(struct call *call)
{
    work_free(take_pointer(call->log));
}

/* In the handle's other window, which then takes the place of the current one: a kill in between leaves an
 * anchor that is as good. */
static void keep_anchor(struct handle_record *handle, const struct log_anchor *anchor)
{
    struct list_window *next = &handle->windows[1 - handle->window];
    next->number = anchor->attempt;
    next->mark = anchor->sequence;
    next->base = (uint64_t)anchor->offset;
    atomic_signal_fence(memory_order_seq_cst);
    handle->window = 1 - handle->window;
}

static struct log_anchor kept_anchor(const struct handle_record *handle)
{
    const struct list_window *window = &handle->windows[handle->window];
    return (struct log_anchor){window->number, window->mark, (int64_t)window->base};
}

/* Calls the function for each handle on the log; it may say that it has seen enough. */
static bool each_handle(struct fsd *fsd, const struct shown_log *log,
                        bool (*visit)(struct handle_record *handle, const void *context), const void *context)
{
    uint32_t node = node_of_number(fsd->nodes, log->node);
    if (node == 0 || node_record(fsd->nodes, node)->handles == 0)
        return false;
    for (uint32_t h = handles_next(fsd->handles, 0); h != 0; h = handles_next(fsd->handles, h)) {
        struct handle_record *handle = handle_record(fsd->handles, h);
        if (handle->node == node && (handle->flags & HANDLE_LOG) != 0 && visit(handle, context))
            return true;
    }
    return false;
}

static bool visit_to_keep(struct handle_record *handle, const void *context)
{
    keep_anchor(handle, context);
    return false;
}

/* A new piece is begun rarely; then whoever has the file open gets the new anchor. */
static void take_look(struct fsd *fsd, struct shown_log *log, const struct log_look *look)
{
    bool moved = look->anchor.attempt != log->look.anchor.attempt ||
                 look->anchor.sequence != log->look.anchor.sequence ||
                 look->anchor.offset != log->look.anchor.offset;
    log->look = *look;
    if (moved)
        each_handle(fsd, log, visit_to_keep, &look->anchor);
}

void logs_turn(struct fsd *fsd)
{
    struct job *job;
    while ((job = worker_done(fsd->logs->worker)) != NULL) {
        struct log_work *work = (struct log_work *)job;
        work->log->at_work--;
        if (work->lets_go)
            work->log->held = false;
        else
            take_look(fsd, work->log, &work->look);
        if ((work->flags & LOG_HOLD) != 0)
            work->log->held = true;
        if (!call_queue_is_empty(&job->calls))
            session_run_next(fsd->session, &job->calls);
        else
            work_free(work);
    }
}

static void let_go(struct fsd *fsd, struct shown_log *log)
{
    begin(fsd, log, &(struct log_work){.lets_go = true}, NULL);
}

void logs_tick(struct fsd *fsd)
{
    int64_t now = clock_ms();
    for (size_t i = 0; i < CHAINS; i++)
        for (struct shown_log **at = &fsd->logs->chains[i], *log; (log = *at) != NULL;) {
            uint32_t node = node_of_number(fsd->nodes, log->node);
            bool open = node != 0 && node_record(fsd->nodes, node)->handles != 0;
            if (log->at_work == 0 && !open && !log->held && (node == 0 || now - log->used_ms > KEPT_MS)) {
                *at = log->next;
                shown_log_free(log);
                continue;
            }
            if (log->at_work == 0 && !open && log->held)
                let_go(fsd, log);
            at = &log->next;
        }
}

/* ---- calls ---- */

/* A name that means a log: its node, made for the purpose. */
static uint32_t node_of_lookup(struct call *call)
{
    struct fsd *fsd = call->fsd;
    struct place directory;
    int number;
    uint32_t parent = find_name(str_of(call->name)) != NULL ? call_node(call) : 0;
    if (parent == 0 || call->asker.identity == IDENTITY_NOTIFIER || !authorize(call, "get") ||
        place_of_node(fsd, parent, &directory) < 0 ||
        logs_child(fsd, &directory, parent, str_of(call->name)) == NULL)
        return 0;
    return node_of_child(fsd, parent, str_of(call->name), &number);
}

static uint32_t node_of_file(struct call *call)
{
    struct place place;
    uint32_t node = call_node(call);
    bool is_log =
        node != 0 && find_name(node_name(call->fsd->nodes, node)) != NULL &&
        (find(call->fsd, node) != NULL || (place_of_node(call->fsd, node, &place) == 0 && logs_has(&place)));
    return is_log ? node : 0;
}

static uint32_t node_of_handle(struct call *call)
{
    const struct handle_record *handle = handle_of_number(call->fsd->handles, call->file.fh, NULL);
    return handle != NULL && (handle->flags & HANDLE_LOG) != 0 ? handle->node : 0;
}

static const struct asking {
    const struct operation *operation;
    uint32_t (*node)(struct call *call);
    unsigned flags;
} askings[] = {{&op_lookup, node_of_lookup, LOG_BY_NAME},
               {&op_getattr, node_of_file, 0},
               {&op_setattr, node_of_file, 0},
               {&op_open, node_of_file, LOG_HOLD},
               {&op_read, node_of_handle, 0}};

/* The name means another file now: the node loses it. Somebody else may have done that already. */
static void take_name(struct call *call, const struct log_work *work)
{
    struct fsd *fsd = call->fsd;
    uint32_t node = node_of_number(fsd->nodes, work->log->node);
    uint32_t parent = call_node(call);
    if (node == 0 || parent == 0 || node_find(fsd->nodes, parent, str_of(call->name)) != node)
        return;
    node_detach(fsd->nodes, node);
}

int logs_prepare(struct call *call)
{
    const struct log_work *work = call->log;
    if (work != NULL && (call->operation != &op_lookup || !work->look.outdated))
        return 0;
    if (work != NULL)
        take_name(call, work);
    logs_forget(call);
    for (size_t i = 0; i < COUNT(askings); i++) {
        if (call->operation != askings[i].operation)
            continue;
        uint32_t node = askings[i].node(call);
        struct shown_log *log = node != 0 ? find_or_make(call->fsd, node) : NULL;
        if (log == NULL)
            return 0;
        bool reads = call->operation == &op_read;
        const struct log_work what = {
            .flags = askings[i].flags, .offset = call->offset, .size = reads ? call->size : 0};
        call->log = begin(call->fsd, log, &what, call);
        return -EINPROGRESS;
    }
    return 0;
}

static bool is_opened_by(struct handle_record *handle, const void *process)
{
    return handle->opener == *(const uint32_t *)process;
}

uint32_t logs_followed(const struct call *call, uint32_t parent, struct str name)
{
    struct fsd *fsd = call->fsd;
    uint32_t node = call->log != NULL ? node_find(fsd->nodes, parent, name) : 0, process = 0;
    const struct shown_log *now = node != 0 ? find(fsd, node) : NULL;
    for (size_t i = 0; i < CHAINS && now != NULL; i++)
        for (const struct shown_log *log = fsd->logs->chains[i]; log != NULL; log = log->next) {
            uint32_t old = log->held && log != now ? node_of_number(fsd->nodes, log->node) : 0;
            if (old == 0 || node_record(fsd->nodes, old)->parent != parent ||
                !str_equal(node_name(fsd->nodes, old), name) ||
                log->look.anchor.attempt != now->look.anchor.attempt)
                continue;
            if (process == 0)
                process = (uint32_t)call_process(call);
            if (process != 0 && each_handle(fsd, log, is_opened_by, &process))
                return old;
        }
    return 0;
}

void logs_opened(const struct call *call, uint32_t handle)
{
    struct handle_record *record = handle_record(call->fsd->handles, handle);
    const struct shown_log *log = find(call->fsd, record->node);
    const struct log_anchor none = {.attempt = -1};
    record->opener = (uint32_t)call_process(call);
    keep_anchor(record, log != NULL ? &log->look.anchor : &none);
    atomic_signal_fence(memory_order_seq_cst);
    record->flags |= HANDLE_LOG;
}

/* Without work: fsd was killed, and meanwhile the pod has gone with its log. */
int logs_read(struct call *call)
{
    const struct log_work *work = call->log;
    if (work != NULL && work->status < 0)
        return work->status;
    reply_bytes(call, work != NULL ? buf_str(&work->bytes) : STR(""));
    return CALL_SILENT;
}

/* ---- beginning and end ---- */

int logs_start(struct fsd *fsd, const char *state, int wake_fd, struct error **err)
{
    struct logs *logs = memory_zeroed(1, sizeof(*logs));
    int status = worker_start("log reader", wake_fd, &logs->worker, err);
    if (status < 0) {
        free(logs);
        return status;
    }
    descriptors_allow_all(); /* each piece of a log that somebody has open takes one */
    logs->state = str_dup(str_of(state));
    fsd->logs = logs;
    return 0;
}

void logs_take_over(struct fsd *fsd)
{
    for (uint32_t h = handles_next(fsd->handles, 0); h != 0; h = handles_next(fsd->handles, h)) {
        const struct handle_record *handle = handle_record(fsd->handles, h);
        if ((handle->flags & HANDLE_LOG) == 0 || find(fsd, handle->node) != NULL)
            continue;
        struct shown_log *log = find_or_make(fsd, handle->node);
        if (log == NULL)
            continue;
        const struct log_anchor anchor = kept_anchor(handle);
        log_file_restore(log->file, &anchor);
        log->look.anchor = anchor;
        log->look.size = anchor.offset;
        begin(fsd, log, &(struct log_work){.flags = LOG_HOLD}, NULL);
    }
}

void logs_stop(struct fsd *fsd)
{
    struct logs *logs = fsd->logs;
    if (logs == NULL)
        return;
    worker_stop(logs->worker);
    for (size_t i = 0; i < CHAINS; i++)
        for (struct shown_log *log = logs->chains[i], *next; log != NULL; log = next) {
            next = log->next;
            shown_log_free(log);
        }
    free(logs->state);
    free(logs);
    fsd->logs = NULL;
}
