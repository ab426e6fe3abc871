#include "nodeagent/callers.h"

#include "lib/doc.h"
#include "lib/door.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/socket.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* A caller says at once what he wants. */
#define REQUEST_MS   10000
#define LOGGED_BYTES 200

struct caller {
    struct callers *callers;
    struct caller *next;
    int fd;
    struct ucred who;
    struct loop_source *source, *timer;
    struct buf request;
    int descriptors[SOCKET_DESCRIPTORS];
    size_t descriptor_count;
};

struct callers {
    struct loop *loop;
    struct runtime *runtime;
    int listener;
    struct loop_source *source;
    struct caller *first;
    callers_find_fn *find;
    void *context;
};

static void caller_free(struct caller *caller)
{
    struct caller **at = &caller->callers->first;
    while (*at != caller)
        at = &(*at)->next;
    *at = caller->next;
    loop_remove(caller->source);
    loop_remove(caller->timer);
    for (size_t i = 0; i < caller->descriptor_count; i++)
        close(caller->descriptors[i]);
    close(caller->fd);
    buf_free(&caller->request);
    free(caller);
}

/* ---- what is asked for ---- */

static void note(const struct caller *caller, const char *verb, const char *title, const char *container,
                 struct value what)
{
    autobuf struct buf text = {0};
    value_write(&text, what);
    struct str shown = str_cut(buf_str(&text), 0, LOGGED_BYTES);
    log_info("%s in %s, container %s, by uid %d (pid %d): " STR_FORMAT "%s", verb, title, container,
             (int)caller->who.uid, (int)caller->who.pid, STR_ARGS(shown),
             shown.length < text.length ? "…" : "");
}

static int do_copy(struct caller *caller, const struct runtime_target *target, struct value request,
                   struct error **err)
{
    struct value direction = value_get(request, STR("copy"));
    autofree char *path = str_dup(value_str(value_get(request, STR("path"))));
    autofree char *name = str_dup(value_str(value_get(request, STR("name"))));
    struct runtime_copy copy = {.inwards = value_is(direction, "in"), .path = path, .name = name};
    if (!copy.inwards && !value_is(direction, "out"))
        return error_make(err, EINVAL, "a copy goes in or out");
    return runtime_copy_session(caller->callers->runtime, target, &copy,
                                caller->descriptors[copy.inwards ? 0 : 1], caller->fd, err);
}

/* A descriptor that something in a container gets must be good for nothing else. */
static int check_descriptors(const struct caller *caller, struct error **err)
{
    struct stat status;
    if (caller->descriptor_count != SOCKET_DESCRIPTORS)
        return error_make(err, EINVAL, "three descriptors must come with a request");
    for (size_t i = 0; i < caller->descriptor_count; i++)
        if (fstat(caller->descriptors[i], &status) < 0 || !S_ISFIFO(status.st_mode))
            return error_make(err, EINVAL, "the descriptors of a request must be pipes");
    return 0;
}

static int serve(struct caller *caller, struct value request, struct error **err)
{
    struct callers *callers = caller->callers;
    autofree char *uid = str_dup(value_str(value_get(request, STR("pod")))), *title = NULL;
    autofree char *container = str_dup(value_str(value_get(request, STR("container"))));
    struct runtime_target target = {.uid = uid, .name = container};
    int result = check_descriptors(caller, err);
    if (result == 0)
        result = callers->find(callers->context, &target, &title, err);
    if (result < 0)
        return result;
    if (value_exists(value_get(request, STR("copy")))) {
        note(caller, "copy", title, container, request);
        return do_copy(caller, &target, request, err);
    }
    struct value command = value_get(request, STR("command"));
    note(caller, "exec", title, container, command);
    return runtime_exec_session(callers->runtime, &target, command,
                                value_true(value_get(request, STR("terminal"))), caller->descriptors,
                                caller->fd, err);
}

static void answer_request(struct caller *caller, struct str line)
{
    autoerror struct error *error = NULL;
    autodoc struct doc *request = doc_parse(line, &error);
    if (request == NULL || serve(caller, doc_root(request), &error) < 0)
        door_say_error(caller->fd, error);
    caller_free(caller);
}

static void on_request(void *context, uint32_t events)
{
    struct caller *caller = context;
    (void)events;
    ssize_t came =
        socket_receive(caller->fd, &caller->request, caller->descriptors, &caller->descriptor_count);
    if (came == -EAGAIN)
        return;
    struct str rest = buf_str(&caller->request), line;
    if (came > 0 && memchr(rest.at, '\n', rest.length) != NULL) {
        str_split(&rest, '\n', &line);
        answer_request(caller, line);
    } else if (came <= 0 || rest.length > DOOR_REQUEST_BYTES) {
        caller_free(caller);
    }
}

static void on_patience_over(void *context)
{
    struct caller *caller = context;
    caller->timer = NULL;
    caller_free(caller);
}

static void on_caller(void *context, uint32_t events)
{
    struct callers *callers = context;
    (void)events;
    int fd = accept4(callers->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    autoerror struct error *error = NULL;
    struct caller *caller = memory_zeroed(1, sizeof(*caller));
    *caller = (struct caller){.callers = callers, .next = callers->first, .fd = fd};
    callers->first = caller;
    socklen_t length = sizeof(caller->who);
    caller->source = loop_fd(callers->loop, fd, EPOLLIN, on_request, caller, &error);
    caller->timer = loop_timer(callers->loop, REQUEST_MS, on_patience_over, caller);
    if (caller->source == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &caller->who, &length) < 0)
        caller_free(caller);
}

struct callers *callers_open(struct loop *loop, struct runtime *runtime, const char *run,
                             callers_find_fn *find, void *context, struct error **err)
{
    int listener = socket_listen(run, DOOR_SOCKET, SOCK_STREAM, err);
    if (listener < 0)
        return NULL;
    struct callers *callers = memory_zeroed(1, sizeof(*callers));
    *callers = (struct callers){
        .loop = loop, .runtime = runtime, .listener = listener, .find = find, .context = context};
    callers->source = loop_fd(loop, listener, EPOLLIN, on_caller, callers, err);
    if (callers->source == NULL) {
        callers_close(callers);
        return NULL;
    }
    return callers;
}

void callers_close(struct callers *callers)
{
    if (callers == NULL)
        return;
    while (callers->first != NULL)
        caller_free(callers->first);
    loop_remove(callers->source);
    close(callers->listener);
    free(callers);
}
