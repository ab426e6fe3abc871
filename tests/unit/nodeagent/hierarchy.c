/* Control groups in directories that are no control groups: with the files that the kernel would have put
 * into them, so that both versions can be tried wherever this runs. */
#include "nodeagent/hierarchy.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"

#include <stdio.h>
#include <sys/stat.h>

static char directory[64];
static struct place place;
static struct cgroups *cgroups;

static int set_up(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/hierarchy.XXXXXX");
    place.cgroup = str_dup(STR("/podtree/1"));
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    cgroups_close(cgroups);
    cgroups = NULL;
    free(place.cgroup);
    return directory_remove(directory, NULL);
}

static void put(const char *path, const char *text)
{
    autofree char *whole = path_format("%s/%s", directory, path);
    autofree char *parent = str_dup(str_of(whole));
    *strrchr(parent, '/') = '\0';
    assert_int_equal(directory_make(parent, 0755, NULL), 0);
    assert_int_equal(file_write(whole, str_of(text), 0644, NULL), 0);
}

static void assert_says(const char *path, const char *text)
{
    autofree char *whole = path_format("%s/%s", directory, path);
    autobuf struct buf says = {0};
    if (file_read(whole, &says, NULL) < 0)
        fail_msg("there is no %s", path);
    assert_str(buf_str(&says), text);
}

static bool is_there(const char *path)
{
    autofree char *whole = path_format("%s/%s", directory, path);
    return access(whole, F_OK) == 0;
}

/* "TYPE NAME OPTIONS" each; a table as /proc/self/mounts is. */
static void mount_all(const char *const *mounts, size_t count)
{
    autobuf struct buf table = {0};
    for (size_t i = 0; i < count; i++) {
        char type[16], name[16], options[64];
        assert_int_equal(sscanf(mounts[i], "%15s %15s %63s", type, name, options), 3);
        buf_addf(&table, "none %s/%s %s %s 0 0\n", directory, name, type, options);
    }
    put("mounts", table.at);
    autofree char *path = path_format("%s/mounts", directory);
    cgroups = cgroups_open_from(path, NULL);
    assert_non_null(cgroups);
}
#define MOUNT(...) mount_all((const char *const[]){__VA_ARGS__}, COUNT(((const char *const[]){__VA_ARGS__})))
#define HYBRID                                                                                               \
    "cgroup cpu rw,cpu", "cgroup memory rw,memory", "cgroup pids rw,pids", "cgroup systemd rw,name=systemd", \
        "cgroup2 unified rw"

static const struct limits limits = {
    .cpu_shares = 1024, .cpu_quota_us = 50000, .memory = 1 << 20, .processes = 7};

static void test_version_2_hands_controllers_down_to_the_pod(void **state)
{
    (void)state;
    static const char *const levels[] = {"v2", "v2/podtree", "v2/podtree/1", "v2/podtree/1/burstable",
                                         "v2/podtree/1/burstable/podu"};
    for (size_t i = 0; i < COUNT(levels); i++) {
        autofree char *control = path_format("%s/cgroup.subtree_control", levels[i]);
        put(control, "");
    }
    static const char *const files[] = {"cpu.weight", "cpu.max", "memory.max", "pids.max"};
    for (size_t i = 0; i < COUNT(files); i++) {
        autofree char *file = path_format("%s/%s", levels[4], files[i]);
        put(file, "");
    }
    put("v2/cgroup.controllers", "cpuset cpu io memory pids\n");
    MOUNT("cgroup2 v2 rw,nsdelegate");
    autoerror struct error *error = NULL;
    if (hierarchy_make_pod(cgroups, &place, "u", QUALITY_BURSTABLE, &limits, &error) < 0)
        fail_msg("%s", error_message(error));
    assert_says("v2/podtree/1/burstable/podu/cpu.weight", "39");
    assert_says("v2/podtree/1/burstable/podu/cpu.max", "50000 100000");
    assert_says("v2/podtree/1/burstable/podu/memory.max", "1048576");
    assert_says("v2/podtree/1/burstable/podu/pids.max", "7");
    for (size_t i = 0; i < COUNT(levels); i++) {
        autofree char *control = path_format("%s/cgroup.subtree_control", levels[i]);
        assert_says(control, "+pidsry"); /* each is written over the one before */
    }
    assert_true(cgroups_count_memory_in_v2(cgroups));
}

static void test_version_1_limits_where_the_controller_is(void **state)
{
    (void)state;
    put("cpu/podtree/1/podu/cpu.shares", "");
    put("cpu/podtree/1/podu/cpu.cfs_period_us", "");
    put("cpu/podtree/1/podu/cpu.cfs_quota_us", "");
    put("memory/podtree/1/podu/memory.limit_in_bytes", "");
    put("pids/podtree/1/podu/pids.max", "");
    MOUNT(HYBRID);
    assert_int_equal(hierarchy_make_pod(cgroups, &place, "u", QUALITY_GUARANTEED, &limits, NULL), 0);
    assert_says("cpu/podtree/1/podu/cpu.shares", "1024");
    assert_says("cpu/podtree/1/podu/cpu.cfs_quota_us", "50000");
    assert_says("memory/podtree/1/podu/memory.limit_in_bytes", "1048576");
    assert_says("pids/podtree/1/podu/pids.max", "7");
    assert_true(is_there("unified/podtree/1/podu"));
    assert_false(is_there("systemd/podtree"));
    assert_false(cgroups_count_memory_in_v2(cgroups));
}

