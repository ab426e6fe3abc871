#include "tests/unit/fsd/edit_rows.h"

/* ---- documents ---- */

static void a_creation_fills_in_what_the_server_gives(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"configmaps", NULL, .edit = {EDIT_CREATE}, .document = CONF(", data: {a: b}"),
         .says = "configmaps/web: created",
         .changes =
             "{apiVersion: v1, kind: ConfigMap, data: {a: b}, metadata: {name: web, namespace: default, "
             "uid: " UID ", creationTimestamp: \"" NOW "\"}}"},
        /* What it says of other places and times means nothing. */
        {"configmaps", NULL, .edit = {EDIT_CREATE},
         .document =
             CONF(", metadata: {name: other, namespace: far, uid: mine, generation: 5, managedFields: [], "
                  "resourceVersion: \"3\", deletionTimestamp: \"" NOW "\", labels: {a: b}, "
                  "creationTimestamp: \"1999-01-01T00:00:00Z\"}"),
         .says = "configmaps/web: created",
         .changes = "{apiVersion: v1, kind: ConfigMap, metadata: {name: web, namespace: default, "
                    "labels: {a: b}, uid: " UID ", creationTimestamp: \"" NOW "\"}}"},
        {"namespaces", NULL, .edit = {EDIT_CREATE},
         .document = "{apiVersion: v1, kind: Namespace, spec: {finalizers: [podtree.io/mine]}}",
         .says = "namespaces/web: created",
         .changes = "{apiVersion: v1, kind: Namespace, spec: {finalizers: [kubernetes]}, status: {phase: "
                    "Active}, metadata: {name: web, "
                    "uid: " UID ", generation: 1, creationTimestamp: \"" NOW "\", labels: "
                    "{kubernetes.io/metadata.name: web}}}"},
        {"configmaps", NULL, .edit = {EDIT_CREATE}, .document = "{kind: ConfigMap}", .number = EINVAL,
         .says = "apiVersion: is required"},
        {"configmaps", NULL, .edit = {EDIT_CREATE}, .document = "{apiVersion: v1, kind: Pod}",
         .number = EINVAL,
         .says = "this is a manifest of a Pod (v1), and here it has to be a ConfigMap (v1)"},
        {"configmaps", NULL, .edit = {EDIT_CREATE}, .document = "[]", .number = EINVAL,
         .says = "must be a mapping of fields, not a list"},
        {"configmaps", NULL, .edit = {EDIT_CREATE}, .document = CONF(", metadata: text"), .number = EINVAL,
         .says = "metadata: must be a mapping, not \"text\""},
        {"configmaps", NULL, .edit = {EDIT_CREATE}, .document = CONF(", dat: {}"), .number = EINVAL,
         .says = "unknown field \"dat\": did you mean \"data\"?"},
        /* What counts for nothing must be well formed all the same. */
        {"configmaps", NULL, .edit = {EDIT_CREATE}, .document = CONF(", metadata: {name: {a: b}}"),
         .number = EINVAL, .says = "metadata.name: must be a string, not a mapping"},
        {"namespaces", NULL, .edit = {EDIT_CREATE},
         .document = "{apiVersion: v1, kind: Namespace, status: {phas: Active}}", .number = EINVAL,
         .says = "unknown field \"status.phas\": did you mean \"phase\"?"},
    };
    RUN(rows);
}

#define CLAIM \
    "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, volumeMode: Filesystem}"
#define PROTECTED "finalizers: [kubernetes.io/pvc-protection]"

