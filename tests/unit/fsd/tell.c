/* What the kernel is told when something changes: what it has, no more and no less. */
#include "fsd/tell.h"
#include "tests/unit/fsd/scene.h"

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* What has been told since the last time, in the order of the alphabet: the kernel doesn't care. */
static void expect_told(struct scene *scene, const char *expected)
{
    char *lines[32];
    size_t count = 0;
    autofree char *text = str_dup(buf_str(&scene->told));
    buf_clear(&scene->told);
    for (char *line = strtok(text, "\n"); line != NULL && count < COUNT(lines); line = strtok(NULL, "\n"))
        lines[count++] = line;
    qsort(lines, count, sizeof(*lines), by_text);
    autobuf struct buf sorted = {0};
    buf_add_text(&sorted, "");
    for (size_t i = 0; i < count; i++)
        buf_addf(&sorted, "%s%s", i != 0 ? ", " : "", lines[i]);
    assert_string_equal(sorted.at, expected);
}

static void change_to(struct scene *scene, const char *data)
{
    struct version *before = version_hold(scene->object->committed);
    object_change(scene->fsd.objects, scene->object, scene_version(scene, data));
    struct version *now = version_hold(scene->object->pending);
    object_publish(scene->fsd.objects, scene->object, now);
    tell_object(&scene->fsd, scene->object, before, now);
    version_drop(before);
    version_drop(now);
}

struct files {
    uint32_t data, a, b, manifest, status;
};

static struct files look_at_all(struct scene *scene)
{
    uint32_t data = scene_look(scene, scene->node, "data");
    return (struct files){data, scene_look(scene, data, "a"), scene_look(scene, data, "b"),
                          scene_look(scene, scene->node, "manifest.yaml"),
                          scene_look(scene, scene->node, "status")};
}

static uint32_t *flags_of(struct scene *scene, uint32_t node)
{
    return &node_record(scene->fsd.nodes, node)->flags;
}

static void what_has_changed_is_told_and_nothing_else(void **state)
{
    struct scene *scene = *state;
    look_at_all(scene);
    change_to(scene, "{\"a\":\"2\",\"b\":\"1\"}");
    expect_told(scene, "attributes conf, attributes data, contents a, contents manifest.yaml");
}

static void what_the_kernel_has_never_been_given_is_not_told(void **state)
{
    struct scene *scene = *state;
    change_to(scene, "{\"a\":\"2\",\"b\":\"1\"}");
    expect_told(scene, "attributes conf");
}

static void what_has_been_told_is_not_told_again_until_the_kernel_has_it_anew(void **state)
{
    struct scene *scene = *state;
    struct files files = look_at_all(scene);
    change_to(scene, "{\"a\":\"2\",\"b\":\"1\"}");
    expect_told(scene, "attributes conf, attributes data, contents a, contents manifest.yaml");
    change_to(scene, "{\"a\":\"3\",\"b\":\"1\"}");
    expect_told(scene, "");
    *flags_of(scene, files.a) |= NODE_CACHED;
    change_to(scene, "{\"a\":\"4\",\"b\":\"1\"}");
    expect_told(scene, "contents a");
}

static void what_the_kernel_has_let_go_is_not_told(void **state)
{
    struct scene *scene = *state;
    struct files files = look_at_all(scene);
    uint32_t child = scene_look(scene, files.data, "b"); /* so that data stays */
    node_forget(scene->fsd.nodes, files.data, 1);
    node_forget(scene->fsd.nodes, files.a, 1);
    node_forget(scene->fsd.nodes, files.manifest, 1);
    assert_int_equal(child, files.b);
    change_to(scene, "{\"a\":\"2\",\"b\":\"2\"}");
    expect_told(scene, "attributes conf, contents b");
}

static void a_field_that_is_gone_loses_its_name(void **state)
{
    struct scene *scene = *state;
    struct files files = look_at_all(scene);
    change_to(scene, "{\"a\":\"1\"}");
    expect_told(scene, "attributes b, attributes conf, attributes data, contents manifest.yaml, gone b");
    assert_int_equal(node_find(scene->fsd.nodes, files.data, STR("b")), 0);
    assert_int_not_equal(node_find(scene->fsd.nodes, files.data, STR("a")), 0);
}

