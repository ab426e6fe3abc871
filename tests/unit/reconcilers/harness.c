/* The kill harness: each row is a set of controllers and a story told in phases. The story is run once
 * undisturbed, and then again and again with the controllers killed between any two steps of input and
 * output, with two instances at once, and with events that come late and out of order. Each run must end like
 * the first, and on the way there may never be more pods than the story allows. */
#include "tests/unit/lib/test.h"
#include "tests/unit/lib/world.h"

#include "lib/log.h"
#include "lib/views.h"
#include "reconcilers/deployment.h"
#include "reconcilers/gc.h"
#include "reconcilers/hollow.h"
#include "reconcilers/podgc.h"
#include "reconcilers/replicaset.h"
#include "reconcilers/scheduler.h"

/* ---- rows ---- */

struct phase {
    const char *apply;     /* YAML, or NULL */
    const char *delete[3]; /* resource, namespace, name, or NULL */
};

struct row {
    const char *name;
    const char *controllers; /* letters: d r s g n h p (see `letters`) */
    struct phase phases[6];
    size_t most_pods; /* that are not being deleted, at any time; 0: any number */
};

static const char nodes[] = "{apiVersion: v1, kind: Node, metadata: {name: a}, "
                            "status: {conditions: [{type: Ready, status: 'True'}], "
                            "allocatable: {cpu: 8, memory: 16Gi, pods: 20}}}\n"
                            "---\n"
                            "{apiVersion: v1, kind: Node, metadata: {name: b}, "
                            "status: {conditions: [{type: Ready, status: 'True'}], "
                            "allocatable: {cpu: 8, memory: 16Gi, pods: 20}}}\n";

#define TEMPLATE(image)                                                                               \
    "template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: '" image "', " \
    "resources: {requests: {cpu: 100m}}}]}}"
#define SET(replicas)                                                 \
    "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web}, " \
    "spec: {replicas: " #replicas ", selector: {matchLabels: {app: web}}, " TEMPLATE("web:1") "}}"
#define DEPLOYMENT(replicas, image)                                   \
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, " \
    "spec: {replicas: " #replicas ", selector: {matchLabels: {app: web}}, " TEMPLATE(image) "}}"

static const struct row rows[] = {
    {.name = "replica set up and down",
     .controllers = "r",
     .phases =
         {{.apply = SET(7)}, {.apply = SET(2)}, {.apply = SET(20)}, {.apply = SET(0)}, {.apply = SET(3)}},
     .most_pods = 20},
    {.name = "deployment",
     .controllers = "dr",
     .phases = {{.apply = DEPLOYMENT(3, "web:1")}, {.apply = DEPLOYMENT(5, "web:1")}},
     .most_pods = 5},
    {.name = "scheduler",
     .controllers = "rs",
     .phases =
         {{.apply = SET(12)}, {.apply = nodes}, {.apply = SET(15)}, {.apply = SET(50)}, {.apply = SET(10)}}},
    {.name = "everything rolls",
     .controllers = "drsh",
     .phases = {{.apply = DEPLOYMENT(4, "web:1")},
                {.apply = DEPLOYMENT(8, "web:1")},
                {.apply = DEPLOYMENT(8, "web:2")},
                {.apply = DEPLOYMENT(2, "web:1")}},
     .most_pods = 10},
    {.name = "deleted with all that it owns",
     .controllers = "drshg",
     .phases = {{.apply = DEPLOYMENT(4, "web:1")}, {.delete = {"deployments.apps", "default", "web"}}},
     .most_pods = 4},
    {.name = "namespace",
     .controllers = "drshgn",
     .phases = {{.apply = "{apiVersion: v1, kind: Namespace, metadata: {name: default}}"},
                {.apply = DEPLOYMENT(4, "web:1")},
                {.apply = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}"},
                {.delete = {"namespaces", "", "default"}}},
     .most_pods = 4},
    {.name = "node that goes",
     .controllers = "drshgp",
     .phases = {{.apply = nodes}, {.apply = DEPLOYMENT(6, "web:1")}, {.delete = {"nodes", "", "a"}}},
     .most_pods = 6},
};

static const struct controller *gc, *namespaces;

