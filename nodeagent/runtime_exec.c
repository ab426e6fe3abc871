/* Commands in running containers, and copies from and to them: each is a program of its own (podtree-exec,
 * podtree-copy) that says over its leash how it went (lib/door.h). For the agent's own commands the agent
 * holds the other end of the leash, for people's their own podtree does.
 *
 * They run in the group of the container's monitor: who removes the container ends them first. */
#include "lib/door.h"
#include "lib/file.h"
#include "lib/socket.h"
#include "nodeagent/conmon.h"
#include "nodeagent/runtime_private.h"
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct runtime_exec {
    struct process *process;
    int leash;
    size_t limit;
    runtime_exec_fn *done;
    void *context;
};

/* ---- command lines ---- */

struct words {
    char **at;
    size_t count, capacity;
};

static void words_add(struct words *words, char *taken)
{
    array_grow(words->at, words->count, words->capacity);
    words->at[words->count++] = taken;
}

static void words_free(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->at[i]);
    free(words->at);
}

static void exec_words(struct words *words, const struct runtime *runtime,
                       const struct runtime_target *target, struct value command, bool terminal)
{
    autofree char *bundle = place_bundle(runtime->place, target->uid, target->name, target->attempt);
    automaker struct maker maker = maker_of(runtime->place, bundle);
    words_add(words, str_dup(str_of(runtime->place->exec)));
    words_add(words, path_format("--runtime=%s", maker.program));
    words_add(words, path_format("--root=%s", maker.root));
    words_add(words, path_format("--bundle=%s", bundle));
    if (terminal)
        words_add(words, str_dup(STR("--terminal")));
    words_add(words, place_container_id(target->uid, target->name, target->attempt));
    words_add(words, str_dup(STR("--")));
    value_each (word, command)
        words_add(words, str_dup(value_str(word)));
    words_add(words, NULL);
}

static struct process *start(struct runtime *runtime, const struct runtime_target *target,
                             struct process_plan *plan, process_done_fn *done, void *context,
                             struct error **err)
{
    autofree char *cgroup =
        hierarchy_monitor(runtime->cgroups, runtime->place, target->uid, target->name, target->attempt);
    plan->session = true;
    return cgroups_start(runtime->cgroups, cgroup, runtime->loop, plan, done, context, err);
}

static int check(struct runtime *runtime, const struct runtime_target *target, struct error **err)
{
    if (runtime_container_pid(runtime, target) == 0)
        return error_make(err, ESRCH, "container %s is not running", target->name);
    return 0;
}

static int check_command(struct value command, struct error **err)
{
    size_t strings = 0;
    value_each (word, command)
        strings += value_type(word) == VALUE_STRING;
    if (strings == 0 || strings != value_count(command) || value_type(command) != VALUE_ARRAY)
        return error_make(err, EINVAL, "a command must be a list of strings that is not empty");
    return 0;
}

/* ---- the agent's own ---- */

/* What the program has said before it ended. */
static int read_answer(const struct runtime_exec *exec, struct str output, int *exit_code, struct error **err)
{
    autobuf struct buf said = {0};
    int descriptors[SOCKET_DESCRIPTORS];
    size_t count = 0;
    struct door_answer answer;
    ssize_t came = socket_receive(exec->leash, &said, descriptors, &count);
    struct str rest = buf_str(&said);
    if (came <= 0 || !door_next(&rest, &answer))
        return error_make(err, ECANCELED, "the command was cut off");
    if (answer.word == DOOR_FAILED) {
        struct process_result result = {.status = W_EXITCODE(1, 0), .complaints = output};
        autofree char *complaint = process_complaint("the runtime", &result);
        return error_make(err, EIO, "%s", complaint);
    }
    if (answer.word != DOOR_EXIT)
        return error_make(err, EIO, STR_FORMAT, STR_ARGS(answer.sentence));
    *exit_code = answer.exit_code;
    return 0;
}

