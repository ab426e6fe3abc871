/* node: tortures a node agent with real containers (node.h).
 *
 *     node --podtree build/bin/podtree --dir /tmp/somewhere --kills 100
 *     node … --victims agent,monitor,runtime,container,sandbox,disk,hang,reboot
 *
 * Something befalls the node every now and then; with --faults when the agent has come to one of its fault
 * points (node_faults.c), one after the other: the agent dies there, or with --victims others do. All the
 * while no container may run twice at the same time, nor one at all twice that is to be run once; every pod
 * must come to what it is for; of one that is removed nothing may stay. Ends with 0 when all that was so. */
#include "tests/torture/node.h"
#include "tests/torture/plan.h"

#include "lib/clock.h"
#include "lib/file.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define BETWEEN_US 999999
#define QUIET_MS   300000 /* for all pods to come to their end */
#define FAULT_MS   3000
#define MOST_SLOTS 30
#define LEFT_MS    60000

static struct {
    const char *point, *runtime;
    int64_t slots;
} settings;
static pid_t processes[MOST_SLOTS + 1]; /* the last looks for doubles */

const struct adversity adversities[ADVERSITIES] = {
    {"agent", 8, false, kill_agent},     {"monitor", 3, true, kill_monitor},
    {"runtime", 3, false, kill_runtime}, {"container", 2, true, kill_container},
    {"sandbox", 2, true, kill_sandbox},  {"disk", 1, true, fill_disk},
    {"hang", 2, false, hang_runtime},    {"reboot", 1, true, reboot},
};
static unsigned befell[ADVERSITIES];

bool going_on(void)
{
    return !atomic_load(&torture->stop);
}

/* ---- the control plane ---- */

static bool podtree(const char *verb)
{
    const char *up[] = {plan.podtree,       "up",    "--mount",        node.mount,  "--state",
                        node.control_state, "--run", node.control_run, "--no-node", NULL};
    const char *down[] = {plan.podtree, "down", "--run", node.control_run, NULL};
    return podtree_does(strcmp(verb, "up") == 0 ? up : down);
}

/* ---- what befalls it ---- */

bool is_victim(const struct adversity *adversity)
{
    return is_among(plan.victims, adversity->name);
}

static void let_something_befall(void)
{
    unsigned total = 0;
    for (size_t i = 0; i < ADVERSITIES; i++)
        total += is_victim(&adversities[i]) ? adversities[i].often : 0;
    demand(total > 0, "torture: nothing is to befall");
    unsigned drawn = random_below(total);
    for (size_t i = 0; i < ADVERSITIES; i++) {
        unsigned often = is_victim(&adversities[i]) ? adversities[i].often : 0;
        if (drawn < often) {
            befell[i] += adversities[i].befall();
            return;
        }
        drawn -= often;
    }
}

/* One that looks on, or that has pods, has found something? */
static bool something_is_wrong(void)
{
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    for (size_t i = 0; pid > 0 && i <= MOST_SLOTS; i++)
        if (processes[i] == pid) {
            processes[i] = 0;
            return true;
        }
    return machine_has_crashed();
}

static bool torment(void)
{
    while ((int64_t)atomic_load(&torture->kills) < plan.kills) {
        nap(random_below(BETWEEN_US));
        if (plan.faults)
            meet_fault_point(settings.point);
        else
            let_something_befall();
        atomic_fetch_add(&torture->kills, 1);
        if (something_is_wrong())
            return false;
    }
    (void)unlink(node.hang);
    return true;
}

/* ---- those at work ---- */

static pid_t start(void (*run)(int), int argument)
{
    fflush(NULL);
    pid_t pid = fork();
    demand(pid >= 0, "fork");
    if (pid == 0) {
        srandom((unsigned)plan.seed + (unsigned)argument + 1);
        run(argument);
        _exit(0);
    }
    return pid;
}

static void look(int unused)
{
    (void)unused;
    look_for_doubles();
}

static bool end_well(pid_t *process, int64_t until)
{
    int status = 0;
    pid_t ended = 0;
    while (*process != 0 && (ended = waitpid(*process, &status, WNOHANG)) == 0 && clock_ms() < until &&
           !machine_has_crashed())
        nap(1000);
    bool good = *process != 0 && ended == *process && status == 0;
    if (*process != 0 && ended == 0) {
        fprintf(stderr, "torture: process %d does not end\n", (int)*process);
        kill(*process, SIGKILL);
        waitpid(*process, NULL, 0);
    }
    return good;
}

