/* Lists that are rendered part by part: what comes, goes and changes between two parts, and a successor of
 * fsd that goes on with nothing but the cursor. */
#include "fsd/lists.h"
#include "tests/unit/fsd/scene.h"

#define FILLING 6000 /* bytes of an object: a dozen make a part */

struct listing {
    struct scene *scene;
    uint32_t directory, file;
    struct place place;
    struct list_cursor cursor;
    struct buf text;
    int64_t last_id;
};

/* ---- objects ---- */

static struct version *version_of_size(struct listing *listing, const char *name, const char *mark, int size)
{
    autobuf struct buf text = {0};
    buf_addf(&text,
             "{\"apiVersion\":\"v1\",\"data\":{\"mark\":\"%s\",\"x\":\"%0*d\"},\"kind\":\"ConfigMap\","
             "\"metadata\":"
             "{\"name\":\"%s\",\"namespace\":\"default\",\"resourceVersion\":\"%lld\"}}",
             mark, size, 0, name, (long long)++listing->scene->txn.published);
    struct record record = {.version = listing->scene->txn.published, .document = buf_str(&text)};
    return version_from_record(must_kind("configmaps"), &record);
}

static struct version *version_of(struct listing *listing, const char *name, const char *mark)
{
    return version_of_size(listing, name, mark, FILLING);
}

static struct object *find(struct listing *listing, const char *name)
{
    return object_visible(listing->scene->fsd.objects, must_kind("configmaps"), STR("default"), str_of(name));
}

static void publish(struct listing *listing, struct object *object, struct version *version)
{
    object_publish(listing->scene->fsd.objects, object, version);
    version_drop(version);
}

static void create(struct listing *listing, const char *name)
{
    object_load(listing->scene->fsd.objects, ++listing->last_id, must_kind("configmaps"), STR("default"),
                str_of(name), STR("uid"), version_of(listing, name, "new"));
}

static void change(struct listing *listing, const char *name)
{
    publish(listing, find(listing, name), version_of(listing, name, "changed"));
}

static void delete (struct listing *listing, const char *name)
{
    autobuf struct buf text = {0};
    buf_addf(&text, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\"}}", name);
    publish(listing, find(listing, name),
            version_tombstone(must_kind("configmaps"), buf_str(&text), ++listing->scene->txn.published, 0));
}

static void create_many(struct listing *listing)
{
    for (char name[] = "m00"; name[1] < '5'; name[2] == '9' ? (name[1]++, name[2] = '0') : name[2]++)
        create(listing, name);
}

/* ---- lists ---- */

static int listing_make(void **state)
{
    struct listing *listing = memory_zeroed(1, sizeof(*listing));
    scene_make(state);
    listing->scene = *state;
    struct fsd *fsd = &listing->scene->fsd;
    listing->directory = node_record(fsd->nodes, listing->scene->node)->parent;
    listing->file = scene_look(listing->scene, listing->directory, ".json");
    listing->place = (struct place){.type = PLACE_FILE,
                                    .kind = must_kind("configmaps"),
                                    .namespace = objects_intern(fsd->objects, STR("default"))};
    listing->last_id = OBJECT;
    create_many(listing);
    *state = listing;
    return 0;
}

static void clear_cursor(struct list_cursor *cursor)
{
    buf_free(&cursor->name);
    buf_free(&cursor->widths);
    *cursor = (struct list_cursor){0};
}

static int listing_free(void **state)
{
    struct listing *listing = *state;
    void *scene = listing->scene;
    clear_cursor(&listing->cursor);
    buf_free(&listing->text);
    free(listing);
    return scene_free(&scene);
}

static bool more(struct listing *listing, list_more *list)
{
    bool goes_on =
        list(&listing->scene->fsd, &listing->place, listing->file, &listing->cursor, &listing->text);
    listing->cursor.started = true;
    return goes_on;
}

/* Until some objects are there, and others are to come. */
static void begin(struct listing *listing, list_more *list)
{
    do
        assert_true(more(listing, list));
    while (listing->text.length < FILLING);
}

static void rest(struct listing *listing, list_more *list)
{
    while (more(listing, list)) {}
}

static size_t count(const struct listing *listing, const char *what)
{
    size_t found = 0;
    for (const char *at = listing->text.at; (at = strstr(at, what)) != NULL; at++)
        found++;
    return found;
}

