#include "tests/unit/fsd/edit_rows.h"

#define EMPTY_TEMPLATE                                                                                      \
    "{metadata: {}, spec: {containers: [], dnsPolicy: ClusterFirst, restartPolicy: Always, schedulerName: " \
    "default-scheduler, securityContext: {}, terminationGracePeriodSeconds: 30}}"
#define TERMINATING "metadata: {deletionTimestamp: \"2026-01-31T12:00:10Z\", deletionGracePeriodSeconds: 10"

/* ---- drafts ---- */

static void a_draft_becomes_an_object(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"configmaps", NULL, .edit = {EDIT_DRAFT}, .says = "configmaps/web: created",
         .changes = "{apiVersion: v1, kind: ConfigMap, metadata: {name: web, namespace: default, uid: " UID
                    ", creationTimestamp: \"" NOW "\"}}"},
        {"replicasets", NULL, .edit = {EDIT_DRAFT}, .says = "replicasets/web: created",
         .changes =
             "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web, namespace: default, uid: " UID
             ", generation: 1, creationTimestamp: \"" NOW
             "\"}, spec: {replicas: 1, selector: {}, template: " EMPTY_TEMPLATE "}}",
         .flags = VERSION_DRAFT},
        /* What is required below what is made is there with it. */
        {"pods", "{" WAITING_POD "}", true, .edit = {EDIT_FIELD_MAKE, .path = STR("affinity/nodeAffinity")},
         .number = ENOENT, .says = "affinity/nodeAffinity: there is no affinity"},
        {"pods", "{spec: {containers: [], affinity: {nodeAffinity: {}}}}", true,
         .edit = {EDIT_FIELD_MAKE,
                  .path = STR("affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution")},
         .says = "pods/web: created",
         .changes = "{spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
                    "{nodeSelectorTerms: []}}}}, metadata: {generation: 2}}",
         .flags = VERSION_DRAFT},
        /* Fields in any order; what is required comes later. To the history it is new all the time. */
        {"deployments", "{spec: {selector: {}, template: {spec: {containers: []}}}}", true,
         .edit = {EDIT_FIELD_WRITE, .path = STR("selector/matchLabels/app"), .bytes = STR("x")},
         .says = "deployments/web: created",
         .changes = "{spec: {selector: {matchLabels: {app: x}}}, metadata: {generation: 2}}",
         .flags = VERSION_DRAFT},
        {"deployments", "{spec: {selector: {}, template: {spec: {containers: []}}}}", true,
         .edit = {EDIT_LIVE}, .number = EINVAL,
         .says = "spec.template.spec.containers: must not be empty; "
                 "spec.selector: must not be empty: it would select every pod"},
        {"deployments", WEB, true, .edit = {EDIT_FIELD_WRITE, .path = STR("replicas"), .bytes = STR("5")},
         .says = "deployments/web: created", .changes = "{spec: {replicas: 5}, metadata: {generation: 2}}",
         .flags = VERSION_DRAFT},
        {"deployments", WEB, true, .edit = {EDIT_LIVE}, .says = "deployments/web: created", .changes = "{}"},
        {"deployments", "{spec: {replicas: 1}}", true, .edit = {EDIT_LIVE}, .number = EINVAL,
         .says = "spec.selector: is required; spec.template: is required"},
        {"deployments", WEB, .edit = {EDIT_LIVE}},
        {"configmaps", "{}", true, .edit = {EDIT_REPLACE}, .document = CONF(", data: {a: b}"),
         .says = "configmaps/web: created", .changes = "{data: {a: b}}"},
        /* Nothing of a draft is fixed yet. */
        {"deployments", WEB, true, .edit = {EDIT_MERGE},
         .document = "{spec: {selector: {matchLabels: {app: z}}, template: {metadata: {labels: {app: z}}}}}",
         .says = "deployments/web: created",
         .changes = "{spec: {selector: {matchLabels: {app: z}}, template: {metadata: {labels: {app: z}}}}, "
                    "metadata: {generation: 2}}",
         .flags = VERSION_DRAFT},
        {"deployments", WEB, true, .edit = {EDIT_DELETE, .grace = -1}, .says = "deployments/web: created",
         .gone = true},
        /* Nobody acts upon it, so nothing is waited for. */
        {"configmaps", "{metadata: {finalizers: [example.com/hold]}}", true,
         .edit = {EDIT_DELETE, .grace = -1}, .says = "configmaps/web: created", .gone = true},
        {"pods", "{" POD "}", true, .edit = {EDIT_DELETE, .grace = -1}, .says = "pods/web: created",
         .gone = true},
    };
    RUN(rows);
}