static void what_comes_with_creation_may_go_later(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"persistentvolumeclaims", NULL, .edit = {EDIT_CREATE},
         .document = "{apiVersion: v1, kind: PersistentVolumeClaim, " CLAIM "}",
         .says = "persistentvolumeclaims/web: created",
         .changes = "{apiVersion: v1, kind: PersistentVolumeClaim, " CLAIM
                    ", metadata: {name: web, namespace: default, " PROTECTED ", uid: " UID
                    ", generation: 1, creationTimestamp: \"" NOW "\"}}"},
        {"persistentvolumeclaims", "{metadata: {" PROTECTED "}, " CLAIM "}", .edit = {EDIT_MERGE},
         .document = "metadata: {finalizers: null}",
         .says = "persistentvolumeclaims/web: metadata/finalizers removed",
         .changes = "metadata: {finalizers: null}"},
    };
    RUN(rows);
}

#define AUTOSCALER(version) "{apiVersion: autoscaling/" version ", kind: HorizontalPodAutoscaler, "
#define SCALES              "scaleTargetRef: {kind: Deployment, name: d}, maxReplicas: 3"
#define BY_CPU(percent)                                                             \
    "metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, " \
    "averageUtilization: " percent "}}}]"

static void an_older_version_becomes_the_one_that_is_kept(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"horizontalpodautoscalers", "spec: {" SCALES ", " BY_CPU("50") "}", .edit = {EDIT_REPLACE},
         .document = AUTOSCALER("v1") "spec: {" SCALES ", targetCPUUtilizationPercentage: 70}}",
         .says = "horizontalpodautoscalers/web: metrics/Resource/resource/target/averageUtilization 50 -> 70",
         .changes = "{metadata: {generation: 2}, spec: {" BY_CPU("70") "}}"},
        {"horizontalpodautoscalers", "spec: {" SCALES "}", .edit = {EDIT_REPLACE},
         .document = AUTOSCALER("v1") "spec: {" SCALES ", " BY_CPU("70") "}}", .number = EINVAL,
         .says = "unknown field \"spec.metrics\""},
    };
    RUN(rows);
}

static void only_a_component_may_create_with_a_status(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"namespaces", NULL, .edit = {EDIT_CREATE, .server = true},
         .document = "{apiVersion: v1, kind: Namespace, status: {phase: Active}}",
         .says = "namespaces/web: created",
         .changes =
             "{apiVersion: v1, kind: Namespace, spec: {finalizers: [kubernetes]}, status: {phase: Active}, "
             "metadata: {name: web, uid: " UID ", generation: 1, creationTimestamp: \"" NOW
             "\", labels: {kubernetes.io/metadata.name: web}}}"},
        {"namespaces", NULL, .edit = {EDIT_CREATE},
         .document = "{apiVersion: v1, kind: Namespace, status: {phase: Active}}",
         .says = "namespaces/web: created",
         .changes =
             "{apiVersion: v1, kind: Namespace, spec: {finalizers: [kubernetes]}, status: {phase: Active}, "
             "metadata: {name: web, uid: " UID ", generation: 1, creationTimestamp: \"" NOW
             "\", labels: {kubernetes.io/metadata.name: web}}}"},
    };
    RUN(rows);
}

