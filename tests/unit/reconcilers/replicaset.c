#include "reconcilers/replicaset.h"
#include "tests/unit/reconcilers/passes.h"

#define SET_SAYING(replicas, status)                                                                      \
    "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web, generation: 3}, "                      \
    "spec: {replicas: " #replicas ", selector: {matchLabels: {app: web}}, template: {metadata: {labels: " \
    "{app: web}}, spec: {containers: [{name: c, image: i}]}}}, status: {" status "}}\n"
#define COUNTED(n, ready)                                                                                   \
    "replicas: " #n ", fullyLabeledReplicas: " #n ", readyReplicas: " #ready ", availableReplicas: " #ready \
    ", observedGeneration: 3"
#define OWNER                                                                              \
    "[{apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: uid-web, controller: true, " \
    "blockOwnerDeletion: true}]"
#define POD(name, more)                                       \
    "---\n{apiVersion: v1, kind: Pod, metadata: {name: " name \
    ", labels: {app: web}, ownerReferences: " OWNER "}, " more "}\n"
#define RUNNING                                                                                  \
    "spec: {nodeName: n1}, status: {phase: Running, conditions: [{type: Ready, status: 'True', " \
    "lastTransitionTime: '2025-12-31T23:59:50Z'}]}"
#define PENDING "spec: {nodeName: n1}, status: {phase: Pending}"
#define UNBOUND "spec: {}"
#define ENDED   "spec: {nodeName: n1}, status: {phase: Succeeded}"

#define CREATE                                                                                         \
    "---\n{op: create, object: {apiVersion: v1, kind: Pod, metadata: {name: '*', namespace: default, " \
    "labels: {app: web}, ownerReferences: " OWNER "}, spec: {containers: [{name: c, image: i}]}}}\n"   \
    "---\n{op: event, resource: replicasets.apps, name: web, namespace: default, uid: uid-web, "       \
    "type: Normal, reason: SuccessfulCreate, message: '*'}\n"
#define DELETE(pod)                                                                              \
    "---\n{op: delete, resource: pods, name: " pod ", namespace: default, uid: uid-" pod "}\n"   \
    "---\n{op: event, resource: replicasets.apps, name: web, namespace: default, uid: uid-web, " \
    "type: Normal, reason: SuccessfulDelete, message: 'Deleted pod: " pod "'}\n"
#define STATUS(fields)                                                                                   \
    "---\n{op: status, resource: replicasets.apps, name: web, namespace: default, uid: uid-web, merge: " \
    "{" fields "}}\n"

static const struct given set = {.controller = &replicaset_controller, .name = "web"};

static struct given with(const char *objects)
{
    struct given given = set;
    given.objects = objects;
    return given;
}

static void a_set_without_pods_makes_one_first(void **state)
{
    (void)state;
    struct given given = with(SET_SAYING(3, ""));
    expect_plan(&given, STATUS(COUNTED(0, 0)) CREATE);
}

static void batches_double(void **state)
{
    (void)state;
    int64_t memory = 0;
    struct given given = with(SET_SAYING(100, COUNTED(0, 0)));
    given.memory = &memory;
    expect_plan(&given, CREATE);
    expect_plan(&given, CREATE CREATE);
    expect_plan(&given, CREATE CREATE CREATE CREATE);
}

static void a_refusal_begins_with_one_again_and_is_told_once(void **state)
{
    (void)state;
    int64_t memory = 64;
    struct given given = with(SET_SAYING(100, COUNTED(0, 0)));
    given.memory = &memory;
    given.failures = 1;
    given.failure = "over quota";
    expect_plan(
        &given,
        "{op: event, resource: replicasets.apps, name: web, namespace: default, uid: uid-web, type: Warning, "
        "reason: FailedCreate, message: 'Error creating: over quota'}\n" STATUS(
            COUNTED(0, 0) ", conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, "
                          "message: over quota, lastTransitionTime: '2026-01-01T00:00:00Z'}]") CREATE);
    given.objects =
        SET_SAYING(100, COUNTED(0, 0) ", conditions: [{type: ReplicaFailure, status: 'True', reason: "
                                      "FailedCreate, message: over quota, lastTransitionTime: x}]");
    expect_plan(&given, CREATE);
    given.failures = 0;
    given.failure = NULL;
    memory = 0;
    expect_plan(&given, STATUS(COUNTED(0, 0) ", conditions: []") CREATE);
}

