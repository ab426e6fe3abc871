/* The agent with real containers and a tree in memory: what it makes of pods, and what it says of them. */
#include "nodeagent/agent.h"
#include "fixture.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/process.h"
#include "nodeagent/record.h"
#include "tests/unit/lib/world.h"
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <cmocka.h>

#define PATIENCE_MS 30000

/* The world's client, with a descriptor that is readable when there is news. */
struct listening {
    struct tree tree;
    struct tree *client;
    int fd;
};

static struct fixture fixture;
static struct world *world;
static struct listening listening;
static struct agent *agent;

static void listening_follow(struct tree *tree, const char *resource, bool *changed)
{
    tree_follow(((struct listening *)tree)->client, resource, changed);
}

static int listening_since(struct tree *tree, const char *resource, int64_t version, bool metadata_only,
                           tree_line_fn *line, void *context, struct error **err)
{
    return tree_since(((struct listening *)tree)->client, resource, version, metadata_only, line, context,
                      err);
}

static int listening_get(struct tree *tree, const char *resource, const char *namespace, const char *name,
                         struct buf *object, struct error **err)
{
    return tree_get(((struct listening *)tree)->client, resource, namespace, name, object, err);
}

static int listening_bulk(struct tree *tree, struct str requests, size_t count, struct buf *results,
                          struct error **err)
{
    return tree_bulk(((struct listening *)tree)->client, requests, count, results, err);
}

static int listening_events(struct tree *tree, struct error **err)
{
    eventfd_t count;
    eventfd_read(((struct listening *)tree)->fd, &count);
    return tree_events(((struct listening *)tree)->client, err);
}

static int listening_descriptor(struct tree *tree)
{
    return ((struct listening *)tree)->fd;
}

static const struct tree_operations listening_operations = {
    .follow = listening_follow,
    .since = listening_since,
    .get = listening_get,
    .bulk = listening_bulk,
    .events = listening_events,
    .descriptor = listening_descriptor,
};

static void start_agent(bool end_pods)
{
    listening = (struct listening){.tree = {&listening_operations},
                                   .client = world_client(world),
                                   .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    struct agent_options options = {
        .node = "node-a", .place = &fixture.place, .tree = &listening.tree, .end_pods = end_pods};
    autoerror struct error *error = NULL;
    agent = agent_new(fixture.loop, &options, &error);
    if (agent == NULL)
        fail_msg("%s", error_message(error));
}

static void stop_agent(void)
{
    agent_free(agent);
    agent = NULL;
    tree_close(listening.client);
    close(listening.fd);
}

static void turn(void)
{
    if (client_has_news(listening.client))
        eventfd_write(listening.fd, 1);
    assert_int_equal(loop_turn(fixture.loop, 20, NULL), 0);
}

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    world = world_new(1);
    start_agent(false);
    return 0;
}

static struct value pod_named(const char *name)
{
    return world_get(world, "pods", "default", name);
}

static void delete_and_wait(const char *name)
{
    if (!value_exists(pod_named(name)))
        return;
    world_delete(world, "pods", "default", name);
    int64_t until = clock_ms() + PATIENCE_MS;
    while (value_exists(pod_named(name))) {
        if (clock_ms() >= until)
            fail_msg("pod %s does not go", name);
        turn();
    }
}

static int teardown(void **state)
{
    (void)state;
    delete_and_wait("web");
    for (int i = 0; i < 5; i++)
        turn();
    stop_agent();
    world_free(world);
    autofree char *pods = path_format("%s/pods", fixture.place.state);
    assert_int_equal(rmdir(pods), 0); /* no records either */
    fixture_close(&fixture);
    return 0;
}

/* ---- what is expected ---- */

