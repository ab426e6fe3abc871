#include "cli/call.h"

#include "lib/socket.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void call_close(struct call *call)
{
    close_one(&call->leash);
    close_one(&call->input);
    close_one(&call->output);
    close_one(&call->errors);
    buf_free(&call->heard);
}

/* The other side reads from the first and writes into the others. */
static int make_pipes(struct call *call, int theirs[3], struct error **err)
{
    int *ours[] = {&call->input, &call->output, &call->errors};
    for (int i = 0; i < 3; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return error_errno(err, errno, "cannot make a pipe");
        theirs[i] = ends[i == 0 ? 0 : 1];
        *ours[i] = ends[i == 0 ? 1 : 0];
    }
    return 0;
}

static int ask(struct call *call, struct value request, struct error **err)
{
    int theirs[3] = {-1, -1, -1};
    autobuf struct buf line = {0};
    value_write(&line, request);
    buf_add_char(&line, '\n');
    int result = line.length > DOOR_REQUEST_BYTES
                     ? error_make(err, E2BIG, "the command is too long: %zu bytes", line.length)
                     : make_pipes(call, theirs, err);
    int sent = result == 0 ? socket_send(call->leash, buf_str(&line), theirs, 3) : 0;
    for (int i = 0; i < 3; i++)
        close_one(&theirs[i]);
    return sent < 0 ? error_errno(err, -sent, "cannot ask the node agent") : result;
}

int call_open(struct call *call, const char *run, const struct target *target, struct value request,
              struct error **err)
{
    *call = CALL_NONE;
    if (target->node == NULL)
        return error_make(err, ESRCH, "pod %s is on no node yet", target->title);
    autoerror struct error *failure = NULL;
    call->leash = socket_connect(run, DOOR_SOCKET, SOCK_STREAM, &failure);
    if (call->leash == -EACCES)
        return error_make(err, EACCES, "only root and the group podtree may do that");
    if (call->leash < 0) {
        int result = error_make(err, -call->leash,
                                "no node agent answers at %s/" DOOR_SOCKET " (pod %s is on node %s)", run,
                                target->title, target->node);
        call->leash = -1;
        return result;
    }
    value_set_str(request, STR("pod"), str_of(target->uid));
    value_set_str(request, STR("container"), str_of(target->container));
    return ask(call, request, err);
}

/* At most one terminal comes in a talk. */
int call_receive(struct call *call, int *terminal, struct error **err)
{
    int descriptors[SOCKET_DESCRIPTORS];
    size_t count = 0;
    ssize_t came = socket_receive(call->leash, &call->heard, descriptors, &count);
    for (size_t i = 0; i < count; i++) {
        if (terminal != NULL && *terminal < 0)
            *terminal = descriptors[i];
        else
            close(descriptors[i]);
    }
    return came > 0 ? 0 : error_make(err, EPIPE, "the connection to the node was cut");
}

bool call_next(struct call *call, struct door_answer *answer)
{
    struct str whole = buf_str(&call->heard), rest = str_cut(whole, call->taken, whole.length);
    if (!door_next(&rest, answer))
        return false;
    call->taken = whole.length - rest.length;
    return true;
}

int call_result(const struct door_answer *answer, struct error **err)
{
    if (answer->word == DOOR_ERROR)
        return error_make(err, EIO, STR_FORMAT, STR_ARGS(answer->sentence));
    return answer->exit_code;
}

int call_finish(struct call *call, struct error **err)
{
    struct door_answer answer;
    for (;;) {
        while (call_next(call, &answer))
            if (answer.word != DOOR_TERMINAL)
                return call_result(&answer, err);
        int result = call_receive(call, NULL, err);
        if (result < 0)
            return result;
    }
}
