/* podtree-nodeagent: runs the pods that are bound to this node. */
#include "installed.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/options.h"
#include "nodeagent/agent.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <time.h>

static const char *mount_point = "/k8s", *state = "/var/lib/podtree", *run = "/run/podtree";
static const char *node, *runtime = "runc", *static_pods, *kinds = PKGDATADIR "/kinds";
static bool end_pods;
static int64_t report, most_processes, runtime_timeout = PLACE_RUNTIME_TIMEOUT_MS / 1000;
static int64_t image_high = IMAGE_HIGH_PERCENT, image_low = IMAGE_LOW_PERCENT,
               image_age_s = IMAGE_LEAST_AGE_SECONDS;

static const struct option_row options[] = {
    {.name = "mount", .argument = "DIR", .help = "where the tree is (/k8s)", .text = &mount_point},
    {.name = "state", .argument = "DIR", .help = "what outlives a reboot (/var/lib/podtree)", .text = &state},
    {.name = "run", .argument = "DIR", .help = "what need not (/run/podtree)", .text = &run},
    {.name = "node", .argument = "NAME", .help = "this node's name", .text = &node},
    {.name = "runtime",
     .argument = "PROGRAM",
     .help = "an OCI runtime with runc's command line (runc)",
     .text = &runtime},
    {.name = "runtime-timeout",
     .argument = "SECONDS",
     .help = "what takes it longer hangs, and is tried again (120)",
     .number = &runtime_timeout},
    {.name = "static-pod-path",
     .argument = "DIR",
     .help = "manifests of pods that this machine runs by itself (manifests in the state directory)",
     .text = &static_pods},
    {.name = "kinds", .argument = "DIR", .help = "where the kinds are", .text = &kinds},
    {.name = "image-gc-high-threshold",
     .argument = "PERCENT",
     .help = "how full the disk has to be before images go (85)",
     .number = &image_high},
    {.name = "image-gc-low-threshold",
     .argument = "PERCENT",
     .help = "until it is how full they go (80)",
     .number = &image_low},
    {.name = "image-minimum-gc-age",
     .argument = "SECONDS",
     .help = "images that are younger stay (120)",
     .number = &image_age_s},
    {.name = "pod-max-pids",
     .argument = "N",
     .help = "how many processes and threads a pod may have (no limit)",
     .number = &most_processes},
    {.name = "end-pods", .help = "end every container and sandbox here, and exit", .flag = &end_pods},
    {.name = "report-fd",
     .argument = "N",
     .help = "with --end-pods: say there what is waited for",
     .number = &report},
    {0},
};

static const struct usage usage = {
    .synopsis = "podtree-nodeagent --node NAME [options]",
    .about = "Runs the pods that are bound to this node, and says how they are.\n",
    .options = options,
};

#define LOCK_TRIES    200
#define LOCK_PAUSE_NS 10000000

static void on_signal(void *context, int signal_number)
{
    log_info("ends after signal %d; containers go on", signal_number);
    loop_stop(context);
}

/* The gid is what the tree knows the agent by, and the kernel reports the one for files. Containers'
 * monitors, which are not the agent, must not have it: so it is kept for files alone, and every program that
 * is run loses it by itself. */
static int keep_identity_for_files(struct error **err)
{
    gid_t own = getegid();
    if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0)
        return error_errno(err, errno, "cannot change the group");
    setfsgid(own);
    return 0;
}

/* Two agents over one directory would do everything twice. One that has just been killed may have left a
 * child that has its descriptors for a moment still. */
static int lock_run_directory(const struct place *place, struct error **err)
{
    autofree char *path = path_format("%s/nodeagent.lock", place->run);
    autoclose int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", path);
    int locked = -1;
    for (int tries = 0; tries < LOCK_TRIES && (locked = flock(fd, LOCK_EX | LOCK_NB)) < 0; tries++)
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    if (locked < 0)
        return error_errno(err, errno, "another node agent is at work on %s", place->run);
    return take_fd(fd);
}

static int work(struct loop *loop, const struct place *place, struct error **err)
{
    autotree struct tree *tree = NULL;
    struct agent_options agent_options = {
        .node = node,
        .place = place,
        .images = {image_high, image_low, image_age_s * 1000},
        .most_processes = most_processes,
        .end_pods = end_pods,
        .static_pods = static_pods,
        .kinds = kinds,
        .report = (int)report,
    };
    autoclose int lock = lock_run_directory(place, err);
    if (lock < 0)
        return lock;
    int result = end_pods ? 0 : tree_mount(mount_point, &tree, err);
    if (result < 0)
        return result;
    agent_options.tree = tree;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    struct loop_source *caught = loop_signals(loop, &signals, on_signal, loop, err);
    struct agent *agent = caught != NULL ? agent_new(loop, &agent_options, err) : NULL;
    result = agent != NULL ? loop_run(loop, err) : -EIO;
    agent_free(agent);
    loop_remove(caught);
    return result;
}

static int prepare_and_work(struct error **err)
{
    if (node == NULL || *node == '\0')
        return error_make(err, EINVAL, "--node is needed: which node is this?");
    umask(022);
    int result = keep_identity_for_files(err);
    struct place place;
    if (result < 0 || (result = place_open(&place, state, run, runtime, err)) < 0)
        return result;
    place.runtime_timeout_ms = runtime_timeout * 1000;
    struct loop *loop = loop_new(err);
    result = loop != NULL ? work(loop, &place, err) : -EIO;
    loop_free(loop);
    place_close(&place);
    return result;
}

int main(int argc, char **argv)
{
    autoerror struct error *error = NULL;
    char **words;
    int count;
    log_init("nodeagent");
    fault_init();
    int result = options_parse(&usage, argc, argv, &words, &count, &error);
    if (result > 0)
        return 0;
    if (result == 0)
        result = prepare_and_work(&error);
    if (result < 0)
        log_error("%s", error_message(error));
    return result == 0 ? 0 : 1;
}
