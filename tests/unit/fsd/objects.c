#include "fsd/objects.h"
#include "tests/unit/fsd/kinds.h"
#include "tests/unit/fsd/shared.h"

#define NAMES      8 /* so few that they are used again and again */
#define MOST       4000
#define NAMESPACES 2

static struct objects *objects;
static int64_t last_version, last_id;

static int make(void **state)
{
    (void)state;
    objects = objects_new(kinds);
    last_version = last_id = 0;
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    objects_free(objects);
    return 0;
}

static struct version *new_version(const struct kind *kind, uint32_t flags, const char *rest)
{
    autobuf struct buf after = {0};
    buf_addf(&after, "\"%s}%s}", (flags & VERSION_TERMINATING) != 0 ? ",\"deletionTimestamp\":\"x\"" : "",
             rest);
    last_version++;
    return version_new(kind, STR("{\"metadata\":{\"resourceVersion\":\""), last_version, buf_str(&after),
                       VALUE_ABSENT, last_version * 1000, flags & ~(uint32_t)VERSION_TERMINATING, "Line");
}

static void a_version_made_beforehand_gets_a_number_of_the_same_length(void **state)
{
    (void)state;
    last_version = 41;
    struct version *version = new_version(must_kind("configmaps"), 0, "");
    size_t at = (size_t)(strstr(version->text, "42") - version->text);
    assert_true(version_renumber(version, at, 57, 1234));
    assert_int_equal(version->number, 57);
    assert_int_equal(version->desired, 57);
    assert_int_equal(version->time_ms, 1234);
    assert_string_equal(version->text, "{\"metadata\":{\"resourceVersion\":\"57\"}}");
    assert_false(version_renumber(version, at, 100, 1));
    assert_false(version_renumber(version, at, 9, 1));
    /* Whoever has it already may have shown it. */
    struct version *held = version_hold(version);
    assert_false(version_renumber(version, at, 58, 1));
    assert_string_equal(version->text, "{\"metadata\":{\"resourceVersion\":\"57\"}}");
    version_drop(held);
    assert_true(version_renumber(version, at, 58, 1));
    version_drop(version);
    assert_false(version_renumber(NULL, 0, 1, 1));
}

/* What txn does with a change that becomes durable at once. */
static void publish(struct object *object)
{
    struct version *version = version_hold(object->pending);
    object_publish(objects, object, version);
    version_drop(version);
}

static struct object *create(const struct kind *kind, const char *name, uint32_t flags)
{
    autobuf struct buf uid = {0};
    buf_addf(&uid, "uid-%lld", (long long)last_id + 1);
    return object_create(objects, ++last_id, kind, STR("default"), str_of(name), buf_str(&uid),
                         new_version(kind, flags, ""));
}

static struct object *create_durable(const struct kind *kind, const char *name)
{
    struct object *object = create(kind, name, 0);
    publish(object);
    return object;
}

static void change(struct object *object, uint32_t flags)
{
    object_change(objects, object, new_version(object->kind, flags, ""));
}

static struct object *newest(const char *name)
{
    return object_newest(objects, must_kind("configmaps"), STR("default"), str_of(name));
}

static struct object *visible(const char *name)
{
    return object_visible(objects, must_kind("configmaps"), STR("default"), str_of(name));
}

/* ---- one object ---- */

static void readers_see_what_is_durable_and_writers_what_is_newest(void **state)
{
    (void)state;
    struct object *web = create(must_kind("configmaps"), "web", 0);
    assert_ptr_equal(newest("web"), web);
    assert_null(visible("web"));
    publish(web);
    assert_ptr_equal(visible("web"), web);
    change(web, VERSION_GONE);
    assert_null(newest("web"));
    assert_ptr_equal(visible("web"), web);
    publish(web);
    assert_null(visible("web"));
    assert_ptr_equal(object_by_id(objects, web->id), web); /* a tombstone */
}

static void a_later_change_stays_pending_when_an_earlier_one_is_published(void **state)
{
    (void)state;
    struct object *web = create(must_kind("configmaps"), "web", 0);
    struct version *first = version_hold(web->pending);
    change(web, 0);
    object_publish(objects, web, first);
    assert_int_equal(web->committed->number, 1);
    assert_int_equal(web->pending->number, 2);
    version_drop(first);
    publish(web);
    assert_int_equal(web->committed->number, 2);
    assert_null(web->pending);
}

