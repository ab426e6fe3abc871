#include "reconcilers/scheduler.h"
#include "reconcilers/placement.h"
#include "tests/unit/reconcilers/passes.h"
#include <stdio.h>

#define NODE(name, more) \
    "---\n{apiVersion: v1, kind: Node, metadata: {name: " name ", labels: {disk: " name "}}, " more "}\n"
#define ROOM(cpu, memory, pods)                                                                           \
    "status: {conditions: [{type: Ready, status: 'True'}], allocatable: {cpu: " #cpu ", memory: " #memory \
    ", pods: " #pods "}}"
#define POD(name, more) "---\n{apiVersion: v1, kind: Pod, metadata: {name: " name "}, " more "}\n"
#define ASKS(cpu, memory) \
    "containers: [{name: c, resources: {requests: {cpu: " #cpu ", memory: " #memory "}}}]"

#define BIND(pod, node)                                                                                  \
    "---\n{op: patch, resource: pods, name: " pod ", namespace: default, uid: uid-" pod                  \
    ", merge: {spec: {nodeName: " node "}}}\n"                                                           \
    "---\n{op: event, resource: pods, name: " pod ", namespace: default, uid: uid-" pod                  \
    ", type: Normal, reason: Scheduled, message: 'Successfully assigned default/" pod " to " node "'}\n" \
    "---\n{op: status, resource: pods, name: " pod ", namespace: default, uid: uid-" pod                 \
    ", merge: {conditions: [{type: PodScheduled, status: 'True', lastTransitionTime: '*'}]}}\n"
#define REFUSE(pod, why)                                                                                  \
    "---\n{op: status, resource: pods, name: " pod ", namespace: default, uid: uid-" pod                  \
    ", merge: {conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: \"" why \
    "\", lastTransitionTime: '*'}]}}\n"                                                                   \
    "---\n{op: event, resource: pods, name: " pod ", namespace: default, uid: uid-" pod                   \
    ", type: Warning, reason: FailedScheduling, message: \"" why "\"}\n"

static void expect(const char *objects, const char *plan)
{
    expect_plan(
        &(struct given){
            .controller = &scheduler_controller, .namespace = "", .name = "cluster", .objects = objects},
        plan);
}

static void a_pod_goes_to_the_only_node_with_room(void **state)
{
    (void)state;
    expect(NODE("a", ROOM(1, 1Gi, 10)) NODE("b", ROOM(4, 4Gi, 10)) POD("p", "spec: {" ASKS(2, 1Gi) "}"),
           BIND("p", "b"));
}

static void what_others_were_promised_counts(void **state)
{
    (void)state;
    expect(NODE("a", ROOM(4, 4Gi, 10)) NODE("b", ROOM(3, 4Gi, 10))
               POD("there", "spec: {nodeName: a, " ASKS(2, 1Gi) "}, status: {phase: Running}")
                   POD("p", "spec: {" ASKS(3, 1Gi) "}"),
           BIND("p", "b"));
}

/* 1 and 1 of the sidecar; the init container takes 3, and 1 beside it. */
static void sidecars_count_with_all_that_comes_after_them(void **state)
{
    (void)state;
    expect(NODE("a", ROOM(3, 4Gi, 10)) NODE("b", ROOM(4, 4Gi, 10)) POD(
               "p", "spec: {initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: "
                    "1}}}, {name: i, resources: {requests: {cpu: 3}}}], " ASKS(1, 1Gi) "}"),
           BIND("p", "b"));
    expect(NODE("a", ROOM(1, 4Gi, 10)) NODE("b", ROOM(2, 4Gi, 10)) POD(
               "p", "spec: {initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: "
                    "1}}}], " ASKS(1, 1Gi) "}"),
           BIND("p", "b"));
}

static void a_pod_that_has_ended_takes_nothing(void **state)
{
    (void)state;
    expect(NODE("a", ROOM(4, 4Gi, 1))
               POD("done", "spec: {nodeName: a, " ASKS(4, 1Gi) "}, status: {phase: Failed}")
                   POD("p", "spec: {" ASKS(3, 1Gi) "}"),
           BIND("p", "a"));
}

