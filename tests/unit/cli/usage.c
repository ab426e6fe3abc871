/* The tables of podtree top. */
#include "cli/usage.h"

#include "test.h"

static const char metrics_text[] =
    "{\"items\":[{\"metadata\":{\"name\":\"b\"},\"usage\":{\"cpu\":\"250m\",\"memory\":\"512Mi\"},\"pods\":["
    "{\"name\":\"web\",\"namespace\":\"default\",\"containers\":["
    "{\"name\":\"app\",\"usage\":{\"cpu\":\"1500001n\",\"memory\":\"3072Ki\"}},"
    "{\"name\":\"side\",\"usage\":{\"cpu\":\"3m\",\"memory\":\"10Mi\"}}]},"
    "{\"name\":\"other\",\"namespace\":\"team\",\"containers\":[]}]},"
    "{\"metadata\":{\"name\":\"a\"},\"usage\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"pods\":["
    "{\"name\":\"db\",\"namespace\":\"default\",\"containers\":["
    "{\"name\":\"db\",\"usage\":{\"cpu\":\"0\",\"memory\":\"1Gi\"}}]}]},"
    "{\"metadata\":{\"name\":\"new\"}}]}";
static const char nodes_text[] = "{\"items\":[{\"metadata\":{\"name\":\"b\"},\"status\":{\"allocatable\":{"
                                 "\"cpu\":\"2\",\"memory\":\"1Gi\"}}}]}";

static struct doc *metrics, *nodes;

static int read_texts(void **state)
{
    (void)state;
    metrics = doc_parse(str_of(metrics_text), NULL);
    nodes = doc_parse(str_of(nodes_text), NULL);
    return metrics != NULL && nodes != NULL ? 0 : -1;
}

static int free_texts(void **state)
{
    (void)state;
    doc_free(metrics);
    doc_free(nodes);
    return 0;
}

static void pods_are_shown_as_kubectl_does(void **state)
{
    (void)state;
    autobuf struct buf table = {0};
    assert_int_equal(usage_pods(doc_root(metrics), "default", false, &table), 2);
    assert_string_equal(table.at, "NAME   CPU(cores)   MEMORY(bytes)\n"
                                  "db     0m           1024Mi\n"
                                  "web    5m           13Mi\n");
    buf_clear(&table);
    assert_int_equal(usage_pods(doc_root(metrics), NULL, true, &table), 3);
    assert_string_equal(table.at, "NAMESPACE   POD   NAME   CPU(cores)   MEMORY(bytes)\n"
                                  "default     db    db     0m           1024Mi\n"
                                  "default     web   app    2m           3Mi\n"
                                  "default     web   side   3m           10Mi\n");
    assert_int_equal(usage_pods(doc_root(metrics), "nosuch", false, &table), 0);
}

static void nodes_are_shown_as_kubectl_does(void **state)
{
    (void)state;
    autobuf struct buf table = {0};
    assert_int_equal(usage_nodes(doc_root(metrics), doc_root(nodes), &table), 2);
    assert_string_equal(table.at, "NAME   CPU(cores)   CPU(%)      MEMORY(bytes)   MEMORY(%)\n"
                                  "a      1000m        <unknown>   1024Mi          <unknown>\n"
                                  "b      250m         12%         512Mi           50%\n");
    assert_int_equal(usage_nodes(VALUE_ABSENT, VALUE_ABSENT, &table), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods_are_shown_as_kubectl_does),
        cmocka_unit_test(nodes_are_shown_as_kubectl_does),
    };
    return cmocka_run_group_tests(tests, read_texts, free_texts);
}
