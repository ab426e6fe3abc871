#include "fsd/batch.h"
#include "tests/unit/fsd/kinds.h"

#define MOUNT 77

/* The objects, and a batch that fills: what txn has. */
struct work {
    struct objects *objects;
    struct batch *batch;
    int64_t version, id;
    bool prepared;
};

static int make(void **state)
{
    struct work *work = memory_zeroed(1, sizeof(*work));
    work->objects = objects_new(kinds);
    work->batch = batch_new();
    *state = work;
    return 0;
}

static int unmake(void **state)
{
    struct work *work = *state;
    batch_free(work->batch);
    objects_free(work->objects);
    free(work);
    return 0;
}

/* What txn does with a computed change; `author` NULL: none of the history's business. */
static void apply(struct work *work, const char *name, const char *text, const char *author, bool person)
{
    const struct kind *kind = must_kind("configmaps");
    uint32_t flags = text == NULL ? VERSION_GONE : 0;
    autobuf struct buf after = {0};
    buf_addf(&after, "\"},\"data\":\"%s\"}", text != NULL ? text : "");
    work->version++;
    struct version *version = version_new(kind, STR("{\"metadata\":{\"resourceVersion\":\""), work->version,
                                          buf_str(&after), VALUE_ABSENT, work->version * 1000, flags, NULL);
    struct object *object = object_newest(work->objects, kind, STR("default"), str_of(name));
    struct version *was_pending = object != NULL ? version_hold(object->pending) : NULL;
    if (object == NULL)
        object =
            object_create(work->objects, ++work->id, kind, STR("default"), str_of(name), STR("u"), version);
    else
        object_change(work->objects, object, version);
    struct batch_story story = {.person = person};
    if (author != NULL) {
        struct buf subject = {0};
        buf_addf(&subject, "%s %s", name, text != NULL ? text : "deleted");
        story.author = strdup(author);
        story.subject = buf_take(&subject);
    }
    batch_add(work->batch, object, version, was_pending, story);
}

static struct object *newest(const struct work *work, const char *name)
{
    return object_newest(work->objects, must_kind("configmaps"), STR("default"), str_of(name));
}

static void assert_data(const struct version *version, const char *text)
{
    autodoc struct doc *doc = doc_parse(version_text(version), NULL);
    assert_str(value_str(value_at(doc_root(doc), "data")), text);
}

static bool prepare(struct work *work, int64_t done)
{
    assert_false(work->prepared);
    work->prepared = true;
    work->batch->mount = MOUNT;
    work->batch->done = done;
    return batch_prepare(work->batch);
}

/* What the store was given becomes durable, and the next batch fills. */
static void commit(struct work *work, int64_t done)
{
    if (!work->prepared)
        prepare(work, done);
    work->prepared = false;
    for (size_t i = 0; i < work->batch->entry_count; i++)
        batch_publish_entry(work->objects, &work->batch->entries[i]);
    batch_free(work->batch);
    work->batch = batch_new();
}

/* The rows for the history as "version author subject [document]", a line each. */
static char *outbox(const struct store_batch *stored)
{
    struct buf text = {0};
    for (size_t i = 0; i < stored->outbox_count; i++) {
        const struct outbox_row *row = &stored->outbox[i];
        buf_addf(&text, "%lld " STR_FORMAT ": " STR_FORMAT "%s%s%s\n", (long long)row->version,
                 STR_ARGS(row->author), STR_ARGS(row->subject), row->person ? " (person)" : "",
                 row->deleted ? " (deleted)" : "", row->document.length != 0 ? " (kept)" : "");
    }
    return buf_take(&text);
}

static void assert_outbox(struct work *work, int64_t done, const char *wanted)
{
    assert_true(prepare(work, done));
    autofree char *is = outbox(&work->batch->stored);
    assert_string_equal(is, wanted);
}

/* ---- what is stored ---- */