static void a_manifest_replaces_what_should_be_and_nothing_else(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"configmaps", "{data: {a: b, c: d}, metadata: {labels: {x: y}}}", .edit = {EDIT_REPLACE},
         .document = CONF(", data: {a: e}"),
         .says = "configmaps/web: metadata/labels/x removed, data/a b -> e, "
                 "data/c removed",
         .changes = "{data: {a: e, c: null}, metadata: {labels: null}}"},
        /* Finalizers and owners stay unless they are given. */
        {"configmaps", "{metadata: {finalizers: [podtree.io/one]}}", .edit = {EDIT_REPLACE},
         .document = CONF(", data: {a: b}"), .says = "configmaps/web: data/a b", .changes = "{data: {a: b}}"},
        {"configmaps", "{metadata: {finalizers: [podtree.io/one]}}", .edit = {EDIT_REPLACE},
         .document = CONF(", metadata: {finalizers: []}"),
         .says = "configmaps/web: metadata/finalizers changed", .changes = "{metadata: {finalizers: []}}"},
        /* Name, namespace, uid and status of a manifest from elsewhere are ignored. */
        {"pods", "{" POD ", status: {phase: Running}}", .edit = {EDIT_REPLACE},
         .document = "{apiVersion: v1, kind: Pod, metadata: {name: other, namespace: far, uid: mine, "
                     "resourceVersion: \"3\", labels: {a: b}}, " POD ", status: {phase: Failed}}",
         .says = "pods/web: metadata/labels/a b", .changes = "{metadata: {labels: {a: b}}}"},
        /* Written once: a manifest without it keeps it, one with another is refused. */
        {"pods", POD, .edit = {EDIT_REPLACE}, .document = "{apiVersion: v1, kind: Pod, " WAITING_POD "}"},
        {"pods", POD, .edit = {EDIT_REPLACE},
         .document = "{apiVersion: v1, kind: Pod, spec: {nodeName: n2, containers: [{name: a, image: b}]}}",
         .number = EPERM, .says = "spec.nodeName: can't be changed: the pod is bound to \"n1\""},
        /* What the schema gives to the server. */
        {"namespaces", "{metadata: {labels: {kubernetes.io/metadata.name: web}}}", .edit = {EDIT_REPLACE},
         .document = "{apiVersion: v1, kind: Namespace, metadata: {labels: {a: b}}}",
         .says = "namespaces/web: metadata/labels/a b", .changes = "{metadata: {labels: {a: b}}}"},
        {"namespaces", "{spec: {finalizers: []}}", .edit = {EDIT_REPLACE},
         .document =
             "{apiVersion: v1, kind: Namespace, spec: {finalizers: [podtree.io/mine]}, metadata: {labels: "
             "{kubernetes.io/metadata.name: web}}}"},
        {"namespaces", "{metadata: {labels: {kubernetes.io/metadata.name: web}}}",
         .edit = {EDIT_REPLACE, .server = true},
         .document = "{apiVersion: v1, kind: Namespace, spec: {finalizers: []}}",
         .says = "namespaces/web: finalizers changed",
         .changes = "{spec: {finalizers: []}, metadata: {generation: 2}}"},
        /* The same again is no change. */
        {"deployments", WEB, .edit = {EDIT_REPLACE},
         .document = "{apiVersion: apps/v1, kind: Deployment, " WEB "}"},
    };
    RUN(rows);
}

static void a_document_of_an_older_version_is_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"configmaps", "{}", .edit = {EDIT_REPLACE},
         .document = CONF(", metadata: {uid: " UID ", resourceVersion: \"6\"}"), .number = EAGAIN,
         .says = "configmaps/web has changed: it is at version 7, not 6; read it again"},
        {"configmaps", "{}", .edit = {EDIT_APPLY},
         .document = CONF(", metadata: {uid: " UID ", resourceVersion: \"6\"}"), .number = EAGAIN,
         .says = "configmaps/web has changed: it is at version 7, not 6; read it again"},
        {"configmaps", "{}", .edit = {EDIT_REPLACE},
         .document = CONF(", metadata: {uid: " UID ", resourceVersion: \"7\"}")},
        {"configmaps", "{}", .edit = {EDIT_REPLACE},
         .document = CONF(", metadata: {resourceVersion: \"6\"}")},
        {"configmaps", "{}", .edit = {EDIT_MERGE, .if_version = 6}, .document = "{data: {a: b}}",
         .number = EAGAIN, .says = "configmaps/web has changed: it is at version 7, not 6; read it again"},
        {"configmaps", "{}", .edit = {EDIT_DELETE, .if_version = 7}, .says = "configmaps/web: deleted",
         .gone = true},
        {"configmaps", "{}", .edit = {EDIT_DELETE, .if_uid = STR("other")}, .number = ENOENT,
         .says = "configmaps/web with uid other is gone"},
        {"configmaps", NULL, .edit = {EDIT_MERGE}, .document = "{}", .number = ENOENT,
         .says = "configmaps/web does not exist"},
    };
    RUN(rows);
}

