/* node: tortures a node agent with real containers (node.h).
 *
 *     node --podtree build/bin/podtree --dir /tmp/somewhere --kills 100
 *     node … --victims agent,monitor,runtime,container,sandbox,disk,hang,reboot
 *
 * Something befalls the node every now and then; with --faults the agent dies at its fault points
 * (lib/fault.h), or what it has just begun does, one after the other. All the while no container may run
 * twice at the same time, nor one at all twice that is to be run once; every pod must come to what it is for;
 * of one that is removed nothing may stay. Ends with 0 when all that was so. */
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

static const struct adversity {
    const char *name;
    unsigned often;
    bool takes_outcomes; /* of containers with it */
    bool (*befall)(void);
} adversities[] = {
    {"agent", 8, false, kill_agent},     {"monitor", 3, true, kill_monitor},
    {"runtime", 3, false, kill_runtime}, {"container", 2, true, kill_container},
    {"sandbox", 2, true, kill_sandbox},  {"disk", 1, true, fill_disk},
    {"hang", 2, false, hang_runtime},    {"reboot", 1, true, reboot},
};
static unsigned befell[COUNT(adversities)];

/* Where the agent dies, or (the first ones) what it has just begun; the count is up to how often a pod or two
 * pass there. */
static const struct {
    const char *name;
    unsigned passes;
} fault_points[] = {
    {"monitor", 3},
    {"runtime", 3},
    {"sandbox", 3},
    {"volumes-made", 2},
    {"pod-recorded", 2},
    {"sandbox-file", 5},
    {"sandbox-grouped", 2},
    {"sandbox-born", 2},
    {"sandbox-ready", 2},
    {"sandbox-recorded", 2},
    {"sandbox-made", 2},
    {"volumes-bound", 3},
    {"container-recorded", 3},
    {"bundle-made", 3},
    {"rootfs-mounted", 3},
    {"config-written", 3},
    {"monitor-begun", 3},
    {"container-made", 3},
    {"container-created", 3},
    {"start-asked", 3},
    {"start-opened", 3},
    {"start-answered", 3},
    {"started", 3},
    {"start-recorded", 3},
    {"hook-begun", 1},
    {"hook-ended", 1},
    {"end-asked", 2},
    {"signalled", 2},
    {"killed", 2},
    {"ended", 2},
    {"end-recorded", 2},
    {"runtime-begun", 2},
    {"group-removed", 6},
    {"state-removed", 3},
    {"bundle-removed", 3},
    {"layer-removed", 3},
    {"removal-recorded", 2},
    {"sandbox-stopped", 2},
    {"sandbox-ungrouped", 2},
    {"sandbox-removed", 2},
    {"volumes-removed", 2},
    {"saying", 10},
    {"said", 10},
    {"finish-answered", 2},
    {"pod-forgotten", 2},
};
static unsigned faults_met[COUNT(fault_points)];

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

/* The next agent finds what it or its child is to die of, and is given some time to come there. */
static void meet_fault_point(void)
{
    static unsigned turn;
    if (turn == 0)
        turn = random_below(COUNT(fault_points)); /* a short run meets some of them */
    unsigned point = turn++ % COUNT(fault_points);
    while (settings.point != NULL && strcmp(fault_points[point].name, settings.point) != 0)
        point = turn++ % COUNT(fault_points);
    set_fault(node.fault, fault_points[point].name, fault_points[point].passes);
    pid_t before = machine_agent();
    kill_agent();
    int64_t until = clock_ms() + FAULT_MS;
    while ((machine_agent() == before || machine_agent() == 0) && clock_ms() < until)
        nap(1000);
    pid_t agent = machine_agent();
    while (machine_agent() == agent && clock_ms() < until)
        nap(2000);
    faults_met[point] += machine_agent() != agent;
    (void)unlink(node.fault);
}

static bool is_victim(const struct adversity *adversity)
{
    return is_among(plan.victims, adversity->name);
}

static void let_something_befall(void)
{
    unsigned total = 0;
    for (size_t i = 0; i < COUNT(adversities); i++)
        total += is_victim(&adversities[i]) ? adversities[i].often : 0;
    demand(total > 0, "torture: nothing is to befall");
    unsigned drawn = random_below(total);
    for (size_t i = 0; i < COUNT(adversities); i++) {
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
            meet_fault_point();
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
    for (size_t i = 0; !plan.faults && i < COUNT(adversities); i++)
        if (is_victim(&adversities[i]))
            printf("  %-10s %u\n", adversities[i].name, befell[i]);
    for (size_t i = 0; plan.faults && i < COUNT(fault_points); i++)
        printf("  at %-19s %u\n", fault_points[i].name, faults_met[i]);
}

static void find_places(void)
{
    const char *directory = plan.directory;
    autofree char *real = realpath(plan.podtree, NULL);
    demand(real != NULL, "find %s", plan.podtree);
    demand(directory_make(directory, 0755, NULL) == 0, "mkdir %s", directory);
    char *slash = strrchr(real, '/');
    node = (struct node){
        .podtree = plan.podtree,
        .oci = settings.runtime,
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
        .runtime = path_format("%s/runtime", directory),
        .hang = path_format("%s/hang", directory),
        .fault = path_format("%s/fault", directory),
        .token = path_format("tortured%d", (int)getpid()),
        .strict = true,
    };
    for (size_t i = 0; !plan.faults && i < COUNT(adversities); i++)
        node.strict &= !is_victim(&adversities[i]) || !adversities[i].takes_outcomes;
    tree = node.mount;
}

int main(int argc, char **argv)
{
    plan.victims = "agent,monitor,runtime,container,sandbox,disk,hang,reboot";
    settings.runtime = "runc";
    plan.kills = 100;
    settings.slots = 4;
    const struct option_row options[] = {
        PLAN_OPTIONS,
        {.name = "victims", .argument = "NAME,…", .help = "what befalls the node", .text = &plan.victims},
        {.name = "runtime", .argument = "NAME", .help = "the OCI runtime (runc)", .text = &settings.runtime},
        {.name = "faults", .help = "the agent dies at its fault points", .flag = &plan.faults},
        {.name = "point", .argument = "NAME", .help = "only at this one", .text = &settings.point},
        {.name = "slots", .argument = "N", .help = "pods at a time", .number = &settings.slots},
        {0}};
    const struct usage usage = {.synopsis = "node OPTIONS",
                                .about = "Tortures a node agent with real containers.\n",
                                .options = options};
    begin(&usage, argc, argv);
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
