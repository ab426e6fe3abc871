#include "reconcilers/hollow.h"
#include "tests/unit/reconcilers/passes.h"

#define NODE(name, more) "---\n{apiVersion: v1, kind: Node, metadata: {name: " name "}" more "}\n"
#define ROOM             "{cpu: '32', memory: 256Gi, pods: '110'}"
#define READY \
    ", status: {conditions: [{type: Ready, status: 'True'}], capacity: " ROOM ", allocatable: " ROOM "}"
#define LEASE(name, time)                                                           \
    "---\n{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: " name \
    ", namespace: kube-node-lease}, spec: {renewTime: '" time "'}}\n"
#define POD(name, more) "---\n{apiVersion: v1, kind: Pod, metadata: {name: " name "}, " more "}\n"

static int64_t expect_node(const char *name, const char *objects, const char *plan)
{
    return expect_plan(
        &(struct given){
            .controller = &hollow_nodes_controller, .namespace = "", .name = name, .objects = objects},
        plan);
}

static void expect_pod(const char *objects, const char *plan)
{
    expect_plan(&(struct given){.controller = &hollow_pods_controller, .name = "p", .objects = objects},
                plan);
}

static void a_node_registers_and_takes_a_lease(void **state)
{
    (void)state;
    assert_int_equal(
        expect_node("hollow-1", "",
                    "---\n{op: create, object: {apiVersion: v1, kind: Node, metadata: {name: "
                    "hollow-1, labels: {kubernetes.io/hostname: hollow-1, kubernetes.io/os: linux, "
                    "podtree/hollow: 'true'}}}}\n"
                    "---\n{op: create, object: {apiVersion: "
                    "coordination.k8s.io/v1, kind: Lease, metadata: {name: hollow-1, namespace: "
                    "kube-node-lease}, spec: {renewTime: '2026-01-01T00:00:00.000000Z', holderIdentity: "
                    "hollow-1, leaseDurationSeconds: 40}}}\n"),
        10000);
}

static void a_new_node_says_that_it_is_ready_and_how_large(void **state)
{
    (void)state;
    expect_node("hollow-2", NODE("hollow-2", "") LEASE("hollow-2", "2026-01-01T00:00:00.000000Z"),
                "{op: status, resource: nodes, name: hollow-2, uid: uid-hollow-2, merge: {capacity: " ROOM
                ", allocatable: " ROOM
                ", conditions: [{type: Ready, status: 'True', reason: KubeletReady, message: hollow node is "
                "ready, lastTransitionTime: '*', lastHeartbeatTime: '*'}], addresses: [{type: InternalIP, "
                "address: 10.128.0.2}]}}");
}

static void a_lease_is_renewed_every_ten_seconds(void **state)
{
    (void)state;
    assert_int_equal(
        expect_node("hollow-0", NODE("hollow-0", READY) LEASE("hollow-0", "2025-12-31T23:59:53.000000Z"), ""),
        3000);
    assert_int_equal(
        expect_node("hollow-0", NODE("hollow-0", READY) LEASE("hollow-0", "2025-12-31T23:59:50.000000Z"),
                    "{op: patch, resource: leases.coordination.k8s.io, name: hollow-0, namespace: "
                    "kube-node-lease, uid: uid-hollow-0, merge: {spec: {renewTime: "
                    "'2026-01-01T00:00:00.000000Z'}}}"),
        10000);
}

static void nodes_that_are_not_played_are_left_alone(void **state)
{
    (void)state;
    static const char *const others[] = {"node-a", "hollow-", "hollow-3", "hollow--1", "hollow-1x"};
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(expect_node(others[i], "", ""), -1);
}

static void a_pod_runs_at_once_under_an_address_that_no_other_has(void **state)
{
    (void)state;
    /* The first address is somebody's. */
    expect_pod(
        POD("other", "spec: {nodeName: hollow-0}, status: {phase: Running, podIP: 10.0.0.1}")
            POD("p", "spec: {nodeName: hollow-2, containers: [{name: c, image: i}]}"),
        "{op: status, resource: pods, name: p, namespace: default, uid: uid-p, merge: {phase: Running, "
        "startTime: '2026-01-01T00:00:00Z', hostIP: 10.128.0.2, podIP: 10.0.0.2, podIPs: [{ip: 10.0.0.2}], "
        "conditions: [{type: PodReadyToStartContainers, status: 'True', lastTransitionTime: '*'}, {type: "
        "Initialized, status: 'True', lastTransitionTime: '*'}, {type: Ready, status: 'True', "
        "lastTransitionTime: '*'}, {type: ContainersReady, status: 'True', lastTransitionTime: '*'}, {type: "
        "PodScheduled, status: 'True', lastTransitionTime: '*'}], containerStatuses: [{name: c, image: i, "
        "imageID: '', containerID: hollow://uid-p/c, ready: true, started: true, restartCount: 0, state: "
        "{running: {startedAt: '2026-01-01T00:00:00Z'}}}]}}");
}

static void a_pod_that_is_deleted_has_ended(void **state)
{
    (void)state;
    expect_plan(
        &(struct given){.controller = &hollow_pods_controller,
                        .name = "p",
                        .objects =
                            "{apiVersion: v1, kind: Pod, metadata: {name: p, deletionTimestamp: "
                            "'2026-01-01T00:00:00Z'}, spec: {nodeName: hollow-0}, status: {phase: Running}}"},
        "{op: delete, resource: pods, name: p, namespace: default, uid: uid-p, finished: true}");
}

static void what_runs_or_is_elsewhere_stays_as_it_is(void **state)
{
    (void)state;
    expect_pod(POD("p", "spec: {nodeName: hollow-0}, status: {phase: Running, podIP: 10.0.0.9}"), "");
    expect_pod(POD("p", "spec: {nodeName: node-a}"), "");
    expect_pod(POD("p", "spec: {containers: []}"), "");
}

int main(void)
{
    hollow_set_count(3);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_registers_and_takes_a_lease),
        cmocka_unit_test(a_new_node_says_that_it_is_ready_and_how_large),
        cmocka_unit_test(a_lease_is_renewed_every_ten_seconds),
        cmocka_unit_test(nodes_that_are_not_played_are_left_alone),
        cmocka_unit_test(a_pod_runs_at_once_under_an_address_that_no_other_has),
        cmocka_unit_test(a_pod_that_is_deleted_has_ended),
        cmocka_unit_test(what_runs_or_is_elsewhere_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