static void apply_merges_three_ways(void **state)
{
    (void)state;
#define LAST(json) "metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: '" json "'"
    static const struct row rows[] = {
        {"configmaps", NULL, .edit = {EDIT_APPLY}, .document = CONF(", data: {a: b}"),
         .says = "configmaps/web: created",
         .changes = "{apiVersion: v1, kind: ConfigMap, data: {a: b}, " LAST(
             "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"b\"},\"metadata\":{"
             "}}") "}, name: web, namespace: default, uid: " UID ", creationTimestamp: \"" NOW "\"}}"},
        /* a is wanted no more, c is another's, e changes. */
        {"configmaps", "{data: {a: b, c: d, e: f}, " LAST("{\"data\":{\"a\":\"b\",\"e\":\"f\"}}") "}}}",
         .edit = {EDIT_APPLY}, .document = CONF(", data: {e: g}"),
         .says = "configmaps/web: data/a removed, data/e f -> g",
         .changes = "{data: {a: null, e: g}, " LAST("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
                                                    "\"data\":{\"e\":\"g\"},\"metadata\":{}}") "}}}"},
        /* What was applied last may be damaged: then nothing is removed. */
        {"configmaps", "{data: {a: b}, " LAST("no json") "}}}", .edit = {EDIT_APPLY},
         .document = CONF(", data: {c: d}"), .says = "configmaps/web: data/c d",
         .changes = "{data: {c: d}, " LAST("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{"
                                           "\"c\":\"d\"},\"metadata\":{}}") "}}}"},
        {"configmaps", "{}", .edit = {EDIT_APPLY}, .document = CONF(", metadata: {annotations: [a]}"),
         .number = EINVAL, .says = "metadata.annotations: must be a mapping, not a list"},
    };
    RUN(rows);
}

/* An object that came from a cluster of Kubernetes, a backup say: it has kubectl's annotation, which says
 * more than a manifest does, and ends with a newline. */
static void what_kubectl_has_applied_goes_on_as_it_was(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"deployments",
         "{" WEB ", status: {replicas: 2}, " LAST(
             "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"annotations\":{},"
             "\"creationTimestamp\":null,\"labels\":{\"a\":\"1\"},\"name\":\"web\",\"namespace\":\"default\"}"
             ","
             "\"spec\":{\"paused\":true,\"replicas\":2},\"status\":{}}\n\n") ", x: y}, labels: {a: \"1\", b: "
                                                                             "\"2\"}}}",
         .edit = {EDIT_APPLY},
         .document = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, labels: {c: d}}, "
                     "spec: {replicas: 3}}",
         .says = "deployments/web: metadata/labels/a removed, metadata/labels/c d, replicas 2 -> 3",
         .changes = "{spec: {replicas: 3}, " LAST(
             "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\",\"labels\":{"
             "\"c\":\"d\"}},\"spec\":{\"replicas\":3}}") "}, labels: {a: null, c: d}, generation: 2}}"},
    };
    RUN(rows);
}

#define WIDGET                                                                                            \
    "{kind: CustomResourceDefinition, metadata: {name: widgets.example.com}, spec: {group: example.com, " \
    "scope: Namespaced, names: {kind: Widget, plural: widgets, singular: widget}, versions: [{name: v1, " \
    "served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: "    \
    "object, properties: {parts: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: " \
    "[name], items: {type: object, required: [name], properties: {name: {type: string}, size: {type: "    \
    "integer}}}}}}}}}}]}}"