static void of_an_object_only_the_newest_version_is_written(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", "root", true);
    apply(work, "b", "1", "root", true);
    apply(work, "a", "2", "root", true);
    assert_outbox(work, 0, "1 root: a 1 (person) (kept)\n2 root: b 1 (person)\n3 root: a 2 (person)\n");
    const struct store_batch *stored = &work->batch->stored;
    assert_int_equal(stored->record_count, 2);
    assert_int_equal(stored->records[0].version, 3);
    assert_int_equal(stored->records[1].version, 2);
    assert_int_equal(work->batch->version, 3);
}

static void an_object_that_came_and_went_is_not_written(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", NULL, false);
    apply(work, "a", NULL, NULL, false);
    assert_false(prepare(work, 0));
    commit(work, 0);
    assert_null(newest(work, "a"));
    assert_null(object_by_id(work->objects, 1));
}

static void an_object_that_goes_leaves_a_tombstone_and_its_namesake_is_another(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", NULL, false);
    commit(work, 0);
    apply(work, "a", NULL, NULL, false);
    apply(work, "a", "new", NULL, false);
    assert_true(prepare(work, 0));
    const struct store_batch *stored = &work->batch->stored;
    assert_int_equal(stored->tombstone_count, 1);
    assert_int_equal(stored->tombstones[0].id, 1);
    assert_int_equal(stored->record_count, 1);
    assert_int_equal(stored->records[0].id, 2);
}

/* ---- what the history gets ---- */

static void components_changes_of_one_object_join(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", "scheduler", false);
    apply(work, "b", "1", "scheduler", false);
    apply(work, "a", "2", "node", false);
    apply(work, "a", "3", "alice", true);
    apply(work, "a", "4", "node", false);
    apply(work, "a", "5", "node", false);
    assert_outbox(work, 0, "3 node: a 2\n2 scheduler: b 1\n4 alice: a 3 (person) (kept)\n6 node: a 5\n");
}

static void what_a_person_did_keeps_its_document_when_the_record_gets_another(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", "alice", true);
    commit(work, 0);
    /* The history has not written version 1 yet: its document moves into its row. */
    apply(work, "a", "2", "node", false);
    assert_outbox(work, 0, "2 node: a 2\n");
    assert_int_equal(work->batch->stored.keep_count, 1);
    assert_int_equal(work->batch->stored.keeps[0].version, 1);
    commit(work, 0);
    /* Now it has; and a component's row needs no old document. */
    apply(work, "a", "3", "node", false);
    assert_outbox(work, 2, "3 node: a 3\n");
    assert_int_equal(work->batch->stored.keep_count, 0);
}

static void what_the_history_has_is_not_kept(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", "alice", true);
    commit(work, 0);
    apply(work, "a", "2", "alice", true);
    assert_outbox(work, 1, "2 alice: a 2 (person)\n");
    assert_int_equal(work->batch->stored.keep_count, 0);
    assert_int_equal(work->batch->stored.outbox_done, 1);
}

static void a_removal_keeps_the_document_that_nobody_has_written_yet(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", "alice", true);
    commit(work, 0);
    apply(work, "a", NULL, "alice", true);
    assert_outbox(work, 0, "2 alice: a deleted (person) (deleted)\n");
    assert_int_equal(work->batch->stored.keep_count, 1);
}

static void the_historian_s_entries_live_by_themselves(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", "alice", true);
    apply(work, "a", NULL, "uid 1234", true);
    assert_true(prepare(work, 0));
    work->prepared = false;
    struct history_entry *first = work->batch->history.first;
    assert_int_equal(work->batch->history.count, 2);
    work->batch->history = (struct history_queue){0};
    batch_free(work->batch);
    work->batch = batch_new();
    struct history_entry *second = first->next;
    assert_str(first->path, "namespaces/default/configmaps/a");
    assert_str(first->email, "alice@podtree");
    assert_str(second->email, "1234@podtree");
    assert_true(first->document.length != 0);
    assert_int_equal(second->document.length, 0);
    assert_null(second->next);
    first->release(first);
    second->release(second);
}

/* ---- taking back ---- */

