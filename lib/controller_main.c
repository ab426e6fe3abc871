#include "lib/controller.h"

#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/options.h"
#include <sys/epoll.h>
#include <time.h>

/* The event loop around controllers_step(): it sleeps until the tree has events or the step wants more. */

static void nothing(void *context, uint32_t events)
{
    (void)context;
    (void)events;
}

static void stop(void *context, int signal_number)
{
    (void)signal_number;
    *(bool *)context = true;
}

static void cleanup_loop(struct loop **loop)
{
    loop_free(*loop);
}

static void cleanup_controllers(struct controllers **controllers)
{
    controllers_free(*controllers);
}

static void gather(int64_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Signals end it between steps: a step is short, but for a call into a tree that doesn't answer, and then
 * there is SIGKILL. */
int controllers_run(struct tree *tree, const struct controller *const *list, int64_t gather_ms,
                    struct error **err)
{
    bool stopped = false;
    cleanup(cleanup_loop) struct loop *loop = loop_new(err);
    if (loop == NULL)
        return -(*err)->number;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (loop_signals(loop, &signals, stop, &stopped, err) == NULL ||
        loop_fd(loop, tree_descriptor(tree), EPOLLIN, nothing, NULL, err) == NULL)
        return -(*err)->number;
    cleanup(cleanup_controllers) struct controllers *controllers = controllers_new(tree, list);
    while (!stopped) {
        int64_t wait = controllers_step(controllers);
        if (controllers_are_outdated(controllers))
            return 1;
        int result = loop_turn(loop, wait > INT32_MAX ? INT32_MAX : (int)wait, err);
        if (result < 0)
            return result;
        if (wait != 0 && gather_ms > 0 && !stopped)
            gather(gather_ms);
    }
    return 0;
}

enum { OPTIONS_MOST = 8 };

static int parse(int argc, char **argv, const struct controllers_program *program, const char **mount,
                 struct error **err)
{
    struct option_row options[OPTIONS_MOST + 2] = {
        {.name = "mount", .argument = "DIR", .help = "where the tree is mounted (/k8s)", .text = mount}};
    for (size_t i = 0; program->options != NULL && program->options[i].name != NULL && i < OPTIONS_MOST; i++)
        options[i + 1] = program->options[i];
    autofree char *synopsis = path_format("podtree-%s [options]", program->name);
    struct usage usage = {.synopsis = synopsis, .about = program->about, .options = options};
    char **words;
    int count;
    return options_parse(&usage, argc, argv, &words, &count, err);
}

static int run_once(const char *mount, const struct controllers_program *program, struct error **err)
{
    autotree struct tree *tree = NULL;
    int result = tree_mount(mount, &tree, err);
    if (result < 0)
        return result;
    const struct controller *const *list = program->controllers(tree, err);
    return list != NULL ? controllers_run(tree, list, program->gather_ms, err) : -(*err)->number;
}

static int run(int argc, char **argv, const struct controllers_program *program, struct error **err)
{
    const char *mount = "/k8s";
    int result = parse(argc, argv, program, &mount, err);
    if (result != 0)
        return result;
    while ((result = run_once(mount, program, err)) > 0)
        log_info("what is followed has changed: the controllers begin anew");
    return result;
}

int controllers_main(int argc, char **argv, const struct controllers_program *program)
{
    log_init(program->name);
    autoerror struct error *err = NULL;
    if (run(argc, argv, program, &err) >= 0)
        return 0;
    log_error("%s", error_message(err));
    return 1;
}