#define WAITING(name, reason, more)                                                            \
    POD(name,                                                                                  \
        "spec: {nodeName: n1}, status: {phase: Pending, containerStatuses: [{name: c, state: " \
        "{waiting: {reason: " reason more "}}, lastState: {terminated: {reason: Error, exitCode: 7}}}]}")
#define TROUBLE(reason, message)                                                                     \
    ", conditions: [{type: PodFailure, status: 'True', reason: " reason ", message: '" message "', " \
    "lastTransitionTime: '2026-01-01T00:00:00Z'}]"

static void what_keeps_most_pods_from_being_ready_is_told(void **state)
{
    (void)state;
    static const char *const pods = WAITING("a", "CrashLoopBackOff", ", message: back-off 10s")
        WAITING("b", "ImagePullBackOff", ", message: no such image")
            WAITING("c", "ImagePullBackOff", ", message: no such image");
    autobuf struct buf first = {0}, later = {0};
    buf_addf(&first, "%s%s", SET_SAYING(3, COUNTED(3, 0)), pods);
    struct given given = with(first.at);
    expect_plan(&given, STATUS(COUNTED(3, 0) TROUBLE("ImagePullBackOff",
                                                     "2 of 3 pods: ImagePullBackOff: no such image")));
    buf_addf(&later, "%s%s",
             SET_SAYING(3, COUNTED(3, 0)
                               TROUBLE("ImagePullBackOff", "2 of 3 pods: ImagePullBackOff: no such image")),
             pods);
    given.objects = later.at;
    expect_plan(&given, "");
}

static void trouble_is_told_in_few_words_and_goes(void **state)
{
    (void)state;
    struct given given =
        with(SET_SAYING(1, COUNTED(1, 0)) WAITING("a", "CrashLoopBackOff", ", message: back-off 10s"));
    expect_plan(&given, STATUS(COUNTED(1, 0) TROUBLE("CrashLoopBackOff",
                                                     "1 of 1 pods: CrashLoopBackOff: Error, exit code 7")));
    given.objects =
        SET_SAYING(1, COUNTED(1, 0)) POD("a", "spec: {}, status: {conditions: [{type: PodScheduled, status: "
                                              "'False', reason: Unschedulable, message: "
                                              "no node has room}]}");
    expect_plan(&given, STATUS(COUNTED(1, 0)
                                   TROUBLE("Unschedulable", "1 of 1 pods: Unschedulable: no node has room")));
    given.objects = SET_SAYING(1, COUNTED(1, 0)) WAITING("a", "ContainerCreating", "");
    expect_plan(&given, "");
    given.objects = SET_SAYING(1, COUNTED(1, 0) TROUBLE("CrashLoopBackOff", "x")) POD("a", PENDING);
    expect_plan(&given, STATUS(COUNTED(1, 0) ", conditions: []"));
}

static void enough_pods_need_nothing(void **state)
{
    (void)state;
    struct given given = with(SET_SAYING(2, COUNTED(2, 1)) POD("a", RUNNING) POD("b", PENDING));
    expect_plan(&given, "");
}

static void pods_that_have_ended_or_are_going_are_replaced(void **state)
{
    (void)state;
    struct given given =
        with(SET_SAYING(2, COUNTED(1, 1)) POD("a", RUNNING)
                 POD("b", ENDED) "---\n{apiVersion: v1, kind: Pod, metadata: {name: c, deletionTimestamp: "
                                 "'2026-01-01T00:00:00Z', "
                                 "labels: {app: web}, ownerReferences: " OWNER "}, " RUNNING "}");
    expect_plan(&given, CREATE);
}