static void pods_of_one_pass_see_each_other(void **state)
{
    (void)state;
    expect(NODE("a", ROOM(2, 4Gi, 10)) POD("p", "spec: {" ASKS(2, 1Gi) "}")
               POD("q", "spec: {" ASKS(2, 1Gi) "}"),
           BIND("p", "a") REFUSE("q", "0/1 nodes are available: 1 Insufficient cpu."));
}

static void the_more_important_and_then_the_older_goes_first(void **state)
{
    (void)state;
    expect(NODE("a", ROOM(2, 4Gi, 10)) POD("young", "spec: {" ASKS(2, 1Gi) "}")
               POD("important", "spec: {priority: 5, " ASKS(2, 1Gi) "}"),
           BIND("important", "a") REFUSE("young", "0/1 nodes are available: 1 Insufficient cpu."));
}

static void each_reason_is_said_with_its_count(void **state)
{
    (void)state;
    expect(
        NODE("a", ROOM(1, 1Gi, 10)) NODE("b", ROOM(1, 1Gi, 10))
            NODE("c", "spec: {unschedulable: true}, " ROOM(8, 8Gi, 10)) NODE("d", ROOM(8, 8Gi, 0))
                NODE("e", "status: {conditions: [{type: Ready, status: Unknown}]}")
                    NODE("f", "spec: {taints: [{key: gpu, value: x, effect: NoSchedule}]}, " ROOM(8, 8Gi, 9))
                        POD("p", "spec: {" ASKS(2, 2Gi) "}"),
        REFUSE("p",
               "0/6 nodes are available: 2 Insufficient cpu, 2 Insufficient memory, 1 Too many pods, 1 "
               "node(s) had untolerated taint "
               "{gpu: x}, 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }, 1 node(s) were "
               "unschedulable."));
}