static void make_pod(const char *containers, const char *more)
{
    autofree char *yaml = path_format("apiVersion: v1\n"
                                      "kind: Pod\n"
                                      "metadata: {name: web, namespace: default}\n"
                                      "spec:\n"
                                      "  nodeName: node-a\n"
                                      "  terminationGracePeriodSeconds: 1\n"
                                      "%s"
                                      "  containers: [%s]\n",
                                      more, containers);
    world_apply(world, yaml);
}

#define CONTAINER(rest) "{name: c, image: \"podtree/demo:1\", " rest "}"
#define SLEEPS          CONTAINER("command: [sleep, \"1000\"]")

/* A member of the first container's status, by a path with dots. */
static struct str container_says(const char *path)
{
    struct value v = value_element(value_at(pod_named("web"), "status", "containerStatuses"), 0);
    struct str rest = str_of(path), part;
    while (str_split(&rest, '.', &part))
        v = value_get(v, part);
    return value_str(v);
}

static struct str pod_says(const char *member)
{
    return value_str(value_get(value_at(pod_named("web"), "status"), str_of(member)));
}

static struct str condition_says(const char *type)
{
    value_each (condition, value_at(pod_named("web"), "status", "conditions"))
        if (value_is(value_get(condition, STR("type")), type))
            return value_str(value_get(condition, STR("status")));
    return STR_NONE;
}

static void wait_for_container(const char *path, const char *text)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    while (!str_is(container_says(path), text)) {
        if (clock_ms() >= until)
            fail_msg("%s is \"" STR_FORMAT "\", not \"%s\"", path, STR_ARGS(container_says(path)), text);
        turn();
    }
}

static void wait_for_phase(const char *phase)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    while (!str_is(pod_says("phase"), phase)) {
        if (clock_ms() >= until)
            fail_msg("the phase is \"" STR_FORMAT "\", not %s", STR_ARGS(pod_says("phase")), phase);
        turn();
    }
}

static pid_t pid_of_container(int attempt)
{
    autofree char *uid = str_dup(value_str(value_at(pod_named("web"), "metadata", "uid")));
    autofree char *bundle = place_bundle(&fixture.place, uid, "c", attempt);
    autofree char *path = path_format("%s/pid", bundle);
    autobuf struct buf text = {0};
    int64_t pid = 0;
    if (file_read(path, &text, NULL) < 0 || !str_to_int64(str_trim(buf_str(&text)), &pid))
        fail_msg("there is no %s", path);
    return (pid_t)pid;
}

static pid_t pid_of_sandbox(void)
{
    autofree char *uid = str_dup(value_str(value_at(pod_named("web"), "metadata", "uid")));
    int pidfd;
    pid_t pid = sandbox_find(&fixture.place, uid, &pidfd);
    assert_true(pid > 0);
    close(pidfd);
    return pid;
}

#define assert_says(expression, text)               \
    do {                                            \
        autofree char *said_ = str_dup(expression); \
        assert_string_equal(said_, text);           \
    } while (0)

/* ---- the tests ---- */

static void test_a_node_registers_and_is_ready(void **state)
{
    (void)state;
    int64_t until = clock_ms() + PATIENCE_MS;
    while (!value_exists(value_at(world_get(world, "nodes", NULL, "node-a"), "status", "nodeInfo")) &&
           clock_ms() < until)
        turn();
    while (!value_exists(world_get(world, "leases.coordination.k8s.io", "kube-node-lease", "node-a")) &&
           clock_ms() < until)
        turn();
    struct value node = world_get(world, "nodes", NULL, "node-a");
    assert_says(value_str(value_at(node, "metadata", "labels", "kubernetes.io/hostname")), "node-a");
    assert_says(value_str(value_at(node, "status", "allocatable", "pods")), "110");
    value_each (condition, value_at(node, "status", "conditions"))
        if (value_is(value_get(condition, STR("type")), "Ready"))
            assert_says(value_str(value_get(condition, STR("status"))), "True");
    struct value lease = world_get(world, "leases.coordination.k8s.io", "kube-node-lease", "node-a");
    assert_says(value_str(value_at(lease, "spec", "holderIdentity")), "node-a");
}

