/* Which pods the node takes, and with which words it refuses the others. */
#include "nodeagent/admission.h"
#include "tests/unit/lib/test.h"

/* The node has a small machine, a label, a taint that drives pods away and one that only keeps them away; of
 * the machine, the pod that is there takes some. */
#define LABELS      "{\"disk\":\"ssd\",\"kubernetes.io/os\":\"linux\"}"
#define TAINTS      "[{\"key\":\"full\",\"effect\":\"NoSchedule\"}%s]"
#define ALLOCATABLE "{\"cpu\":\"2\",\"memory\":\"1Gi\",\"pods\":\"%d\"}"
#define OTHER                                                                                             \
    "{\"spec\":{\"nodeName\":\"node-a\",\"containers\":[{\"name\":\"a\",\"resources\":{\"requests\":{"    \
    "\"cpu\":\"500m\"},\"limits\":{\"memory\":\"512Mi\"}},\"ports\":[{\"containerPort\":80,\"hostPort\":" \
    "8080,\"hostIP\":\"192.0.2.1\"}]}]}}"

static struct value value_of(struct doc **doc, const char *json)
{
    *doc = must_parse(json);
    return doc_root(*doc);
}

/* "reason: message" of what is said of a pod with this spec (and metadata, before it). */
static char *answer(const char *pod_text, const char *more_taints, int pods)
{
    autobuf struct buf text = {0};
    autodoc struct doc *pod = NULL, *other = NULL, *labels = NULL, *taints = NULL, *allocatable = NULL;
    autofree char *taint_text = NULL, *allocatable_text = NULL;
    buf_addf(&text, TAINTS, more_taints);
    taint_text = buf_take(&text);
    buf_addf(&text, ALLOCATABLE, pods);
    allocatable_text = buf_take(&text);
    struct value others[] = {value_of(&other, OTHER)};
    bool goes[] = {false};
    struct admission_input input = {
        .pod = value_of(&pod, pod_text),
        .others = others,
        .other_count = 1,
        .node = "node-a",
        .labels = value_of(&labels, LABELS),
        .taints = value_of(&taints, taint_text),
        .allocatable = value_of(&allocatable, allocatable_text),
        .goes = goes,
    };
    cleanup(admission_clear) struct admission_refusal refusal = {0};
    if (admission_check(&input, &refusal))
        return str_dup(goes[0] ? STR("admitted, the other goes") : STR("admitted"));
    buf_addf(&text, "%s: %s", refusal.reason, refusal.message);
    return buf_take(&text);
}

#define SPEC(rest)     "{\"spec\":{\"nodeName\":\"node-a\"," rest "}}"
#define ASKS(requests) "{\"name\":\"a\",\"resources\":{\"requests\":{" requests "}}}"
#define AFFINITY(value)                                                                                \
    "\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{"             \
    "\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":\"disk\",\"operator\":\"In\",\"values\":[" \
    "\"" value "\"]}]}]}}}"
#define PORT(rest) \
    "\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":1,\"hostPort\":8080" rest "}]}]"
#define WRONG_PLACE \
    "NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
#define NO_PORT \
    "NodePorts: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"

