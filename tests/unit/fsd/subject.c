#include "fsd/subject.h"
#include "tests/unit/fsd/kinds.h"

struct row {
    const char *kind, *before, *after, *subject; /* NULL: there is none */
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        autodoc struct doc *before = rows[i].before != NULL ? must_yaml(rows[i].before) : NULL,
                           *after = rows[i].after != NULL ? must_yaml(rows[i].after) : NULL;
        autofree char *subject = subject_describe(must_kind(rows[i].kind), STR("default"), STR("web"),
                                                  doc_root(before), doc_root(after));
        assert_string_equal(subject, rows[i].subject);
    }
}
#define RUN(rows) check_rows(rows, COUNT(rows))

static void a_change_is_said_as_the_tree_has_it(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"deployments", NULL, "{}", "deployments/web: created"},
        {"deployments", "{}", NULL, "deployments/web: deleted"},
        {"deployments", "{}", "{metadata: {deletionTimestamp: x, deletionGracePeriodSeconds: 30}}",
         "deployments/web: deletion begun"},
        {"deployments", "{spec: {replicas: 2}}", "{spec: {replicas: 3}}", "deployments/web: replicas 2 -> 3"},
        {"deployments", "{spec: {}}", "{spec: {paused: true}}", "deployments/web: paused true"},
        {"deployments", "{spec: {paused: true}}", "{spec: {}}", "deployments/web: paused removed"},
        {"configmaps", "{data: {a: \"\"}}", "{data: {a: b}}", "configmaps/web: data/a \"\" -> b"},
        {"deployments", "{spec: {replicas: 2, paused: true}}", "{spec: {replicas: 3, paused: false}}",
         "deployments/web: replicas 2 -> 3, paused true -> false"},
        {"deployments", "{spec: {template: {spec: {containers: [{name: a, image: x}]}}}}",
         "{spec: {template: {spec: {containers: [{name: a, image: z}]}}}}",
         "deployments/web: template/spec/containers/a/image x -> z"},
        /* Entries come and go by their names, wherever they stand. */
        {"pods", "{spec: {containers: [{name: a}, {name: b, image: x}]}}",
         "{spec: {containers: [{name: b, image: x}, {name: c}]}}",
         "pods/web: containers/a removed, containers/c added"},
        {"pods", "{spec: {containers: [{name: a, args: [x]}]}}",
         "{spec: {containers: [{name: a, args: [y]}]}}", "pods/web: containers/a/args changed"},
        {"pods", "{metadata: {finalizers: []}}", "{metadata: {finalizers: [a]}}",
         "pods/web: metadata/finalizers changed"},
    };
    RUN(rows);
}

static void what_comes_and_goes_is_said_by_its_fields(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"nodes", "{metadata: {}}", "{metadata: {}, spec: {unschedulable: true}}",
         "nodes/web: unschedulable true"},
        {"nodes", "{spec: {unschedulable: true}}", "{}", "nodes/web: unschedulable removed"},
        {"nodes", "{spec: {}}", "{spec: {unschedulable: true}}", "nodes/web: unschedulable true"},
        {"nodes", "{spec: {unschedulable: false}}", "{spec: {unschedulable: true}}",
         "nodes/web: unschedulable false -> true"},
        {"nodes", "{}", "{spec: {taints: [{key: a, effect: NoSchedule}]}}", "nodes/web: taints added"},
        {"deployments", "{}", "{metadata: {labels: {tier: front, note: \"two\\nlines\"}}}",
         "deployments/web: metadata/labels/tier front, metadata/labels/note added"},
        {"pods", "{spec: {volumes: [{name: a}]}}", "{spec: {volumes: [{name: a, emptyDir: {}}]}}",
         "pods/web: volumes/a/emptyDir added"},
        {"pods", "{spec: {containers: [{name: a}]}}",
         "{spec: {containers: [{name: a}, {name: b, image: x}]}}", "pods/web: containers/b added"},
    };
    RUN(rows);
}

static void what_nobody_wanted_is_not_said(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"deployments", "{metadata: {generation: 1, resourceVersion: \"1\"}}",
         "{metadata: {generation: 2, resourceVersion: \"2\"}}", "deployments/web: changed"},
        {"deployments",
         "{metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: a, b: c}}}",
         "{metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: d, b: e}}}",
         "deployments/web: metadata/annotations/b c -> e"},
    };
    RUN(rows);
}