static void exec_free(struct runtime_exec *exec)
{
    close(exec->leash);
    free(exec);
}

static void on_ended(void *context, const struct process_result *result)
{
    struct runtime_exec *exec = context;
    autoerror struct error *error = NULL;
    int exit_code = 0;
    read_answer(exec, result->output, &exit_code, &error);
    exec->done(exec->context, exit_code, str_cut(result->output, 0, exec->limit), error);
    exec_free(exec);
}

struct runtime_exec *runtime_exec(struct runtime *runtime, const char *uid, const char *name, int attempt,
                                  struct value command, size_t limit, runtime_exec_fn *done, void *context,
                                  struct error **err)
{
    struct runtime_target target = {uid, name, attempt};
    int ends[2];
    if (check(runtime, &target, err) < 0 || check_command(command, err) < 0)
        return NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        error_errno(err, errno, "cannot make a pair of sockets");
        return NULL;
    }
    autoclose int theirs = ends[1];
    struct runtime_exec *exec = memory_new(sizeof(*exec));
    *exec = (struct runtime_exec){.leash = ends[0], .limit = limit, .done = done, .context = context};
    cleanup(words_free) struct words words = {0};
    exec_words(&words, runtime, &target, command, false);
    struct process_plan plan = {
        .argv = (const char *const *)words.at, .fds = {{theirs, DOOR_LEASH}}, .fd_count = 1, .merged = true};
    exec->process = start(runtime, &target, &plan, on_ended, exec, err);
    if (exec->process != NULL)
        return exec;
    exec_free(exec);
    return NULL;
}

void runtime_exec_forget(struct runtime_exec *exec)
{
    if (exec == NULL)
        return;
    process_forget(exec->process);
    exec_free(exec);
}

/* ---- people's ---- */

/* Whoever holds the leash is told how it ends. */
static int start_for_others(struct runtime *runtime, const struct runtime_target *target,
                            struct process_plan *plan, struct error **err)
{
    struct process *process = start(runtime, target, plan, NULL, NULL, err);
    if (process == NULL)
        return -EIO;
    process_forget(process);
    return 0;
}

int runtime_exec_session(struct runtime *runtime, const struct runtime_target *target, struct value command,
                         bool terminal, const int descriptors[3], int leash, struct error **err)
{
    int result = check(runtime, target, err);
    if (result < 0 || (result = check_command(command, err)) < 0)
        return result;
    cleanup(words_free) struct words words = {0};
    exec_words(&words, runtime, target, command, terminal);
    struct process_plan plan = {
        .argv = (const char *const *)words.at,
        .fds = {{descriptors[0], 0}, {descriptors[1], 1}, {descriptors[2], 2}, {leash, DOOR_LEASH}},
        .fd_count = 4,
        .quiet = true};
    return start_for_others(runtime, target, &plan, err);
}

/* The descriptor comes before the look at the process: what it stands for can't become another one after it.
 */
int runtime_copy_session(struct runtime *runtime, const struct runtime_target *target,
                         const struct runtime_copy *copy, int stream, int leash, struct error **err)
{
    pid_t pid = runtime_container_pid(runtime, target);
    autofree char *cgroup =
        hierarchy_container(runtime->cgroups, runtime->place, target->uid, target->name, target->attempt);
    autoclose int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd < 0 || !cgroups_holds(runtime->cgroups, cgroup, pid))
        return error_make(err, ESRCH, "container %s is not running", target->name);
    autofree char *digits = path_format("%d", (int)pid);
    const char *const argv[] = {
        runtime->place->copy, copy->inwards ? "in" : "out", digits, copy->path, copy->name, NULL};
    struct process_plan plan = {
        .argv = argv,
        .fds = {{stream, copy->inwards ? 0 : 1}, {leash, DOOR_LEASH}, {pidfd, DOOR_LEASH + 1}},
        .fd_count = 3,
        .quiet = true};
    return start_for_others(runtime, target, &plan, err);
}