static void test_a_node_that_is_removed_registers_again_at_once(void **state)
{
    (void)state;
    test_a_node_registers_and_is_ready(state);
    autofree char *uid =
        str_dup(value_str(value_at(world_get(world, "nodes", NULL, "node-a"), "metadata", "uid")));
    for (int i = 0; i < 5; i++)
        turn();
    world_delete(world, "nodes", NULL, "node-a");
    int64_t until = clock_ms() + 5000; /* sooner than its lease is renewed */
    while (!value_exists(value_at(world_get(world, "nodes", NULL, "node-a"), "status", "nodeInfo"))) {
        if (clock_ms() >= until)
            fail_msg("the node does not come back");
        turn();
    }
    struct value now = world_get(world, "nodes", NULL, "node-a");
    assert_false(value_is(value_at(now, "metadata", "uid"), uid));
}

static void test_a_pod_runs_and_goes(void **state)
{
    (void)state;
    make_pod(SLEEPS, "");
    wait_for_phase("Running");
    assert_says(condition_says("Ready"), "True");
    assert_says(condition_says("Initialized"), "True");
    assert_true(value_exists(value_at(pod_named("web"), "status", "startTime")));
    assert_says(container_says("restartCount"), "0");
    assert_says(container_says("ready"), "true");
    assert_true(str_starts(container_says("imageID"), STR("sha256:")));
    assert_int_equal(world_events(world, "Pulled"), 1);
    assert_int_equal(world_events(world, "Created"), 1);
    assert_int_equal(world_events(world, "Started"), 1);
    delete_and_wait("web");
    assert_int_equal(world_events(world, "Killing"), 1);
}

static void test_a_killed_container_is_started_again_at_once_and_then_later(void **state)
{
    (void)state;
    make_pod(SLEEPS, "");
    wait_for_phase("Running");
    kill(pid_of_container(0), SIGKILL);
    wait_for_container("restartCount", "1");
    wait_for_container("ready", "true");
    assert_says(container_says("lastState.terminated.exitCode"), "137");
    assert_says(container_says("lastState.terminated.reason"), "Error");
    kill(pid_of_container(1), SIGKILL);
    wait_for_container("state.waiting.reason", "CrashLoopBackOff");
    assert_says(container_says("restartCount"), "1");
    assert_says(condition_says("Ready"), "False");
    assert_says(pod_says("phase"), "Running");
    assert_int_equal(world_events(world, "BackOff"), 1);
}

static void test_two_containers_of_a_pod_share_its_network(void **state)
{
    (void)state;
    make_pod("{name: c, image: \"podtree/demo:1\"}, {name: d, image: \"podtree/demo:1\", "
             "command: [sh, -c, \"until wget -qO- http://127.0.0.1:8080/cgi-bin/index.cgi; do sleep 0.05; "
             "done\"]}",
             "  restartPolicy: OnFailure\n");
    autofree char *log = NULL;
    while (log == NULL || !file_has(log, "hello from web")) {
        turn();
        autofree char *uid = str_dup(value_str(value_at(pod_named("web"), "metadata", "uid")));
        free(log);
        log = place_log(&fixture.place, uid, "d", 0);
    }
}

static void wait_until_gone(const char *path)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    while (access(path, F_OK) == 0) {
        if (clock_ms() >= until)
            fail_msg("%s stays", path);
        turn();
    }
}

static void test_a_pod_that_is_done_succeeds_and_keeps_nothing_of_the_machine(void **state)
{
    (void)state;
    make_pod(CONTAINER("command: [\"true\"], volumeMounts: [{name: v, mountPath: /v}]"),
             "  restartPolicy: Never\n  volumes: [{name: v, emptyDir: {medium: Memory}}]\n");
    wait_for_phase("Succeeded");
    assert_says(container_says("state.terminated.reason"), "Completed");
    autofree char *uid = str_dup(value_str(value_at(pod_named("web"), "metadata", "uid")));
    autofree char *run = place_pod_run(&fixture.place, uid), *volumes = place_volumes(&fixture.place, uid);
    wait_until_gone(run);
    wait_until_gone(volumes);
    assert_false(file_has("/proc/self/mounts", run));
    assert_false(file_has("/proc/self/mounts", volumes));
}

