/* From manifests to static pods and their mirrors. */
#include "nodeagent/static_pod.h"
#include "lib/file.h"
#include "lib/mirror.h"
#include "lib/yaml.h"
#include "nodeagent/quality.h"
#include "tests/unit/lib/test.h"
#include <errno.h>

#define NOW  1769860800000
#define PATH "/m/web.yaml"

static struct doc *must_read(const char *yaml)
{
    struct doc *doc = yaml_parse(str_of(yaml), NULL);
    assert_non_null(doc);
    return doc;
}

/* The pod, or NULL and the sentence. */
static struct doc *make(const char *yaml, const char *node, const char *path, struct error **err)
{
    struct doc *doc = must_read(yaml);
    if (static_pod_make(doc_root(doc), node, path, NOW, err) == 0)
        return doc;
    doc_free(doc);
    return NULL;
}

#define WEB "metadata: {name: web}\nspec: {containers: [{name: c, image: i}]}\n"

static void test_only_manifests_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is;
    } rows[] = {{"web.yaml", true},      {"web.yml", true},      {"web.json", true}, {".web.yaml", false},
                {"web.yaml~", false},    {".yaml", false},       {"web", false},     {"#web.yaml", false},
                {"web.yaml.bak", false}, {"web.yaml.swp", false}};
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(static_pod_is_manifest(rows[i].name), rows[i].is);
}

static void test_a_pod_is_called_after_its_node_and_says_where_it_is_from(void **state)
{
    (void)state;
    autodoc struct doc *pod = make(WEB, "Node-A", PATH, NULL);
    autodoc struct doc *expected = must_read("namespace: default\nname: web-node-a\nannotations:\n"
                                             "  kubernetes.io/config.source: file\n"
                                             "  kubernetes.io/config.seen: \"2026-01-31T12:00:00Z\"\n");
    struct value meta = value_get(doc_root(pod), STR("metadata"));
    struct value uid = value_set_copy(doc_root(expected), STR("uid"), value_get(meta, STR("uid")));
    value_set_copy(value_get(doc_root(expected), STR("annotations")), STR(MIRROR_HASH), uid);
    assert_true(value_equal(meta, doc_root(expected)));
    assert_int_equal(value_str(uid).length, 32);
    assert_str(value_str(value_at(doc_root(pod), "spec", "nodeName")), "Node-A");
    struct value toleration = value_element(value_at(doc_root(pod), "spec", "tolerations"), 0);
    assert_str(value_str(value_get(toleration, STR("effect"))), "NoExecute");
}

static void test_a_pod_of_the_tree_is_none_whatever_it_says(void **state)
{
    (void)state;
    static const struct {
        const char *annotations, *then;
    } rows[] = {
        {"{\"kubernetes.io/config.source\":\"file\",\"a\":\"b\"}",
         "{\"kubernetes.io/config.source\":\"api\",\"a\":\"b\"}"},
        {"{\"a\":\"b\"}", "{\"a\":\"b\"}"},
        {"null", "null"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autofree char *text = path_format("{\"metadata\":{\"annotations\":%s}}", rows[i].annotations);
        autodoc struct doc *pod = must_parse(text);
        static_pod_disclaim(doc_root(pod));
        assert_json(value_at(doc_root(pod), "metadata", "annotations"), rows[i].then);
        assert_false(quality_is_critical(doc_root(pod)));
    }
}

/* The order of members is none of it, and neither is a status. */
static void test_the_uid_is_that_of_what_is_said_where_and_in_which_file(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *node, *path;
        bool same;
    } rows[] = {
        {WEB, "a", PATH, true},
        {"spec: {containers: [{image: i, name: c}]}\nmetadata: {name: web}\nstatus: {phase: Failed}", "a",
         PATH, true},
        {WEB, "b", PATH, false},
        {WEB, "a", "/m/other.yaml", false},
        {"metadata: {name: web}\nspec: {containers: [{name: c, image: j}]}", "a", PATH, false},
    };
    autodoc struct doc *first = make(WEB, "a", PATH, NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *pod = make(rows[i].yaml, rows[i].node, rows[i].path, NULL);
        assert_int_equal(value_equal(value_at(doc_root(pod), "metadata", "uid"),
                                     value_at(doc_root(first), "metadata", "uid")),
                         rows[i].same);
    }
}