static void test_what_no_controller_limits_stays_unlimited_and_what_fails_is_said(void **state)
{
    (void)state;
    MOUNT("cgroup cpu rw,cpuacct", "cgroup2 unified rw");
    assert_int_equal(hierarchy_make_pod(cgroups, &place, "u", QUALITY_BEST_EFFORT, &limits, NULL), 0);
    assert_true(is_there("unified/podtree/1/besteffort/podu"));
    cgroups_close(cgroups);
    MOUNT("cgroup cpu rw,cpu,cpuacct", "cgroup2 unified rw");
    autoerror struct error *error = NULL;
    assert_true(hierarchy_make_pod(cgroups, &place, "v", QUALITY_BEST_EFFORT, &limits, &error) < 0);
    assert_non_null(strstr(error_message(error), "cannot write 1024 to "));
}

static void test_classes_get_what_their_pods_ask_for(void **state)
{
    (void)state;
    put("cpu/podtree/1/burstable/cpu.shares", "");
    put("cpu/podtree/1/besteffort/cpu.shares", "");
    MOUNT(HYBRID);
    assert_int_equal(hierarchy_share(cgroups, &place, 1500, NULL), 0);
    assert_says("cpu/podtree/1/burstable/cpu.shares", "1536");
    assert_says("cpu/podtree/1/besteffort/cpu.shares", "2");
}

static void note(void *context, const char *uid, const char *container, int attempt)
{
    buf_addf(context, " %s", uid);
    if (container != NULL)
        buf_addf(context, ".%s.%d", container, attempt);
}

static void assert_container(const char *uid, const char *container, const char *monitor)
{
    autofree char *one = hierarchy_container(cgroups, &place, uid, "c", 2);
    autofree char *other = hierarchy_monitor(cgroups, &place, uid, "c", 2);
    assert_string_equal(one, container);
    assert_string_equal(other, monitor);
}

static void test_groups_are_found_wherever_they_are(void **state)
{
    (void)state;
    put("unified/podtree/1/besteffort/poda/sandbox/cgroup.procs", "");
    put("memory/podtree/1/burstable/podb/cgroup.procs", ""); /* is being removed: gone elsewhere */
    put("unified/podtree/1/podold/c.2.monitor/cgroup.procs", "");
    put("unified/podtree/1/monitors/a.c.2/cgroup.procs", "");
    MOUNT(HYBRID);
    assert_container("a", "/podtree/1/besteffort/poda/c.2", "/podtree/1/monitors/a.c.2");
    assert_container("b", "/podtree/1/burstable/podb/c.2", "/podtree/1/monitors/b.c.2");
    assert_container("old", "/podtree/1/podold/c.2", "/podtree/1/podold/c.2.monitor");
    assert_container("none", "/podtree/1/podnone/c.2", "/podtree/1/monitors/none.c.2");
    autobuf struct buf found = {0};
    hierarchy_list(cgroups, &place, note, &found);
    assert_string_equal(found.at, " old b a a.c.2");
}

static void test_usage_is_read_in_both_versions(void **state)
{
    (void)state;
    int64_t cpu_us, memory, kills;
    put("cpu/g/cpuacct.usage", "5000000\n");
    put("memory/g/memory.usage_in_bytes", "9000\n");
    put("memory/g/memory.stat", "cache 5\ntotal_inactive_file 1000\n");
    put("memory/g/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
    put("unified/g/cpu.stat", "usage_usec 1\n");
    MOUNT(HYBRID);
    assert_true(cgroups_usage(cgroups, "/g", &cpu_us, &memory));
    assert_int_equal(cpu_us, 5000);
    assert_int_equal(memory, 8000);
    assert_true(cgroups_memory_kills(cgroups, "/g", &kills));
    assert_int_equal(kills, 3);
    cgroups_close(cgroups);
    put("v2/g/cpu.stat", "usage_usec 6000\nuser_usec 5000\n");
    put("v2/g/memory.current", "7000\n");
    put("v2/g/memory.stat", "anon 5\ninactive_file 2000\n");
    put("v2/g/memory.events", "low 0\nhigh 0\nmax 4\noom 1\noom_kill 2\noom_group_kill 0\n");
    MOUNT("cgroup2 v2 rw");
    assert_true(cgroups_usage(cgroups, "/g", &cpu_us, &memory));
    assert_int_equal(cpu_us, 6000);
    assert_int_equal(memory, 5000);
    assert_true(cgroups_memory_kills(cgroups, "/g", &kills));
    assert_int_equal(kills, 2);
    assert_false(cgroups_memory_kills(cgroups, "/none", &kills));
}

static void on_end(void *context, const struct process_result *result)
{
    *(int *)context = result->status;
}

static void test_a_program_joins_its_group_of_version_1_before_it_begins(void **state)
{
    (void)state;
    struct loop *loop = loop_new(NULL);
    autofree char *procs = path_format("%s/systemd/g/cgroup.procs", directory);
    const char *const argv[] = {"grep", "-qx", "0", procs, NULL};
    const struct process_plan plan = {.argv = argv};
    int status = -1;
    MOUNT("cgroup systemd rw,name=systemd");
    assert_null(cgroups_start(cgroups, "/g", loop, &plan, on_end, &status, NULL)); /* it can't be joined */
    put("systemd/g/cgroup.procs", "");
    assert_non_null(cgroups_start(cgroups, "/g", loop, &plan, on_end, &status, NULL));
    while (status == -1)
        assert_int_equal(loop_turn(loop, 100, NULL), 0);
    assert_int_equal(status, 0);
    loop_free(loop);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_version_2_hands_controllers_down_to_the_pod),
        TEST(test_version_1_limits_where_the_controller_is),
        TEST(test_what_no_controller_limits_stays_unlimited_and_what_fails_is_said),
        TEST(test_classes_get_what_their_pods_ask_for),
        TEST(test_groups_are_found_wherever_they_are),
        TEST(test_usage_is_read_in_both_versions),
        TEST(test_a_program_joins_its_group_of_version_1_before_it_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