static bool end_pods(void)
{
    bool good = true;
    int64_t until = clock_ms() + QUIET_MS;
    atomic_store(&torture->stop, true);
    for (int i = 0; i < settings.slots; i++)
        good = end_well(&processes[i], until) && good;
    atomic_store(&torture->settle, true);
    return end_well(&processes[MOST_SLOTS], until) && good;
}

static bool nothing_is_left(void)
{
    autobuf struct buf what = {0};
    int64_t until = clock_ms() + LEFT_MS;
    while (look_for_remains(NULL, &what)) {
        if (clock_ms() > until) {
            fprintf(stderr, "torture: there is left: %s\n", what.at);
            return false;
        }
        nap(50000);
    }
    return true;
}

static void report(int64_t from_ms)
{
    printf("%llu adversities in %.1f s, %llu pods\n", (unsigned long long)atomic_load(&torture->kills),
           (double)(clock_ms() - from_ms) / 1000, (unsigned long long)atomic_load(&torture->done[0]));
    for (size_t i = 0; !plan.faults && i < ADVERSITIES; i++)
        if (is_victim(&adversities[i]))
            printf("  %-10s %u\n", adversities[i].name, befell[i]);
    if (plan.faults)
        report_fault_points();
}

static void find_places(void)
{
    const char *directory = plan.directory;
    autofree char *real = realpath(plan.podtree, NULL);
    demand(real != NULL, "find %s", plan.podtree);
    demand(directory_make(directory, 0755, NULL) == 0, "mkdir %s", directory);
    char *slash = strrchr(real, '/');
    const char *runtime_slash = strrchr(settings.runtime, '/');
    node = (struct node){
        .podtree = plan.podtree,
        .oci = settings.runtime,
        .oci_name = runtime_slash != NULL ? runtime_slash + 1 : settings.runtime,
        .directory = str_dup(str_of(directory)),
        .mount = path_format("%s/tree", directory),
        .control_state = path_format("%s/control", directory),
        .control_run = path_format("%s/control.run", directory),
        .disk = path_format("%s/disk", directory),
        .run_disk = path_format("%s/run.disk", directory),
        .state = path_format("%s/disk/state", directory),
        .run = path_format("%s/run.disk/run", directory),
        .said = path_format("%s/said", directory),
        .agent_program = path_format("%.*s/../libexec/podtree/podtree-nodeagent", (int)(slash - real), real),
        .hang = path_format("%s/hang", directory),
        .fault = path_format("%s/fault", directory),
        .gate = path_format("%s/gate", directory),
        .token = path_format("tortured%d", (int)getpid()),
        .strict = true,
        .all_at_once = plan.faults,
    };
    node.runtime = path_format("%s/runtime/%s", directory, node.oci_name);
    for (size_t i = 0; i < ADVERSITIES; i++)
        node.strict &= !is_victim(&adversities[i]) || !adversities[i].takes_outcomes;
    tree = node.mount;
}

int main(int argc, char **argv)
{
    settings.runtime = "runc";
    plan.kills = 100;
    settings.slots = 4;
    const struct option_row options[] = {
        PLAN_OPTIONS,
        {.name = "victims", .argument = "NAME,…", .help = "what befalls the node", .text = &plan.victims},
        {.name = "runtime", .argument = "NAME", .help = "the OCI runtime (runc)", .text = &settings.runtime},
        {.name = "faults", .help = "that befalls it at the agent's fault points", .flag = &plan.faults},
        {.name = "point", .argument = "NAME", .help = "only at this one", .text = &settings.point},
        {.name = "slots", .argument = "N", .help = "pods at a time", .number = &settings.slots},
        {0}};
    const struct usage usage = {.synopsis = "node OPTIONS",
                                .about = "Tortures a node agent with real containers.\n",
                                .options = options};
    begin(&usage, argc, argv);
    if (plan.victims == NULL)
        plan.victims = plan.faults ? "agent" : "agent,monitor,runtime,container,sandbox,disk,hang,reboot";
    demand(settings.slots > 0 && settings.slots <= MOST_SLOTS, "1 to %d slots are possible", MOST_SLOTS);
    find_places();
    machine_prepare();
    demand(podtree("up"), "torture: podtree up failed");
    prepare_pods();
    machine_start();
    for (int i = 0; i < settings.slots; i++)
        processes[i] = start(run_pods, i);
    processes[MOST_SLOTS] = start(look, -1);
    int64_t from = clock_ms();
    bool good = torment();
    report(from);
    good = end_pods() && good && nothing_is_left() && !machine_has_crashed();
    machine_stop();
    podtree("down");
    machine_clear();
    return finish(good);
}
