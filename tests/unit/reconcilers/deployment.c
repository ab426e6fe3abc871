#include "reconcilers/deployment.h"
#include "tests/unit/reconcilers/passes.h"

#define TEMPLATE(image) \
    "{metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: '" image "'}]}}"
#define HASHED(image, hash)                                    \
    "{metadata: {labels: {app: web, pod-template-hash: '" hash \
    "'}}, spec: {containers: [{name: c, image: '" image "'}]}}"
#define DEPLOYMENT(more, annotations, image, status)                                             \
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, generation: 2, annotations: " \
    "{" annotations "}}, spec: {" more                                                           \
    ", selector: {matchLabels: {app: web}}, template: " TEMPLATE(image) "}, status: {" status "}}\n"
#define OWNER                                                                              \
    "[{apiVersion: apps/v1, kind: Deployment, name: web, uid: uid-web, controller: true, " \
    "blockOwnerDeletion: true}]"
#define ANNOTATIONS(revision, desired, most)                   \
    "{deployment.kubernetes.io/revision: '" #revision          \
    "', deployment.kubernetes.io/desired-replicas: '" #desired \
    "', deployment.kubernetes.io/max-replicas: '" #most "'}"
#define SET(name, image, annotations, replicas, has, available)                               \
    "---\n{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: " name                     \
    ", generation: 1, labels: {app: web}, "                                                   \
    "ownerReferences: " OWNER ", annotations: " annotations "}, spec: {replicas: " #replicas  \
    ", selector: {matchLabels: {app: web, pod-template-hash: x}}, template: " HASHED(         \
        image, name) "}, status: "                                                            \
                     "{observedGeneration: 1, replicas: " #has ", readyReplicas: " #available \
                     ", availableReplicas: " #available "}}\n"
#define REVISION(n) "deployment.kubernetes.io/revision: '" #n "'"

#define SCALE(name, rv, replicas, most, direction, from)                                                 \
    "---\n{op: patch, resource: replicasets.apps, name: " name ", namespace: default, uid: uid-" name    \
    ", rv: '" #rv "', merge: {metadata: {annotations: {deployment.kubernetes.io/desired-replicas: '*', " \
    "deployment.kubernetes.io/max-replicas: '" #most "'}}, spec: {replicas: " #replicas "}}}\n"          \
    "---\n{op: event, resource: deployments.apps, name: web, namespace: default, uid: uid-web, type: "   \
    "Normal, "                                                                                           \
    "reason: ScalingReplicaSet, message: Scaled " direction " replica set " name " from " #from          \
    " to " #replicas "}\n"
#define STATUS(fields)                                                                                   \
    "---\n{op: status, resource: deployments.apps, name: web, namespace: default, uid: uid-web, merge: " \
    "{" fields "}}\n"
#define ANY_STATUS                                                                              \
    STATUS("observedGeneration: '*', replicas: '*', updatedReplicas: '*', readyReplicas: '*', " \
           "availableReplicas: '*', unavailableReplicas: '*', conditions: '*'")
#define CONDITION(type, status, reason, message)                                    \
    "{type: " type ", status: '" status "', reason: " reason ", message: '" message \
    "', lastTransitionTime: '2026-01-01T00:00:00Z', lastUpdateTime: '2026-01-01T00:00:00Z'}"

static int64_t expect(const char *objects, const char *plan)
{
    return expect_plan(
        &(struct given){.controller = &deployment_controller, .name = "web", .objects = objects}, plan);
}

static void a_new_deployment_gets_a_set(void **state)
{
    (void)state;
    expect(
        DEPLOYMENT("replicas: 3", "note: hello, kubectl.kubernetes.io/last-applied-configuration: x", "i:1",
                   ""),
        "{op: create, object: {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: '*', namespace: "
        "default, labels: "
        "{app: web, pod-template-hash: '*'}, annotations: {note: hello, "
        "deployment.kubernetes.io/desired-replicas: "
        "'3', deployment.kubernetes.io/max-replicas: '4', deployment.kubernetes.io/revision: '1'}, "
        "ownerReferences: " OWNER "}, spec: {replicas: 3, selector: {matchLabels: {app: web, "
        "pod-template-hash: '*'}}, template: {metadata: "
        "{labels: {app: web, pod-template-hash: '*'}}, spec: {containers: [{name: c, image: 'i:1'}]}}}}}\n"
        "---\n{op: event, resource: deployments.apps, name: web, namespace: default, uid: uid-web, type: "
        "Normal, reason: "
        "ScalingReplicaSet, message: '*'}\n" STATUS(
            "observedGeneration: 2, replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0, "
            "unavailableReplicas: 0, conditions: [" CONDITION(
                "Available", "False", "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.") ", " CONDITION("Progressing", "True",
                                                                                 "ReplicaSetUpdated",
                                                                                 "Deployment \"web\" is "
                                                                                 "progressing.") "]"));
}