static void a_field_that_somebody_forms_or_moves_keeps_its_name(void **state)
{
    struct scene *scene = *state;
    struct files files = look_at_all(scene);
    uint32_t formed = scene_look(scene, files.data, "c");
    *flags_of(scene, formed) |= NODE_FORMING;
    struct place place; /* which whoever moves it has asked for */
    assert_int_equal(place_of_node(&scene->fsd, files.b, &place), 0);
    *flags_of(scene, files.b) |= NODE_MOVING;
    change_to(scene, "{\"a\":\"1\"}");
    expect_told(scene, "attributes conf, attributes data, contents manifest.yaml");
    assert_int_equal(node_find(scene->fsd.nodes, files.data, STR("c")), formed);
    assert_int_equal(node_find(scene->fsd.nodes, files.data, STR("b")), files.b);
}

static void an_object_that_is_gone_takes_all_names_with_it(void **state)
{
    struct scene *scene = *state;
    look_at_all(scene);
    struct version *before = version_hold(scene->object->committed);
    struct version *gone = version_tombstone(scene->object->kind, STR("{}"), ++scene->txn.published, 0);
    object_change(scene->fsd.objects, scene->object, version_hold(gone));
    object_publish(scene->fsd.objects, scene->object, gone);
    tell_object(&scene->fsd, scene->object, before, gone);
    expect_told(scene, "attributes a, attributes b, attributes conf, attributes configmaps, attributes data, "
                       "attributes manifest.yaml, attributes status, gone a, gone b, gone conf, gone data, "
                       "gone manifest.yaml, gone status");
    version_drop(before);
    version_drop(gone);
}

static void a_stream_that_grew_has_another_size(void **state)
{
    struct scene *scene = *state;
    look_at_all(scene);
    tell_lines(&scene->fsd, scene->object, STREAM_EVENTS);
    expect_told(scene, "");
    tell_lines(&scene->fsd, scene->object, STREAM_STATUS);
    expect_told(scene, "attributes status");
    uint32_t all = scene_look(scene, NODE_ROOT, "events");
    tell_lines(&scene->fsd, NULL, STREAM_EVENTS);
    expect_told(scene, "attributes events");
    assert_false(tell_is_followed(&scene->fsd, NULL, STREAM_EVENTS));
    node_opened(scene->fsd.nodes, all, false);
    assert_true(tell_is_followed(&scene->fsd, NULL, STREAM_EVENTS));
    assert_false(tell_is_followed(&scene->fsd, scene->object, STREAM_STATUS));
    node_closed(scene->fsd.nodes, all, false);
    assert_false(tell_is_followed(&scene->fsd, NULL, STREAM_EVENTS));
}

/* ---- after a kill ---- */

static void take_over(struct scene *scene, const char *data)
{
    scene_end(scene);
    shared_take_over(scene->shared);
    scene_begin(scene);
    scene_load(scene, data);
    buf_clear(&scene->told);
    tell_take_over(&scene->fsd);
}

/* A predecessor notes that the kernel has nothing more of a node, and may end before it has said so. */
static void what_may_not_have_been_told_is_told_again(void **state)
{
    struct scene *scene = *state;
    struct files files = look_at_all(scene);
    scene->fsd.memory->header->told = (uint64_t)scene->txn.published;
    *flags_of(scene, files.a) &= ~(uint32_t)NODE_CACHED;
    take_over(scene, "{\"a\":\"2\",\"b\":\"1\"}");
    autofree char *told = str_dup(buf_str(&scene->told));
    buf_clear(&scene->told);
    assert_non_null(strstr(told, "contents a\n"));
    assert_non_null(strstr(told, "contents manifest.yaml\n"));
    assert_non_null(strstr(told, "attributes data\n"));
    assert_non_null(strstr(told, "attributes status\n"));
}

/* Lines have no versions, so nobody knows whether the kernel has been told of the last. */
static void of_an_object_that_was_told_only_streams_are_doubted(void **state)
{
    struct scene *scene = *state;
    struct files files = look_at_all(scene);
    scene->fsd.memory->header->told = (uint64_t)scene->txn.published + 1;
    *flags_of(scene, files.status) &= ~(uint32_t)NODE_CACHED;
    take_over(scene, "{\"a\":\"1\",\"b\":\"1\"}");
    autofree char *told = str_dup(buf_str(&scene->told));
    buf_clear(&scene->told);
    assert_non_null(strstr(told, "attributes status\n"));
    assert_null(strstr(told, "contents"));
    assert_null(strstr(told, "attributes data\n"));
}

