/* Which objects a pod names. */
#include "nodeagent/references.h"
#include "tests/unit/lib/test.h"

static void note(void *context, const char *kind, struct str name)
{
    buf_addf(context, "%s/" STR_FORMAT " ", kind, STR_ARGS(name));
}

static void test_references_come_from_everywhere_once_each(void **state)
{
    (void)state;
    autodoc struct doc *pod = must_parse(
        "{\"spec\":{\"containers\":[{\"envFrom\":[{\"configMapRef\":{\"name\":\"a\"}},"
        "{\"secretRef\":{\"name\":\"a\",\"optional\":true}}],\"env\":[{\"name\":\"X\",\"value\":\"v\"},"
        "{\"name\":\"Y\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"b\",\"key\":\"k\"}}},"
        "{\"name\":\"Z\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"c\",\"key\":\"k\"}}}]}],"
        "\"initContainers\":[{\"envFrom\":[{\"configMapRef\":{\"name\":\"init\"}},"
        "{\"configMapRef\":{\"name\":\"a\"}}]}],"
        "\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"d\"}},{\"secret\":{\"secretName\":\"d\"}},"
        "{\"secret\":{\"name\":\"wrong\"}},{\"emptyDir\":{}},{\"projected\":{\"sources\":["
        "{\"configMap\":{\"name\":\"e\"}},{\"secret\":{\"name\":\"e\"}},{\"secret\":{\"name\":\"c\"}},"
        "{\"downwardAPI\":{}}]}}],"
        "\"imagePullSecrets\":[{\"name\":\"pull\"},{\"name\":\"\"}]}}");
    autobuf struct buf all = {0};
    references_each(doc_root(pod), note, &all);
    assert_string_equal(all.at,
                        "ConfigMap/init ConfigMap/a ConfigMap/b Secret/a Secret/c ConfigMap/d Secret/d "
                        "ConfigMap/e Secret/e Secret/pull ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references_come_from_everywhere_once_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