static void a_change_of_replicas_goes_to_the_set(void **state)
{
    (void)state;
    expect(DEPLOYMENT("replicas: 5", REVISION(1), "i:1", "")
               SET("web-1", "i:1", ANNOTATIONS(1, 3, 4), 3, 3, 3),
           SCALE("web-1", 2, 5, 7, "up", 3) ANY_STATUS);
}

static void a_new_template_gets_a_set_of_the_next_revision_beside_the_old(void **state)
{
    (void)state;
    expect(
        DEPLOYMENT("replicas: 4", REVISION(1), "i:2", "") SET("web-1", "i:1", ANNOTATIONS(1, 4, 5), 4, 4, 4),
        "{op: create, object: {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: '*', namespace: "
        "default, labels: "
        "'*', annotations: " ANNOTATIONS(2, 4, 5) ", ownerReferences: " OWNER
                                                  "}, spec: {replicas: 1, selector: '*', template: '*'}}}\n"
                                                  "---\n{op: event, resource: deployments.apps, name: web, "
                                                  "namespace: default, uid: uid-web, type: Normal, reason: "
                                                  "ScalingReplicaSet, message: '*'}\n" ANY_STATUS);
}

static void an_old_template_gets_its_set_back_with_a_new_revision(void **state)
{
    (void)state;
    expect(DEPLOYMENT("replicas: 4", REVISION(2), "i:1", "")
               SET("web-1", "i:1", ANNOTATIONS(1, 4, 5), 0, 0, 0)
                   SET("web-2", "i:2", ANNOTATIONS(2, 4, 5), 4, 4, 4),
           SCALE("web-1", 2, 1, 5, "up", 0) "---\n{op: patch, resource: deployments.apps, name: web, "
                                            "namespace: default, uid: uid-web, merge: {metadata: "
                                            "{annotations: {" REVISION(3) "}}}}\n" ANY_STATUS);
}

static void the_revision_of_the_current_set_is_kept_up(void **state)
{
    (void)state;
    expect(DEPLOYMENT("replicas: 4", REVISION(3), "i:1", "")
               SET("web-1", "i:1", ANNOTATIONS(1, 4, 5), 4, 4, 4)
                   SET("web-2", "i:2", ANNOTATIONS(2, 4, 5), 0, 0, 0),
           "{op: patch, resource: replicasets.apps, name: web-1, namespace: default, uid: uid-web-1, rv: "
           "'2', merge: "
           "{metadata: {annotations: " ANNOTATIONS(3, 4, 5) "}}}\n" ANY_STATUS);
}

static void what_has_arrived_says_so_and_then_nothing(void **state)
{
    (void)state;
#define ARRIVED                                                                                         \
    "observedGeneration: 2, replicas: 4, updatedReplicas: 4, readyReplicas: 4, availableReplicas: 4, "  \
    "unavailableReplicas: 0, conditions: [" CONDITION(                                                  \
        "Available", "True", "MinimumReplicasAvailable",                                                \
        "Deployment has minimum availability.") ", " CONDITION("Progressing", "True",                   \
                                                               "NewReplicaSetAvailable",                \
                                                               "ReplicaSet \"web-1\" has successfully " \
                                                               "progressed.") "]"
    const char *set = SET("web-1", "i:1", ANNOTATIONS(1, 4, 5), 4, 4, 4);
    autobuf struct buf before = {0}, after = {0};
    buf_addf(&before, "%s%s", DEPLOYMENT("replicas: 4", REVISION(1), "i:1", ""), set);
    buf_addf(&after, "%s%s", DEPLOYMENT("replicas: 4", REVISION(1), "i:1", ARRIVED), set);
    expect(before.at, STATUS(ARRIVED));
    assert_int_equal(expect(after.at, ""), -1);
}