static void an_undo_leaves_everything_as_it_was(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", "root", true);
    commit(work, 0);
    apply(work, "a", "2", "root", true);
    struct txn_mark mark = batch_mark(work->batch);
    apply(work, "a", "3", "root", true);   /* over what is pending here */
    apply(work, "a", NULL, "root", true);  /* and gone */
    apply(work, "a", "new", "root", true); /* and another one */
    apply(work, "b", "1", "root", true);
    batch_add_line(work->batch, newest(work, "b"), STREAM_EVENTS, 1, strdup("line"));
    batch_undo(work->batch, work->objects, mark, INT64_MAX);
    assert_int_equal(newest(work, "a")->id, 1);
    assert_data(object_newest_version(newest(work, "a")), "2");
    assert_null(newest(work, "b"));
    assert_outbox(work, 0, "2 root: a 2 (person)\n");
    assert_int_equal(work->batch->stored.record_count, 1);
    assert_int_equal(work->batch->stored.line_count, 0);
    commit(work, 0);
    assert_data(newest(work, "a")->committed, "2");
}

static void what_was_pending_in_the_batch_before_is_pending_again(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", NULL, false);
    /* That batch is being written, another one fills. */
    prepare(work, 0);
    struct batch *writing = work->batch;
    work->batch = batch_new();
    struct txn_mark mark = batch_mark(work->batch);
    apply(work, "a", "2", NULL, false);
    batch_undo(work->batch, work->objects, mark, INT64_MAX);
    assert_true(batch_is_empty(work->batch));
    assert_data(object_newest_version(newest(work, "a")), "1");
    batch_free(work->batch);
    work->batch = writing;
    commit(work, 0);
    assert_data(newest(work, "a")->committed, "1");
}

static void what_has_become_durable_meanwhile_is_not_pending_again(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", NULL, false);
    prepare(work, 0);
    struct batch *writing = work->batch;
    struct batch *filling = work->batch = batch_new();
    struct txn_mark mark = batch_mark(filling);
    apply(work, "a", "2", NULL, false);
    work->batch = writing;
    commit(work, 0);
    batch_free(work->batch);
    work->batch = filling;
    assert_true(batch_undo(filling, work->objects, mark, INT64_MAX));
    assert_data(newest(work, "a")->committed, "1");
    assert_null(newest(work, "a")->pending);
    assert_true(batch_is_empty(filling));
}

static void what_is_taken_back_in_slices_is_taken_back(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", NULL, false);
    struct txn_mark mark = batch_mark(work->batch);
    apply(work, "a", "2", NULL, false);
    apply(work, "b", "1", NULL, false);
    apply(work, "a", "3", NULL, false);
    assert_false(batch_undo(work->batch, work->objects, mark, 0));
    assert_data(object_newest_version(newest(work, "a")), "2");
    assert_false(batch_undo(work->batch, work->objects, mark, 0));
    assert_null(newest(work, "b"));
    while (!batch_undo(work->batch, work->objects, mark, 0)) {}
    assert_data(object_newest_version(newest(work, "a")), "1");
    assert_int_equal(work->batch->marked, 0);
}

static void marks_nest(void **state)
{
    struct work *work = *state;
    struct txn_mark outer = batch_mark(work->batch);
    apply(work, "a", "1", "node", false);
    struct txn_mark inner = batch_mark(work->batch);
    apply(work, "a", "2", "node", false);
    batch_keep(work->batch, inner, INT64_MAX);
    inner = batch_mark(work->batch);
    apply(work, "a", "3", "node", false);
    batch_undo(work->batch, work->objects, inner, INT64_MAX);
    assert_data(object_newest_version(newest(work, "a")), "2");
    batch_undo(work->batch, work->objects, outer, INT64_MAX);
    assert_null(newest(work, "a"));
    assert_true(batch_is_empty(work->batch));
    /* Outside of all marks nothing is remembered. */
    apply(work, "a", "4", "node", false);
    assert_int_equal(work->batch->undo_count, 0);
}

static void kept_changes_stay(void **state)
{
    struct work *work = *state;
    struct txn_mark mark = batch_mark(work->batch);
    apply(work, "a", "1", "node", false);
    batch_keep(work->batch, mark, INT64_MAX);
    assert_int_equal(work->batch->undo_count, 0);
    assert_outbox(work, 0, "1 node: a 1\n");
}