/* ---- deletion ---- */

static void a_deletion_waits_for_nodes_and_finalizers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"configmaps", "{}", .edit = {EDIT_DELETE, .grace = -1}, .says = "configmaps/web: deleted",
         .gone = true},
        {"pods", WAITING_POD, .edit = {EDIT_DELETE, .grace = -1}, .says = "pods/web: deleted", .gone = true},
        {"pods", "{" POD ", status: {phase: Succeeded}}", .edit = {EDIT_DELETE, .grace = -1},
         .says = "pods/web: deleted", .gone = true},
        {"pods", POD, .edit = {EDIT_DELETE, .grace = 0}, .says = "pods/web: deleted", .gone = true},
        {"pods", POD, .edit = {EDIT_DELETE, .grace = -1}, .says = "pods/web: deletion begun",
         .changes =
             "{metadata: {deletionTimestamp: \"2026-01-31T12:00:30Z\", deletionGracePeriodSeconds: 30, "
             "generation: 2}}"},
        {"pods", POD, .edit = {EDIT_DELETE, .grace = 5}, .says = "pods/web: deletion begun",
         .changes = "{metadata: {deletionTimestamp: \"2026-01-31T12:00:05Z\", deletionGracePeriodSeconds: 5, "
                    "generation: 2}}"},
        {"pods", POD, .edit = {EDIT_DELETE, .grace = INT64_MAX}, .says = "pods/web: deletion begun",
         .changes = "{metadata: {deletionTimestamp: \"2126-01-07T12:00:00Z\", deletionGracePeriodSeconds: "
                    "3153600000, "
                    "generation: 2}}"},
        {"configmaps", "{metadata: {finalizers: [podtree.io/one]}}", .edit = {EDIT_DELETE, .grace = -1},
         .says = "configmaps/web: deletion begun",
         .changes = "{metadata: {deletionTimestamp: \"" NOW "\", deletionGracePeriodSeconds: 0}}"},
        {"namespaces", "{}", .edit = {EDIT_DELETE, .grace = -1}, .says = "namespaces/web: deletion begun",
         .changes =
             "{metadata: {deletionTimestamp: \"" NOW "\", deletionGracePeriodSeconds: 0, generation: 2}, "
             "status: {phase: Terminating}}"},
        /* What would not be taken any more ends as everything else, and becomes no worse. */
        {"pods", STRANGE_POD, .edit = {EDIT_DELETE, .grace = 5}, .says = "pods/web: deletion begun",
         .changes = "{metadata: {deletionTimestamp: \"2026-01-31T12:00:05Z\", deletionGracePeriodSeconds: 5, "
                    "generation: 2}}"},
        {"pods", STRANGE_POD, .edit = {EDIT_MERGE}, .document = "{spec: {activeDeadlineSeconds: -1}}",
         .number = EINVAL,
         .says = "spec.dnsPolicy: must be one of ClusterFirstWithHostNet, ClusterFirst, Default, None, not "
                 "\"Odd\"; "
                 "spec.activeDeadlineSeconds: must be between 1 and 2147483647, not -1"},
        {"pods",
         "spec: {nodeName: n1, dnsPolicy: Odd, containers: [{name: a, image: \"\", imagePullPolicy: "
         "Always}]}",
         .edit = {EDIT_MERGE},
         .document = "{spec: {containers: [{name: a, image: c, imagePullPolicy: Always}]}}",
         .says = "pods/web: containers/a/image \"\" -> c",
         .changes = "{metadata: {generation: 2}, spec: {containers: [{name: a, image: c, imagePullPolicy: "
                    "Always, resources: {}, "
                    "terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File}]}}"},
        /* Asked again, it can only become shorter. */
        {"pods", "{" TERMINATING "}, " POD "}", .edit = {EDIT_DELETE, .grace = -1}},
        {"pods", "{" TERMINATING "}, " POD "}", .edit = {EDIT_DELETE, .grace = 20}},
        {"pods", "{" TERMINATING "}, " POD "}", .edit = {EDIT_DELETE, .grace = 3},
         .says = "pods/web: metadata/deletionGracePeriodSeconds 10 -> 3, "
                 "metadata/deletionTimestamp 2026-01-31T12:00:10Z -> 2026-01-31T12:00:03Z",
         .changes =
             "{metadata: {deletionTimestamp: \"2026-01-31T12:00:03Z\", deletionGracePeriodSeconds: 3}}"},
        {"pods", "{" TERMINATING "}, " POD "}", .edit = {EDIT_DELETE, .grace = 0},
         .says = "pods/web: deleted", .gone = true},
    };
    RUN(rows);
}