static void what_the_disk_refused_has_never_been(void **state)
{
    (void)state;
    struct object *web = create_durable(must_kind("configmaps"), "web");
    change(web, 0);
    object_discard(objects, web);
    assert_int_equal(object_newest_version(web)->number, 1);
    struct object *other = create(must_kind("configmaps"), "other", 0);
    int64_t id = other->id;
    object_discard(objects, other);
    assert_null(newest("other"));
    assert_null(object_by_id(objects, id));
}

static void a_namesake_waits_behind_the_one_that_goes(void **state)
{
    (void)state;
    struct object *old = create_durable(must_kind("configmaps"), "web");
    change(old, VERSION_GONE);
    struct object *fresh = create(must_kind("configmaps"), "web", 0);
    assert_ptr_equal(newest("web"), fresh);
    assert_ptr_equal(visible("web"), old);
    publish(old);
    assert_null(visible("web"));
    publish(fresh);
    assert_ptr_equal(visible("web"), fresh);
}

static void a_namesake_that_the_disk_refused_gives_way(void **state)
{
    (void)state;
    struct object *old = create_durable(must_kind("configmaps"), "web");
    change(old, VERSION_GONE);
    object_discard(objects, create(must_kind("configmaps"), "web", 0));
    object_discard(objects, old);
    assert_ptr_equal(newest("web"), old);
    assert_ptr_equal(visible("web"), old);
    assert_int_equal(objects_collection(objects, must_kind("configmaps"), STR("default"))->count, 1);
}

static void a_draft_leaves_no_trace(void **state)
{
    (void)state;
    const struct kind *kind = must_kind("deployments");
    struct object *draft = create(kind, "web", VERSION_DRAFT);
    int64_t id = draft->id;
    publish(draft);
    assert_ptr_equal(object_visible(objects, kind, STR("default"), STR("web")), draft);
    assert_null(objects_after(objects, kind, 0));
    assert_int_equal(objects_newest(objects, kind, NULL), 0);
    change(draft, VERSION_GONE);
    publish(draft);
    assert_null(object_by_id(objects, id));
    assert_null(objects_after(objects, kind, 0));
}

static void a_version_knows_what_its_text_says(void **state)
{
    (void)state;
    const struct kind *kind = must_kind("pods");
    struct version *version = version_new(
        kind,
        STR("{\"metadata\":{\"name\":\"a\",\"ownerReferences\":[{\"uid\":\"u-1\"},{\"uid\":\"u-2\"}],"
            "\"resourceVersion\":\""),
        41, STR("\",\"deletionTimestamp\":\"x\"},\"spec\":{\"nodeName\":\"n1\"}}"), VALUE_ABSENT, 5, 0, NULL);
    assert_non_null(strstr(version->text, "\"resourceVersion\":\"41\""));
    assert_int_equal(version->length, strlen(version->text));
    assert_str(version->node, "n1");
    assert_int_equal(version->owner_count, 2);
    assert_str(version->owners[0], "u-1");
    assert_str(version->owners[1], "u-2");
    assert_int_equal(version->flags, VERSION_TERMINATING);
    version_drop(version_hold(version));
    assert_str(version->node, "n1");
    version_drop(version);
}

static void texts_are_kept_once(void **state)
{
    (void)state;
    const char *first = objects_intern(objects, STR("default"));
    char name[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        objects_intern(objects, str_of(name));
    }
    assert_ptr_equal(objects_intern(objects, STR("default")), first);
    assert_string_equal(objects_intern(objects, STR("")), "");
}

/* ---- tombstones ---- */

static void old_tombstones_are_forgotten_and_that_is_known(void **state)
{
    (void)state;
    const struct kind *kind = must_kind("configmaps");
    struct object *gone[3];
    const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++)
        gone[i] = create_durable(kind, names[i]);
    for (int i = 0; i < 3; i++)
        change(gone[i], VERSION_GONE); /* versions 4, 5, 6 */
    /* A batch is not in the order of versions. */
    publish(gone[1]);
    publish(gone[0]);
    publish(gone[2]);
    assert_int_equal(objects_forgotten(objects, kind), 0);
    objects_trim_tombstones(objects, 2);
    assert_int_equal(objects_forgotten(objects, kind), 5);
    objects_trim_tombstones(objects, 1);
    assert_int_equal(objects_forgotten(objects, kind), 5);
    assert_int_equal(objects_after(objects, kind, 0)->committed->number, 6);
    objects_trim_tombstones(objects, 0);
    assert_null(objects_after(objects, kind, 0));
    assert_int_equal(objects_newest(objects, kind, NULL), 6);
}