/* A set that says besides what is wrong. */
static void add_failing(struct buf *out, const char *set, const char *condition)
{
    static const char end[] = "}}\n";
    buf_addf(out, "%.*s, conditions: [%s]%s", (int)(strlen(set) - strlen(end)), set, condition, end);
}

static void what_its_sets_say_is_wrong_is_said_of_a_deployment(void **state)
{
    (void)state;
#define FAILING                                                                             \
    "{type: PodFailure, status: 'True', reason: ImagePullBackOff, message: '1 of 1 pods', " \
    "lastTransitionTime: x}"
#define SAYS                                                                                              \
    "observedGeneration: 2, replicas: 4, updatedReplicas: 4, readyReplicas: 4, availableReplicas: 4, "    \
    "unavailableReplicas: 0, conditions: ['*', '*', " CONDITION("PodFailure", "True", "ImagePullBackOff", \
                                                                "1 of 1 pods") "]"
    const char *deployment = DEPLOYMENT("replicas: 4", REVISION(2), "i:2", "");
    const char *now = SET("web-2", "i:2", ANNOTATIONS(2, 4, 5), 4, 4, 4);
    const char *old = SET("web-1", "i:1", "{" REVISION(1) "}", 0, 0, 0);
    autobuf struct buf current = {0}, older = {0};
    buf_addf(&current, "%s%s", deployment, old);
    add_failing(&current, now, FAILING);
    expect(current.at, STATUS(SAYS));
    buf_addf(&older, "%s%s", deployment, now);
    add_failing(&older, old, FAILING);
    expect(older.at, STATUS(SAYS));
}

static void a_rollout_that_stands_still_is_called_so(void **state)
{
    (void)state;
#define MOVING(since, status, reason, message)                                                             \
    "observedGeneration: 2, replicas: 4, updatedReplicas: 4, readyReplicas: 0, availableReplicas: 0, "     \
    "unavailableReplicas: 4, conditions: [{type: Available, status: 'False', reason: "                     \
    "MinimumReplicasUnavailable, message: Deployment does not have minimum availability., "                \
    "lastTransitionTime: x, lastUpdateTime: x}, {type: Progressing, status: '" status "', reason: " reason \
    ", message: 'ReplicaSet \"web-1\" " message "', lastTransitionTime: '" since                           \
    "', lastUpdateTime: '" since "'}]"
    const char *set = SET("web-1", "i:1", ANNOTATIONS(1, 4, 5), 4, 4, 0);
    autobuf struct buf objects = {0};
    buf_addf(&objects, "%s%s",
             DEPLOYMENT("replicas: 4", REVISION(1), "i:1",
                        MOVING("2025-12-31T23:55:00Z", "True", "ReplicaSetUpdated", "is progressing.")),
             set);
    assert_int_equal(expect(objects.at, ""), 300 * 1000);
    buf_clear(&objects);
    buf_addf(&objects, "%s%s",
             DEPLOYMENT("replicas: 4", REVISION(1), "i:1",
                        MOVING("2025-12-31T23:50:00Z", "True", "ReplicaSetUpdated", "is progressing.")),
             set);
    expect(objects.at, STATUS(MOVING("2026-01-01T00:00:00Z", "False", "ProgressDeadlineExceeded",
                                     "has timed out progressing.")));
}

static void idle_old_sets_beyond_the_limit_go(void **state)
{
    (void)state;
    const char *sets = SET("web-4", "i:4", ANNOTATIONS(4, 1, 2), 1, 1, 1)
        SET("web-1", "i:1", "{" REVISION(1) "}", 0, 0, 0) SET("web-3", "i:3", "{" REVISION(3) "}", 0, 0, 0)
            SET("web-2", "i:2", "{" REVISION(2) "}", 0, 0, 0);
    autobuf struct buf objects = {0};
    buf_addf(&objects, "%s%s", DEPLOYMENT("replicas: 1, revisionHistoryLimit: 1", REVISION(4), "i:4", ""),
             sets);
    expect(objects.at,
           "{op: delete, resource: replicasets.apps, name: web-1, namespace: default, uid: uid-web-1}\n"
           "---\n{op: delete, resource: replicasets.apps, name: web-2, namespace: default, uid: "
           "uid-web-2}\n" ANY_STATUS);
}

