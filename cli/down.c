/* podtree down: stops a cluster in order. */
#include "cli/command.h"
#include "cli/control.h"
#include "cli/supervisor.h"
#include <errno.h>
#include <stdio.h>

/* Longer than the supervisor waits for anything, pods that end gracefully included. */
#define PATIENCE_MS 180000

static void print_line(void *context, const char *text)
{
    bool *stopped = context;
    *stopped = strcmp(text, SUPERVISOR_STOPPED) == 0;
    printf("%s\n", text);
    fflush(stdout);
}

static int clean_up_locked(const char *run, bool pods, struct error **err)
{
    bool found, stopped = false;
    int result = supervisor_clean_up(run, pods, print_line, &stopped, &found, err);
    if (result == 0 && !found)
        printf("podtree is not running\n");
    return result;
}

/* Nobody supervises: what is left is stopped from here. */
static int clean_up(const char *run, bool pods, struct error **err)
{
    autoerror struct error *unlocked = NULL;
    autoclose int lock = supervisor_lock(run, &unlocked);
    if (lock >= 0)
        return clean_up_locked(run, pods, err);
    if (lock == -ENOENT) {
        printf("podtree is not running\n"); /* there is not even its directory */
        return 0;
    }
    error_move(err, take_pointer(unlocked));
    return lock == -EWOULDBLOCK ? error_wrap(err, "a supervisor holds the lock, but does not answer") : lock;
}

int command_down(int argc, char **argv, struct error **err)
{
    struct directories directories = directories_default();
    autosettings struct settings settings = {0};
    bool pods = false;
    const struct option_row options[] = {
        OPTION_MOUNT(directories),
        OPTION_STATE(directories),
        OPTION_RUN(directories),
        {.name = "pods", .help = "end this node's pods as well; else their containers stay", .flag = &pods},
        {0},
    };
    const struct usage usage = {
        .synopsis = "podtree down [OPTION…]",
        .about = "Stops the cluster: agents and reconcilers, the notifier, the mount, fsd. Containers stay "
                 "unless\n"
                 "--pods is given; the next podtree up finds them again.\n",
        .options = options,
    };
    char **words;
    int count, result = options_parse(&usage, argc, argv, &words, &count, err);
    if (result != 0)
        return result < 0 ? result : EXIT_SUCCESS;
    if (geteuid() != 0)
        return error_make(err, EPERM, "only root can stop a cluster");
    result = settings_resolve(&directories, &settings, err);
    if (result == 0 && chdir("/") < 0) /* or it would itself be one who still uses the tree */
        result = error_errno(err, errno, "cannot go to /");
    if (result < 0)
        return result;
    autoerror struct error *unasked = NULL;
    bool stopped = false;
    result =
        control_ask(settings.run, pods ? "down pods" : "down", PATIENCE_MS, print_line, &stopped, &unasked);
    if (result == -ENOENT || result == -ECONNREFUSED)
        return clean_up(settings.run, pods, err);
    error_move(err, take_pointer(unasked));
    if (result == 0 && !stopped)
        return error_make(err, EIO, "the supervisor died on the way: run podtree down again");
    return result;
}