static const struct {
    const char *pod, *expected;
} rows[] = {
    {SPEC("\"containers\":[{\"name\":\"a\"}]"), "admitted"},
    {SPEC("\"containers\":[" ASKS("\"cpu\":\"1500m\",\"memory\":\"512Mi\",\"example.com/gpu\":\"1\"") "]"),
     "admitted"},
    {SPEC("\"containers\":[" ASKS("\"cpu\":\"1600m\"") "]"),
     "OutOfcpu: Node didn't have enough resource: cpu, requested: 1600, used: 500, capacity: 2000"},
    {SPEC("\"containers\":[" ASKS("\"memory\":\"513Mi\"") "]"),
     "OutOfmemory: Node didn't have enough resource: memory, requested: 537919488, used: 536870912, "
     "capacity: "
     "1073741824"},
    /* nobody has told the node of GPUs; of storage and huge pages it has nothing */
    {SPEC("\"containers\":[" ASKS("\"ephemeral-storage\":\"1\"") "]"),
     "OutOfephemeral-storage: Node didn't have enough resource: ephemeral-storage, requested: 1, used: 0, "
     "capacity: 0"},
    {SPEC("\"containers\":[" ASKS("\"hugepages-2Mi\":\"4Mi\"") "]"),
     "OutOfhugepages-2Mi: Node didn't have enough resource: hugepages-2Mi, requested: 4194304, used: 0, "
     "capacity: 0"},
    /* for a critical pod the other goes, but not where that is of no use */
    {SPEC("\"priority\":2000000000,\"containers\":[" ASKS("\"cpu\":\"1600m\"") "]"),
     "admitted, the other goes"},
    {SPEC("\"priority\":2000000000,\"containers\":[" ASKS("\"cpu\":\"1500m\"") "]"), "admitted"},
    {SPEC("\"priority\":2000000000,\"containers\":[" ASKS("\"cpu\":\"2100m\"") "]"),
     "UnexpectedAdmissionError: Unexpected error while attempting to recover from admission failure: "
     "preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: "
     "[(res: cpu, q: 100), ]"},
    {SPEC("\"priority\":2000000000,\"nodeSelector\":{\"disk\":\"hdd\"},\"containers\":[" ASKS(
         "\"cpu\":\"1600m\"") "]"),
     WRONG_PLACE},
    /* beside a sidecar the rest; an init container beside the sidecars before it */
    {SPEC("\"initContainers\":[{\"name\":\"s\",\"restartPolicy\":\"Always\",\"resources\":{\"requests\":{"
          "\"cpu\":"
          "\"1\"}}}],\"containers\":[" ASKS("\"cpu\":\"501m\"") "]"),
     "OutOfcpu: Node didn't have enough resource: cpu, requested: 1501, used: 500, capacity: 2000"},
    {SPEC(
         "\"initContainers\":[" ASKS("\"cpu\":\"1500m\"") "],\"containers\":[" ASKS("\"cpu\":\"1500m\"") "]"),
     "admitted"},
    {SPEC("\"initContainers\":[{\"name\":\"s\",\"restartPolicy\":\"Always\",\"resources\":{\"requests\":{"
          "\"cpu\":"
          "\"1\"}}}," ASKS("\"cpu\":\"600m\"") "],\"containers\":[]"),
     "OutOfcpu: Node didn't have enough resource: cpu, requested: 1600, used: 500, capacity: 2000"},
    {SPEC("\"overhead\":{\"cpu\":\"1\"},\"containers\":[" ASKS("\"cpu\":\"501m\"") "]"),
     "OutOfcpu: Node didn't have enough resource: cpu, requested: 1501, used: 500, capacity: 2000"},
    {SPEC("\"nodeSelector\":{\"disk\":\"ssd\"}," AFFINITY("ssd")), "admitted"},
    {SPEC("\"nodeSelector\":{\"disk\":\"hdd\"}"), WRONG_PLACE},
    {SPEC(AFFINITY("hdd")), WRONG_PLACE},
    {"{\"spec\":{\"nodeName\":\"node-b\"}}",
     "NodeName: Predicate NodeName failed: node(s) didn't match the requested node name"},
    {SPEC(PORT("")), NO_PORT},
    {SPEC(PORT(",\"hostIP\":\"192.0.2.1\"")), NO_PORT},
    {SPEC(PORT(",\"hostIP\":\"192.0.2.2\"")), "admitted"},
    {SPEC(PORT(",\"protocol\":\"UDP\"")), "admitted"},
    {SPEC("\"os\":{\"name\":\"windows\"}"),
     "PodOSNotSupported: Failed to admit pod as the OS field doesn't match node OS"},
    {SPEC("\"os\":{\"name\":\"linux\"}"), "admitted"},
    {"{\"metadata\":{\"labels\":{\"kubernetes.io/os\":\"windows\"}},\"spec\":{\"nodeName\":\"node-a\"}}",
     "PodOSSelectorNodeLabelDoesNotMatch: Failed to admit pod as the `kubernetes.io/os` label doesn't match "
     "node "
     "label"},
    {SPEC("\"securityContext\":{\"sysctls\":[{\"name\":\"vm.swappiness\",\"value\":\"1\"}]}"),
     "SysctlForbidden: forbidden sysctl: \"vm.swappiness\" not allowlisted"},
};

static void test_each_check_has_its_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        autofree char *said = answer(rows[i].pod, "", 110);
        if (strcmp(said, rows[i].expected) != 0)
            fail_msg("%s: %s", rows[i].pod, said);
    }
}

static void test_a_taint_that_drives_pods_away_has_to_be_tolerated(void **state)
{
    (void)state;
    static const char taint[] = ",{\"key\":\"out\",\"value\":\"now\",\"effect\":\"NoExecute\"}";
    autofree char *refused = answer(SPEC("\"containers\":[]"), taint, 110);
    assert_string_equal(refused,
                        "TaintToleration: Predicate TaintToleration failed: node(s) had taints that the "
                        "pod didn't tolerate");
    autofree char *admitted = answer(SPEC("\"tolerations\":[{\"key\":\"out\",\"operator\":\"Equal\","
                                          "\"value\":\"now\",\"effect\":\"NoExecute\"}]"),
                                     taint, 110);
    assert_string_equal(admitted, "admitted");
}

static void test_a_node_takes_so_many_pods(void **state)
{
    (void)state;
    autofree char *refused = answer(SPEC("\"containers\":[]"), "", 1);
    assert_string_equal(
        refused, "OutOfpods: Node didn't have enough resource: pods, requested: 1, used: 1, capacity: 1");
    autofree char *admitted = answer(SPEC("\"containers\":[]"), "", 2);
    assert_string_equal(admitted, "admitted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_check_has_its_words),
        cmocka_unit_test(test_a_taint_that_drives_pods_away_has_to_be_tolerated),
        cmocka_unit_test(test_a_node_takes_so_many_pods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