/* The controllers of a row, up to NULL. */
static void list_controllers(const struct row *row, const struct controller **list)
{
    size_t count = 0;
    for (const char *letter = row->controllers; *letter != '\0'; letter++) {
        switch (*letter) {
        case 'd':
            list[count++] = &deployment_controller;
            break;
        case 'r':
            list[count++] = &replicaset_controller;
            break;
        case 's':
            list[count++] = &scheduler_controller;
            break;
        case 'p':
            list[count++] = &podgc_controller;
            break;
        case 'h':
            list[count++] = &hollow_nodes_controller;
            list[count++] = &hollow_pods_controller;
            break;
        case 'g':
            list[count++] = gc;
            break;
        case 'n':
            list[count++] = namespaces;
            break;
        default:
            abort();
        }
    }
    list[count] = NULL;
}

/* ---- instances ---- */

struct instance {
    const struct controller *list[12];
    struct tree *client;
    struct controllers *controllers;
    int64_t due_ms; /* when it wants its next step; -1: never */
};

struct trouble {
    uint64_t seed;
    size_t instances;
    size_t kills; /* in all */
    bool late;
};

static void live(struct instance *instance, struct world *world, struct trouble *trouble)
{
    instance->client = world_client(world);
    client_delay(instance->client, trouble->late);
    if (trouble->kills != 0) {
        trouble->kills--;
        client_kill_after(instance->client, 1 + world_random(world, 12));
    }
    instance->controllers = controllers_new(instance->client, instance->list);
    instance->due_ms = world_now(world);
}

static void die(struct instance *instance)
{
    controllers_free(instance->controllers);
    tree_close(instance->client);
}

static void step(struct instance *instance, struct world *world, struct trouble *trouble)
{
    int64_t wait = controllers_step(instance->controllers);
    instance->due_ms = wait >= 0 ? world_now(world) + wait : -1;
    if (!client_is_dead(instance->client))
        return;
    die(instance);
    live(instance, world, trouble);
}

/* ---- stories ---- */

enum { RUNS = 60 };

/* Nothing has happened for longer than any backoff. */
enum { QUIET_MS = 65 * 1000, STEPS_MOST = 200 * 1000 };

static bool is_due(const struct instance *instance, const struct world *world)
{
    return client_has_news(instance->client) ||
           (instance->due_ms >= 0 && instance->due_ms <= world_now(world));
}

static int64_t next_due(const struct instance *instances, size_t count)
{
    int64_t next = -1;
    for (size_t i = 0; i < count; i++)
        if (instances[i].due_ms >= 0 && (next < 0 || instances[i].due_ms < next))
            next = instances[i].due_ms;
    return next;
}

static void run_until_quiet(struct world *world, struct instance *instances, struct trouble *trouble,
                            const char *name)
{
    int64_t version = -1, since = world_now(world);
    for (size_t steps = 0;
         version != world_significant_version(world) || world_now(world) - since < QUIET_MS;) {
        if (version != world_significant_version(world)) {
            version = world_significant_version(world);
            since = world_now(world);
        }
        bool stepped = false;
        size_t first = world_random(world, trouble->instances);
        for (size_t i = 0; i < trouble->instances; i++) {
            struct instance *instance = &instances[(first + i) % trouble->instances];
            if (!is_due(instance, world))
                continue;
            step(instance, world, trouble);
            stepped = true;
        }
        if (stepped && ++steps > STEPS_MOST)
            fail_msg("%s (seed %lu): it never comes to rest", name, (unsigned long)trouble->seed);
        if (stepped)
            continue;
        int64_t next = next_due(instances, trouble->instances);
        int64_t rest = since + QUIET_MS;
        world_wait(world, (next >= 0 && next < rest ? next : rest) - world_now(world));
    }
}

struct limits {
    const struct row *row;
    uint64_t seed;
    const struct world *world;
    size_t pods;
};

/* Pods that nobody owns any more are the garbage collector's, which comes in its own time. */
static void count_pod(void *context, struct value pod)
{
    struct limits *limits = context;
    struct value owner = value_element(value_at(pod, "metadata", "ownerReferences"), 0);
    autofree char *name = str_dup(value_str(value_get(owner, STR("name"))));
    struct value set = world_get(limits->world, "replicasets.apps", "default", name);
    limits->pods += !value_exists(value_at(pod, "metadata", "deletionTimestamp")) &&
                    value_equal(value_at(set, "metadata", "uid"), value_get(owner, STR("uid")));
}