/* Of a user's kind kubectl doesn't know what its lists are. */
static void of_a_users_kind_a_list_is_replaced(void **state)
{
    (void)state;
    autoerror struct error *err = NULL;
    autodoc struct doc *definition = must_yaml(WIDGET);
    struct kind_reading *reading = kind_reading_new(kinds, doc_root(definition), &err);
    if (reading == NULL)
        fail_msg("%s", error_message(err));
    kinds_put(kinds, reading, NULL);
    static const struct row rows[] = {
        {"widgets", "{spec: {parts: [{name: a, size: 1}, {name: b}]}}", .edit = {EDIT_APPLY},
         .document = "{apiVersion: example.com/v1, kind: Widget, spec: {parts: [{name: a}]}}",
         .says = "widgets/web: parts/a/size removed, parts/b removed",
         .changes = "{spec: {parts: [{name: a}]}, " LAST(
             "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Widget\",\"spec\":{\"parts\":[{\"name\":\"a\"}]},"
             "\"metadata\":{}}") "}, generation: 2}}"},
    };
    RUN(rows);
}

#define SECRET(rest) "{apiVersion: v1, kind: Secret" rest "}"

static void values_of_secrets_are_kept_nowhere_else(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"secrets", NULL, .edit = {EDIT_APPLY}, .document = SECRET(", stringData: {a: hunter2}"),
         .says = "secrets/web: created",
         .changes = "{apiVersion: v1, kind: Secret, type: Opaque, data: {a: aHVudGVyMg==}, " LAST(
             "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"stringData\":{\"a\":\"\"},\"metadata\":{"
             "}}") "}, name: web, namespace: default, uid: " UID ", creationTimestamp: \"" NOW "\"}}"},
        /* Keys are enough to know what is wanted no more. */
        {"secrets", "{data: {a: YQ==, b: Yg==}, " LAST("{\"data\":{\"a\":\"\"}}") "}}}", .edit = {EDIT_APPLY},
         .document = SECRET(", data: {c: Yw==}"), .says = "secrets/web: data/a removed, data/c added",
         .changes = "{data: {a: null, c: Yw==}, " LAST("{\"apiVersion\":\"v1\",\"kind\":\"Secret\","
                                                       "\"data\":{\"c\":\"\"},\"metadata\":{}}") "}}}"},
        /* Somebody else's annotation of that name has values. */
        {"secrets", "{}", .edit = {EDIT_REPLACE},
         .document = SECRET(", " LAST("{\"data\":{\"a\":\"YQ==\"}}") "}}"), .says = "secrets/web: changed",
         .changes = "{" LAST("{\"data\":{\"a\":\"\"}}") "}}}"},
        {"secrets", "{}", .edit = {EDIT_FIELD_WRITE, .path = STR("stringData/a"), .bytes = STR("hunter2")},
         .says = "secrets/web: data/a added", .changes = "{data: {a: aHVudGVyMg==}}"},
        {"secrets", "{data: {a: YQ==}}",
         .edit = {EDIT_FIELD_WRITE, .path = STR("data/a"), .bytes = STR("\0\xff\n")},
         .says = "secrets/web: data/a changed", .changes = "{data: {a: AP8K}}"},
        {"secrets", "{data: {a: aHVudGVyMg==}}", .edit = {EDIT_MERGE},
         .document = "{stringData: {a: hunter2}}"},
        {"secrets", "{}", .edit = {EDIT_FIELD_WRITE, .path = STR("stringData/a"), .bytes = STR("\xff")},
         .number = EINVAL, .says = "stringData[a]: must be UTF-8 text, not binary; for that there is data"},
        {"secrets", "{}", .edit = {EDIT_FIELD_WRITE, .path = STR("type"), .bytes = STR("hunter2")},
         .number = EPERM, .says = "type: can't be changed after creation"},
        {"secrets", "{}", .edit = {EDIT_REPLACE}, .document = "hunter2", .number = EINVAL,
         .says = "must be a mapping of fields"},
        {"secrets", "{}", .edit = {EDIT_MERGE}, .document = "hunter2", .number = EINVAL,
         .says = "merge: must be an object"},
    };
    RUN(rows);
}

