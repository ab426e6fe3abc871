/* What a pod's requests and limits make of it. */
#include "nodeagent/quality.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"

#define GIB ((int64_t)1 << 30)

static struct doc *pod_of(const char *members, const char *resources)
{
    autofree char *text =
        path_format("{\"spec\":{%s\"containers\":[{\"name\":\"a\",\"resources\":%s}]}}", members, resources);
    return must_parse(text);
}

static void test_quality_and_who_is_killed_first(void **state)
{
    (void)state;
    static const struct {
        const char *members, *resources, *quality;
        int score; /* on a machine of 8 GiB */
    } rows[] = {
        {"", "{}", "BestEffort", 1000},
        {"", "{\"requests\":{\"cpu\":\"1\"}}", "Burstable", 999},
        {"", "{\"requests\":{\"memory\":\"2Gi\"}}", "Burstable", 750},
        {"", "{\"requests\":{\"memory\":\"8Gi\"}}", "Burstable", 3},
        {"", "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"}}", "Guaranteed", -997},
        {"",
         "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"requests\":{\"cpu\":\"1000m\",\"memory\":"
         "\"1024Mi\"}}",
         "Guaranteed", -997},
        {"", "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"requests\":{\"cpu\":\"500m\"}}", "Burstable",
         875},
        /* init containers count */
        {"\"initContainers\":[{\"name\":\"i\"}],", "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"}}",
         "Burstable", 875},
        {"\"priority\":2000000000,", "{}", "BestEffort", -997},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = pod_of(rows[i].members, rows[i].resources);
        struct value pod = doc_root(doc), container = value_first(value_at(pod, "spec", "containers"));
        assert_string_equal(quality_name(quality_of(pod)), rows[i].quality);
        assert_int_equal(quality_oom_score(pod, container, 8 * GIB), rows[i].score);
    }
}

static void test_a_sidecar_lives_as_long_as_what_it_is_there_for(void **state)
{
    (void)state;
    autodoc struct doc *doc =
        pod_of("\"initContainers\":[{\"name\":\"s\",\"restartPolicy\":\"Always\"},{\"name\":\"i\"}],",
               "{\"requests\":{\"memory\":\"4Gi\"}}");
    struct value pod = doc_root(doc), sidecar = value_first(value_at(pod, "spec", "initContainers"));
    assert_int_equal(quality_oom_score(pod, sidecar, 8 * GIB), 500);
    assert_int_equal(quality_oom_score(pod, value_next(sidecar), 8 * GIB), 999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quality_and_who_is_killed_first),
        cmocka_unit_test(test_a_sidecar_lives_as_long_as_what_it_is_there_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
