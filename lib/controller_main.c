#include "lib/controller.h"

#include "lib/log.h"
#include "lib/loop.h"
#include "lib/options.h"
#include <stdio.h>
#include <sys/epoll.h>

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

/* Signals end it between steps: a step is short, but for a call into a tree that doesn't answer, and then
 * there is SIGKILL. */
int controllers_run(struct tree *tree, const struct controller *const *list, struct error **err)
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
        int result = loop_turn(loop, wait > INT32_MAX ? INT32_MAX : (int)wait, err);
        if (result < 0)
            return result;
    }
    return 0;
}

static int run(int argc, char **argv, const char *name, const struct controller *const *list,
               struct error **err)
{
    const char *mount = "/k8s";
    const struct option_row options[] = {
        {.name = "mount", .argument = "DIR", .help = "where the tree is mounted (/k8s)", .text = &mount},
        {0},
    };
    autofree char *synopsis = NULL;
    if (asprintf(&synopsis, "podtree-%s [--mount DIR]", name) < 0)
        abort();
    struct usage usage = {.synopsis = synopsis,
                          .about = "Control loops of podtree; podtree up starts them.\n",
                          .options = options};
    char **words;
    int count;
    int result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result;
    autotree struct tree *tree = NULL;
    result = tree_mount(mount, &tree, err);
    return result < 0 ? result : controllers_run(tree, list, err);
}

int controllers_main(int argc, char **argv, const char *name, const struct controller *const *list)
{
    log_init(name);
    autoerror struct error *err = NULL;
    if (run(argc, argv, name, list, &err) >= 0)
        return 0;
    log_error("%s", error_message(err));
    return 1;
}
