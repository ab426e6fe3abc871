#include "fsd/secrets.h"
#include "fsd/batch.h"
#include "fsd/errors.h"
#include "fsd/store.h"
#include "tests/unit/fsd/kinds.h"
#include "tests/unit/fsd/scratch.h"
#include "tests/unit/fsd/shared.h"

#include <sys/stat.h>

#define VALUE "aHVudGVyMi1pcy1teS1wYXNzd29yZA=="
#define PLAIN                                                                                          \
    "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"db\",\"resourceVersion\":\"1\",\"uid\":\"uid-1\"}," \
    "\"data\":{\"password\":\"" VALUE "\"}}"

struct scene {
    char *directory;
    struct shared *shared;
    struct secrets *secrets;
};

static int make(void **state)
{
    struct scene *scene = memory_zeroed(1, sizeof(*scene));
    void *directory, *shared;
    assert_int_equal(scratch_make(&directory), 0);
    assert_int_equal(shared_make(&shared), 0);
    scene->directory = directory;
    scene->shared = shared;
    arena_ready(scene->shared->memory->arena);
    *state = scene;
    return 0;
}

static int unmake(void **state)
{
    struct scene *scene = *state;
    void *directory = scene->directory, *shared = scene->shared;
    secrets_free(scene->secrets);
    shared_free(&shared);
    free(scene);
    return scratch_remove(&directory);
}

/* Another start of fsd, which finds this in the store (NULL: nothing). What readers get of it. */
static char *start(struct scene *scene, const char *stored)
{
    struct buf scratch = {0};
    secrets_free(scene->secrets);
    scene->secrets = secrets_new(scene->directory);
    const struct record record = {
        .namespace = STR("default"), .name = STR("db"), .uid = STR("uid-1"), .document = str_of(stored)};
    if (stored != NULL)
        secrets_load(scene->secrets, must_kind("secrets"), &record, &scratch);
    secrets_loaded(scene->secrets, scene->shared->memory);
    return buf_take(&scratch);
}

static void begin(struct scene *scene)
{
    autofree char *nothing = start(scene, NULL);
    assert_string_equal(nothing, "");
}

static struct version *version_of(const char *text)
{
    const struct record record = {.version = 1, .document = str_of(text)};
    return version_from_record(must_kind("secrets"), &record);
}

/* What the disk gets. */
static char *stored(const struct scene *scene, const char *text)
{
    struct version *version = version_of(text);
    char *disk = str_dup(secrets_stored_text(scene->secrets, must_kind("secrets"), version));
    version_drop(version);
    return disk;
}

static char *key_path(const struct scene *scene)
{
    return path_format("%s/" SECRETS_KEY_FILE, scene->directory);
}

static void rename_key(const struct scene *scene, bool away)
{
    autofree char *path = key_path(scene), *other = path_format("%s.away", path);
    assert_int_equal(away ? rename(path, other) : rename(other, path), 0);
}

static void assert_errors(const struct scene *scene, const char *wanted)
{
    int64_t time_ms;
    struct str lines = errors_text(scene->shared->memory, 0, &time_ms), line;
    struct str last = STR("");
    while (str_split(&lines, '\n', &line))
        if (line.length != 0)
            last = line;
    autofree char *text = str_dup(last);
    if (strstr(text, wanted) == NULL)
        fail_msg("\"%s\" has not \"%s\"", text, wanted);
}

/* ---- the key ---- */

static void the_first_start_makes_a_key_that_only_its_owner_reads(void **state)
{
    struct scene *scene = *state;
    begin(scene);
    autofree char *path = key_path(scene);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_size, 65);
    assert_int_equal(secrets_check(scene->secrets, NULL), 0);
}

static void what_was_stored_is_read_back_by_the_next_start(void **state)
{
    struct scene *scene = *state;
    begin(scene);
    autofree char *disk = stored(scene, PLAIN);
    assert_null(strstr(disk, VALUE));
    autofree char *read = start(scene, disk), *disk_again = stored(scene, read);
    assert_string_equal(read, PLAIN);
    assert_string_equal(disk, disk_again);
}

static void without_its_key_an_object_stays_as_it_is_and_nothing_is_stored(void **state)
{
    struct scene *scene = *state;
    begin(scene);
    autofree char *disk = stored(scene, PLAIN);
    rename_key(scene, true);
    autofree char *read = start(scene, disk), *disk_again = stored(scene, read), *path = key_path(scene);
    assert_string_equal(read, disk);
    assert_string_equal(disk_again, disk);
    assert_errors(scene,
                  "/namespaces/default/secrets/db: can't be decrypted: it was encrypted with the key ");
    assert_errors(scene, SECRETS_KEY_FILE " is missing; put the key back, and start podtree again");
    assert_int_equal(access(path, F_OK), -1);
    autoerror struct error *err = NULL;
    assert_int_equal(secrets_check(scene->secrets, &err), -EIO);
    assert_non_null(strstr(err->message, SECRETS_KEY_FILE));
    /* It comes back. */
    rename_key(scene, false);
    autofree char *back = start(scene, disk);
    assert_string_equal(back, PLAIN);
}