static void a_merge_changes_what_it_mentions(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"deployments", WEB, .edit = {EDIT_MERGE}, .document = "{spec: {replicas: 3}}",
         .says = "deployments/web: replicas 2 -> 3",
         .changes = "{spec: {replicas: 3}, metadata: {generation: 2}}"},
        {"deployments", WEB, .edit = {EDIT_MERGE}, .document = "{spec: {replicas: 2}}"},
        {"deployments", WEB, .edit = {EDIT_MERGE}, .document = "{status: {replicas: 9}}"},
        {"deployments", WEB, .edit = {EDIT_MERGE}, .document = "{kind: Deployment, metadata: {name: web}}"},
        {"deployments", WEB, .edit = {EDIT_MERGE}, .document = "{metadata: {uid: mine, name: other}}",
         .number = EINVAL, .says = "metadata.name: can't be changed"},
        {"deployments", WEB, .edit = {EDIT_MERGE}, .document = "{metadata: {uid: mine}}", .number = EINVAL,
         .says = "metadata.uid: can't be changed"},
        {"deployments", WEB, .edit = {EDIT_MERGE}, .document = "{kind: Pod}", .number = EINVAL,
         .says = "kind: can't be changed"},
        {"deployments", WEB, .edit = {EDIT_MERGE}, .document = "{metadata: {resourceVersion: \"1\"}}",
         .number = EAGAIN, .says = "deployments/web has changed: it is at version 7, not 1; read it again"},
        {"deployments", WEB, .edit = {EDIT_MERGE}, .document = "{metadata: {labels: {a: b}}}",
         .says = "deployments/web: metadata/labels/a b", .changes = "{metadata: {labels: {a: b}}}"},
        {"deployments", WEB, .edit = {EDIT_MERGE}, .document = "{metadata: text}", .number = EINVAL,
         .says = "metadata: must be a mapping, not \"text\""},
        {"deployments", WEB, .edit = {EDIT_MERGE}, .document = "{spec: {template: null}}", .number = EINVAL,
         .says = "spec.template: is required"},
        {"deployments", WEB, .edit = {EDIT_MERGE}, .document = "[]", .number = EINVAL,
         .says = "merge: must be an object, not a list"},
        {"deployments", WEB, .edit = {EDIT_MERGE}, .number = EINVAL, .says = "merge: is required"},
        {"pods", WAITING_POD, .edit = {EDIT_MERGE, .server = true}, .document = "{spec: {nodeName: n1}}",
         .says = "pods/web: nodeName n1", .changes = "{spec: {nodeName: n1}, metadata: {generation: 2}}"},
        {"namespaces", "{metadata: {labels: {kubernetes.io/metadata.name: web}}}", .edit = {EDIT_MERGE},
         .document = "{spec: {finalizers: []}}"},
    };
    RUN(rows);
}

static void a_status_is_no_new_generation(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"deployments", "{" WEB ", status: {replicas: 1}}", .edit = {EDIT_STATUS, .server = true},
         .document = "{replicas: 2, readyReplicas: 1}",
         .says = "deployments/web: 1/2 ready updated=0 available=0",
         .changes = "{status: {replicas: 2, readyReplicas: 1}}"},
        {"deployments", "{" WEB ", status: {replicas: 1}}", .edit = {EDIT_STATUS, .server = true},
         .document = "{replicas: 1}"},
        {"deployments", WEB, .edit = {EDIT_STATUS, .server = true}, .document = "{replicas: many}",
         .number = EINVAL, .says = "status.replicas: must be an integer, not \"many\""},
        {"configmaps", "{}", .edit = {EDIT_STATUS, .server = true}, .document = "{a: b}", .number = EINVAL,
         .says = "a ConfigMap has no status"},
    };
    RUN(rows);
}

/* ---- fields and verbs ---- */