static void test_a_pod_that_needs_other_objects_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *what;
    } rows[] = {
        {"volumes: [{name: v, configMap: {name: x}}]", "configmaps"},
        {"volumes: [{name: v, projected: {sources: [{secret: {name: x}}]}}]", "secrets"},
        {"imagePullSecrets: [{name: x}]", "secrets"},
        {"containers: [{name: c, envFrom: [{configMapRef: {name: x}}]}]", "configmaps"},
        {"serviceAccountName: x", "service accounts"},
        {"volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: x}}]}}]",
         "service accounts"},
        {"resourceClaims: [{name: x}]", "resource claims"},
        {"ephemeralContainers: [{name: x}]", "ephemeral containers"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf yaml = {0}, sentence = {0};
        autoerror struct error *error = NULL;
        buf_addf(&yaml, "metadata: {name: web}\nspec: {%s}", rows[i].spec);
        buf_addf(&sentence, "a static pod may not reference %s", rows[i].what);
        assert_null(make(yaml.at, "a", PATH, &error));
        assert_int_equal(error->number, EINVAL);
        assert_string_equal(error_message(error), sentence.at);
    }
}

static void test_a_mirror_is_made_and_kept_for_its_pod_alone(void **state)
{
    (void)state;
    autodoc struct doc *pod = make(WEB, "a", PATH, NULL), *other = make(WEB, "b", PATH, NULL);
    autodoc struct doc *mirror = doc_new(), *stale = doc_new(), *going = NULL;
    struct str node = STR("1-2-3");
    static_pod_mirror(doc_root(mirror), doc_root(pod), "a", node);
    static_pod_mirror(doc_root(stale), doc_root(other), "a", node);
    struct value meta = value_get(doc_root(mirror), STR("metadata"));
    assert_false(value_exists(value_get(meta, STR("uid"))));
    assert_true(
        str_equal(mirror_node_uid(doc_root(mirror)), value_str(value_at(doc_root(pod), "metadata", "uid"))));
    autodoc struct doc *owner =
        must_read("{apiVersion: v1, kind: Node, name: a, uid: 1-2-3, controller: true}");
    assert_true(value_equal(value_element(value_get(meta, STR("ownerReferences")), 0), doc_root(owner)));

    going = doc_copy(doc_root(mirror));
    static_pod_delete(doc_root(going), NOW);
    assert_int_equal(value_int_or(value_at(doc_root(going), "metadata", "deletionGracePeriodSeconds"), 0),
                     30);
    const struct {
        struct value pod, mirror;
        struct str node;
        enum mirror_step step;
    } rows[] = {
        {doc_root(pod), VALUE_ABSENT, node, MIRROR_CREATE},
        {doc_root(pod), VALUE_ABSENT, STR_NONE, MIRROR_KEEP}, /* there is no node to own it */
        {doc_root(pod), doc_root(mirror), node, MIRROR_KEEP},
        {doc_root(pod), doc_root(stale), node, MIRROR_DELETE},
        {doc_root(pod), doc_root(going), node, MIRROR_DELETE},
        {VALUE_ABSENT, doc_root(mirror), node, MIRROR_DELETE},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(static_pod_mirror_step(rows[i].pod, rows[i].mirror, rows[i].node), rows[i].step);
    static_pod_delete(doc_root(pod), NOW);
    assert_int_equal(static_pod_mirror_step(doc_root(pod), VALUE_ABSENT, node), MIRROR_KEEP);
    assert_int_equal(static_pod_mirror_step(doc_root(pod), doc_root(mirror), node), MIRROR_KEEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_manifests_are_read),
        cmocka_unit_test(test_a_pod_is_called_after_its_node_and_says_where_it_is_from),
        cmocka_unit_test(test_a_pod_of_the_tree_is_none_whatever_it_says),
        cmocka_unit_test(test_the_uid_is_that_of_what_is_said_where_and_in_which_file),
        cmocka_unit_test(test_a_pod_that_needs_other_objects_is_refused),
        cmocka_unit_test(test_a_mirror_is_made_and_kept_for_its_pod_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
