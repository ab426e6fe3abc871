/* torture: kills processes of a cluster while clients work on it (torture.h).
 *
 *     torture --podtree build/bin/podtree --dir /tmp/somewhere --kills 200
 *     torture … --victims fsd,notifier,scheduler,workloads,gc,hollow,supervisor --hollow 3
 *
 * A victim is killed at a random moment up to 30 ms after the tree has answered again, and every fourth time
 * without waiting for that: while it starts. With --faults fsd is also made to die at its fault points
 * (lib/fault.h), one after the other. Ends with 0 when every load found everything as it must be, and
 * the history too. */
#include "tests/torture/plan.h"

#include "lib/clock.h"
#include "lib/file.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LATEST_KILL_US 30000
#define QUIET_MS       60000 /* for all loads to end */
#define NAME_BYTES     32

static const struct load loads[] = {
    {"writer", 1, prepare_writer, run_writer, false},
    {"counter", 3, prepare_counter, run_counter, false},
    {"manifest", 1, prepare_manifest, run_manifest, false},
    {"renames", 2, prepare_renames, run_renames, false},
    {"makers", 2, NULL, run_makers, false},
    {"removers", 1, NULL, run_removers, false},
    {"lists", 3, prepare_lists, run_lists, false},
    {"events", 1, prepare_events, run_events, false},
    {"follower", 1, NULL, run_follower, false},
    {"watcher", 1, NULL, run_watcher, false},
    {"since", 1, NULL, run_since, false},
    {"scaler", 1, prepare_scaler, run_scaler, true},
};

static struct {
    const char *only;
    char *mount, *state, *run;
    int64_t hollow;
} settings;
static size_t own_load, own_process; /* in a load's process */
static pid_t processes[MOST_PROCESSES];
static size_t process_loads[MOST_PROCESSES], process_count;

bool going_on(void)
{
    atomic_fetch_add(&torture->done[own_load], 1);
    bool more = !atomic_load(&torture->stop);
    atomic_store(&torture->changing[own_process], more);
    return more;
}

/* ---- the cluster ---- */

static bool podtree(const char *verb)
{
    char hollow[16];
    snprintf(hollow, sizeof(hollow), "%lld", (long long)settings.hollow);
    const char *up[] = {plan.podtree, "up",         "--mount",   settings.mount, "--state", settings.state,
                        "--run",      settings.run, "--no-node", "--hollow",     hollow,    NULL};
    const char *down[] = {plan.podtree, "down", "--run", settings.run, NULL};
    return podtree_does(strcmp(verb, "up") == 0 ? up : down);
}

/* The record names the processes that were started last. */
static pid_t pid_of(const char *victim)
{
    autofree char *path = path_format("%s/record", settings.run);
    autobuf struct buf text = {0};
    if (file_read(path, &text, NULL) < 0)
        return 0;
    struct str rest = buf_str(&text), line;
    while (str_split(&rest, '\n', &line)) {
        char name[NAME_BYTES];
        int pid;
        autofree char *copy = str_dup(line);
        if (sscanf(copy, "process %31s %d", name, &pid) == 2 && strcmp(name, victim) == 0)
            return pid;
    }
    return 0;
}

static pid_t supervisor_pid(void)
{
    autofree char *command = path_format("%s status --run %s", plan.podtree, settings.run);
    FILE *output = popen(command, "r");
    char line[512];
    int pid = 0;
    while (output != NULL && fgets(line, sizeof(line), output) != NULL)
        sscanf(line, "supervisor %d", &pid);
    if (output != NULL)
        pclose(output);
    return pid;
}

/* Asks something that only fsd can answer. */
static void wait_for_answer(void)
{
    autobuf struct buf text = {0};
    read_whole(in_tree("namespaces/.version"), 64, &text);
}

/* ---- killing ---- */

static void kill_supervisor(void)
{
    pid_t pid = supervisor_pid();
    demand(pid > 0 && kill(pid, SIGKILL) == 0, "kill the supervisor, process %d", pid);
    while (kill(pid, 0) == 0)
        nap(500);
    demand(podtree("up"), "podtree up after the supervisor was killed");
}

/* Which process it was; 0 for the supervisor. */
static pid_t kill_one(const char *victim)
{
    static pid_t last;
    if (strcmp(victim, "supervisor") == 0) {
        kill_supervisor();
        return 0;
    }
    pid_t pid;
    int64_t until = clock_ms() + 20000;
    while (((pid = pid_of(victim)) == 0 || pid == last || kill(pid, SIGKILL) < 0) && clock_ms() < until)
        nap(500);
    demand(clock_ms() < until, "%s is not started again", victim);
    return last = pid;
}

