#include "fsd/jsonpath.h"
#include "tests/unit/lib/test.h"

static const char sample[] =
    "{\"a\":{\"b\":1,\"x.y/"
    "z\":\"q\",\"n\":null,\"t\":true},\"list\":[{\"type\":\"A\",\"v\":\"1\"},{\"type\":\"B\","
    "\"v\":\"2\"},{\"type\":\"A\",\"v\":\"3\"}],"
    "\"numbers\":[{\"n\":{\"m\":2}},{\"n\":{\"m\":3}},{\"n\":{\"m\":10}}],"
    "\"flags\":[{\"name\":\"a]\",\"on\":true},{\"name\":\"b\",\"on\":false}],\"labels\":{\"a.b/c\":\"x\"}}";

static void paths_find_what_they_name(void **state)
{
    (void)state;
    static const struct {
        const char *path, *found;
    } rows[] = {
        {".a.b", "1"},
        {"a.b", "1"},
        {"{.a.b}", "1"},
        {"$.a.b", "1"},
        {".a['x.y/z']", "q"},
        {".a[\"x.y/z\"]", "q"},
        {".a.x\\.y/z", "q"},
        {".a.t", "true"},
        {".a.n", ""},
        {".a.nothing.more", ""},
        {".list[1].v", "2"},
        {".list[9].v", ""},
        {".list[*].v", "1,2,3"},
        {".list[?(@.type==\"A\")].v", "1,3"},
        {".list[?(@.type == 'B')].v", "2"},
        {".list[?(@.type==\"C\")].v", ""},
        {".list[-1].v", "3"},
        {".list[-4].v", ""},
        {".list[1:].v", "2,3"},
        {".list[:2].v", "1,2"},
        {".list[-1:].v", "3"},
        {".list[-9:-1].v", "1,2"},
        {".list[:-9].v", ""},
        {".list[1:2].v", "2"},
        {".a[1:]", ""},
        {".list[?(@.type!='A')].v", "2"},
        {".list[?(@.v)].type", "A,B,A"},
        {".list[?(@.w)].type", ""},
        {".numbers[?(@.n.m>2)].n.m", "3,10"},
        {".numbers[?(@.n.m >= 3)].n.m", "3,10"},
        {".numbers[?(@.n.m<3)].n.m", "2"},
        {".numbers[?(@.n.m<=3)].n.m", "2,3"},
        {".numbers[?(@.n.m==10)].n.m", "10"},
        {".flags[?(@.on==true)].name", "a]"},
        {".flags[?(@.name==\"a]\")].on", "true"},
        {".labels['a\\.b/c']", "x"},
        {".labels.a\\.b/c", "x"},
        {".list[0]", "{\"type\":\"A\",\"v\":\"1\"}"},
    };
    autodoc struct doc *doc = must_parse(sample);
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf out = {0};
        assert_true(jsonpath_valid(str_of(rows[i].path)));
        jsonpath_write(str_of(rows[i].path), doc_root(doc), &out);
        if (!str_is(buf_str(&out), rows[i].found))
            fail_msg("%s: %s", rows[i].path, out.at);
    }
}

static void what_is_not_of_the_subset_is_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {
        ".a[",      ".a['b", ".a['", ".a[1:x]",       ".a[x]",          ".a..b", ".a.",
        ".a[?(b)]", ".a[']", "a]b[", ".a[?(@.b==c)]", ".a[?(@.b=='c)]", ".[0]",  ".a[0]b"};
    for (size_t i = 0; i < COUNT(paths); i++)
        if (jsonpath_valid(str_of(paths[i])))
            fail_msg("%s is taken", paths[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_find_what_they_name),
        cmocka_unit_test(what_is_not_of_the_subset_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