/* ---- lines ---- */

static void what_is_published_is_in_the_order_of_versions(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", NULL, false);
    apply(work, "b", "1", NULL, false);
    apply(work, "a", "2", NULL, false);
    assert_true(prepare(work, 0));
    assert_int_equal(work->batch->entries[0].version->number, 2);
    assert_int_equal(work->batch->entries[1].version->number, 3);
}

static void an_object_of_the_batch_before_gets_an_entry_of_its_own(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", "alice", true);
    prepare(work, 0);
    struct batch *writing = work->batch;
    work->batch = batch_new();
    apply(work, "a", "2", "node", false);
    assert_int_equal(work->batch->entry_count, 1);
    assert_int_equal(work->batch->change_count, 1);
    assert_int_equal(writing->entry_count, 1);
    assert_data(writing->entries[0].version, "1");
    batch_free(writing);
}

static void a_change_does_not_join_one_that_was_taken_back(void **state)
{
    struct work *work = *state;
    struct txn_mark mark = batch_mark(work->batch);
    apply(work, "a", "1", "node", false);
    batch_undo(work->batch, work->objects, mark, INT64_MAX);
    apply(work, "b", "1", "node", false);
    apply(work, "a", "2", "node", false);
    apply(work, "b", "2", "node", false);
    assert_outbox(work, 0, "4 node: b 2\n3 node: a 2\n");
}

static void what_is_freed_in_slices_is_freed(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", "alice", true);
    apply(work, "b", "1", "node", false);
    batch_add_line(work->batch, NULL, STREAM_EVENTS, 1, strdup("line"));
    prepare(work, 0);
    work->prepared = false;
    int slices = 1;
    while (!batch_free_some(work->batch, 0))
        slices++;
    assert_true(slices > 5);
    work->batch = batch_new();
}

static void lines_of_what_is_gone_are_not_stored(void **state)
{
    struct work *work = *state;
    apply(work, "a", "1", NULL, false);
    apply(work, "b", "1", NULL, false);
    batch_add_line(work->batch, newest(work, "a"), STREAM_STATUS, 1, strdup("of a"));
    batch_add_line(work->batch, newest(work, "b"), STREAM_EVENTS, 2, strdup("of b"));
    batch_add_line(work->batch, NULL, STREAM_EVENTS, 3, strdup("of a, for all"));
    apply(work, "a", NULL, NULL, false);
    assert_true(prepare(work, 0));
    assert_int_equal(work->batch->stored.line_count, 2);
    assert_int_equal(work->batch->stored.lines[0].number, 2);
    assert_int_equal(work->batch->stored.lines[1].number, 3);
}

#define WORK(test) cmocka_unit_test_setup_teardown(test, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORK(of_an_object_only_the_newest_version_is_written),
        WORK(an_object_that_came_and_went_is_not_written),
        WORK(an_object_that_goes_leaves_a_tombstone_and_its_namesake_is_another),
        WORK(components_changes_of_one_object_join),
        WORK(what_a_person_did_keeps_its_document_when_the_record_gets_another),
        WORK(what_the_history_has_is_not_kept),
        WORK(a_removal_keeps_the_document_that_nobody_has_written_yet),
        WORK(the_historian_s_entries_live_by_themselves),
        WORK(an_undo_leaves_everything_as_it_was),
        WORK(what_was_pending_in_the_batch_before_is_pending_again),
        WORK(what_has_become_durable_meanwhile_is_not_pending_again),
        WORK(what_is_taken_back_in_slices_is_taken_back),
        WORK(marks_nest),
        WORK(kept_changes_stay),
        WORK(what_is_published_is_in_the_order_of_versions),
        WORK(an_object_of_the_batch_before_gets_an_entry_of_its_own),
        WORK(a_change_does_not_join_one_that_was_taken_back),
        WORK(what_is_freed_in_slices_is_freed),
        WORK(lines_of_what_is_gone_are_not_stored),
    };
    return cmocka_run_group_tests(tests, load_kinds, free_kinds);
}