static void what_was_held_goes_with_the_change_that_releases_it(void **state)
{
    (void)state;
#define HELD \
    "metadata: {deletionTimestamp: \"" NOW "\", deletionGracePeriodSeconds: 0, finalizers: [podtree.io/one"
    static const struct row rows[] = {
        {"configmaps", "{" HELD "]}}", .edit = {EDIT_MERGE}, .document = "{metadata: {finalizers: []}}",
         .says = "configmaps/web: deleted", .gone = true},
        {"configmaps", "{" HELD ", podtree.io/two]}}", .edit = {EDIT_MERGE},
         .document = "{metadata: {finalizers: [podtree.io/two]}}",
         .says = "configmaps/web: metadata/finalizers changed",
         .changes = "{metadata: {finalizers: [podtree.io/two]}}"},
        {"configmaps", "{" HELD "]}}", .edit = {EDIT_MERGE},
         .document = "{metadata: {finalizers: [podtree.io/one, podtree.io/two]}}", .number = EPERM,
         .says = "metadata.finalizers: the object is being deleted, \"podtree.io/two\" can't be added"},
        {"configmaps", "{" HELD "]}}", .edit = {EDIT_MERGE}, .document = "{data: {a: b}}",
         .says = "configmaps/web: data/a b", .changes = "{data: {a: b}}"},
        /* The node that ran a pod says that it has ended. */
        {"pods", "{" TERMINATING "}, " POD "}", .edit = {EDIT_FINISHED, .server = true},
         .says = "pods/web: deleted", .gone = true},
        {"pods", "{" TERMINATING ", finalizers: [podtree.io/one]}, " POD "}",
         .edit = {EDIT_FINISHED, .server = true},
         .says = "pods/web: metadata/deletionGracePeriodSeconds 10 -> 0",
         .changes = "{metadata: {deletionGracePeriodSeconds: 0}}"},
        {"pods", POD, .edit = {EDIT_FINISHED, .server = true}, .number = EINVAL,
         .says = "pods/web is not being deleted"},
        /* A namespace waits for what its spec says, too. */
        {"namespaces", "{metadata: {deletionTimestamp: \"" NOW "\", deletionGracePeriodSeconds: 0}}",
         .edit = {EDIT_MERGE, .server = true}, .document = "{spec: {finalizers: []}}",
         .says = "namespaces/web: deleted", .gone = true},
    };
    RUN(rows);
}

static void a_tombstone_has_the_metadata_only(void **state)
{
    (void)state;
    const struct kind *kind = must_kind("pods");
    struct version *before =
        version_before(kind, "{metadata: {labels: {a: b}, annotations: {c: d}}, " POD "}", false);
    struct edit edit = {EDIT_DELETE, .grace = 0};
    struct edit_base base = {.kind = kind, .namespace = STR("default"), .name = STR("web"), .before = before};
    autoresult struct edit_result result;
    assert_int_equal(edit_compute(&base, &edit, now_ms(), &result, NULL), 0);
    autodoc struct doc *doc = document_of_result(&result);
    autodoc struct doc *empty = doc_new();
    autofree char *is = changes_between(doc_root(empty), doc_root(doc));
    autodoc struct doc *wanted =
        must_yaml("{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: default, uid: " UID ", "
                  "creationTimestamp: \"2026-01-01T00:00:00Z\", generation: 1, labels: {a: b}}}");
    autofree char *should = as_json(doc_root(wanted));
    assert_string_equal(is, should);
    version_drop(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draft_becomes_an_object),
        cmocka_unit_test(a_deletion_waits_for_nodes_and_finalizers),
        cmocka_unit_test(what_was_held_goes_with_the_change_that_releases_it),
        cmocka_unit_test(a_tombstone_has_the_metadata_only),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