static void another_key_serves_what_is_new(void **state)
{
    struct scene *scene = *state;
    begin(scene);
    autofree char *disk = stored(scene, PLAIN);
    rename_key(scene, true);
    begin(scene);
    autofree char *read = start(scene, disk), *kept = stored(scene, read), *other = stored(scene, PLAIN);
    assert_string_equal(read, disk);
    assert_string_equal(kept, disk);
    assert_null(strstr(other, VALUE));
    assert_string_not_equal(other, disk);
    assert_errors(scene, SECRETS_KEY_FILE " has ");
    assert_int_equal(secrets_check(scene->secrets, NULL), 0);
}

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void a_key_in_front_seals_and_those_behind_it_still_open(void **state)
{
    struct scene *scene = *state;
    begin(scene);
    autofree char *disk = stored(scene, PLAIN), *path = key_path(scene);
    autobuf struct buf keys = {0};
    buf_add_text(&keys, DIGITS "\n");
    assert_int_equal(file_read(path, &keys, NULL), 0);
    assert_int_equal(file_replace(path, buf_str(&keys), 0600, FILE_CACHED, NULL), 0);
    autofree char *read = start(scene, disk), *anew = stored(scene, read);
    assert_string_equal(read, PLAIN);
    assert_string_not_equal(anew, disk);
    assert_true(secrets_are_open(scene->secrets));
    /* Then the old one is needed no longer. */
    assert_int_equal(file_replace(path, STR(DIGITS "\n"), 0600, FILE_CACHED, NULL), 0);
    autofree char *again = start(scene, anew), *gone = start(scene, disk);
    assert_string_equal(again, PLAIN);
    assert_string_equal(gone, disk);
    assert_false(secrets_are_open(scene->secrets));
}

static void what_is_no_key_is_said_and_not_written_over(void **state)
{
    struct scene *scene = *state;
    autofree char *path = key_path(scene);
    static const char *const wrong[] = {"", "\n", "0123", DIGITS "\n0123\n",
                                        "x123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        autoerror struct error *err = NULL;
        autobuf struct buf text = {0};
        assert_int_equal(file_write(path, str_of(wrong[i]), 0600, NULL), 0);
        begin(scene);
        assert_int_equal(secrets_check(scene->secrets, &err), -EIO);
        assert_non_null(strstr(err->message, i < 2    ? " has no key"
                                             : i == 3 ? "line 2 of "
                                                      : "is no key: it has to be 64 hexadecimal digits"));
        assert_int_equal(file_read(path, &text, NULL), 0);
        assert_str(buf_str(&text), wrong[i]);
    }
}

/* ---- on the way to the disk ---- */

static struct object *change(struct objects *objects, struct batch *batch, const char *number, bool first)
{
    const struct kind *kind = must_kind("secrets");
    struct version *version =
        version_new(kind, STR("{\"metadata\":{\"uid\":\"uid-1\",\"resourceVersion\":\""), atoi(number),
                    STR("\"},\"data\":{\"password\":\"" VALUE "\"}}"), VALUE_ABSENT, 1000, 0, NULL);
    struct object *object =
        first ? object_create(objects, 1, kind, STR("default"), STR("db"), STR("uid-1"), version)
              : object_newest(objects, kind, STR("default"), STR("db"));
    struct version *was_pending = first ? NULL : version_hold(object->pending);
    if (!first)
        object_change(objects, object, version);
    batch_add(batch, object, version, was_pending,
              (struct batch_story){.author = strdup("root"), .subject = strdup("s"), .person = true});
    return object;
}

static void assert_no_value_in(struct str text)
{
    assert_true(text.length != 0);
    assert_null(memmem(text.at, text.length, VALUE, strlen(VALUE)));
}

static void neither_store_nor_history_get_a_value(void **state)
{
    struct scene *scene = *state;
    begin(scene);
    struct objects *objects = objects_new(kinds);
    struct batch *batch = batch_new();
    batch->secrets = scene->secrets;
    change(objects, batch, "1", true);
    change(objects, batch, "2", false);
    assert_true(batch_prepare(batch));
    assert_int_equal(batch->stored.outbox_count, 2);
    assert_no_value_in(batch->stored.records[0].document);
    assert_no_value_in(batch->stored.outbox[0].document);
    for (struct history_entry *entry = batch->history.first; entry != NULL; entry = entry->next)
        assert_no_value_in(entry->document);
    /* What was committed before, and is overwritten before the history has it. */
    struct object *object = batch_publish_entry(objects, &batch->entries[0]);
    batch_free(batch);
    batch = batch_new();
    batch->secrets = scene->secrets;
    change(objects, batch, "3", false);
    assert_true(batch_prepare(batch));
    assert_int_equal(batch->stored.keep_count, 1);
    assert_no_value_in(batch->stored.keeps[0].document);
    assert_non_null(strstr(object->committed->text, VALUE));
    batch_free(batch);
    objects_free(objects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_start_makes_a_key_that_only_its_owner_reads, make, unmake),
        cmocka_unit_test_setup_teardown(what_was_stored_is_read_back_by_the_next_start, make, unmake),
        cmocka_unit_test_setup_teardown(without_its_key_an_object_stays_as_it_is_and_nothing_is_stored, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(another_key_serves_what_is_new, make, unmake),
        cmocka_unit_test_setup_teardown(a_key_in_front_seals_and_those_behind_it_still_open, make, unmake),
        cmocka_unit_test_setup_teardown(what_is_no_key_is_said_and_not_written_over, make, unmake),
        cmocka_unit_test_setup_teardown(neither_store_nor_history_get_a_value, make, unmake),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
