#include "lib/cache.h"
#include "lib/views.h"
#include "tests/unit/lib/test.h"
#include "tests/unit/lib/world.h"

/* What the listener was told: +name ~name -name. */
static struct buf heard;

static void hear(void *context, const void *before, const void *now)
{
    (void)context;
    buf_addf(&heard, "%s" STR_FORMAT " ",
             before == NULL ? "+"
             : now == NULL  ? "-"
                            : "~",
             STR_ARGS(meta_of(now != NULL ? now : before)->name));
}

static void expect_heard(const char *expected)
{
    assert_string_equal(heard.at != NULL ? heard.at : "", expected);
    buf_clear(&heard);
}

static struct str node_value(const void *object, size_t n)
{
    const struct pod *pod = object;
    return n == 0 && pod->node.length != 0 ? pod->node : STR_NONE;
}

static const struct amounts *node_amounts(const void *object)
{
    return ((const struct pod *)object)->requests;
}

static struct str owner_value(const void *object, size_t n)
{
    return n < meta_of(object)->owner_count ? meta_of(object)->owners[n].uid : STR_NONE;
}

static const struct cache_index by_node = {&pod_view, node_value, node_amounts};
static const struct cache_index by_owner = {&pod_view, owner_value, NULL};

static struct cache *make(void)
{
    struct cache *cache = cache_new();
    cache_add_view(cache, &pod_view);
    cache_add_index(cache, &by_node);
    cache_add_index(cache, &by_owner);
    cache_listen(cache, hear, NULL);
    return cache;
}

static int take(struct cache *cache, const char *line)
{
    autoerror struct error *err = NULL;
    return cache_take_line(cache, &pod_view, str_of(line), &err);
}

#define POD_OF(name, uid, version, more)                                      \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"d\",\"uid\":\"" uid \
    "\",\"resourceVersion\":\"" #version "\"}" more "}"
#define POD(name, version, more) POD_OF(name, "uid-" name, version, more)
#define ON(node, cpu)                                                                                   \
    ",\"spec\":{\"nodeName\":\"" node "\",\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"" cpu \
    "\"}}}]}"

static const struct pod *get(struct cache *cache, const char *name)
{
    return cache_get(cache, &pod_view, (struct key){STR("d"), str_of(name)});
}

static void it_never_goes_back(void **state)
{
    (void)state;
    autocache struct cache *cache = make();
    assert_int_equal(take(cache, POD("a", 5, ON("n1", "1"))), 0);
    assert_int_equal(take(cache, POD("a", 4, ON("n0", "1"))), 0);
    assert_str(get(cache, "a")->node, "n1");
    assert_int_equal(take(cache, POD("a", 4, ",\"deleted\":true")), 0);
    assert_non_null(get(cache, "a"));
    assert_int_equal(take(cache, POD("a", 6, ON("n2", "1"))), 0);
    assert_str(get(cache, "a")->node, "n2");
    assert_int_equal(take(cache, POD("a", 7, ",\"deleted\":true")), 0);
    assert_null(get(cache, "a"));
    expect_heard("+a ~a -a ");
}

static void one_that_was_made_again_is_another_one(void **state)
{
    (void)state;
    autocache struct cache *cache = make();
    take(cache, POD_OF("a", "first", 1, ""));
    take(cache, POD_OF("a", "second", 2, ""));
    expect_heard("+a -a +a ");
    assert_str(get(cache, "a")->meta.uid, "second");
}

static void the_last_line_says_what_has_been_reached(void **state)
{
    (void)state;
    autocache struct cache *cache = make();
    assert_int_equal(cache_reached(cache, &pod_view), 0);
    take(cache, POD("a", 5, ""));
    assert_int_equal(cache_reached(cache, &pod_view), 0);
    assert_int_equal(take(cache, "{\"version\":\"9\"}"), 1);
    assert_int_equal(cache_reached(cache, &pod_view), 9);
    expect_heard("+a ");
}

static void a_reset_drops_what_does_not_come(void **state)
{
    (void)state;
    autocache struct cache *cache = make();
    take(cache, POD("a", 5, ""));
    take(cache, POD("b", 6, ""));
    take(cache, "{\"version\":\"6\"}");
    take(cache, "{\"reset\":true}");
    buf_clear(&heard);
    struct world *world = world_new(1);
    struct tree *tree = world_client(world);
    world_apply(world, "{apiVersion: v1, kind: Pod, metadata: {name: c, namespace: d}}");
    autoerror struct error *err = NULL;
    assert_int_equal(cache_read(cache, &pod_view, tree, true, &err), 0);
    expect_heard("+c -a -b ");
    assert_int_equal(cache_count(cache, &pod_view), 1);
    tree_close(tree);
    world_free(world);
}

static void a_list_that_is_cut_short_drops_nothing(void **state)
{
    (void)state;
    autocache struct cache *cache = make();
    struct world *world = world_new(1);
    struct tree *tree = world_client(world), *dying = world_client(world);
    for (int i = 0; i < 6; i++) {
        autobuf struct buf yaml = {0};
        buf_addf(&yaml, "{apiVersion: v1, kind: Pod, metadata: {name: p%d, namespace: d}}", i);
        world_apply(world, yaml.at);
    }
    autoerror struct error *err = NULL;
    assert_int_equal(cache_read(cache, &pod_view, tree, false, &err), 0);
    client_kill_after(dying, 1);
    assert_int_equal(cache_read(cache, &pod_view, dying, true, &err), -EIO);
    assert_int_equal(cache_count(cache, &pod_view), 6);
    world_delete(world, "pods", "d", "p3");
    assert_int_equal(cache_read(cache, &pod_view, tree, false, NULL), 0);
    assert_int_equal(cache_count(cache, &pod_view), 5);
    tree_close(dying);
    tree_close(tree);
    world_free(world);
    buf_clear(&heard);
}

