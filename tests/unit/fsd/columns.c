#include "fsd/columns.h"
#include "lib/clock.h"
#include "tests/unit/fsd/kinds.h"

static int64_t noon(void)
{
    int64_t ms;
    assert_true(clock_parse(STR("2026-01-31T12:00:00Z"), &ms));
    return ms;
}

static void assert_table(const char *kind_name, bool with_namespace, const char *const *objects,
                         const char *expected)
{
    autobuf struct buf out = {0}, widths = {0};
    struct table *table = table_new(must_kind(kind_name), with_namespace, noon(), &widths);
    struct doc *docs[8] = {NULL};
    for (size_t i = 0; objects[i] != NULL; i++) {
        docs[i] = must_yaml(objects[i]);
        table_measure(table, doc_root(docs[i]));
    }
    table_header(table, &out);
    for (size_t i = 0; objects[i] != NULL; i++) {
        table_row(table, doc_root(docs[i]), &out);
        doc_free(docs[i]);
    }
    table_free(table);
    assert_string_equal(out.at, expected);
}

#define RUNNING                                                                                             \
    "metadata: {name: web-1, namespace: default, creationTimestamp: \"2026-01-31T11:58:00Z\"}\n"            \
    "spec: {nodeName: n1, containers: [{name: a}]}\n"                                                       \
    "status: {phase: Running, podIP: 10.0.0.3, containerStatuses: [{name: a, ready: true, restartCount: 2," \
    " state: {running: {}}}]}\n"
#define WAITING                                                                                              \
    "metadata: {name: web-22, namespace: other, creationTimestamp: \"2026-01-31T11:59:15Z\"}\n"              \
    "spec: {nodeName: n1, containers: [{name: a}, {name: b}]}\n"                                             \
    "status: {phase: Pending, containerStatuses: [{name: a, ready: false, restartCount: 0, state: {waiting:" \
    " {reason: ImagePullBackOff, message: \"no image \\\"x\\\"\\nhere\"}}}]}\n"
#define UNPLACED                                                                                           \
    "metadata: {name: big, namespace: default}\n"                                                          \
    "spec: {containers: [{name: a}]}\n"                                                                    \
    "status: {phase: Pending, conditions: [{type: PodScheduled, status: \"False\", message: \"0/1 nodes: " \
    "too "                                                                                                 \
    "little cpu\"}]}\n"

static void pods_look_as_kubectl_shows_them(void **state)
{
    (void)state;
    static const char *const objects[] = {RUNNING, WAITING, UNPLACED, NULL};
    assert_table(
        "pods", false, objects,
        "NAME     READY   STATUS             RESTARTS   AGE      IP         NODE     REASON\n"
        "web-1    1/1     Running            2          2m       10.0.0.3   n1       <none>\n"
        "web-22   0/2     ImagePullBackOff   0          45s      <none>     n1       no image \"x\" here\n"
        "big      0/1     Pending            0          <none>   <none>     <none>   0/1 nodes: too little "
        "cpu\n");
}

static void a_table_of_all_namespaces_says_which(void **state)
{
    (void)state;
    static const char *const objects[] = {"{metadata: {name: a, namespace: x}, data: {b: c}}", NULL};
    assert_table("configmaps", true, objects,
                 "NAMESPACE   NAME   DATA   AGE      REASON\n"
                 "x           a      1      <none>   <none>\n");
    static const char *const none[] = {NULL};
    assert_table("namespaces", true, none, "NAME   STATUS   AGE   REASON\n");
}

/* Each look at an object by a table of its own, as after a restart between any two. */
static void a_table_made_in_parts_is_aligned_and_what_grew_meanwhile_stays_apart(void **state)
{
    (void)state;
    const struct kind *kind = must_kind("configmaps");
    autodoc struct doc *small = must_yaml("{metadata: {name: a}, data: {b: c}}");
    autodoc struct doc *large = must_yaml("{metadata: {name: longer}, data: {b: c}}");
    autodoc struct doc *grown = must_yaml("{metadata: {name: longest-by-far}, data: {b: c}}");
    autobuf struct buf out = {0}, widths = {0};
    const struct value measured[] = {doc_root(small), doc_root(large)};
    const struct value rows[] = {doc_root(small), doc_root(grown)};
    for (size_t i = 0; i < 2; i++) {
        struct table *table = table_new(kind, false, noon(), &widths);
        table_measure(table, measured[i]);
        table_free(table);
    }
    for (size_t i = 0; i < 2; i++) {
        struct table *table = table_new(kind, false, noon(), &widths);
        if (i == 0)
            table_header(table, &out);
        table_row(table, rows[i], &out);
        table_free(table);
    }
    assert_string_equal(out.at, "NAME     DATA   AGE      REASON\n"
                                "a        1      <none>   <none>\n"
                                "longest-by-far   1      <none>   <none>\n");
}

