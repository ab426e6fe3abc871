#include "lib/controller.h"
#include "lib/log.h"
#include "lib/views.h"
#include "tests/unit/lib/test.h"
#include "tests/unit/lib/world.h"
#include <stdio.h>

/* A controller whose pass is whatever the test says, and which counts its passes. */
static int passes;
static int (*behaviour)(struct pass *pass, struct key key, struct error **err);

static int reconcile(struct pass *pass, struct key key, struct error **err)
{
    passes++;
    return behaviour != NULL ? behaviour(pass, key, err) : 0;
}

static void wake_first(struct keys *keys, const struct controller *controller, const struct cache *cache,
                       const void *before, const void *now)
{
    (void)controller;
    (void)cache;
    (void)before;
    (void)now;
    keys_add(keys, (struct key){STR(""), STR("x")});
}

static const struct watch watches[] = {{&namespace_view, wake_self}, {&pod_view, wake_first}, {0}};
static const struct controller controller = {.name = "test", .watches = watches, .reconcile = reconcile};
static const struct controller *const list[] = {&controller, NULL};

struct stage {
    struct world *world;
    struct tree *tree;
    struct controllers *controllers;
};

static int set_up(void **state)
{
    struct stage *stage = memory_zeroed(1, sizeof(*stage));
    stage->world = world_new(1);
    stage->tree = world_client(stage->world);
    stage->controllers = controllers_new(stage->tree, list);
    passes = 0;
    behaviour = NULL;
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    controllers_free(stage->controllers);
    tree_close(stage->tree);
    world_free(stage->world);
    free(stage);
    return 0;
}

/* Steps until nothing is due at this moment; returns when it wants to go on. */
static int64_t settle(struct stage *stage)
{
    int64_t wait;
    int steps = 0;
    do {
        wait = controllers_step(stage->controllers);
        assert_true(++steps < 1000);
    } while (wait == 0 || client_has_news(stage->tree));
    return wait;
}

static void make_x(struct stage *stage)
{
    world_apply(stage->world, "{apiVersion: v1, kind: Namespace, metadata: {name: x}}");
}

static struct doc *pod_named(const char *name)
{
    autobuf struct buf json = {0};
    buf_addf(&json,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"x\",\"name\":\"%s\"}}",
             name);
    return must_parse(json.at);
}

/* ---- what is woken ---- */

static void a_change_wakes_its_key(void **state)
{
    struct stage *stage = *state;
    settle(stage);
    assert_int_equal(passes, 0);
    make_x(stage);
    settle(stage);
    assert_int_equal(passes, 1);
    settle(stage);
    assert_int_equal(passes, 1);
}

static void nothing_is_looked_at_before_everything_has_been_read(void **state)
{
    struct stage *stage = *state;
    make_x(stage);
    client_kill_after(stage->tree, 2); /* the second kind can't be read */
    controllers_step(stage->controllers);
    controllers_step(stage->controllers);
    assert_int_equal(passes, 0);
}

/* ---- guarantee 3 ---- */

/* One pod is wanted. */
static int make_one_pod(struct pass *pass, struct key key, struct error **err)
{
    (void)key;
    (void)err;
    if (pass_next(pass, &pod_view, NULL) == NULL) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", passes);
        plan_create(pass, &pod_view, pod_named(name));
    }
    return 0;
}

static void name_of(void *context, struct value pod)
{
    struct buf *name = context;
    buf_clear(name);
    buf_add_str(name, value_str(value_at(pod, "metadata", "name")));
}

/* The key is woken all the time, what it has made is heard of late, and now and then taken away. */
static void what_a_key_has_written_is_there_when_it_is_looked_at_again(void **state)
{
    struct stage *stage = *state;
    behaviour = make_one_pod;
    make_x(stage);
    client_delay(stage->tree, true);
    autobuf struct buf name = {0};
    for (int i = 0; i < 300; i++) {
        autobuf struct buf yaml = {0};
        buf_addf(&yaml, "{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: {a: b%d}}}", i);
        world_apply(stage->world, yaml.at);
        controllers_step(stage->controllers);
        assert_true(world_count(stage->world, "pods") <= 1);
        if (i % 5 == 0 && world_count(stage->world, "pods") == 1) {
            world_each(stage->world, "pods", name_of, &name);
            world_delete(stage->world, "pods", "x", name.at);
        }
    }
    settle(stage);
    assert_int_equal(world_count(stage->world, "pods"), 1);
}

/* ---- how a turn ends ---- */

static int make_p(struct pass *pass, struct key key, struct error **err)
{
    (void)key;
    (void)err;
    if (pass_get(pass, &pod_view, (struct key){STR("x"), STR("p")}) == NULL)
        plan_create(pass, &pod_view, pod_named("p"));
    const struct namespace *x = pass_get(pass, &namespace_view, (struct key){STR(""), STR("x")});
    plan_event(pass, &x->meta, EVENT_NORMAL, "Made", "made p");
    return 0;
}

