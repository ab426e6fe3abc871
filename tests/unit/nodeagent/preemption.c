/* Who makes room for a critical pod. */
#include "nodeagent/preemption.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"

/* Of a PodSpec's rest with ' in the place of ". */
static struct doc *pod_of(const char *rest)
{
    autofree char *text = path_format("{\"spec\":{%s}}", rest);
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    return must_parse(text);
}

#define REQUESTS(cpu, memory) \
    "'containers':[{'name':'c','resources':{'requests':{'cpu':'" #cpu "','memory':'" #memory "'}}}]"
#define GUARANTEED(cpu, memory) \
    "'containers':[{'name':'c','resources':{'limits':{'cpu':'" #cpu "','memory':'" #memory "'}}}]"
#define NOTHING "'containers':[{'name':'c'}]"
#define MOST    8

/* The places of those that go, "0 2"; or why not. */
static char *answer(const char *preemptor, int64_t cpu, int64_t memory, int64_t pods,
                    const char *const *others)
{
    struct doc *docs[MOST];
    struct value values[MOST];
    bool goes[MOST] = {false};
    size_t count = 0;
    autobuf struct buf said = {0};
    for (; others[count] != NULL; count++) {
        docs[count] = pod_of(others[count]);
        values[count] = doc_root(docs[count]);
    }
    autodoc struct doc *pod = pod_of(preemptor);
    struct amounts lacking = {
        .native = {[RESOURCE_CPU] = cpu, [RESOURCE_MEMORY] = memory, [RESOURCE_PODS] = pods}};
    char *why = NULL;
    bool found = preemption_choose(doc_root(pod), &lacking, values, count, goes, &why);
    for (size_t i = 0; i < count; i++) {
        if (goes[i])
            buf_addf(&said, "%s%zu", said.length != 0 ? " " : "", i);
        doc_free(docs[i]);
    }
    buf_addf(&said, "%s", found ? "" : why);
    free(why);
    return buf_take(&said);
}

static void test_those_go_that_give_enough_with_the_fewest_ends(void **state)
{
    (void)state;
    static const struct {
        const char *pod;
        int64_t cpu, memory, pods;
        const char *others[MOST], *expected;
    } rows[] = {
        /* who has the same rank, or a higher one, stays */
        {"'priority':2000000000",
         100,
         0,
         0,
         {REQUESTS(100m, 1), "'priority':2000000000," REQUESTS(9, 1)},
         "0"},
        {"'priority':2000001000", 1000, 0, 0, {"'priority':2000000000," REQUESTS(9, 1)}, "0"},
        {"'priority':2000000000",
         100,
         7,
         0,
         {"'priority':2000000000," REQUESTS(9, 1)},
         "no set of running pods found to reclaim resources: [(res: cpu, q: 100), (res: memory, q: 7), ]"},
        /* a place is all that is wanted: whoever has asked for nothing goes */
        {"'priority':2000000000", 0, 0, 1, {GUARANTEED(1, 1), REQUESTS(1, 1), NOTHING}, "2"},
        {"'priority':2000000000", 0, 0, 2, {GUARANTEED(1, 1), REQUESTS(1, 1), NOTHING}, "1 2"},
        /* a burstable one rather than a guaranteed one, and no one who gives nothing */
        {"'priority':2000000000", 500, 0, 0, {GUARANTEED(1, 1), REQUESTS(1, 1), NOTHING}, "1"},
        {"'priority':2000000000", 1500, 0, 0, {GUARANTEED(1, 1), REQUESTS(1, 1), NOTHING}, "0 1"},
        /* one that is enough rather than two; the smaller of those that are enough */
        {"'priority':2000000000", 400, 0, 0, {REQUESTS(200m, 1), REQUESTS(300m, 1), REQUESTS(400m, 1)}, "2"},
        {"'priority':2000000000", 400, 0, 0, {REQUESTS(500m, 9), REQUESTS(600m, 8), REQUESTS(700m, 9)}, "1"},
        {"'priority':2000000000",
         400,
         400,
         0,
         {REQUESTS(400m, 1), REQUESTS(1m, 400), REQUESTS(500m, 500)},
         "2"},
        {"'priority':2000000000", 400, 400, 0, {REQUESTS(400m, 1), REQUESTS(1m, 400), NOTHING}, "0 1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autofree char *said = answer(rows[i].pod, rows[i].cpu, rows[i].memory, rows[i].pods, rows[i].others);
        if (strcmp(said, rows[i].expected) != 0)
            fail_msg("row %zu: %s, not %s", i, said, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_those_go_that_give_enough_with_the_fewest_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