static void test_a_pod_that_fails_fails(void **state)
{
    (void)state;
    make_pod(CONTAINER("command: [sh, -c, \"exit 9\"]"), "  restartPolicy: Never\n");
    wait_for_phase("Failed");
    assert_says(container_says("state.terminated.exitCode"), "9");
    assert_says(container_says("state.terminated.reason"), "Error");
}

static void test_a_command_that_does_not_exist_is_said(void **state)
{
    (void)state;
    make_pod(CONTAINER("command: [nosuch]"), "");
    wait_for_container("state.waiting.reason", "CrashLoopBackOff");
    assert_says(container_says("lastState.terminated.reason"), "StartError");
    assert_says(container_says("lastState.terminated.exitCode"), "128");
    autofree char *message = str_dup(container_says("lastState.terminated.message"));
    assert_non_null(strstr(message, "exec: \"nosuch\": executable file not found in $PATH"));
    assert_true(world_events(world, "Failed") > 0);
}

static void import_demo_as(const char *name)
{
    const char *source = getenv("srcdir") != NULL ? getenv("srcdir") : ".";
    autofree char *script = path_format("%s/examples/images/build-demo.sh", source);
    autofree char *tar = path_format("%s/later.tar", fixture.directory);
    const char *const make[] = {script, "--tar", tar, NULL};
    const char *const import[] = {
        getenv("PODTREE_IMAGE"), "--state", fixture.place.state, "import", tar, name, NULL};
    assert_int_equal(process_run(&(struct process_plan){.argv = make}, NULL, NULL), 0);
    assert_int_equal(process_run(&(struct process_plan){.argv = import}, NULL, NULL), 0);
}

/* A registry of which it is sure that it isn't there. */
#define NOWHERE "127.0.0.1:1/"

static bool message_has(const char *part)
{
    autofree char *message = str_dup(container_says("state.waiting.message"));
    return strstr(message, part) != NULL;
}

static void test_an_image_that_does_not_exist_is_waited_for(void **state)
{
    (void)state;
    make_pod("{name: c, image: " NOWHERE "later, imagePullPolicy: IfNotPresent, command: [sleep, \"1000\"]}",
             "");
    wait_for_container("state.waiting.reason", "ErrImagePull");
    assert_true(message_has("connection refused") || message_has("skopeo"));
    wait_for_container("state.waiting.reason", "ImagePullBackOff");
    assert_true(message_has("Back-off pulling image \"" NOWHERE "later\": ErrImagePull: "));
    assert_says(pod_says("phase"), "Pending");
    assert_int_equal(world_events(world, "Pulling"), 1);
    assert_int_equal(world_events(world, "BackOff"), 1);
    assert_int_equal(world_events(world, "Failed"), 3); /* to pull, and the two reasons */
    import_demo_as(NOWHERE "later");
    wait_for_phase("Running");
}

static void test_an_image_that_is_not_to_be_pulled_is_waited_for(void **state)
{
    (void)state;
    make_pod("{name: c, image: " NOWHERE "later, imagePullPolicy: Never, command: [sleep, \"1000\"]}", "");
    wait_for_container("state.waiting.reason", "ErrImageNeverPull");
    assert_says(container_says("state.waiting.message"),
                "Container image \"" NOWHERE "later\" is not present with pull policy of Never");
    assert_int_equal(world_events(world, "Pulling"), 0);
    import_demo_as(NOWHERE "later");
    wait_for_phase("Running");
}