static void fields_are_written_made_renamed_and_removed(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"deployments", WEB, .edit = {EDIT_FIELD_WRITE, .path = STR("replicas"), .bytes = STR("5\n")},
         .says = "deployments/web: replicas 2 -> 5",
         .changes = "{spec: {replicas: 5}, metadata: {generation: 2}}"},
        {"deployments", WEB, .edit = {EDIT_FIELD_WRITE, .path = STR("replicas"), .bytes = STR("2")}},
        {"deployments", WEB, .edit = {EDIT_FIELD_WRITE, .path = STR("replicas"), .bytes = STR("-1")},
         .number = EINVAL, .says = "spec.replicas: must be at least 0, not -1"},
        {"deployments", WEB, .edit = {EDIT_FIELD_WRITE, .path = STR("metadata/uid"), .bytes = STR("x")},
         .number = EPERM, .says = "metadata.uid: is managed by the server"},
        {"configmaps", "{data: {a: b}}",
         .edit = {EDIT_FIELD_APPEND, .path = STR("data/a"), .bytes = STR("c")},
         .says = "configmaps/web: data/a b -> bc", .changes = "{data: {a: bc}}"},
        {"configmaps", "{data: {a: b c}}", .edit = {EDIT_FIELD_CUT, .path = STR("data/a"), .size = 1},
         .says = "configmaps/web: data/a b c -> b", .changes = "{data: {a: b}}"},
        {"configmaps", "{data: {a: b c}}", .edit = {EDIT_FIELD_CUT, .path = STR("data/a"), .size = 4},
         .number = EINVAL, .says = "data[a]: can't be made longer without being written"},
        {"deployments", WEB, .edit = {EDIT_FIELD_APPEND, .path = STR("replicas"), .bytes = STR("1")},
         .number = EINVAL, .says = "spec.replicas: is one value: nothing can be appended to it"},
        {"configmaps", "{data: {a: b}}",
         .edit = {EDIT_FIELD_RENAME, .path = STR("data/a"), .to_path = STR("data/c")},
         .says = "configmaps/web: data/a removed, data/c b", .changes = "{data: {a: null, c: b}}"},
        {"configmaps", "{data: {a: b, c: d}}", .edit = {EDIT_FIELD_REMOVE, .path = STR("data/a")},
         .says = "configmaps/web: data/a removed", .changes = "{data: {a: null}}"},
        /* The others go before it; those that can't, or are gone already, stay what they are. */
        {"configmaps", "{data: {a: b, c: d, e: f}}",
         .edit = {EDIT_FIELD_REMOVE, .path = STR("data/a"), .bytes = STR("data/c\0data/none\0kind\0")},
         .says = "configmaps/web: data/a removed, data/c removed", .changes = "{data: {a: null, c: null}}"},
        {"configmaps", "{data: {a: b, c: d}}",
         .edit = {EDIT_FIELD_REMOVE, .path = STR("data/a"), .bytes = STR("data/a\0")}, .number = ENOENT,
         .says = "data[a]: is not set"},
        {"deployments", WEB, .edit = {EDIT_FIELD_REMOVE, .path = STR("template")}, .number = EPERM,
         .says = "spec.template: is required"},
        /* Removed is back at its default. */
        {"deployments", WEB, .edit = {EDIT_FIELD_REMOVE, .path = STR("replicas")},
         .says = "deployments/web: replicas 2 -> 1",
         .changes = "{spec: {replicas: 1}, metadata: {generation: 2}}"},
        {"deployments", WEB, .edit = {EDIT_FIELD_MAKE, .path = STR("template/spec/containers/c")},
         .number = EINVAL, .says = "spec.template.spec.containers[1].image: is required"},
        {"deployments", WEB, .edit = {EDIT_FIELD_MAKE, .path = STR("template/spec/containers/a")},
         .number = EEXIST, .says = "spec.template.spec.containers[0]: is there already"},
        {"deployments", WEB,
         .edit = {EDIT_FIELD_WRITE, .path = STR("selector/matchLabels/app"), .bytes = STR("y")},
         .number = EINVAL,
         .says =
             "spec.template.metadata.labels: must match the selector, or the pods would not be found again"},
    };
    RUN(rows);
}