/* The places where fsd is made to die; the count is up to how often one is passed in a second, or so. */
static const struct {
    const char *name;
    unsigned passes;
} fault_points[] = {
    {"read", 100},      {"dispatching", 100}, {"repeating", 2},   {"answering", 100}, {"answered", 100},
    {"committing", 10}, {"committed", 10},    {"publishing", 10}, {"finishing", 10},  {"finish", 30},
    {"window", 20},     {"results", 3},       {"moving", 2},      {"detached", 5},    {"opening", 30},
    {"closing", 30},    {"history", 3},       {"taking-over", 1}, {"taken-over", 1},
};
#define FAULT_MS 1000
static unsigned faults_met[COUNT(fault_points)];

/* The next fsd finds what it is to die of, and is given a second to come there. */
static void kill_at_fault_point(void)
{
    static unsigned turn;
    unsigned point = turn++ % COUNT(fault_points);
    autofree char *path = path_format("%s/fault", plan.directory);
    set_fault(path, fault_points[point].name, fault_points[point].passes, NULL);
    pid_t killed = kill_one("fsd"), pid;
    int64_t until = clock_ms() + FAULT_MS;
    while (((pid = pid_of("fsd")) == 0 || pid == killed) && clock_ms() < until)
        nap(500);
    while (kill(pid, 0) == 0 && clock_ms() < until)
        nap(500);
    (void)unlink(path); /* of an fsd that was killed before it could look */
    faults_met[point] += clock_ms() < until;
}

static bool load_has_failed(void)
{
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    for (size_t i = 0; pid > 0 && i < process_count; i++)
        if (processes[i] == pid) {
            processes[i] = 0;
            fprintf(stderr, "torture: %s failed after %llu kills\n", loads[process_loads[i]].name,
                    (unsigned long long)atomic_load(&torture->kills));
            return true;
        }
    return false;
}

static bool kill_them(void)
{
    const char *victims[16];
    unsigned count = 0;
    autofree char *copy = strdup(plan.victims);
    for (char *name = strtok(copy, ","); name != NULL && count < 16; name = strtok(NULL, ","))
        victims[count++] = name;
    while ((int64_t)atomic_load(&torture->kills) < plan.kills) {
        if (random_below(4) != 0)
            wait_for_answer();
        nap(random_below(LATEST_KILL_US));
        if (plan.faults)
            kill_at_fault_point();
        else
            kill_one(victims[random_below(count)]);
        atomic_fetch_add(&torture->kills, 1);
        if (load_has_failed())
            return false;
    }
    return true;
}

/* ---- loads ---- */

static bool is_wanted(const struct load *load)
{
    if (load->only_with_nodes && settings.hollow == 0)
        return false;
    return settings.only == NULL || is_among(settings.only, load->name);
}

static void start_load(size_t index)
{
    for (int i = 0; i < loads[index].processes; i++) {
        pid_t pid = fork();
        demand(pid >= 0, "fork");
        if (pid == 0) {
            own_load = index;
            own_process = process_count;
            srandom((unsigned)plan.seed + (unsigned)index * 100 + (unsigned)i);
            loads[index].run(i);
            _exit(0);
        }
        processes[process_count] = pid;
        process_loads[process_count++] = index;
    }
}

static void start_loads(void)
{
    for (size_t i = 0; i < COUNT(loads); i++)
        if (is_wanted(&loads[i]) && loads[i].prepare != NULL)
            loads[i].prepare();
    for (size_t i = 0; i < COUNT(loads); i++)
        if (is_wanted(&loads[i]))
            start_load(i);
}

/* All ended well? A load that never ends is stopped, and has failed. */
static bool end_loads(void)
{
    bool good = true;
    int64_t until = clock_ms() + QUIET_MS;
    atomic_store(&torture->stop, true);
    for (size_t i = 0; i < process_count; i++)
        while (processes[i] != 0 && atomic_load(&torture->changing[i]) && clock_ms() < until)
            nap(1000);
    atomic_store(&torture->settle, true);
    for (size_t i = 0; i < process_count; i++) {
        int status = 0;
        pid_t ended = 0;
        while (processes[i] != 0 && (ended = waitpid(processes[i], &status, WNOHANG)) == 0 &&
               clock_ms() < until)
            nap(1000);
        if (processes[i] != 0 && ended == 0)
            kill(processes[i], SIGKILL);
        if (processes[i] == 0 || ended == 0 || status != 0) {
            fprintf(stderr, "torture: %s %s\n", loads[process_loads[i]].name,
                    ended == 0 && processes[i] != 0 ? "does not end" : "failed");
            good = false;
        }
    }
    return good;
}