/* Whatever is here: the tag latest is asked for again, where nothing else is said. */
static void test_a_pull_under_way_ends_with_its_pod(void **state)
{
    (void)state;
    import_demo_as(NOWHERE "later");
    make_pod("{name: c, image: " NOWHERE "later, command: [sleep, \"1000\"]}", "");
    while (world_events(world, "Pulling") == 0)
        turn();
    world_delete(world, "pods", "default", "web");
    int64_t until = clock_ms() + PATIENCE_MS;
    while (value_exists(pod_named("web"))) {
        assert_true(clock_ms() < until);
        turn();
    }
}

static void change_image(const char *image)
{
    autofree char *container = path_format("{name: c, image: \"%s\", command: [sleep, \"1000\"]}", image);
    make_pod(container, "  restartPolicy: Never\n");
}

/* A container counts as started when it may begin its command: a moment later it does. The process that is to
 * become the command answers a signal with an exit code of its own. */
static void wait_for_command(int attempt)
{
    autofree char *path = path_format("/proc/%d/comm", pid_of_container(attempt));
    while (!file_has(path, "sleep"))
        turn();
}

static void test_a_changed_image_replaces_the_container_whatever_the_policy(void **state)
{
    (void)state;
    change_image("podtree/demo:1");
    wait_for_phase("Running");
    import_demo_as("other:2");
    change_image("other:2");
    wait_for_container("restartCount", "1");
    wait_for_container("ready", "true");
    assert_says(container_says("image"), "other:2");
    assert_says(pod_says("phase"), "Running");
    assert_int_equal(world_events(world, "Killing"), 1);
    wait_for_command(1);
    change_image(NOWHERE "nosuch:3");
    wait_for_container("state.waiting.reason", "ImagePullBackOff");
    assert_says(container_says("lastState.terminated.exitCode"), "137");
    assert_says(pod_says("phase"), "Running");
    change_image("podtree/demo:1"); /* tried at once */
    wait_for_container("restartCount", "2");
    wait_for_container("ready", "true");
}

static void test_an_agent_knows_what_its_predecessor_has_made_of_which_image(void **state)
{
    (void)state;
    change_image("podtree/demo:1");
    wait_for_phase("Running");
    stop_agent();
    change_image(NOWHERE "nosuch:3");
    start_agent(false);
    wait_for_container("state.waiting.reason", "ImagePullBackOff");
}

static void wait_for_events(const char *reason, size_t count)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    while (world_events(world, reason) < count) {
        if (clock_ms() >= until)
            fail_msg("%s is said %zu times, not %zu", reason, world_events(world, reason), count);
        turn();
    }
}

static void give(const char *field)
{
    autofree char *yaml = path_format("apiVersion: v1\n"
                                      "kind: Pod\n"
                                      "metadata: {name: web, namespace: default}\n"
                                      "spec: {%s}\n",
                                      field);
    world_apply(world, yaml);
}

static void test_what_can_not_be_done_is_said_and_not_left_out(void **state)
{
    (void)state;
    make_pod(SLEEPS, "  runtimeClassName: other\n  hostUsers: false\n");
    wait_for_container("state.waiting.reason", "CreateContainerConfigError");
    assert_says(container_says("state.waiting.message"),
                "not possible on this node: spec.runtimeClassName (the node has one runtime)");
    assert_int_equal(world_events(world, "WithoutEffect"), 1);
    /* what comes later: while the agent looks, or doesn't; and each but once */
    give("ephemeralContainers: [{name: e, image: \"podtree/demo:1\"}]");
    wait_for_events("WithoutEffect", 2);
    stop_agent();
    give("tolerations: [{key: a, effect: NoExecute, tolerationSeconds: 5}]");
    start_agent(false);
    wait_for_events("WithoutEffect", 3);
    kill(pid_of_sandbox(), SIGKILL);
    wait_for_events("SandboxCreated", 2);
    assert_int_equal(world_events(world, "WithoutEffect"), 3);
    assert_int_equal(world_events(world, "MissingClusterDNS"), 2); /* by each of both agents */
}

