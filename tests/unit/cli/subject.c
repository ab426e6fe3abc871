/* What podtree explain is asked about. */
#include "cli/subject.h"

#include "test.h"

static const struct str known = STR("apps/v1/deployments\n"
                                    "core/v1/pods\n"
                                    "core/v1/nodes\n"
                                    "core/v1/namespaces\n"
                                    "core/v1/configmaps\n"
                                    "networking.k8s.io/v1/networkpolicies\n"
                                    "networking.k8s.io/v1/ingresses\n"
                                    "autoscaling/v2/horizontalpodautoscalers\n"
                                    "autoscaling/v1/horizontalpodautoscalers\n"
                                    "metrics.k8s.io/v1beta1/nodes\n"
                                    "stable.example.com/v1/crontabs\n");
static const struct str links = STR("po core/v1/pods\ndeploy apps/v1/deployments\n");

static const char schema_text[] =
    "{\"type\":\"object\",\"properties\":{\"metadata\":{\"type\":\"object\",\"properties\":{\"labels\":{"
    "\"type\":"
    "\"object\",\"additionalProperties\":{\"type\":\"string\"}}}},"
    "\"data\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}},"
    "\"spec\":{\"type\":\"object\",\"required\":[\"template\"],\"properties\":{"
    "\"replicas\":{\"type\":\"integer\"},"
    "\"template\":{\"type\":\"object\",\"properties\":{\"containers\":{\"type\":\"array\",\"items\":{"
    "\"type\":"
    "\"object\",\"properties\":{\"image\":{\"type\":\"string\"},\"args\":{\"type\":\"array\",\"items\":{"
    "\"type\":"
    "\"string\"}}}}}}}}},"
    "\"status\":{\"type\":\"object\",\"properties\":{\"ready\":{\"type\":\"boolean\"}}}}}";

static void kinds_and_fields_are_found_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *word, *kind, *fields;
    } rows[] = {
        {"pods", "core/v1/pods", ""},
        {"pod", "core/v1/pods", ""},
        {"Pod", "core/v1/pods", ""},
        {"po", "core/v1/pods", ""},
        {"pods.core", "core/v1/pods", ""},
        {"NetworkPolicy", "networking.k8s.io/v1/networkpolicies", ""},
        {"ingress", "networking.k8s.io/v1/ingresses", ""},
        {"horizontalpodautoscalers", "autoscaling/v2/horizontalpodautoscalers", ""},
        {"nodes", "core/v1/nodes", ""},
        {"nodes.metrics.k8s.io", "metrics.k8s.io/v1beta1/nodes", ""},
        {"nodes.metrics.k8s.io.usage", "metrics.k8s.io/v1beta1/nodes", "usage"},
        {"nodes.metadata", "core/v1/nodes", "metadata"},
        {"crontabs.stable.example.com", "stable.example.com/v1/crontabs", ""},
        {"crontabs.stable.example.com.spec", "stable.example.com/v1/crontabs", "spec"},
        {"deploy.spec.replicas", "apps/v1/deployments", "spec.replicas"},
        {"deployments/web", "apps/v1/deployments", ""},
        {"deployments/web/template", "apps/v1/deployments", "template"},
        {"namespaces/team", "core/v1/namespaces", ""},
        {"namespaces/team/metadata/labels", "core/v1/namespaces", "metadata/labels"},
        {"namespaces/team/pods", "core/v1/pods", ""},
        {"namespaces/team/pods/web/containers/", "core/v1/pods", "containers/"},
        {"all/deployments.apps/team/web/replicas", "apps/v1/deployments", "replicas"},
        {"api/autoscaling/v1/horizontalpodautoscalers", "autoscaling/v1/horizontalpodautoscalers", ""},
        {"api/core/v1/pods/explain", "core/v1/pods", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct subject subject;
        autoerror struct error *error = NULL;
        if (subject_parse(str_of(rows[i].word), known, links, &subject, &error) < 0)
            fail_msg("%s: %s", rows[i].word, error_message(error));
        autofree char *kind = str_dup(subject.kind), *fields = str_dup(subject.fields);
        assert_string_equal(kind, rows[i].kind);
        assert_string_equal(fields, rows[i].fields);
    }
}

static void who_misspells_a_kind_is_told_the_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *word, *sentence;
    } rows[] = {
        {"deploymentz.spec", "there is no kind deploymentz: did you mean deployments?"},
        {"configmapps/conf", "there is no kind configmapps: did you mean configmaps?"},
        {"elephants", "there is no kind elephants: api/ has those that there are"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct subject subject;
        autoerror struct error *error = NULL;
        assert_int_equal(subject_parse(str_of(rows[i].word), known, links, &subject, &error), -ENOENT);
        assert_string_equal(error->message, rows[i].sentence);
    }
}

static void fields_are_found_in_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *word, *found; /* the path, or the sentence of the refusal */
    } rows[] = {
        {"deploy", ""},
        {"deploy.spec.template.containers.image", "spec.template.containers.image"},
        {"deploy.spec.template.containers[0].image", "spec.template.containers.image"},
        {"deployments/web/replicas", "spec.replicas"},
        {"deployments/web/spec/replicas", "spec.replicas"},
        {"deployments/web/template/containers/main/image", "spec.template.containers.image"},
        {"deployments/web/template/containers/main", "spec.template.containers"},
        {"deployments/web/observed/ready", "status.ready"},
        {"deployments/web/metadata/labels/app", "metadata.labels"},
        {"deployments/web/data/greeting", "data"},
        {"deployments/web/manifest.yaml", ""},
        {"deploy.spec.replica", "spec has no field replica: did you mean replicas?"},
        {"deployments/web/templat", "the kind has no field templat: did you mean template?"},
        {"deploy.spec.replicas.more", "spec.replicas has no field more"},
    };
    autodoc struct doc *schema = doc_parse(str_of(schema_text), NULL);
    assert_non_null(schema);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct subject subject;
        autoerror struct error *error = NULL;
        autobuf struct buf path = {0};
        bool required;
        assert_int_equal(subject_parse(str_of(rows[i].word), known, links, &subject, NULL), 0);
        struct value field = subject_field(&subject, doc_root(schema), &path, &required, &error);
        const char *found = !value_exists(field) ? error_message(error) : path.at != NULL ? path.at : "";
        assert_string_equal(found, rows[i].found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_and_fields_are_found_in_words),
        cmocka_unit_test(who_misspells_a_kind_is_told_the_nearest),
        cmocka_unit_test(fields_are_found_in_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