static void a_paused_deployment_makes_no_set_but_scales(void **state)
{
    (void)state;
    expect(DEPLOYMENT("replicas: 5, paused: true", REVISION(1), "i:2", "")
               SET("web-1", "i:1", ANNOTATIONS(1, 3, 4), 3, 3, 3),
           SCALE("web-1", 2, 5, 7, "up", 3) ANY_STATUS);
}

static void recreate_waits_for_pods_that_have_not_ended(void **state)
{
    (void)state;
#define OLD_POD(phase)                                                                                    \
    "---\n{apiVersion: v1, kind: Pod, metadata: {name: p, deletionTimestamp: '2026-01-01T00:00:00Z', "    \
    "ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: uid-web-1, controller: " \
    "true}]}, "                                                                                           \
    "spec: {nodeName: n}, status: {phase: " phase "}}\n"
    const char *deployment = DEPLOYMENT("replicas: 1, strategy: {type: Recreate}", REVISION(1), "i:2", "");
    const char *sets =
        SET("web-1", "i:1", ANNOTATIONS(1, 1, 1), 0, 0, 0) SET("web-2", "i:2", ANNOTATIONS(2, 1, 1), 0, 0, 0);
    autobuf struct buf running = {0}, ended = {0};
    buf_addf(&running, "%s%s%s", deployment, sets, OLD_POD("Running"));
    buf_addf(&ended, "%s%s%s", deployment, sets, OLD_POD("Succeeded"));
    const char *revision =
        "---\n{op: patch, resource: deployments.apps, name: web, namespace: default, uid: uid-web, merge: "
        "{metadata: {annotations: {" REVISION(2) "}}}}\n" ANY_STATUS;
    expect(running.at, revision);
    autobuf struct buf plan = {0};
    buf_addf(&plan, "%s%s", SCALE("web-2", 3, 1, 1, "up", 0), revision);
    expect(ended.at, plan.at);
}

static void a_set_that_fits_is_adopted_first(void **state)
{
    (void)state;
    expect(
        DEPLOYMENT("replicas: 1", "", "i:1", "") "---\n{apiVersion: apps/v1, kind: ReplicaSet, metadata: "
                                                 "{name: orphan, labels: {app: web}}, spec: {}}",
        "{op: patch, resource: replicasets.apps, name: orphan, namespace: default, uid: uid-orphan, rv: '2', "
        "merge: {metadata: {ownerReferences: " OWNER "}}}");
}

static void a_deployment_that_is_being_deleted_is_left_alone(void **state)
{
    (void)state;
    expect("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, deletionTimestamp: "
           "'2026-01-01T00:00:00Z'}, "
           "spec: {replicas: 3, selector: {matchLabels: {app: web}}, template: " TEMPLATE("i:1") "}}",
           "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_deployment_gets_a_set),
        cmocka_unit_test(a_change_of_replicas_goes_to_the_set),
        cmocka_unit_test(a_new_template_gets_a_set_of_the_next_revision_beside_the_old),
        cmocka_unit_test(an_old_template_gets_its_set_back_with_a_new_revision),
        cmocka_unit_test(the_revision_of_the_current_set_is_kept_up),
        cmocka_unit_test(what_has_arrived_says_so_and_then_nothing),
        cmocka_unit_test(what_its_sets_say_is_wrong_is_said_of_a_deployment),
        cmocka_unit_test(a_rollout_that_stands_still_is_called_so),
        cmocka_unit_test(idle_old_sets_beyond_the_limit_go),
        cmocka_unit_test(a_paused_deployment_makes_no_set_but_scales),
        cmocka_unit_test(recreate_waits_for_pods_that_have_not_ended),
        cmocka_unit_test(a_set_that_fits_is_adopted_first),
        cmocka_unit_test(a_deployment_that_is_being_deleted_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