/* ---- all together against a model ---- */

/* What a naive reader would note down: for each name, the object that it sees. */
struct model {
    int64_t id;      /* 0: none */
    int64_t version; /* committed */
};

static struct model seen[NAMES];

static void act(const struct kind *kind, uint32_t *seed)
{
    static const char *const names[NAMES] = {"a", "ab", "b", "c.d", "d", "e-f", "g", "h"};
    size_t i = next_random(seed) % NAMES;
    struct object *object = newest(names[i]);
    uint32_t what = next_random(seed) % 10;
    if (object == NULL)
        object = create(kind, names[i], 0);
    else
        change(object, what < 3 ? VERSION_GONE : 0);
    if (what == 9) {
        object_discard(objects, object);
        return;
    }
    bool gone = (object->pending->flags & VERSION_GONE) != 0;
    seen[i] = gone ? (struct model){0, 0} : (struct model){object->id, object->pending->number};
    publish(object);
}

static void compare(const struct kind *kind)
{
    static const char *const names[NAMES] = {"a", "ab", "b", "c.d", "d", "e-f", "g", "h"};
    size_t there = 0;
    for (size_t i = 0; i < NAMES; i++) {
        const struct object *object = visible(names[i]);
        assert_int_equal(object != NULL ? object->id : 0, seen[i].id);
        assert_int_equal(object != NULL ? object->committed->number : 0, seen[i].version);
        there += object != NULL;
    }
    const struct collection *collection = objects_collection(objects, kind, STR("default"));
    assert_int_equal(collection->count, there);
    for (size_t i = 1; i < collection->count; i++)
        assert_true(strcmp(collection->objects[i - 1]->name, collection->objects[i]->name) < 0);
}

/* .since from anywhere: all that is later, each object once, in order. */
static void compare_since(const struct kind *kind, uint32_t *seed)
{
    int64_t version = next_random(seed) % (uint32_t)(last_version + 1);
    const struct object *object;
    size_t live = 0;
    for (int64_t at = version; (object = objects_after(objects, kind, at)) != NULL;
         at = object->committed->number) {
        assert_true(object->committed->number > at);
        live += (object->committed->flags & VERSION_GONE) == 0;
    }
    size_t wanted = 0;
    for (size_t i = 0; i < NAMES; i++)
        wanted += seen[i].version > version;
    assert_int_equal(live, wanted);
}

static void the_set_is_what_a_naive_reader_notes_down(void **state)
{
    (void)state;
    const struct kind *kind = must_kind("configmaps");
    uint32_t seed = 11;
    memset(seen, 0, sizeof(seen));
    for (int i = 0; i < MOST; i++) {
        act(kind, &seed);
        compare(kind);
        if (i % 10 == 0)
            compare_since(kind, &seed);
        if (i % 500 == 0)
            objects_trim_tombstones(objects, 20);
    }
}

static void numbers_find_their_objects_among_many(void **state)
{
    (void)state;
    const struct kind *kind = must_kind("configmaps");
    char name[16];
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        create_durable(kind, name);
    }
    for (int64_t id = 1; id <= last_id; id += 2) {
        struct object *object = object_by_id(objects, id);
        change(object, VERSION_GONE);
        publish(object);
    }
    objects_trim_tombstones(objects, 0);
    for (int64_t id = 1; id <= last_id; id++) {
        const struct object *object = object_by_id(objects, id);
        assert_true(id % 2 == 1 ? object == NULL : object->id == id);
    }
    assert_null(object_by_id(objects, 0));
    assert_null(object_by_id(objects, -1));
}

static void what_was_stored_is_as_it_was(void **state)
{
    (void)state;
    const struct kind *kind = must_kind("configmaps");
    struct record record = {.version = 5, .document = STR("{\"metadata\":{\"name\":\"web\"}}")};
    struct object *web = object_load(objects, 3, kind, STR("default"), STR("web"), STR("u"),
                                     version_from_record(kind, &record));
    struct object *dead = object_load(objects, 2, kind, STR("default"), STR("dead"), STR("v"),
                                      version_tombstone(kind, STR("{\"metadata\":{}}"), 7, 0));
    assert_ptr_equal(visible("web"), web);
    assert_null(visible("dead"));
    assert_ptr_equal(objects_after(objects, kind, 0), web);
    assert_ptr_equal(objects_after(objects, kind, 5), dead);
    assert_null(objects_after(objects, kind, 7));
    assert_int_equal(objects_newest(objects, kind, "default"), 7);
    assert_int_equal(objects_newest(objects, kind, "elsewhere"), 0);
}

