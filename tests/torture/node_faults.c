/* What befalls the node just when its agent has come to one of its fault points (lib/fault.h): the agent dies
 * there, or it waits there at a gate, while what it works on is killed: the monitor of a container that it
 * has just made, the runtime that it has asked, a sandbox that it believes to be there. Each point, with each
 * that was asked for, one after the other. */
#include "tests/torture/node.h"
#include "tests/torture/plan.h"

#include "lib/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define REACH_MS      4000
#define AT_GATE_US    60000 /* at most: what was begun has come further or less far when it dies */
#define PAST_GATE_US  20000 /* for who has just found it to come to it */
#define AGENT_DIES_IN 3     /* one time of so many it dies too before it learns of anything */

/* The count is up to how often a pod or two pass there. At the first ones not the agent dies, but what it has
 * just begun. */
static const struct {
    const char *name;
    unsigned passes;
} fault_points[] = {
    {"monitor", 3},
    {"runtime", 3},
    {"sandbox", 3},
    {"volume-made", 1},
    {"volume-written", 1},
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
    {"end-asked", 1},
    {"signalled", 1},
    {"killed", 1},
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
    {"finish-answered", 1},
    {"pod-forgotten", 2},
};
#define OF_CHILDREN 3
#define ROUNDS      (COUNT(fault_points) * ADVERSITIES)

static struct {
    unsigned met, hit; /* the agent came there; and there was somebody whom it befell */
} rounds[COUNT(fault_points)][ADVERSITIES];

/* The agent that starts next is not the one that ran before. */
static pid_t change_agent(int64_t until)
{
    pid_t before = machine_agent();
    kill_agent();
    while ((machine_agent() == before || machine_agent() == 0) && clock_ms() < until)
        nap(1000);
    return machine_agent();
}

static void let_agent_die(unsigned point, unsigned victim)
{
    int64_t until = clock_ms() + REACH_MS;
    set_fault(node.fault, fault_points[point].name, fault_points[point].passes, NULL);
    pid_t agent = change_agent(until);
    while (machine_agent() == agent && clock_ms() < until)
        nap(2000);
    bool met = machine_agent() != agent;
    rounds[point][victim].met += met;
    rounds[point][victim].hit += met;
}

/* Opened for writing without waiting, the gate says whether somebody waits at it. */
static int reach_gate(int64_t until)
{
    int gate;
    while ((gate = open(node.gate, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0 && clock_ms() < until)
        nap(1000);
    return gate;
}

/* For good: whoever finds it still gets through. */
static void remove_gate(void)
{
    autoclose int open_for_all = open(node.gate, O_RDWR | O_CLOEXEC);
    demand(open_for_all >= 0 && unlink(node.gate) == 0, "remove %s", node.gate);
    nap(PAST_GATE_US);
}

static void befall_at_gate(unsigned point, unsigned victim)
{
    int64_t until = clock_ms() + REACH_MS;
    demand(mkfifo(node.gate, 0600) == 0, "mkfifo %s", node.gate);
    set_fault(node.fault, fault_points[point].name, fault_points[point].passes, node.gate);
    change_agent(until);
    autoclose int gate = reach_gate(until);
    if (gate >= 0) {
        nap(random_below(AT_GATE_US));
        rounds[point][victim].met++;
        rounds[point][victim].hit += adversities[victim].befall();
        if (random_below(AGENT_DIES_IN) == 0)
            kill_agent();
    }
    remove_gate();
}

static bool is_wanted(unsigned point, unsigned victim, const char *only)
{
    return is_victim(&adversities[victim]) && (only == NULL || strcmp(fault_points[point].name, only) == 0) &&
           (adversities[victim].befall == kill_agent || point >= OF_CHILDREN);
}

void meet_fault_point(const char *only)
{
    static unsigned turn;
    unsigned point = 0, victim = 0;
    unsigned first = turn == 0 ? random_below(ROUNDS) : turn; /* a short run meets some of them */
    for (turn = first; turn < first + ROUNDS; turn++) {
        point = turn / ADVERSITIES % COUNT(fault_points);
        victim = turn % ADVERSITIES;
        if (is_wanted(point, victim, only))
            break;
    }
    demand(turn++ < first + ROUNDS, "torture: there is no such point, or nothing to befall it there");
    if (adversities[victim].befall == kill_agent)
        let_agent_die(point, victim);
    else
        befall_at_gate(point, victim);
    (void)unlink(node.fault);
}

void report_fault_points(void)
{
    printf("  how often somebody was there, of how often the agent came there:\n");
    for (unsigned point = 0; point < COUNT(fault_points); point++) {
        printf("  at %-19s", fault_points[point].name);
        for (unsigned victim = 0; victim < ADVERSITIES; victim++)
            if (is_wanted(point, victim, NULL) && point >= OF_CHILDREN)
                printf(" %s %u/%u", adversities[victim].name, rounds[point][victim].hit,
                       rounds[point][victim].met);
        printf("%s\n", point < OF_CHILDREN ? " (nobody sees it)" : "");
    }
}