static void what_is_refused_is_tried_again_later_and_later(void **state)
{
    struct stage *stage = *state;
    behaviour = make_p;
    world_refuse(stage->world, "pods", "EDQUOT");
    make_x(stage);
    assert_int_equal(settle(stage), 5);
    int64_t waits[] = {10, 20, 40, 80};
    int64_t wait = 5;
    for (size_t i = 0; i < COUNT(waits); i++) {
        world_wait(stage->world, wait);
        wait = settle(stage);
        assert_int_equal(wait, waits[i]);
    }
    assert_int_equal(passes, 5);
    assert_int_equal(world_events(stage->world, NULL), 0);
    world_refuse(stage->world, "pods", NULL);
    world_wait(stage->world, wait);
    settle(stage);
    assert_int_equal(world_count(stage->world, "pods"), 1);
    assert_true(world_events(stage->world, "Made") >= 1);
}

static void a_change_ends_the_wait(void **state)
{
    struct stage *stage = *state;
    behaviour = make_p;
    world_refuse(stage->world, "pods", "EDQUOT");
    make_x(stage);
    settle(stage);
    world_refuse(stage->world, "pods", NULL);
    world_apply(stage->world, "{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: {a: b}}}");
    settle(stage);
    assert_int_equal(world_count(stage->world, "pods"), 1);
}

/* Looks at a version that is made old behind its back. */
static struct stage *meddled;

static int patch_meddled(struct pass *pass, struct key key, struct error **err)
{
    (void)err;
    const struct namespace *x = pass_get(pass, &namespace_view, key);
    if (value_exists(value_get(x->meta.labels, STR("mine"))))
        return 0;
    plan_patch(pass, &x->meta, must_parse("{\"metadata\":{\"labels\":{\"mine\":\"1\"}}}"));
    if (meddled != NULL)
        world_apply(meddled->world,
                    "{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: {theirs: '1'}}}");
    meddled = NULL;
    return 0;
}

static void a_conflict_is_looked_at_again_at_once(void **state)
{
    struct stage *stage = *state;
    behaviour = patch_meddled;
    meddled = stage;
    make_x(stage);
    settle(stage);
    struct value labels = value_at(world_get(stage->world, "namespaces", "", "x"), "metadata", "labels");
    assert_true(value_is(value_get(labels, STR("mine")), "1"));
    assert_true(value_is(value_get(labels, STR("theirs")), "1"));
}

static int delete_all(struct pass *pass, struct key key, struct error **err)
{
    (void)key;
    (void)err;
    const struct pod *pod = NULL;
    while ((pod = pass_next(pass, &pod_view, pod)) != NULL) {
        if (meddled != NULL) {
            autofree char *name = str_dup(pod->meta.name);
            world_delete(meddled->world, "pods", "x", name);
        }
        plan_delete(pass, &pod->meta, -1);
    }
    return 0;
}

static void what_is_gone_already_is_forgotten(void **state)
{
    struct stage *stage = *state;
    behaviour = delete_all;
    meddled = stage;
    world_apply(stage->world, "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: x}}");
    int64_t wait = settle(stage);
    assert_true(wait < 0 || wait > 60 * 1000);
    meddled = NULL;
}

static int fail_once(struct pass *pass, struct key key, struct error **err)
{
    (void)key;
    if (passes > 1) {
        assert_int_equal(pass_failures(pass), 1);
        assert_string_equal(pass_failure(pass), "not today");
        return 0;
    }
    plan_create(pass, &pod_view, pod_named("p"));
    return error_make(err, EINVAL, "not today");
}

static void a_pass_that_fails_leaves_no_plan_and_comes_again(void **state)
{
    struct stage *stage = *state;
    behaviour = fail_once;
    make_x(stage);
    assert_int_equal(settle(stage), 5);
    assert_int_equal(world_count(stage->world, "pods"), 0);
    world_wait(stage->world, 5);
    settle(stage);
    assert_int_equal(passes, 2);
}

static int ask_again(struct pass *pass, struct key key, struct error **err)
{
    (void)key;
    (void)err;
    if (passes == 1)
        pass_again(pass, 30 * 1000);
    return 0;
}

static void a_pass_may_ask_for_the_time(void **state)
{
    struct stage *stage = *state;
    behaviour = ask_again;
    make_x(stage);
    assert_int_equal(settle(stage), 30 * 1000);
    world_wait(stage->world, 30 * 1000);
    settle(stage);
    assert_int_equal(passes, 2);
}

static int remember(struct pass *pass, struct key key, struct error **err)
{
    (void)key;
    (void)err;
    assert_int_equal(*pass_memory(pass), passes - 1);
    *pass_memory(pass) = passes;
    return 0;
}

static void a_key_keeps_its_memory(void **state)
{
    struct stage *stage = *state;
    behaviour = remember;
    make_x(stage);
    settle(stage);
    world_apply(stage->world, "{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: {a: b}}}");
    settle(stage);
    assert_int_equal(passes, 2);
}

/* Plans that many pods at once. */
static int make_many(struct pass *pass, struct key key, struct error **err)
{
    (void)key;
    (void)err;
    for (int i = 0; i < 100 && pass_next(pass, &pod_view, NULL) == NULL; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        plan_create(pass, &pod_view, pod_named(name));
    }
    return 0;
}