static void deployments_and_nodes_look_as_kubectl_shows_them(void **state)
{
    (void)state;
    static const char *const deployments[] = {
        "metadata: {name: web}\nspec: {replicas: 3, selector: {matchLabels: {app: web}, matchExpressions: "
        "[{key: t,"
        " operator: In, values: [a, b]}, {key: x, operator: DoesNotExist}]}, template: {spec: {containers: "
        "[{name: a,"
        " image: i:1}, {name: b, image: j}]}}}\nstatus: {readyReplicas: 2, updatedReplicas: 3, "
        "availableReplicas: 2}\n",
        NULL};
    assert_table(
        "deployments", false, deployments,
        "NAME   READY   UP-TO-DATE   AVAILABLE   AGE      CONTAINERS   IMAGES   SELECTOR                "
        "REASON\n"
        "web    2/3     3            2           <none>   a,b          i:1,j    app=web,t in (a,b),!x   "
        "<none>\n");
    static const char *const nodes[] = {
        "metadata: {name: n1, labels: {node-role.kubernetes.io/control-plane: \"\"}}\nspec: {unschedulable: "
        "true}\n"
        "status: {conditions: [{type: Ready, status: \"True\"}], allocatable: {cpu: \"2\", pods: \"110\"},"
        " addresses: [{type: Hostname, address: h}, {type: InternalIP, address: 10.0.0.1}]}\n",
        NULL};
    autodoc struct doc *node = must_yaml(nodes[0]);
    autobuf struct buf line = {0};
    status_line(must_kind("nodes"), doc_root(node), &line);
    assert_string_equal(line.at, "Ready,SchedulingDisabled pods=110 cpu=2 ip=10.0.0.1");
}

/* ---- what a pod's state is called ---- */

static void assert_status(const char *text, const char *expected)
{
    autodoc struct doc *doc = must_yaml(text);
    autobuf struct buf line = {0};
    status_line(must_kind("pods"), doc_root(doc), &line);
    assert_string_equal(line.at, expected);
}

static void a_status_line_says_state_and_numbers(void **state)
{
    (void)state;
    assert_status(RUNNING, "Running ready=1/1 restarts=2 ip=10.0.0.3 node=n1");
    assert_status(WAITING,
                  "ImagePullBackOff ready=0/2 restarts=0 node=n1 reason=\"no image \\\"x\\\" here\"");
    assert_status("{metadata: {deletionTimestamp: x}, spec: {containers: [{}]}}",
                  "Terminating ready=0/1 restarts=0");
    assert_status("{spec: {containers: [{}]}}", "Pending ready=0/1 restarts=0");
    assert_status(
        "spec: {containers: [{name: a}]}\nstatus: {phase: Succeeded, containerStatuses: [{name: a, state: "
        "{terminated: {reason: Completed, exitCode: 0}}}]}",
        "Completed ready=0/1 restarts=0");
    assert_status(
        "spec: {containers: [{name: a}]}\nstatus: {phase: Failed, containerStatuses: [{name: a, state: "
        "{terminated: {exitCode: 3, message: bad}}}]}",
        "ExitCode:3 ready=0/1 restarts=0 reason=bad");
    /* What is said of a good end is no reason; an end without memory is none, whatever its code. */
    assert_status("spec: {containers: [{name: a}], initContainers: [{name: i}]}\nstatus: {phase: Running, "
                  "initContainerStatuses: [{name: i, state: {terminated: {reason: Completed, exitCode: 0, "
                  "message: done}}}], containerStatuses: [{name: a, ready: true, state: {running: {}}}]}",
                  "Running ready=1/1 restarts=0");
    assert_status("spec: {containers: [{name: a}]}\nstatus: {phase: Succeeded, containerStatuses: [{name: a, "
                  "state: {terminated: {reason: OOMKilled, exitCode: 0}}}]}",
                  "OOMKilled ready=0/1 restarts=0 reason=\"OOMKilled, exit code 0\"");
    /* What has come to its end waits for nothing. */
    assert_status("spec: {containers: [{name: a}]}\nstatus: {phase: Failed, reason: DeadlineExceeded, "
                  "containerStatuses: [{name: a, state: {waiting: {reason: ContainerCreating}}}]}",
                  "DeadlineExceeded ready=0/1 restarts=0");
    assert_status("spec: {containers: [{name: a}], initContainers: [{name: i}]}\nstatus: {phase: Failed, "
                  "reason: Evicted, initContainerStatuses: [{name: i, state: {waiting: {reason: "
                  "PodInitializing}}}], containerStatuses: [{name: a, state: {waiting: {reason: "
                  "PodInitializing}}}]}",
                  "Evicted ready=0/1 restarts=0");
    assert_status(
        "spec: {containers: [{name: a}], initContainers: [{name: i}, {name: j}]}\nstatus: {phase: Pending, "
        "initContainerStatuses: [{name: i, state: {terminated: {exitCode: 0}}}, {name: j, state: {running: "
        "{}}}]}",
        "Init:1/2 ready=0/1 restarts=0");
    assert_status(
        "spec: {containers: [{name: a}], initContainers: [{name: s, restartPolicy: Always}]}\nstatus: "
        "{phase: Running, initContainerStatuses: [{name: s, ready: true, started: true, restartCount: 1, "
        "state: {running: {}}}], containerStatuses: [{name: a, ready: true, state: {running: {}}}]}",
        "Running ready=2/2 restarts=1");
}

