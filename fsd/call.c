#include "fsd/call.h"

#include "fsd/authorize.h"
#include "fsd/errors.h"
#include "fsd/exclusive.h"
#include "fsd/heavy.h"
#include "fsd/logs.h"
#include "fsd/papers.h"
#include "fsd/reply.h"
#include "fsd/session.h"
#include "fsd/tell.h"
#include "fsd/txn.h"
#include "fsd/vacancy.h"
#include "lib/clock.h"
#include "lib/fault.h"
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>

struct call *call_new(struct fsd *fsd, fuse_req_t request, const struct operation *operation)
{
    struct call *call = memory_zeroed(1, sizeof(*call));
    const struct fuse_ctx *context = fuse_req_ctx(request);
    call->fsd = fsd;
    call->operation = operation;
    call->request = request;
    call->slot = session_slot(fsd->session, &call->repeated);
    call->unique = slot_record(fsd->slots, call->slot)->unique;
    call->asker =
        (struct asker){context->uid, context->gid, context->pid, identity_of(context->uid, context->gid)};
    return call;
}

void call_free(struct call *call)
{
    heavy_free(call->heavy);
    logs_forget(call);
    free(call);
}

uint64_t *call_note(const struct call *call)
{
    return &slot_record(call->fsd->slots, call->slot)->note;
}

static void finish(struct call *call, int result)
{
    if (call->request != NULL && result >= 0)
        *call_note(call) = NOTE_FINISHING;
    fault_point("finish");
    if (call->operation->finish != NULL)
        call->operation->finish(call, result);
    else
        reply_error(call, result < 0 ? -result : 0);
}

static void add_path(const struct call *call, struct buf *path)
{
    const char *name = call->tells_target ? call->new_name : call->name;
    uint32_t node = call->tells_target ? node_of_number(call->fsd->nodes, call->new_parent) : call_node(call);
    if (node != 0)
        place_path(call->fsd, node, path);
    if (name == NULL)
        return;
    if (path->length == 0 || path->at[path->length - 1] != '/')
        buf_add_char(path, '/');
    buf_add_text(path, name);
}

/* Where somebody has no access the kernel asks again for what it could have known (a name to be revalidated,
 * a link to be kept): one refusal is said once. */
static bool is_asked_again(const struct call *call)
{
    static struct {
        const struct operation *operation;
        pid_t thread;
        uint64_t node, name;
    } last;
    uint64_t name = str_hash(str_of(call->name));
    bool again = last.operation == call->operation && last.thread == call->asker.thread &&
                 last.node == call->node && last.name == name;
    last.operation = again ? NULL : call->operation;
    last.thread = call->asker.thread;
    last.node = call->node;
    last.name = name;
    return again;
}

/* Answers with the errno; unless the call is quiet the sentence goes to the caller's errors, with the path of
 * the node (and the name). Takes the error. Returns after freeing the call. */
static void refuse(struct call *call, struct error *err)
{
    int number = err->number;
    if (number == EACCES && is_asked_again(call))
        call->quiet = true;
    if (!call->quiet && call->asker.identity == IDENTITY_NONE) {
        autobuf struct buf path = {0};
        add_path(call, &path);
        errors_add(call->fsd->memory, call->asker.uid, clock_wall_ms(), buf_str(&path), err->message);
        tell_errors(call->fsd, call->asker.uid);
    }
    error_free(err);
    if (call->operation->always)
        finish(call, -number);
    else
        reply_error(call, number);
}

/* It looks at the tree, and somebody has closed a file whose change can't be seen yet. */
static bool is_early(const struct call *call)
{
    return call->fsd->closing > 0 && call->operation->regards != REGARDS_NOTHING;
}

static void run(struct call *call)
{
    const struct outcome *outcome = call->repeated ? txn_outcome(call->fsd, call->slot, call->unique) : NULL;
    if (outcome != NULL) {
        call->result = outcome->result;
        txn_answer_made(call);
        return;
    }
    if (call->repeated && *call_note(call) == NOTE_FINISHING) {
        finish(call, 0);
        return;
    }
    if (exclusive_delays(call))
        return;
    if (vacancies_delay(call))
        return;
    if (is_early(call)) {
        session_run_later(call->fsd->session, call);
        return;
    }
    if (heavy_prepare(call) == -EINPROGRESS || logs_prepare(call) == -EINPROGRESS ||
        papers_prepare(call) == -EINPROGRESS)
        return;
    struct error *err = NULL;
    int status = call->operation->start(call, &err);
    switch (status) {
    case 0:
        finish(call, call->result);
        break;
    case CALL_PARKED:
        txn_park(call);
        break;
    case CALL_WAITING:
        session_run_later(call->fsd->session, call);
        break;
    case CALL_SILENT:
    case -EINPROGRESS: /* the worker has it: heavy_turn() */
        error_free(err);
        break;
    default:
        if (err == NULL)
            error_make(&err, -status, "%s", strerror(-status));
        refuse(call, err);
    }
}

void call_run(struct call *call)
{
    struct meter *meter = &call->fsd->meter;
    const char *what = call->operation->name;
    run(call); /* which may free it */
    meter_step(meter, what);
}

void call_finish(struct call *call, const struct error *failure)
{
    if (failure == NULL) {
        finish(call, call->result);
        return;
    }
    struct error *err = NULL;
    error_make(&err, failure->number, "cannot be stored: %s", failure->message);
    refuse(call, err);
}

uint32_t call_node(const struct call *call)
{
    return node_of_number(call->fsd->nodes, call->node);
}

/* Most threads that ask are the only ones of their process, or its first: the kernel says so in a
 * microsecond, where /proc takes thirty. */
pid_t process_of_thread(pid_t thread)
{
    char path[64], text[512];
    if (thread == 0)
        return 0;
    if (tgkill(thread, thread, 0) == 0)
        return thread;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    pid_t process = 0;
    while (fgets(text, sizeof(text), file) != NULL)
        if (sscanf(text, "Tgid: %d", &process) == 1)
            break;
    fclose(file);
    return process;
}

pid_t call_process(const struct call *call)
{
    return process_of_thread(call->asker.thread);
}

/* Names of users, from /etc/passwd only: no name service that main would have to wait for. */
const char *asker_name(const struct asker *asker)
{
    static struct {
        uid_t uid;
        bool known;
        char name[64];
    } cache[64];
    if (asker->identity != IDENTITY_NONE)
        return identity_name(asker->identity);
    size_t place = asker->uid % COUNT(cache);
    if (cache[place].known && cache[place].uid == asker->uid)
        return cache[place].name;
    cache[place].uid = asker->uid;
    cache[place].known = true;
    snprintf(cache[place].name, sizeof(cache[place].name), "uid %u", (unsigned)asker->uid);
    FILE *file = fopen("/etc/passwd", "re");
    for (struct passwd *entry; file != NULL && (entry = fgetpwent(file)) != NULL;)
        if (entry->pw_uid == asker->uid) {
            snprintf(cache[place].name, sizeof(cache[place].name), "%s", entry->pw_name);
            break;
        }
    if (file != NULL)
        fclose(file);
    return cache[place].name;
}

int call_authorize(const struct call *call, const char *verb, struct error **err)
{
    if (authorize(call, verb))
        return 0;
    return error_make(err, EACCES, "the user \"%s\" may not %s: only root and the group podtree may",
                      asker_name(&call->asker), verb);
}