static void a_turn_is_one_bulk(void **state)
{
    struct stage *stage = *state;
    behaviour = make_many;
    make_x(stage);
    settle(stage);
    assert_int_equal(world_count(stage->world, "pods"), 100);
    assert_int_equal(client_bulks(stage->tree), 1);
}

static int make_and_tell(struct pass *pass, struct key key, struct error **err)
{
    (void)err;
    const struct namespace *x = pass_get(pass, &namespace_view, key);
    if (pass_next(pass, &pod_view, NULL) != NULL)
        return 0;
    plan_create(pass, &pod_view, pod_named("p"));
    plan_event(pass, &x->meta, EVENT_NORMAL, "Made", "made p");
    return 0;
}

static void what_was_done_is_told_a_moment_later(void **state)
{
    struct stage *stage = *state;
    behaviour = make_and_tell;
    make_x(stage);
    int64_t wait = settle(stage);
    assert_in_range(wait, 1, 50);
    assert_int_equal(world_count(stage->world, "pods"), 1);
    assert_int_equal(world_events(stage->world, "Made"), 0);
    world_wait(stage->world, wait);
    settle(stage);
    assert_int_equal(world_events(stage->world, "Made"), 1);
    assert_int_equal(client_bulks(stage->tree), 2);
}

static struct world *reported_world;

static struct str reported_step(void)
{
    return value_str(value_at(world_get(reported_world, "namespaces", "", "x"), "status", "step"));
}

/* Reports the step that the namespace's label names; "make" is something to be done as well. */
static int report(struct pass *pass, struct key key, struct error **err)
{
    (void)err;
    const struct namespace *x = pass_get(pass, &namespace_view, key);
    struct str step = value_str(value_get(x->meta.labels, STR("step")));
    struct doc *merge = doc_new();
    value_set_str(doc_root(merge), STR("step"), step);
    plan_status_change(pass, &x->meta,
                       value_get(world_get(reported_world, "namespaces", "", "x"), STR("status")), merge);
    if (str_is(step, "make") && pass_next(pass, &pod_view, NULL) == NULL)
        plan_create(pass, &pod_view, pod_named("p"));
    return 0;
}

static void step(struct stage *stage, const char *label)
{
    autobuf struct buf yaml = {0};
    buf_addf(&yaml, "{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: {step: %s}}}", label);
    world_apply(stage->world, yaml.at);
    settle(stage);
}

static void reports_are_spaced_and_the_last_one_counts(void **state)
{
    struct stage *stage = *state;
    reported_world = stage->world;
    behaviour = report;
    step(stage, "one");
    assert_true(str_is(reported_step(), "one"));
    step(stage, "two");
    step(stage, "three");
    assert_true(str_is(reported_step(), "one"));
    assert_int_equal(client_bulks(stage->tree), 1);
    int64_t wait = settle(stage);
    assert_in_range(wait, 1, 10);
    world_wait(stage->world, wait);
    settle(stage);
    assert_true(str_is(reported_step(), "three"));
    assert_int_equal(client_bulks(stage->tree), 2);
}

static void what_is_done_takes_its_report_along_at_once(void **state)
{
    struct stage *stage = *state;
    reported_world = stage->world;
    behaviour = report;
    step(stage, "one");
    step(stage, "make");
    assert_int_equal(world_count(stage->world, "pods"), 1);
    assert_true(str_is(reported_step(), "make"));
}

static void a_quiet_tree_is_not_read(void **state)
{
    struct stage *stage = *state;
    make_x(stage);
    settle(stage);
    size_t reads = client_reads(stage->tree);
    for (int i = 0; i < 10; i++)
        controllers_step(stage->controllers);
    assert_int_equal(client_reads(stage->tree), reads);
}

static void everything_is_listed_now_and_then(void **state)
{
    struct stage *stage = *state;
    make_x(stage);
    settle(stage);
    size_t reads = client_reads(stage->tree);
    world_wait(stage->world, 5 * 60 * 1000);
    settle(stage);
    assert_int_equal(client_reads(stage->tree), reads + 2);
}

int main(void)
{
    setenv("PODTREE_LOG", "error", 0);
    log_init("test");
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(a_change_wakes_its_key),
        STAGED(nothing_is_looked_at_before_everything_has_been_read),
        STAGED(what_a_key_has_written_is_there_when_it_is_looked_at_again),
        STAGED(what_is_refused_is_tried_again_later_and_later),
        STAGED(a_change_ends_the_wait),
        STAGED(a_conflict_is_looked_at_again_at_once),
        STAGED(what_is_gone_already_is_forgotten),
        STAGED(a_pass_that_fails_leaves_no_plan_and_comes_again),
        STAGED(a_pass_may_ask_for_the_time),
        STAGED(a_key_keeps_its_memory),
        STAGED(a_turn_is_one_bulk),
        STAGED(what_was_done_is_told_a_moment_later),
        STAGED(reports_are_spaced_and_the_last_one_counts),
        STAGED(what_is_done_takes_its_report_along_at_once),
        STAGED(a_quiet_tree_is_not_read),
        STAGED(everything_is_listed_now_and_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