/* ---- streams ---- */

static void a_stream_keeps_its_last_lines(void **state)
{
    (void)state;
    struct stream stream = {0};
    int64_t oldest = 0, number = 0;
    autobuf struct buf line = {0};
    while (oldest == 0 && number < 100000) {
        buf_clear(&line);
        buf_addf(&line, "line %lld", (long long)++number);
        oldest = stream_add(&stream, number, buf_str(&line), STREAM_FULL);
    }
    assert_in_range(stream.text.length, STREAM_KEPT, STREAM_KEPT + 20);
    buf_clear(&line);
    buf_addf(&line, "line %lld\n", (long long)oldest);
    assert_true(str_starts(buf_str(&stream.text), buf_str(&line)));
    assert_int_equal(stream.numbers.length / sizeof(int64_t), number - oldest + 1);
    buf_free(&stream.text);
    buf_free(&stream.numbers);
}

static void nothing_goes_from_a_stream_that_is_followed_until_it_is_very_long(void **state)
{
    (void)state;
    struct stream stream = {0};
    int64_t number = 0;
    while (stream.text.length <= STREAM_KEPT * 4)
        assert_int_equal(stream_add(&stream, ++number, STR("it goes on"), STREAM_FOLLOWED), 0);
    assert_int_equal(stream.numbers.length / sizeof(int64_t), number);
    /* The follower is gone. */
    assert_int_not_equal(stream_add(&stream, ++number, STR("it goes on"), STREAM_FULL), 0);
    assert_in_range(stream.text.length, STREAM_KEPT, STREAM_KEPT + 20);
    while (stream_add(&stream, ++number, STR("it goes on"), STREAM_FOLLOWED) == 0)
        assert_in_range(stream.text.length, 0, STREAM_FOLLOWED);
    assert_in_range(stream.text.length, STREAM_KEPT, STREAM_KEPT + 20);
    buf_free(&stream.text);
    buf_free(&stream.numbers);
}

static void a_line_longer_than_all_that_is_kept_does_no_harm(void **state)
{
    (void)state;
    struct stream stream = {0};
    autobuf struct buf line = {0};
    memset(buf_reserve(&line, STREAM_KEPT * 2), 'x', STREAM_KEPT * 2);
    line.length = STREAM_KEPT * 2;
    assert_int_equal(stream_add(&stream, 1, STR("first"), STREAM_FULL), 0);
    assert_int_equal(stream_add(&stream, 2, buf_str(&line), STREAM_FULL), 2);
    assert_int_equal(stream_add(&stream, 3, STR("third"), STREAM_FULL), 0);
    assert_true(str_ends(buf_str(&stream.text), STR("x\nthird\n")));
    int64_t number = 3;
    while (stream_add(&stream, ++number, STR("it goes on"), STREAM_FULL) == 0)
        assert_in_range(stream.text.length, 0, line.length + STREAM_FULL);
    assert_in_range(stream.text.length, STREAM_KEPT, STREAM_KEPT + 20);
    buf_free(&stream.text);
    buf_free(&stream.numbers);
}

#define SET(test) cmocka_unit_test_setup_teardown(test, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_version_made_beforehand_gets_a_number_of_the_same_length, make,
                                        unmake),
        SET(readers_see_what_is_durable_and_writers_what_is_newest),
        SET(a_later_change_stays_pending_when_an_earlier_one_is_published),
        SET(what_the_disk_refused_has_never_been),
        SET(a_namesake_waits_behind_the_one_that_goes),
        SET(a_namesake_that_the_disk_refused_gives_way),
        SET(a_draft_leaves_no_trace),
        SET(a_version_knows_what_its_text_says),
        SET(texts_are_kept_once),
        SET(old_tombstones_are_forgotten_and_that_is_known),
        SET(the_set_is_what_a_naive_reader_notes_down),
        SET(numbers_find_their_objects_among_many),
        SET(what_was_stored_is_as_it_was),
        SET(a_stream_keeps_its_last_lines),
        SET(nothing_goes_from_a_stream_that_is_followed_until_it_is_very_long),
        SET(a_line_longer_than_all_that_is_kept_does_no_harm),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