static void indexes_and_their_sums_follow(void **state)
{
    (void)state;
    autocache struct cache *cache = make();
    take(cache, POD("a", 1, ON("n1", "1")));
    take(cache, POD("b", 2, ON("n1", "500m")));
    take(cache, POD("c", 3, ""));
    assert_int_equal(cache_found(cache, &by_node, STR("n1")), 2);
    assert_int_equal(cache_totals(cache, &by_node, STR("n1"))->native[RESOURCE_CPU], 1500);
    take(cache, POD("c", 4, ON("n1", "2")));
    take(cache, POD("a", 5, ON("n2", "3")));
    take(cache, POD("b", 6, ON("n1", "250m")));
    assert_int_equal(cache_totals(cache, &by_node, STR("n1"))->native[RESOURCE_PODS], 2);
    assert_int_equal(cache_totals(cache, &by_node, STR("n1"))->native[RESOURCE_CPU], 2250);
    assert_int_equal(cache_totals(cache, &by_node, STR("n2"))->native[RESOURCE_CPU], 3000);
    const struct pod *first = cache_find(cache, &by_node, STR("n1"), NULL);
    const struct pod *second = cache_find(cache, &by_node, STR("n1"), first);
    assert_str(first->meta.name, "b");
    assert_str(second->meta.name, "c");
    assert_null(cache_find(cache, &by_node, STR("n1"), second));
    take(cache, POD("b", 7, ",\"deleted\":true"));
    take(cache, POD("c", 8, ",\"deleted\":true"));
    assert_int_equal(cache_found(cache, &by_node, STR("n1")), 0);
    assert_int_equal(cache_totals(cache, &by_node, STR("n1"))->native[RESOURCE_CPU], 0);
    buf_clear(&heard);
}

static void an_object_may_be_under_several_values(void **state)
{
    (void)state;
    autocache struct cache *cache = make();
#define OWNED(version, owners)                                                                        \
    "{\"metadata\":{\"name\":\"a\",\"namespace\":\"d\",\"uid\":\"u\",\"resourceVersion\":\"" #version \
    "\",\"ownerReferences\":[" owners "]}}"
    take(cache, OWNED(1, "{\"uid\":\"x\"},{\"uid\":\"y\"}"));
    assert_int_equal(cache_found(cache, &by_owner, STR("x")), 1);
    assert_int_equal(cache_found(cache, &by_owner, STR("y")), 1);
    take(cache, OWNED(2, "{\"uid\":\"y\"}"));
    assert_int_equal(cache_found(cache, &by_owner, STR("x")), 0);
    assert_int_equal(cache_found(cache, &by_owner, STR("y")), 1);
    take(cache, OWNED(3, ""));
    assert_int_equal(cache_found(cache, &by_owner, STR("y")), 0);
    buf_clear(&heard);
}

static void lines_that_are_none_are_refused(void **state)
{
    (void)state;
    autocache struct cache *cache = make();
    assert_int_equal(take(cache, "{"), -EPROTO);
    assert_int_equal(take(cache, "{}"), -EPROTO);
    assert_int_equal(take(cache, "{\"metadata\":{}}"), -EPROTO);
    assert_int_equal(take(cache, "{\"metadata\":{\"name\":\"a\"}}"), -EPROTO);
    expect_heard("");
}

static void equal_values_are_one(void **state)
{
    (void)state;
    autocache struct cache *cache = make();
#define LABELED(name, version, label)                                                                        \
    "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" #version "\",\"labels\":{\"app\":\"" label \
    "\"}}}"
    take(cache, LABELED("a", 1, "web"));
    take(cache, LABELED("b", 2, "web"));
    take(cache, LABELED("c", 3, "db"));
    const struct pod *a = cache_next(cache, &pod_view, NULL), *b = cache_next(cache, &pod_view, a);
    const struct pod *c = cache_next(cache, &pod_view, b);
    assert_ptr_equal(a->meta.labels.doc, b->meta.labels.doc);
    assert_ptr_not_equal(a->meta.labels.doc, c->meta.labels.doc);
    take(cache, LABELED("a", 4, "db"));
    assert_json(b->meta.labels, "{\"app\":\"web\"}");
    buf_clear(&heard);
}

static int free_heard(void **state)
{
    (void)state;
    buf_free(&heard);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_never_goes_back),
        cmocka_unit_test(one_that_was_made_again_is_another_one),
        cmocka_unit_test(the_last_line_says_what_has_been_reached),
        cmocka_unit_test(a_reset_drops_what_does_not_come),
        cmocka_unit_test(a_list_that_is_cut_short_drops_nothing),
        cmocka_unit_test(indexes_and_their_sums_follow),
        cmocka_unit_test(an_object_may_be_under_several_values),
        cmocka_unit_test(lines_that_are_none_are_refused),
        cmocka_unit_test(equal_values_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, free_heard);
}
