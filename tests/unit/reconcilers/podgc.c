#include "reconcilers/podgc.h"
#include "tests/unit/reconcilers/passes.h"

#define POD  "---\n{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {nodeName: a}}\n"
#define NODE "---\n{apiVersion: v1, kind: Node, metadata: {name: a}}\n"
#define END                                                                                     \
    "---\n{op: delete, resource: pods, name: p, namespace: default, uid: uid-p, grace: 0}\n"    \
    "---\n{op: event, resource: pods, name: p, namespace: default, uid: uid-p, type: Warning, " \
    "reason: NodeGone, message: Node a does not exist any more}\n"

enum { NOT_BY_ITSELF = -1 };

static int64_t memory; /* when the node was missed first */

static int64_t expect(const char *now, const char *objects, const char *plan)
{
    return expect_plan(
        &(struct given){
            .controller = &podgc_controller, .name = "p", .objects = objects, .memory = &memory, .now = now},
        plan);
}

static int forget(void **state)
{
    (void)state;
    memory = 0;
    return 0;
}

static void a_pod_without_its_node_is_ended_after_a_while(void **state)
{
    (void)state;
    assert_int_equal(expect("2026-01-01T00:00:00Z", POD, ""), 40000);
    assert_int_equal(expect("2026-01-01T00:00:30Z", POD, ""), 10000);
    assert_int_equal(expect("2026-01-01T00:00:40Z", POD, END), NOT_BY_ITSELF);
}

static void a_node_that_is_registered_again_keeps_its_pods(void **state)
{
    (void)state;
    expect("2026-01-01T00:00:00Z", POD, "");
    assert_int_equal(expect("2026-01-01T00:00:39Z", NODE POD, ""), NOT_BY_ITSELF);
    /* … and when it goes once more, it has all the time again. */
    assert_int_equal(expect("2026-01-01T00:10:00Z", POD, ""), 40000);
}

static void a_pod_that_is_nowhere_or_gone_is_nothing_to_it(void **state)
{
    (void)state;
    memory = 1;
    assert_int_equal(expect("2026-01-01T00:00:00Z", "{apiVersion: v1, kind: Pod, metadata: {name: p}}", ""),
                     NOT_BY_ITSELF);
    assert_int_equal(memory, 0);
    assert_int_equal(expect("2026-01-01T00:00:00Z", NODE, ""), NOT_BY_ITSELF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_pod_without_its_node_is_ended_after_a_while, forget),
        cmocka_unit_test_setup(a_node_that_is_registered_again_keeps_its_pods, forget),
        cmocka_unit_test_setup(a_pod_that_is_nowhere_or_gone_is_nothing_to_it, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