/* Ephemeral storage, huge pages and what anybody has named; what a node doesn't have it has nothing of. */
static void all_that_can_be_asked_for_is_counted(void **state)
{
    (void)state;
#define HAS(more)                                                                                     \
    "status: {conditions: [{type: Ready, status: 'True'}], allocatable: {cpu: 8, memory: 8Gi, pods: " \
    "9, " more "}}"
#define WANTS(more) "containers: [{name: c, resources: {limits: {" more "}}}]"
    static const struct {
        const char *name, *less, *more;
    } rows[] = {
        {"ephemeral-storage", "ephemeral-storage: 9Gi", "ephemeral-storage: 10Gi"},
        {"hugepages-2Mi", "hugepages-2Mi: 8Mi", "hugepages-2Mi: 10Mi"},
        {"example.com/gpu", "example.com/gpu: 2", "example.com/gpu: 3"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf objects = {0}, plan = {0};
        buf_addf(&objects,
                 NODE("a", HAS("%s")) NODE("b", HAS("%s")) NODE("c", ROOM(8, 8Gi, 9))
                     POD("there", "spec: {nodeName: a, " WANTS("%s") "}, status: {phase: Running}")
                         POD("p", "spec: {" WANTS("%s") "}")
                             POD("q", "spec: {priority: -1, " WANTS("%s") "}"),
                 rows[i].more, rows[i].more, rows[i].less, rows[i].less, rows[i].less);
        buf_addf(&plan, BIND("p", "b") REFUSE("q", "0/3 nodes are available: 3 Insufficient %s."),
                 rows[i].name, rows[i].name);
        expect(objects.at, plan.at);
    }
}

static void no_node_at_all_is_said(void **state)
{
    (void)state;
    expect(POD("p", "spec: {}"), REFUSE("p", "no nodes available to schedule pods"));
}

static void a_reason_that_is_known_is_not_repeated(void **state)
{
    (void)state;
    expect(POD("p",
               "spec: {}, status: {conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, "
               "message: no nodes available to schedule pods}]}"),
           "");
}

static void a_node_selector_is_obeyed(void **state)
{
    (void)state;
    expect(NODE("a", ROOM(4, 4Gi, 10)) NODE("b", ROOM(4, 4Gi, 10))
               POD("p", "spec: {nodeSelector: {disk: b}}"),
           BIND("p", "b"));
    expect(NODE("a", ROOM(4, 4Gi, 10)) POD("p", "spec: {nodeSelector: {disk: z}}"),
           REFUSE("p", "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."));
}

static void a_required_node_affinity_is_obeyed(void **state)
{
    (void)state;
#define AFFINITY(terms)                                                                                     \
    "spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: " \
    "[" terms "]}}}}"
    expect(NODE("a", ROOM(4, 4Gi, 10)) NODE("b", ROOM(4, 4Gi, 10))
               POD("p", AFFINITY("{matchExpressions: [{key: disk, operator: In, values: [b, c]}]}")),
           BIND("p", "b"));
    expect(NODE("a", ROOM(4, 4Gi, 10)) NODE("b", ROOM(4, 4Gi, 10))
               POD("p", AFFINITY("{matchFields: [{key: metadata.name, operator: NotIn, values: [b]}]}")),
           BIND("p", "a"));
    expect(NODE("a", ROOM(4, 4Gi, 10))
               POD("p", AFFINITY("{matchExpressions: [{key: none, operator: Exists}]}")),
           REFUSE("p", "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."));
}

static void a_toleration_opens_a_node(void **state)
{
    (void)state;
    expect(NODE("a", "spec: {taints: [{key: gpu, value: x, effect: NoSchedule}]}, " ROOM(4, 4Gi, 10))
               POD("p", "spec: {tolerations: [{key: gpu, operator: Equal, value: x}]}"),
           BIND("p", "a"));
    expect(NODE("a", "spec: {unschedulable: true}, " ROOM(4, 4Gi, 10))
               POD("p", "spec: {tolerations: [{operator: Exists}]}"),
           BIND("p", "a"));
}

static void pods_of_others_and_those_that_go_are_left_alone(void **state)
{
    (void)state;
    expect(
        NODE("a", ROOM(4, 4Gi, 10)) POD("p", "spec: {schedulerName: mine}") POD(
            "g",
            "spec: {schedulingGates: [{name: later}]}") "---\n{apiVersion: v1, kind: Pod, metadata: {name: "
                                                        "d, deletionTimestamp: '2026-01-01T00:00:00Z'}, "
                                                        "spec: {}}",
        "");
}

/* ---- placement alone ---- */

static void a_burst_spreads_evenly(void **state)
{
    (void)state;
    static const struct amounts all = {
        .native = {[RESOURCE_CPU] = 32000, [RESOURCE_MEMORY] = (int64_t)256 << 30, [RESOURCE_PODS] = 110}};
    static const struct amounts one = {
        .native = {[RESOURCE_PODS] = 1, [RESOURCE_LIKELY_CPU] = 100, [RESOURCE_LIKELY_MEMORY] = 200 << 20}};
    struct node nodes[10];
    struct place places[10];
    for (size_t i = 0; i < 10; i++) {
        nodes[i] = (struct node){.ready = true, .allocatable = &all};
        places[i] = (struct place){.node = &nodes[i]};
    }
    for (int n = 0; n < 500; n++) {
        char uid[16];
        snprintf(uid, sizeof(uid), "uid-%d", n);
        struct pod pod = {.meta.uid = str_of(uid), .requests = &one};
        autobuf struct buf why = {0};
        placement_assume(placement_choose(places, 10, &pod, &why), &pod);
    }
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(places[i].promised.native[RESOURCE_PODS], 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pod_goes_to_the_only_node_with_room),
        cmocka_unit_test(what_others_were_promised_counts),
        cmocka_unit_test(sidecars_count_with_all_that_comes_after_them),
        cmocka_unit_test(a_pod_that_has_ended_takes_nothing),
        cmocka_unit_test(pods_of_one_pass_see_each_other),
        cmocka_unit_test(the_more_important_and_then_the_older_goes_first),
        cmocka_unit_test(each_reason_is_said_with_its_count),
        cmocka_unit_test(all_that_can_be_asked_for_is_counted),
        cmocka_unit_test(no_node_at_all_is_said),
        cmocka_unit_test(a_reason_that_is_known_is_not_repeated),
        cmocka_unit_test(a_node_selector_is_obeyed),
        cmocka_unit_test(a_required_node_affinity_is_obeyed),
        cmocka_unit_test(a_toleration_opens_a_node),
        cmocka_unit_test(pods_of_others_and_those_that_go_are_left_alone),
        cmocka_unit_test(a_burst_spreads_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