static size_t count_name(const struct listing *listing, const char *name)
{
    char text[64];
    snprintf(text, sizeof(text), "\"name\":\"%s\"", name);
    return count(listing, text);
}

/* ---- of objects ---- */

static void a_list_goes_on_where_it_stopped(void **state)
{
    struct listing *listing = *state;
    int parts = 1;
    while (more(listing, more_json))
        parts++;
    assert_true(parts > 3);
    autodoc struct doc *doc = doc_parse(buf_str(&listing->text), NULL);
    assert_non_null(doc);
    size_t items = 0;
    value_each (item, value_get(doc_root(doc), STR("items")))
        items++;
    assert_int_equal(items, 51); /* and conf */
    assert_int_equal(count_name(listing, "m00"), 1);
    assert_int_equal(count_name(listing, "m49"), 1);
}

static void what_goes_between_two_parts_is_not_shown_and_ends_nothing(void **state)
{
    struct listing *listing = *state;
    begin(listing, more_json);
    struct str at = buf_str(&listing->cursor.name), piece;
    while (str_split(&at, '/', &piece)) {}
    autofree char *reached = str_dup(piece);
    delete (listing, reached);
    delete (listing, "m48");
    rest(listing, more_json);
    assert_int_equal(count_name(listing, reached), 1);
    assert_int_equal(count_name(listing, "m48"), 0);
    assert_int_equal(count_name(listing, "m47"), 1);
    assert_int_equal(count_name(listing, "m49"), 1);
}

static void what_comes_between_two_parts_is_shown_where_it_is_still_to_come(void **state)
{
    struct listing *listing = *state;
    begin(listing, more_json);
    create(listing, "a");
    create(listing, "z");
    rest(listing, more_json);
    assert_int_equal(count_name(listing, "a"), 0);
    assert_int_equal(count_name(listing, "z"), 1);
    assert_int_equal(count(listing, "\"name\":"), 52);
}

/* Who asks for the part brings it: it is named, and lies behind what has been added. */
static void a_large_object_is_not_added_but_named(void **state)
{
    static const struct {
        list_more *list;
        enum part_form form;
        const char *before; /* it, in what has been added */
    } rows[] = {
        {more_json, PART_JSON, ",\n"}, {more_yaml, PART_YAML, "---\n"}, {more_since, PART_JSON, "\n"}};
    struct listing *listing = *state;
    publish(listing, find(listing, "m07"), version_of_size(listing, "m07", "large", 100000));
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t named = 0;
        buf_clear(&listing->text);
        clear_cursor(&listing->cursor);
        while (more(listing, rows[i].list)) {
            if (listing->cursor.item == NULL)
                continue;
            assert_ptr_equal(listing->cursor.item, find(listing, "m07"));
            assert_int_equal(listing->cursor.item_form, rows[i].form);
            assert_true(str_ends(buf_str(&listing->text), str_of(rows[i].before)));
            listing->cursor.item = NULL;
            named++;
        }
        assert_int_equal(named, 1);
        assert_int_equal(count(listing, "large"), 0);
        assert_int_equal(count(listing, "m08"), 1);
    }
}

/* Of the old fsd there is only what read.c has stored of the cursor. */
static void a_successor_goes_on_with_the_cursor(void **state)
{
    struct listing *listing = *state;
    struct scene *scene = listing->scene;
    begin(listing, more_json);
    scene_end(scene);
    shared_take_over(scene->shared);
    scene_begin(scene);
    scene_load(scene, "{}");
    listing->place.namespace = objects_intern(scene->fsd.objects, STR("default"));
    listing->last_id = OBJECT;
    create_many(listing);
    rest(listing, more_json);
    assert_int_equal(count(listing, "\"name\":"), 51);
    for (char name[] = "m00"; name[1] < '5'; name[1]++)
        assert_int_equal(count_name(listing, name), 1);
    autodoc struct doc *doc = doc_parse(buf_str(&listing->text), NULL);
    assert_non_null(doc);
}

static void a_table_has_what_came_while_it_was_measured(void **state)
{
    struct listing *listing = *state;
    assert_true(more(listing, more_table));
    create(listing, "a-name-that-is-wider-than-all-others");
    delete (listing, "m49");
    rest(listing, more_table);
    assert_int_equal(count(listing, "\n"), 52); /* with its header */
    assert_int_equal(count(listing, "\na-name-that-is-wider-than-all-others   "), 1);
    assert_int_equal(count(listing, "\nm49"), 0);
}

/* ---- .since ---- */