static void a_heartbeat_is_nothing_to_be_told(void **state)
{
    (void)state;
    autodoc struct doc *before = must_yaml("{status: {conditions: [{type: Ready, lastHeartbeatTime: a}]}}"),
                       *after = must_yaml("{status: {conditions: [{type: Ready, lastHeartbeatTime: b}]}}"),
                       *more = must_yaml(
                           "{status: {conditions: [{type: Ready, status: x, lastHeartbeatTime: b}]}}");
    const struct kind *nodes = must_kind("nodes");
    assert_null(subject_describe(nodes, STR(""), STR("n1"), doc_root(before), doc_root(after)));
    autofree char *subject = subject_describe(nodes, STR(""), STR("n1"), doc_root(before), doc_root(more));
    assert_string_equal(subject, "nodes/n1: status/conditions/Ready/status x");
}

static void long_values_are_not_quoted_and_many_changes_are_counted(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"configmaps", "{data: {a: b}}", "{data: {a: \"two\\nlines\"}}", "configmaps/web: data/a b -> …"},
        {"configmaps", "{data: {a: b}}", "{data: {a: 0123456789012345678901234567890123456789x}}",
         "configmaps/web: data/a b -> …"},
        {"configmaps", "{data: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1, j: 1, k: 1, l: 1}}",
         "{data: {a: 2, b: 2, c: 2, d: 2, e: 2, f: 2, g: 2, h: 2, i: 2, j: 2, k: 2, l: 2}}",
         "configmaps/web: data/a 1 -> 2, data/b 1 -> 2, data/c 1 -> 2, data/d 1 -> 2, data/e 1 -> 2, "
         "data/f 1 -> 2 and 6 more"},
    };
    RUN(rows);
}

static void values_of_secrets_are_not_said(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"secrets", "{data: {a: YQ==, b: Yg==, c: Yw==}}", "{data: {a: YmI=, b: Yg==, d: ZA==}}",
         "secrets/web: data/a changed, data/c removed, data/d added"},
        {"secrets", "{}", "{data: {a: YQ==}, immutable: true}", "secrets/web: data/a added, immutable true"},
        {"secrets", "{metadata: {labels: {a: b}}}", "{metadata: {labels: {a: c}}}",
         "secrets/web: metadata/labels/a b -> c"},
    };
    RUN(rows);
}

static void other_namespaces_are_named(void **state)
{
    (void)state;
    autodoc struct doc *doc = must_yaml("{}");
    autofree char *subject =
        subject_describe(must_kind("pods"), STR("prod"), STR("web"), VALUE_ABSENT, doc_root(doc));
    assert_string_equal(subject, "pods/web in prod: created");
    autofree char *cluster =
        subject_describe(must_kind("nodes"), STR(""), STR("n1"), VALUE_ABSENT, doc_root(doc));
    assert_string_equal(cluster, "nodes/n1: created");
}

static void a_subject_is_one_line(void **state)
{
    (void)state;
    autobuf struct buf name = {0};
    autodoc struct doc *before = must_yaml("{data: {}}"), *after = must_yaml("{data: {}}");
    struct value data = value_get(doc_root(after), STR("data"));
    value_set_str(data, STR("a\nkey"), STR("b\tc"));
    memset(buf_reserve(&name, 5000), 'k', 5000);
    name.length = 5000;
    value_set_str(data, buf_str(&name), STR("x"));
    autofree char *subject = subject_describe(must_kind("configmaps"), STR("default"), STR("web"),
                                              doc_root(before), doc_root(after));
    assert_in_range(strlen(subject), 1, 400);
    assert_true(str_starts(str_of(subject), STR("configmaps/web: data/a key added, …kkk")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_said_as_the_tree_has_it),
        cmocka_unit_test(what_comes_and_goes_is_said_by_its_fields),
        cmocka_unit_test(what_nobody_wanted_is_not_said),
        cmocka_unit_test(a_heartbeat_is_nothing_to_be_told),
        cmocka_unit_test(long_values_are_not_quoted_and_many_changes_are_counted),
        cmocka_unit_test(values_of_secrets_are_not_said),
        cmocka_unit_test(other_namespaces_are_named),
        cmocka_unit_test(a_subject_is_one_line),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
