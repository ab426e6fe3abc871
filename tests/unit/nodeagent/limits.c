/* What a pod's group is limited to, and what that is in the kernel's files. */
#include "nodeagent/limits.h"
#include "lib/demand.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"

/* Of a PodSpec with ' in the place of ". */
static struct doc *pod_of(const char *spec)
{
    autofree char *text = path_format("{\"spec\":%s}", spec);
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    return must_parse(text);
}

static void write_rows(const struct limits *limits, enum cgroup_version version, struct buf *out)
{
    struct limit_row rows[LIMIT_ROWS];
    size_t count = limits_rows(limits, version, rows);
    for (size_t i = 0; i < count; i++)
        buf_addf(out, "%s%s/%s=%s", i != 0 ? ", " : "", rows[i].controller, rows[i].file, rows[i].value);
}

#define BOTH \
    "'resources':{'requests':{'cpu':'100m','memory':'64Mi'},'limits':{'cpu':'200m','memory':'128Mi'}}"

static void test_a_pod_may_use_what_its_containers_may_together(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int64_t processes;
        const char *first, *second; /* version of control groups */
    } rows[] = {
        {"{'containers':[{'name':'a'}]}", 0, "cpu/cpu.shares=2", "cpu/cpu.weight=1"},
        {"{'containers':[{'name':'a'}]}", 50, "cpu/cpu.shares=2, pids/pids.max=50",
         "cpu/cpu.weight=1, pids/pids.max=50"},
        {"{'containers':[{'name':'a'," BOTH "},{'name':'b'," BOTH "}]}", 0,
         "cpu/cpu.shares=204, cpu/cpu.cfs_period_us=100000, cpu/cpu.cfs_quota_us=40000, "
         "memory/memory.limit_in_bytes=268435456",
         "cpu/cpu.weight=8, cpu/cpu.max=40000 100000, memory/memory.max=268435456"},
        /* one without limits takes away the limit of all, but not what is asked for */
        {"{'containers':[{'name':'a'," BOTH "},{'name':'b','resources':{'requests':{'cpu':'1'}}}]}", 0,
         "cpu/cpu.shares=1126", "cpu/cpu.weight=43"},
        {"{'containers':[{'name':'a'," BOTH "},{'name':'b','resources':{'limits':{'memory':'1Gi'}}}]}", 0,
         "cpu/cpu.shares=102, memory/memory.limit_in_bytes=1207959552",
         "cpu/cpu.weight=4, memory/memory.max=1207959552"},
        {"{'initContainers':[{'name':'i'}],'containers':[{'name':'a'," BOTH "}]}", 0, "cpu/cpu.shares=102",
         "cpu/cpu.weight=4"},
        /* the larger: an init container beside the sidecar before it, or all the others */
        {"{'initContainers':[{'name':'s','restartPolicy':'Always'," BOTH
         "},{'name':'i','resources':{'limits':{'cpu':'2','memory':'64Mi'}}}],'containers':[{'name':'a'," BOTH
         "}]}",
         0,
         "cpu/cpu.shares=2150, cpu/cpu.cfs_period_us=100000, cpu/cpu.cfs_quota_us=220000, "
         "memory/memory.limit_in_bytes=268435456",
         "cpu/cpu.weight=82, cpu/cpu.max=220000 100000, memory/memory.max=268435456"},
        {"{'overhead':{'cpu':'100m','memory':'16Mi'},'containers':[{'name':'a'," BOTH "}]}", 0,
         "cpu/cpu.shares=204, cpu/cpu.cfs_period_us=100000, cpu/cpu.cfs_quota_us=30000, "
         "memory/memory.limit_in_bytes=150994944",
         "cpu/cpu.weight=8, cpu/cpu.max=30000 100000, memory/memory.max=150994944"},
        {"{'overhead':{'cpu':'100m'},'containers':[{'name':'a'}]}", 0, "cpu/cpu.shares=2",
         "cpu/cpu.weight=1"},
        /* the least and the most */
        {"{'containers':[{'name':'a','resources':{'limits':{'cpu':'1m'}}}]}", 0,
         "cpu/cpu.shares=2, cpu/cpu.cfs_period_us=100000, cpu/cpu.cfs_quota_us=1000",
         "cpu/cpu.weight=1, cpu/cpu.max=1000 100000"},
        {"{'containers':[{'name':'a','resources':{'requests':{'cpu':'1000'}}}]}", 0, "cpu/cpu.shares=262144",
         "cpu/cpu.weight=10000"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *pod = pod_of(rows[i].spec);
        struct limits limits = limits_of_pod(doc_root(pod), rows[i].processes);
        autobuf struct buf first = {0}, second = {0};
        write_rows(&limits, CGROUP_V1, &first);
        write_rows(&limits, CGROUP_V2, &second);
        assert_string_equal(first.at, rows[i].first);
        assert_string_equal(second.at, rows[i].second);
    }
}

static void test_requests_count_with_and_limits_without_what_is_not_said(void **state)
{
    (void)state;
    bool of_all;
    autodoc struct doc *pod =
        pod_of("{'overhead':{'ephemeral-storage':'1Mi'},'containers':[{'name':'a','resources':{'limits':"
               "{'ephemeral-storage':'3Mi'}}},{'name':'b','resources':{'requests':{'memory':'1Ki'}}}]}");
    assert_int_equal(demand_request(doc_root(pod), RESOURCE_STORAGE), 4 << 20);
    assert_int_equal(demand_limit(doc_root(pod), RESOURCE_STORAGE, &of_all), 4 << 20);
    assert_false(of_all);
    assert_int_equal(demand_request(doc_root(pod), RESOURCE_MEMORY), 1024);
    assert_int_equal(demand_limit(doc_root(pod), RESOURCE_MEMORY, &of_all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pod_may_use_what_its_containers_may_together),
        cmocka_unit_test(test_requests_count_with_and_limits_without_what_is_not_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