static void check_limits(void *context, struct world *world)
{
    struct limits *limits = context;
    limits->pods = 0;
    world_each(world, "pods", count_pod, limits);
    if (limits->row->most_pods != 0 && limits->pods > limits->row->most_pods)
        fail_msg("%s (seed %lu): there are %zu pods", limits->row->name, (unsigned long)limits->seed,
                 limits->pods);
}

/* Two instances that have not seen the same may both be right for a moment: then only the end counts. */
static void tell(const struct row *row, struct trouble *trouble, struct buf *end)
{
    struct world *world = world_new(trouble->seed);
    struct limits limits = {row, trouble->seed, world, 0};
    if (trouble->instances == 1)
        world_watch(world, check_limits, &limits);
    struct instance instances[2];
    for (size_t i = 0; i < trouble->instances; i++) {
        list_controllers(row, instances[i].list);
        live(&instances[i], world, trouble);
    }
    for (const struct phase *phase = row->phases; phase->apply != NULL || phase->delete[0] != NULL; phase++) {
        if (phase->apply != NULL)
            world_apply(world, phase->apply);
        else
            world_delete(world, phase->delete[0], phase->delete[1], phase->delete[2]);
        run_until_quiet(world, instances, trouble, row->name);
        if (phase == &row->phases[COUNT(row->phases) - 1])
            break;
    }
    world_summary(world, end);
    for (size_t i = 0; i < trouble->instances; i++)
        die(&instances[i]);
    world_free(world);
}

/* The first line in which the two differ, with some of what comes before it. */
static void show_difference(struct str expected, struct str end)
{
    struct str before[6] = {STR_NONE}, wanted = STR_NONE, is = STR_NONE;
    size_t line = 0;
    while (str_equal(wanted, is) && (expected.at != NULL || end.at != NULL)) {
        before[line++ % COUNT(before)] = wanted;
        wanted = is = STR_NONE;
        str_split(&expected, '\n', &wanted);
        str_split(&end, '\n', &is);
    }
    for (size_t i = 0; i < COUNT(before); i++, line++)
        print_error("  " STR_FORMAT "\n", STR_ARGS(before[line % COUNT(before)]));
    print_error("- " STR_FORMAT "\n+ " STR_FORMAT "\n", STR_ARGS(wanted), STR_ARGS(is));
}

static void compare(const struct row *row, const struct buf *expected, struct trouble trouble)
{
    struct trouble told = trouble;
    autobuf struct buf end = {0};
    tell(row, &told, &end);
    if (str_equal(buf_str(&end), buf_str(expected)))
        return;
    show_difference(buf_str(expected), buf_str(&end));
    fail_msg("%s (seed %lu, %zu instances, %zu kills%s) ends otherwise", row->name,
             (unsigned long)trouble.seed, trouble.instances, trouble.kills, trouble.late ? ", late" : "");
}

static void run_row(void **state)
{
    const struct row *row = *state;
    autobuf struct buf expected = {0};
    tell(row, &(struct trouble){.seed = 1, .instances = 1}, &expected);
    for (uint64_t seed = 2; seed < RUNS; seed++)
        compare(
            row, &expected,
            (struct trouble){
                .seed = seed, .instances = 1 + seed % 2, .kills = seed % 3 * 20, .late = seed / 2 % 2 != 0});
}

int main(void)
{
    setenv("PODTREE_LOG", "error", 0); /* dying is what they do here */
    log_init("harness");
    hollow_set_count(3);
    struct owned_kinds *kinds =
        owned_kinds_new(STR("namespaces\nnodes\npods\nconfigmaps\nreplicasets.apps\ndeployments\nleases\n"));
    gc = gc_controller(kinds);
    namespaces = namespace_controller(kinds);
    struct CMUnitTest tests[COUNT(rows)];
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){
            .name = rows[i].name, .test_func = run_row, .initial_state = (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