static void deployments_say_how_far_they_are(void **state)
{
    (void)state;
    autodoc struct doc *doc =
        must_yaml("{spec: {replicas: 3}, status: {readyReplicas: 2, updatedReplicas: 3, availableReplicas: "
                  "2, conditions: "
                  "[{type: ReplicaFailure, status: \"True\", message: \"over quota\"}]}}");
    autobuf struct buf line = {0};
    status_line(must_kind("deployments"), doc_root(doc), &line);
    assert_string_equal(line.at, "2/3 ready updated=3 available=2 reason=\"over quota\"");
    doc_free(doc);
    doc = must_yaml(
        "{spec: {replicas: 1}, status: {conditions: [{type: Progressing, status: \"False\", message: late}, "
        "{type: PodFailure, status: \"True\", message: \"1 of 1 pods: Unschedulable\"}]}}");
    buf_clear(&line);
    status_line(must_kind("deployments"), doc_root(doc), &line);
    assert_string_equal(line.at, "0/1 ready updated=0 available=0 reason=\"1 of 1 pods: Unschedulable\"");
    autodoc struct doc *set = must_yaml("{spec: {replicas: 3}, status: {replicas: 3, readyReplicas: 1}}");
    buf_clear(&line);
    status_line(must_kind("replicasets"), doc_root(set), &line);
    assert_string_equal(line.at, "desired=3 current=3 ready=1");
}

#define DELETED "metadata: {name: a, deletionTimestamp: x, finalizers: [e.com/one, orphan]}"

static void a_deleted_object_says_what_it_waits_for(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *object, *line;
    } rows[] = {
        {"configmaps", "{" DELETED ", data: {b: c}}",
         "Terminating data=1 reason=\"deleted, waits for e.com/one, orphan\""},
        {"leases", "{metadata: {deletionTimestamp: x}}", "Terminating"},
        {"leases", "{metadata: {finalizers: [e.com/one]}, spec: {holderIdentity: a}}", "holder=a"},
        {"nodes", "{" DELETED "}", "Terminating Unknown reason=\"deleted, waits for e.com/one, orphan\""},
        {"pods", "{" DELETED ", spec: {containers: [{}]}}",
         "Terminating ready=0/1 restarts=0 reason=\"deleted, waits for e.com/one, orphan\""},
        {"pods", "{" DELETED ", spec: {containers: [{}]}, status: {reason: NodeLost, message: far}}",
         "Terminating Unknown ready=0/1 restarts=0 reason=\"far; deleted, waits for e.com/one, orphan\""},
        {"namespaces", "{metadata: {deletionTimestamp: x}, spec: {finalizers: [kubernetes]}}",
         "Terminating reason=\"deleted, waits for kubernetes\""},
        {"deployments", "{" DELETED ", spec: {replicas: 2}}",
         "Terminating 0/2 ready updated=0 available=0 reason=\"deleted, waits for e.com/one, orphan\""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = must_yaml(rows[i].object);
        autobuf struct buf line = {0};
        status_line(must_kind(rows[i].kind), doc_root(doc), &line);
        assert_string_equal(line.at, rows[i].line);
    }
    static const char *const objects[] = {DELETED, "metadata: {name: b, finalizers: [e.com/one]}", NULL};
    assert_table("configmaps", false, objects,
                 "NAME   DATA   AGE      REASON\n"
                 "a      0      <none>   deleted, waits for e.com/one, orphan\n"
                 "b      0      <none>   <none>\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods_look_as_kubectl_shows_them),
        cmocka_unit_test(a_table_of_all_namespaces_says_which),
        cmocka_unit_test(a_table_made_in_parts_is_aligned_and_what_grew_meanwhile_stays_apart),
        cmocka_unit_test(deployments_and_nodes_look_as_kubectl_shows_them),
        cmocka_unit_test(a_status_line_says_state_and_numbers),
        cmocka_unit_test(deployments_say_how_far_they_are),
        cmocka_unit_test(a_deleted_object_says_what_it_waits_for),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
