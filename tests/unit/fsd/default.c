#include "fsd/default.h"
#include "fsd/validate.h"
#include "tests/unit/fsd/kinds.h"

/* What comes in, what is asked of it afterwards, as JSON ("null" for what is not there). */
static void assert_filled_in(const char *kind_name, const char *manifest, const char *const *path,
                             const char *expected)
{
    const struct kind *kind = must_kind(kind_name);
    autodoc struct doc *doc = must_yaml(manifest);
    schema_prune_nulls(kind_form(kind)->schema, doc_root(doc));
    schema_default(kind_form(kind)->schema, doc_root(doc));
    autobuf struct buf found = {0};
    value_write(&found, value_walk(doc_root(doc), path));
    if (!str_is(buf_str(&found), expected))
        fail_msg("%s\ngives %s\nnot %s", manifest, found.at, expected);
    /* Filling in again changes nothing. */
    autodoc struct doc *once = doc_copy(doc_root(doc));
    schema_prune_nulls(kind_form(kind)->schema, doc_root(doc));
    schema_default(kind_form(kind)->schema, doc_root(doc));
    assert_true(value_equal(doc_root(once), doc_root(doc)));
}

#define PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

static void a_deployment_gets_kubernetes_defaults(void **state)
{
    (void)state;
    static const char manifest[] =
        "spec: {selector: {}, template: {spec: {containers: [{name: a, image: b}]}}}";
    assert_filled_in("deployments", manifest, PATH("spec", "replicas"), "1");
    assert_filled_in("deployments", manifest, PATH("spec", "revisionHistoryLimit"), "10");
    assert_filled_in("deployments", manifest, PATH("spec", "progressDeadlineSeconds"), "600");
    assert_filled_in("deployments", manifest, PATH("spec", "strategy", "type"), "\"RollingUpdate\"");
    assert_filled_in("deployments", manifest, PATH("spec", "strategy", "rollingUpdate", "maxSurge"),
                     "\"25%\"");
    assert_filled_in("deployments", manifest, PATH("spec", "template", "spec", "restartPolicy"),
                     "\"Always\"");
    assert_filled_in("deployments", manifest, PATH("spec", "template", "spec", "securityContext"), "{}");
    assert_filled_in("deployments", manifest, PATH("spec", "template", "spec", "tolerations"), "null");
    assert_filled_in("deployments", "spec: {strategy: {type: Recreate}}", PATH("spec", "strategy"),
                     "{\"type\":\"Recreate\"}");
    assert_filled_in("deployments", "spec: {replicas: 0}", PATH("spec", "replicas"), "0");
    assert_filled_in("deployments", "{}", PATH("spec"), "null");
}

static void a_container_gets_kubernetes_defaults(void **state)
{
    (void)state;
    assert_filled_in(
        "pods", "spec: {containers: [{name: a, image: \"b:1\", ports: [{containerPort: 80}]}]}",
        PATH("spec", "containers"),
        "[{\"name\":\"a\",\"image\":\"b:1\",\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"}],"
        "\"imagePullPolicy\":\"IfNotPresent\",\"resources\":{},"
        "\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\"}]");
}

