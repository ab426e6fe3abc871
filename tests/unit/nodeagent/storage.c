/* Which limit of a pod on the disk is exceeded. */
#include "nodeagent/storage.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"

#define LIMIT(size)      "\"resources\":{\"limits\":{\"ephemeral-storage\":\"" size "\"}}"
#define DIR(size, mb)    "\"volumes\":[{\"name\":\"v\",\"emptyDir\":{\"sizeLimit\":\"" size "\"" mb "}}],"
#define LINES(all, a, v) all "\t/s/u\n" a "\t/s/u/a\n9\t/s/u/a/0\n" v "\t/s/u/volumes.d/emptyDir~v\n"

static void test_the_limit_that_is_exceeded_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *container, *report, *excess;
        bool limited;
    } rows[] = {
        {"", "", LINES("9000000", "9000000", "9000000"), NULL, false},
        {DIR("1024Ki", ""), "", LINES("9000000", "1", "1048577"),
         "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ", true},
        {DIR("1Mi", ""), "", LINES("9000000", "1", "1048576"), NULL, true},
        {DIR("1Mi", ",\"medium\":\"Memory\""), "", LINES("9000000", "1", "9000000"), NULL, false},
        {DIR("0", ""), "", LINES("9000000", "1", "9000000"), NULL, false},
        {DIR("1Mi", ""), LIMIT("2Mi"), LINES("9000000", "9000000", "1048577"),
         "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ", true},
        {"", LIMIT("2Mi"), LINES("2097153", "9", "9"),
         "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ", true},
        /* init containers can make the pod's limit larger than the container's own */
        {"\"initContainers\":[{\"name\":\"i\"," LIMIT("9Mi") "}],", LIMIT("2M"),
         LINES("2000001", "2000001", "9"), "Container a exceeded its local ephemeral storage limit \"2M\". ",
         true},
        {"\"initContainers\":[{\"name\":\"i\"," LIMIT("9Mi") "}],", LIMIT("2M"),
         LINES("9437184", "2000000", "9"), NULL, true},
        {"", LIMIT("2Mi"), "", NULL, true},
        {"\"priority\":2000000000,", LIMIT("2Mi"), "", NULL, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autofree char *text =
            path_format("{\"spec\":{%s\"containers\":[{\"name\":\"a\"%s%s}]}}", rows[i].spec,
                        rows[i].container[0] != '\0' ? "," : "", rows[i].container);
        autodoc struct doc *pod = must_parse(text);
        assert_int_equal(storage_is_limited(doc_root(pod)), rows[i].limited);
        autofree char *excess = storage_excess(doc_root(pod), "/s/u", str_of(rows[i].report));
        assert_string_equal(excess != NULL ? excess : "", rows[i].excess != NULL ? rows[i].excess : "");
    }
}

static void test_static_pods_are_not_evicted(void **state)
{
    (void)state;
    autodoc struct doc *pod =
        must_parse("{\"metadata\":{\"annotations\":{\"kubernetes.io/config.source\":\"file\"}},\"spec\":{"
                   "\"containers\":[{\"name\":\"a\"," LIMIT("1Mi") "}]}}");
    assert_false(storage_is_limited(doc_root(pod)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_limit_that_is_exceeded_is_named),
        cmocka_unit_test(test_static_pods_are_not_evicted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