static void a_verb_is_stored_with_its_time(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"deployments", WEB, .edit = {EDIT_VERB}, .verb = "restart",
         .says = "deployments/web: template/metadata/annotations/kubectl.kubernetes.io/restartedAt " NOW,
         .changes = "{spec: {template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: \"" NOW
                    "\"}}}}, metadata: {generation: 2}}"},
    };
    RUN(rows);
}

static void the_status_line_is_new_only_when_it_differs(void **state)
{
    (void)state;
    static const struct {
        const char *document;
        enum edit_type type;
        bool fresh;
    } rows[] = {{"{replicas: 2, readyReplicas: 1}", EDIT_STATUS, true},
                {"{metadata: {annotations: {a: b}}}", EDIT_MERGE, false}};
    const struct kind *kind = must_kind("deployments");
    struct version *before = version_before(kind, WEB, false);
    for (size_t i = 0; i < 2; i++) {
        autodoc struct doc *document = must_yaml(rows[i].document);
        struct edit edit = {rows[i].type, .document = doc_root(document), .server = true};
        struct edit_base base = {
            .kind = kind, .namespace = STR("default"), .name = STR("web"), .before = before};
        autoresult struct edit_result result;
        assert_int_equal(edit_compute(&base, &edit, now_ms(), &result, NULL), 0);
        assert_int_equal(result.status_new, rows[i].fresh);
        assert_non_null(result.status);
    }
    version_drop(before);
}

static void what_is_too_large_is_refused_as_that(void **state)
{
    (void)state;
    static const enum edit_type types[] = {EDIT_CREATE, EDIT_APPLY};
    const struct kind *kind = must_kind("configmaps");
    autodoc struct doc *document = must_yaml(CONF(""));
    autobuf struct buf large = {0};
    memset(buf_reserve(&large, OBJECT_LIMIT + 1), 'x', OBJECT_LIMIT + 1);
    large.length = OBJECT_LIMIT + 1;
    value_set_str(value_set_object(doc_root(document), STR("data")), STR("a"), buf_str(&large));
    for (size_t i = 0; i < 2; i++) {
        struct edit edit = {types[i], .document = doc_root(document)};
        struct edit_base base = {
            .kind = kind, .namespace = STR("default"), .name = STR("web"), .new_uid = STR(UID)};
        autoresult struct edit_result result;
        autoerror struct error *err = NULL;
        assert_int_equal(edit_compute(&base, &edit, now_ms(), &result, &err), -EFBIG);
        assert_non_null(strstr(err->message, "at most 1048576 are possible"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_creation_fills_in_what_the_server_gives),
        cmocka_unit_test(what_comes_with_creation_may_go_later),
        cmocka_unit_test(an_older_version_becomes_the_one_that_is_kept),
        cmocka_unit_test(only_a_component_may_create_with_a_status),
        cmocka_unit_test(a_manifest_replaces_what_should_be_and_nothing_else),
        cmocka_unit_test(a_document_of_an_older_version_is_refused),
        cmocka_unit_test(apply_merges_three_ways),
        cmocka_unit_test(what_kubectl_has_applied_goes_on_as_it_was),
        cmocka_unit_test(of_a_users_kind_a_list_is_replaced),
        cmocka_unit_test(values_of_secrets_are_kept_nowhere_else),
        cmocka_unit_test(a_merge_changes_what_it_mentions),
        cmocka_unit_test(a_status_is_no_new_generation),
        cmocka_unit_test(fields_are_written_made_renamed_and_removed),
        cmocka_unit_test(a_verb_is_stored_with_its_time),
        cmocka_unit_test(the_status_line_is_new_only_when_it_differs),
        cmocka_unit_test(what_is_too_large_is_refused_as_that),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