/* ---- the history ---- */

/* Each value that was ever committed for the writer is larger than the one before, and the last is the last.
 */
static bool check_history(void)
{
    /* Of what main has: a repacking may go on when fsd is gone, and fsck can't look at what is being written.
     */
    autofree char *fsck = path_format("{ git clone --quiet --bare --no-local %s/history.git %s/copy.git && "
                                      "git -C %s/copy.git fsck --strict && rm -r %s/copy.git; } 2>&1",
                                      settings.state, plan.directory, plan.directory, plan.directory);
    if (system(fsck) != 0) {
        fprintf(stderr, "torture: git fsck found something\n");
        return false;
    }
    autofree char *command =
        path_format("git -C %s/history.git log --reverse -p --format= main -- "
                    "namespaces/default/deployments/written.yaml | sed -n 's/^+  minReadySeconds: //p'",
                    settings.state);
    FILE *values = popen(command, "r");
    char line[64];
    long last = -1, count = 0;
    bool good = values != NULL;
    while (good && fgets(line, sizeof(line), values) != NULL) {
        long value = strtol(line, NULL, 10);
        if (value <= last)
            fprintf(stderr, "torture: the history goes from %ld to %ld\n", last, value);
        good = value > last;
        last = value;
        count++;
    }
    if (values != NULL)
        pclose(values);
    printf("history: %ld values of the writer, the last is %ld\n", count, last);
    return good;
}

/* What the tree has to say about it. */
static void show_errors(void)
{
    autobuf struct buf text = {0};
    read_whole(in_tree("errors"), 65536, &text);
    fprintf(stderr, "torture: the last of %s/errors:\n%s", tree,
            text.length > 2000 ? text.at + text.length - 2000
            : text.length > 0  ? text.at
                               : "");
}

static void report(int64_t from_ms)
{
    printf("%llu kills in %.1f s\n", (unsigned long long)atomic_load(&torture->kills),
           (double)(clock_ms() - from_ms) / 1000);
    for (size_t i = 0; i < COUNT(loads); i++)
        if (is_wanted(&loads[i]))
            printf("  %-10s %llu\n", loads[i].name, (unsigned long long)atomic_load(&torture->done[i]));
    for (size_t i = 0; plan.faults && i < COUNT(fault_points); i++)
        printf("  at %-11s %u\n", fault_points[i].name, faults_met[i]);
}

int main(int argc, char **argv)
{
    plan.victims = "fsd";
    plan.kills = 200;
    const struct option_row options[] = {
        PLAN_OPTIONS,
        {.name = "victims",
         .argument = "NAME,…",
         .help = "what is killed: fsd, notifier, …, supervisor",
         .text = &plan.victims},
        {.name = "faults", .help = "fsd dies at its fault points", .flag = &plan.faults},
        {.name = "only", .argument = "LOAD,…", .help = "only these loads", .text = &settings.only},
        {.name = "hollow", .argument = "N", .help = "nodes", .number = &settings.hollow},
        {0}};
    const struct usage usage = {.synopsis = "torture OPTIONS",
                                .about = "Kills a cluster while clients work on it.\n",
                                .options = options};
    begin(&usage, argc, argv);
    settings.mount = path_format("%s/tree", plan.directory);
    settings.state = path_format("%s/state", plan.directory);
    settings.run = path_format("%s/run", plan.directory);
    tree = settings.mount;
    autofree char *fault = path_format("%s/fault", plan.directory);
    setenv("PODTREE_FAULT", fault, 1); /* the supervisor hands its environment on */
    if (!podtree("up")) {
        fprintf(stderr, "torture: podtree up failed\n");
        return 1;
    }
    start_loads();
    int64_t from = clock_ms();
    bool good = kill_them();
    report(from);
    good = end_loads() && good;
    if (!good)
        show_errors();
    podtree("down");
    return finish(good && (settings.only != NULL || check_history()));
}