static void the_pull_policy_depends_on_the_tag(void **state)
{
    (void)state;
    static const struct {
        const char *image, *policy;
    } rows[] = {
        {"nginx", "Always"},
        {"nginx:latest", "Always"},
        {"nginx:1.27", "IfNotPresent"},
        {"example.com/a/b", "Always"},
        {"localhost:5000/a", "Always"},
        {"localhost:5000/a:1", "IfNotPresent"},
        {"a@sha256:00", "IfNotPresent"},
        {"a:latest@sha256:00", "IfNotPresent"},
        {"Nginx", "IfNotPresent"}, /* no reference */
        {"a b", "IfNotPresent"},
        {"-a", "IfNotPresent"},
        {"", "IfNotPresent"},
        {"Example/a", "Always"}, /* a registry may have capitals */
        {"a__b/c--d", "Always"},
        {"a___b", "IfNotPresent"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = doc_new();
        value_setf(doc_root(doc), STR("image"), "%s", rows[i].image);
        default_rule_find(STR("imagePullPolicy"))->apply(doc_root(doc));
        autofree char *policy = str_dup(value_str(value_at(doc_root(doc), "imagePullPolicy")));
        if (strcmp(policy, rows[i].policy) != 0)
            fail_msg("%s: %s, not %s", rows[i].image, policy, rows[i].policy);
    }
}

static void a_pod_gets_what_a_template_does_not(void **state)
{
    (void)state;
    static const char manifest[] =
        "spec: {hostNetwork: true, serviceAccount: x,"
        " containers: [{name: a, ports: [{containerPort: 80}], resources: {limits: {cpu: 1, memory: 1024Mi},"
        " requests: {cpu: 0.5}}}]}";
    assert_filled_in("pods", manifest, PATH("spec", "enableServiceLinks"), "true");
    assert_filled_in("pods", manifest, PATH("spec", "serviceAccountName"), "\"x\"");
    const struct kind *kind = must_kind("pods");
    autodoc struct doc *doc = must_yaml(manifest);
    schema_default(kind_form(kind)->schema, doc_root(doc));
    struct value container = value_element(value_at(doc_root(doc), "spec", "containers"), 0);
    assert_json(value_at(container, "resources"), "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},"
                                                  "\"requests\":{\"cpu\":\"500m\",\"memory\":\"1Gi\"}}");
    assert_int_equal(value_int_or(value_at(value_element(value_at(container, "ports"), 0), "hostPort"), 0),
                     80);
}

static void a_volume_without_a_source_is_an_empty_directory(void **state)
{
    (void)state;
    assert_filled_in("pods", "spec: {volumes: [{name: a}, {name: b, secret: {secretName: c}}]}",
                     PATH("spec", "volumes"),
                     "[{\"name\":\"a\",\"emptyDir\":{}},"
                     "{\"name\":\"b\",\"secret\":{\"secretName\":\"c\",\"defaultMode\":420}}]");
}

static void a_namespace_is_labelled_with_its_name(void **state)
{
    (void)state;
    assert_filled_in("namespaces", "metadata: {name: a}", PATH("metadata", "labels"),
                     "{\"kubernetes.io/metadata.name\":\"a\"}");
    assert_filled_in("namespaces", "{}", PATH("metadata"), "null");
}

static void string_data_becomes_data(void **state)
{
    (void)state;
    assert_filled_in("secrets", "{}", PATH("type"), "\"Opaque\"");
    assert_filled_in("secrets", "{type: ''}", PATH("type"), "\"Opaque\"");
    assert_filled_in("secrets", "{stringData: {a: b, c: ''}}", PATH("data"), "{\"a\":\"Yg==\",\"c\":\"\"}");
    assert_filled_in("secrets", "{stringData: {a: b}}", PATH("stringData"), "null");
    assert_filled_in("secrets", "{data: {a: YQ==, d: ZA==}, stringData: {a: b}}", PATH("data"),
                     "{\"a\":\"Yg==\",\"d\":\"ZA==\"}");
    /* What is wrong stays, to be refused. */
    assert_filled_in("secrets", "{stringData: {a: 5, b: c}}", PATH("stringData"), "{\"a\":5}");
    assert_filled_in("secrets", "{data: 5, stringData: {b: c}}", PATH("stringData"), "{\"b\":\"c\"}");
}

static void nulls_and_zeros_count_as_unset(void **state)
{
    (void)state;
    assert_filled_in("deployments", "spec: {replicas: null}", PATH("spec", "replicas"), "1");
    assert_filled_in("configmaps", "data: {a: null}", PATH("data"), "{\"a\":\"\"}");
    assert_filled_in("pods", "spec: {dnsPolicy: \"\", hostNetwork: false, hostPID: true}",
                     PATH("spec", "dnsPolicy"), "\"ClusterFirst\"");
    assert_filled_in("pods", "spec: {hostNetwork: false}", PATH("spec", "hostNetwork"), "null");
    assert_filled_in("pods", "spec: {automountServiceAccountToken: false}",
                     PATH("spec", "automountServiceAccountToken"), "false");
    assert_filled_in("pods", "spec: {containers: [{args: [a, null]}]}", PATH("spec", "nodeSelector"), "null");
    assert_filled_in("deployments", "spec: {unheard: null}", PATH("spec", "unheard"), "null");
}

/* What is of the wrong type is to be refused, so it must still be there afterwards. */
static void what_is_malformed_is_left_alone(void **state)
{
    (void)state;
    static const char *const manifests[] = {
        "{spec: 3}",
        "{spec: {containers: [3], tolerations: x, volumes: {a: b}}}",
        "{spec: {containers: [{resources: {limits: {cpu: 1}, requests: [1]}, ports: [1, {hostPort: x}]}]}}",
        "{metadata: [a], spec: {containers: {a: b}}}",
        "{metadata: {name: x, labels: 3}}",
        "{spec: {strategy: 3, template: [a], selector: b}}",
    };
    for (size_t i = 0; i < COUNT(manifests); i++)
        for (size_t j = 0; j < kinds_count(kinds); j++) {
            const struct kind *kind = kinds_at(kinds, j);
            autodoc struct doc *doc = must_yaml(manifests[i]);
            schema_prune_nulls(kind_form(kind)->schema, doc_root(doc));
            schema_default(kind_form(kind)->schema, doc_root(doc));
            assert_int_equal(object_validate(kind, doc_root(doc), false, NULL), -EINVAL);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deployment_gets_kubernetes_defaults),
        cmocka_unit_test(a_container_gets_kubernetes_defaults),
        cmocka_unit_test(the_pull_policy_depends_on_the_tag),
        cmocka_unit_test(a_pod_gets_what_a_template_does_not),
        cmocka_unit_test(a_volume_without_a_source_is_an_empty_directory),
        cmocka_unit_test(a_namespace_is_labelled_with_its_name),
        cmocka_unit_test(string_data_becomes_data),
        cmocka_unit_test(nulls_and_zeros_count_as_unset),
        cmocka_unit_test(what_is_malformed_is_left_alone),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