static void the_least_useful_pods_go_first(void **state)
{
    (void)state;
    struct given given = with(SET_SAYING(2, COUNTED(5, 2)) POD("running", RUNNING) POD("pending", PENDING)
                                  POD("running2", RUNNING) POD("unbound", UNBOUND) POD("pending2", PENDING));
    expect_plan(&given, DELETE("unbound") DELETE("pending") DELETE("pending2"));
}

static void an_orphan_that_fits_is_adopted_before_anything_is_made(void **state)
{
    (void)state;
    struct given given =
        with(SET_SAYING(2, COUNTED(0, 0)) "---\n{apiVersion: v1, kind: Pod, metadata: {name: orphan, "
                                          "labels: {app: web}}, spec: {}}");
    expect_plan(&given,
                "{op: patch, resource: pods, name: orphan, namespace: default, uid: uid-orphan, rv: '2', "
                "merge: {metadata: {ownerReferences: " OWNER "}}}");
}

static void a_pod_whose_labels_no_longer_fit_is_released(void **state)
{
    (void)state;
    struct given given = with(SET_SAYING(
        1, "replicas: 1, fullyLabeledReplicas: 0, readyReplicas: 0, "
           "availableReplicas: 0, observedGeneration: 3") "---\n{apiVersion: v1, kind: Pod, metadata: {name: "
                                                          "a, labels: {app: debug}, "
                                                          "ownerReferences: " OWNER "}, spec: {}}");
    expect_plan(&given, "{op: patch, resource: pods, name: a, namespace: default, uid: uid-a, rv: '2', "
                        "merge: {metadata: {ownerReferences: null}}}");
}

static void a_set_that_is_being_deleted_makes_nothing(void **state)
{
    (void)state;
    struct given given =
        with("{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web, generation: 3, "
             "deletionTimestamp: '2026-01-01T00:00:00Z'}, spec: {replicas: 3, selector: {matchLabels: {app: "
             "web}}, template: {}}, status: {" COUNTED(0, 0) "}}");
    expect_plan(&given, "");
}

static void readiness_counts_as_available_after_min_ready_seconds(void **state)
{
    (void)state;
    struct given given = with(
        "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web, generation: 3}, spec: {replicas: 1, "
        "minReadySeconds: 30, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: "
        "web}}}}}\n" POD("a", RUNNING));
    int64_t again = expect_plan(&given, STATUS("replicas: 1, fullyLabeledReplicas: 1, readyReplicas: 1, "
                                               "availableReplicas: 0, observedGeneration: 3"));
    assert_int_equal(again, 20 * 1000);
    given.now = "2026-01-01T00:00:20Z";
    again = expect_plan(&given, STATUS(COUNTED(1, 1)));
    assert_int_equal(again, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_without_pods_makes_one_first),
        cmocka_unit_test(batches_double),
        cmocka_unit_test(a_refusal_begins_with_one_again_and_is_told_once),
        cmocka_unit_test(what_keeps_most_pods_from_being_ready_is_told),
        cmocka_unit_test(trouble_is_told_in_few_words_and_goes),
        cmocka_unit_test(enough_pods_need_nothing),
        cmocka_unit_test(pods_that_have_ended_or_are_going_are_replaced),
        cmocka_unit_test(the_least_useful_pods_go_first),
        cmocka_unit_test(an_orphan_that_fits_is_adopted_before_anything_is_made),
        cmocka_unit_test(a_pod_whose_labels_no_longer_fit_is_released),
        cmocka_unit_test(a_set_that_is_being_deleted_makes_nothing),
        cmocka_unit_test(readiness_counts_as_available_after_min_ready_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