static void test_containers_survive_their_agent(void **state)
{
    (void)state;
    make_pod(SLEEPS, "");
    wait_for_phase("Running");
    pid_t container = pid_of_container(0), sandbox = pid_of_sandbox();
    stop_agent();
    start_agent(false);
    for (int i = 0; i < 20; i++)
        turn();
    assert_int_equal(pid_of_container(0), container);
    assert_int_equal(pid_of_sandbox(), sandbox);
    assert_int_equal(kill(container, 0), 0);
    assert_says(container_says("restartCount"), "0");
    kill(container, SIGKILL);
    wait_for_container("restartCount", "1");
    wait_for_container("ready", "true");
}

/* Those that have it as a word of their command line: a container's monitors have its id. */
static int count_processes_with_argument(const char *word)
{
    int count = 0;
    DIR *processes = opendir("/proc");
    assert_non_null(processes);
    struct dirent *process;
    while ((process = readdir(processes)) != NULL) {
        autofree char *path = path_format("/proc/%s/cmdline", process->d_name);
        autobuf struct buf text = {0};
        struct str argument;
        if (file_read(path, &text, NULL) < 0)
            continue;
        bool has = false;
        for (struct str rest = buf_str(&text); str_split(&rest, '\0', &argument);)
            has |= str_is(argument, word);
        count += has;
    }
    closedir(processes);
    return count;
}

/* An agent in a process of its own, with a copy of the world, that is killed after some turns. */
static void run_agent_for(int turns)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        fixture.loop = loop_new(NULL); /* the parent's epoll descriptor is the same one in both */
        start_agent(false);
        while (turns-- > 0)
            turn();
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_an_agent_may_be_killed_at_any_moment(void **state)
{
    (void)state;
    stop_agent();
    make_pod(SLEEPS, "  initContainers: [{name: i, image: \"podtree/demo:1\", command: [\"true\"]}]\n");
    for (int turns = 1; turns < 25; turns++)
        run_agent_for(turns);
    start_agent(false);
    wait_for_phase("Running");
    assert_says(container_says("restartCount"), "0");
    struct value first = value_element(value_at(pod_named("web"), "status", "initContainerStatuses"), 0);
    assert_says(value_str(value_get(first, STR("restartCount"))), "0");
    assert_says(value_str(value_at(first, "state", "terminated", "reason")), "Completed");
    autofree char *uid = str_dup(value_str(value_at(pod_named("web"), "metadata", "uid")));
    autofree char *id = place_container_id(uid, "c", 0);
    /* The runtime that has made the container may be about to end still, when another agent has found it. */
    int64_t until = clock_ms() + PATIENCE_MS;
    while (count_processes_with_argument(id) != 1)
        assert_true(clock_ms() < until);
}

/* An agent writes down that it kills a container before it does: its successor doesn't rely on that. */
static void test_a_container_that_was_about_to_be_killed_is_killed_by_the_next_agent(void **state)
{
    (void)state;
    make_pod(SLEEPS, "");
    wait_for_phase("Running");
    autofree char *uid = str_dup(value_str(value_at(pod_named("web"), "metadata", "uid")));
    pid_t container = pid_of_container(0);
    stop_agent();
    autorecord struct pod_record *record = record_load(&fixture.place, uid, NULL);
    assert_non_null(record);
    record->containers[0].asked_ms = record->containers[0].signalled_ms = clock_wall_ms();
    record->containers[0].killed = true;
    assert_int_equal(record_save(&fixture.place, record, NULL), 0);
    start_agent(false);
    delete_and_wait("web");
    assert_int_equal(kill(container, 0), -1);
}