#define in_scene(test) cmocka_unit_test_setup_teardown(test, scene_make, scene_free)

/* ---- large objects ---- */

enum { KEYS = 2000 };

/* key0 to key1999, of which some have another value. */
static void many_keys(struct buf *data, size_t from, size_t step, const char *other)
{
    buf_clear(data);
    buf_add_char(data, '{');
    for (size_t i = 0; i < KEYS; i++)
        buf_addf(data, "%s\"key%04zu\":\"%s\"", i != 0 ? "," : "", i,
                 i >= from && (i - from) % step == 0 ? other : "a value of some length");
    buf_add_char(data, '}');
}

static void expect_contents_of(struct scene *scene, size_t from, size_t step)
{
    struct str rest = buf_str(&scene->told), line;
    bool told[KEYS] = {false};
    while (rest.length != 0 && str_split(&rest, '\n', &line)) {
        size_t key;
        if (sscanf(line.at, "contents key%zu", &key) == 1) {
            assert_false(told[key]);
            told[key] = true;
        }
    }
    for (size_t i = 0; i < KEYS; i++)
        assert_int_equal(told[i], i >= from && (i - from) % step == 0);
    buf_clear(&scene->told);
}

/* … and none twice, though the kernel forgets some of them meanwhile, that at which it stopped too. */
static void a_large_object_is_told_of_in_slices(void **state)
{
    struct scene *scene = *state;
    autobuf struct buf data = {0};
    uint32_t directory = scene_look(scene, scene->node, "data"), nodes[KEYS];
    many_keys(&data, KEYS, 1, "");
    change_to(scene, data.at);
    assert_true(tell_turn(&scene->fsd, INT64_MAX));
    for (size_t i = 0; i < KEYS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "key%04zu", i);
        nodes[i] = scene_look(scene, directory, name);
    }
    for (size_t step = 1; step < 100; step *= 3) {
        buf_clear(&scene->told);
        many_keys(&data, 5, step, step % 2 != 0 ? "odd" : "even");
        change_to(scene, data.at);
        size_t slices = 1;
        for (; !tell_turn(&scene->fsd, 0); slices++)
            assert_true(slices < 100);
        assert_true(slices >= KEYS / 100);
        expect_contents_of(scene, 5, step);
        many_keys(&data, KEYS, 1, "");
        change_to(scene, data.at);
        assert_true(tell_turn(&scene->fsd, INT64_MAX));
        for (size_t i = 0; i < KEYS; i++)
            *flags_of(scene, nodes[i]) |= NODE_CACHED;
    }
    many_keys(&data, 5, 7, "other");
    buf_clear(&scene->told);
    change_to(scene, data.at);
    assert_false(tell_turn(&scene->fsd, 0));
    node_forget(scene->fsd.nodes, nodes[KEYS - 64], 1); /* the newest came first */
    while (!tell_turn(&scene->fsd, 0))
        ;
    expect_contents_of(scene, 5, 7);
    /* Nothing is left that is out of date. */
    change_to(scene, "{}");
    assert_true(tell_turn(&scene->fsd, INT64_MAX));
    assert_int_equal(node_first(scene->fsd.nodes, directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_scene(what_has_changed_is_told_and_nothing_else),
        in_scene(what_the_kernel_has_never_been_given_is_not_told),
        in_scene(what_has_been_told_is_not_told_again_until_the_kernel_has_it_anew),
        in_scene(what_the_kernel_has_let_go_is_not_told),
        in_scene(a_field_that_is_gone_loses_its_name),
        in_scene(a_field_that_somebody_forms_or_moves_keeps_its_name),
        in_scene(an_object_that_is_gone_takes_all_names_with_it),
        in_scene(a_stream_that_grew_has_another_size),
        in_scene(what_may_not_have_been_told_is_told_again),
        in_scene(of_an_object_that_was_told_only_streams_are_doubted),
        in_scene(a_large_object_is_told_of_in_slices),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