static void what_changes_between_two_parts_comes_again_at_the_end(void **state)
{
    struct listing *listing = *state;
    begin(listing, more_since);
    change(listing, "m00");
    change(listing, "m49");
    rest(listing, more_since);
    assert_int_equal(count_name(listing, "m00"), 2);
    assert_int_equal(count_name(listing, "m49"), 1); /* it had not come yet */
    assert_int_equal(count(listing, "\"mark\":\"changed\""), 2);
    char last[64];
    snprintf(last, sizeof(last), "\n{\"version\":\"%lld\"}\n", (long long)listing->scene->txn.published);
    assert_string_equal(strstr(listing->text.at, last), last);
}

static void a_walk_from_the_middle_has_only_what_came_later(void **state)
{
    struct listing *listing = *state;
    listing->place.number = find(listing, "m29")->committed->number;
    change(listing, "m05");
    rest(listing, more_since);
    assert_int_equal(count_name(listing, "m29"), 0);
    assert_int_equal(count_name(listing, "m30"), 1);
    assert_int_equal(count_name(listing, "m05"), 1);
    assert_int_equal(count(listing, "\"name\":"), 21);
}

/* The object at which the walk stopped has moved on. */
static void a_walk_goes_on_when_its_place_has_changed_or_is_gone(void **state)
{
    for (int gone = 0; gone < 2; gone++) {
        struct listing *listing = *state;
        buf_clear(&listing->text);
        clear_cursor(&listing->cursor);
        listing->place.number = 1;
        begin(listing, more_since);
        const struct object *after =
            objects_after(listing->scene->fsd.objects, listing->place.kind, listing->cursor.number - 1);
        autofree char *name = strdup(after->name);
        (gone ? delete : change)(listing, name);
        rest(listing, more_since);
        assert_int_equal(count_name(listing, name), 2);
        assert_int_equal(count(listing, "\"deleted\":true"), gone);
        assert_int_equal(count(listing, "\"name\":"), 52);
    }
}

static void a_version_that_is_not_known_begins_anew(void **state)
{
    struct listing *listing = *state;
    listing->place.number = listing->scene->txn.published + 1;
    rest(listing, more_since);
    assert_int_equal(count(listing, "{\"reset\":true}\n"), 1);
    assert_int_equal(count(listing, "\"name\":"), 51);
}

static void everything_has_no_word_of_what_was_gone_before(void **state)
{
    struct listing *listing = *state;
    delete (listing, "m05");
    for (int unknown = 0; unknown < 2; unknown++) {
        buf_clear(&listing->text);
        clear_cursor(&listing->cursor);
        listing->place.number = unknown ? listing->scene->txn.published + 1 : 0;
        rest(listing, more_since);
        assert_int_equal(count(listing, "{\"reset\":true}\n"), unknown);
        assert_int_equal(count_name(listing, "m05"), 0);
        assert_int_equal(count(listing, "\"name\":"), 50);
    }
}

static void what_goes_while_everything_is_listed_is_said_to_be_gone(void **state)
{
    struct listing *listing = *state;
    listing->place.number = 0;
    begin(listing, more_since);
    const struct object *listed =
        objects_after(listing->scene->fsd.objects, listing->place.kind, listing->cursor.number - 1);
    autofree char *name = strdup(listed->name);
    delete (listing, name);
    rest(listing, more_since);
    assert_int_equal(count_name(listing, name), 2);
    assert_int_equal(count(listing, "\"deleted\":true"), 1);
}

#define LISTING(test) cmocka_unit_test_setup_teardown(test, listing_make, listing_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LISTING(a_list_goes_on_where_it_stopped),
        LISTING(what_goes_between_two_parts_is_not_shown_and_ends_nothing),
        LISTING(what_comes_between_two_parts_is_shown_where_it_is_still_to_come),
        LISTING(a_large_object_is_not_added_but_named),
        LISTING(a_successor_goes_on_with_the_cursor),
        LISTING(a_table_has_what_came_while_it_was_measured),
        LISTING(what_changes_between_two_parts_comes_again_at_the_end),
        LISTING(a_walk_from_the_middle_has_only_what_came_later),
        LISTING(a_walk_goes_on_when_its_place_has_changed_or_is_gone),
        LISTING(a_version_that_is_not_known_begins_anew),
        LISTING(everything_has_no_word_of_what_was_gone_before),
        LISTING(what_goes_while_everything_is_listed_is_said_to_be_gone),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