static void test_a_pod_that_went_while_nobody_looked_is_ended(void **state)
{
    (void)state;
    make_pod(SLEEPS, "");
    wait_for_phase("Running");
    pid_t container = pid_of_container(0);
    stop_agent();
    world_apply(world, "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {nodeName: elsewhere}\n");
    start_agent(false);
    int64_t until = clock_ms() + PATIENCE_MS;
    while (kill(container, 0) == 0 && clock_ms() < until)
        turn();
    assert_int_equal(kill(container, 0), -1);
    autofree char *pods = path_format("%s/pods", fixture.place.state);
    while (rmdir(pods) < 0 && clock_ms() < until)
        turn();
    assert_int_equal(directory_make(pods, 0700, NULL), 0);
    world_apply(world, "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {nodeName: node-a}\n");
}

static void test_a_sandbox_that_dies_is_made_again(void **state)
{
    (void)state;
    make_pod(SLEEPS, "");
    wait_for_phase("Running");
    kill(pid_of_sandbox(), SIGKILL);
    wait_for_container("restartCount", "1");
    wait_for_container("ready", "true");
    pid_of_sandbox();
    assert_int_equal(world_events(world, "SandboxChanged"), 1);
}

static void test_a_container_that_ignores_the_request_is_killed_after_its_grace(void **state)
{
    (void)state;
    make_pod(CONTAINER("command: [sh, -c, \"trap : TERM; echo ready; while :; do sleep 0.1; done\"]"), "");
    wait_for_phase("Running");
    autofree char *uid = str_dup(value_str(value_at(pod_named("web"), "metadata", "uid")));
    autofree char *log = place_log(&fixture.place, uid, "c", 0);
    while (!file_has(log, "ready"))
        turn();
    int64_t begin = clock_ms();
    delete_and_wait("web");
    int64_t taken = clock_ms() - begin;
    assert_in_range(taken, 1000, 10000);
}

static void test_all_pods_can_be_ended(void **state)
{
    (void)state;
    make_pod(SLEEPS, "");
    wait_for_phase("Running");
    pid_t container = pid_of_container(0);
    stop_agent();
    start_agent(true);
    assert_int_equal(loop_run(fixture.loop, NULL), 0);
    assert_int_equal(kill(container, 0), -1);
    stop_agent();
    autofree char *pods = path_format("%s/pods", fixture.place.run);
    assert_int_equal(rmdir(pods), 0);
    assert_int_equal(directory_make(pods, 0700, NULL), 0);
    /* The tree still has it: it is run again, and remembered to have run before. */
    start_agent(false);
    wait_for_container("restartCount", "1");
    wait_for_container("ready", "true");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    if (fixture_must_skip())
        return 77;
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(test_a_node_registers_and_is_ready),
        ROW(test_a_node_that_is_removed_registers_again_at_once),
        ROW(test_a_pod_runs_and_goes),
        ROW(test_a_killed_container_is_started_again_at_once_and_then_later),
        ROW(test_two_containers_of_a_pod_share_its_network),
        ROW(test_a_pod_that_is_done_succeeds_and_keeps_nothing_of_the_machine),
        ROW(test_a_pod_that_fails_fails),
        ROW(test_a_command_that_does_not_exist_is_said),
        ROW(test_an_image_that_does_not_exist_is_waited_for),
        ROW(test_an_image_that_is_not_to_be_pulled_is_waited_for),
        ROW(test_a_pull_under_way_ends_with_its_pod),
        ROW(test_a_changed_image_replaces_the_container_whatever_the_policy),
        ROW(test_an_agent_knows_what_its_predecessor_has_made_of_which_image),
        ROW(test_what_can_not_be_done_is_said_and_not_left_out),
        ROW(test_containers_survive_their_agent),
        ROW(test_an_agent_may_be_killed_at_any_moment),
        ROW(test_a_container_that_was_about_to_be_killed_is_killed_by_the_next_agent),
        ROW(test_a_pod_that_went_while_nobody_looked_is_ended),
        ROW(test_a_sandbox_that_dies_is_made_again),
        ROW(test_a_container_that_ignores_the_request_is_killed_after_its_grace),
        ROW(test_all_pods_can_be_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
