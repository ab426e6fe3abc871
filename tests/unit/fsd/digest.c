/* Digests: what goes into one commit, when, and what it says. */
#include "fsd/digest.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void push(struct history_queue *queue, const char *author, const char *path, int64_t arrived_ms)
{
    struct history_entry *entry = memory_zeroed(1, sizeof(*entry));
    entry->version = (int64_t)queue->count + 1;
    entry->time_ms = entry->version * 1000;
    entry->author = str_of(author);
    entry->email = STR("x@y");
    entry->person = author[0] >= 'A' && author[0] <= 'Z'; /* persons are written large here */
    entry->path = entry->subject = str_of(path);
    entry->arrived_ms = arrived_ms;
    queue_add(queue, entry);
}

static void empty(struct history_queue *queue)
{
    while (queue->first != NULL)
        free(queue_take(queue));
    assert_int_equal(queue->count, 0);
    assert_null(queue->last);
}

static size_t due(const struct history_queue *queue, int64_t now_ms)
{
    int64_t wait_ms;
    return digest_due(queue, now_ms, false, &wait_ms);
}

static void an_empty_queue_waits_for_ever(void **state)
{
    (void)state;
    struct history_queue queue = {0};
    int64_t wait_ms;
    assert_int_equal(digest_due(&queue, 0, false, &wait_ms), 0);
    assert_int_equal(wait_ms, -1);
}

static void a_person_has_a_commit_of_its_own_soon(void **state)
{
    (void)state;
    struct history_queue queue = {0};
    push(&queue, "Alice", "a", 0);
    push(&queue, "Alice", "b", 0);
    int64_t wait_ms;
    assert_int_equal(digest_due(&queue, 50, false, &wait_ms), 0);
    assert_int_equal(wait_ms, 150);
    assert_int_equal(due(&queue, 200), 1);
    assert_int_equal(digest_due(&queue, 50, true, &wait_ms), 1); /* at the end nothing waits */
    empty(&queue);
}

static void components_wait_a_second_after_the_first(void **state)
{
    (void)state;
    struct history_queue queue = {0};
    push(&queue, "scheduler", "a", 100);
    push(&queue, "node", "b", 900);
    int64_t wait_ms;
    assert_int_equal(digest_due(&queue, 400, false, &wait_ms), 0);
    assert_int_equal(wait_ms, 700);
    assert_int_equal(due(&queue, 1100), 2);
    assert_int_equal(digest_due(&queue, 400, true, &wait_ms), 2); /* at the end nothing waits */
    empty(&queue);
}

static void a_person_behind_components_makes_them_go_first(void **state)
{
    (void)state;
    struct history_queue queue = {0};
    push(&queue, "scheduler", "a", 0);
    push(&queue, "node", "b", 0);
    push(&queue, "Alice", "c", 0);
    push(&queue, "node", "d", 0);
    assert_int_equal(due(&queue, 199), 0);
    assert_int_equal(due(&queue, 200), 2);
    empty(&queue);
}

static void persons_are_taken_together_only_in_a_flood(void **state)
{
    (void)state;
    struct history_queue queue = {0};
    for (int i = 0; i < 64; i++)
        push(&queue, "Alice", "a", 0);
    assert_int_equal(due(&queue, 5000), 1);
    push(&queue, "Bob", "a", 0);
    assert_int_equal(due(&queue, 199), 0);
    assert_int_equal(due(&queue, 200), 65);
    empty(&queue);
}

static void expect_digest(const struct digest *digest, const char *author, const char *message,
                          const char *files)
{
    assert_true(str_is(digest->author.name, author));
    assert_true(
        str_is(digest->author.email, str_is(digest->author.name, "podtree") ? "podtree@podtree" : "x@y"));
    assert_string_equal(digest->message.at, message);
    autobuf struct buf got = {0};
    buf_add_text(&got, "");
    for (size_t i = 0; i < digest->file_count; i++)
        buf_addf(&got, "%s%.*s@%d", i != 0 ? " " : "", STR_ARGS(digest->files[i]->path),
                 (int)digest->files[i]->version);
    assert_string_equal(got.at, files);
}

static void one_change_speaks_for_itself(void **state)
{
    (void)state;
    struct history_queue queue = {0};
    push(&queue, "Alice", "deployments/web: replicas 2 -> 3", 0);
    struct digest *digests;
    assert_int_equal(digest_make(&queue, 1, &digests), 1);
    expect_digest(digests, "Alice", "deployments/web: replicas 2 -> 3 (Alice)",
                  "deployments/web: replicas 2 -> 3@1");
    assert_int_equal(digests->time_ms, 1000);
    digest_free_all(digests, 1);
    empty(&queue);
}

static void changes_of_one_component_keep_its_name(void **state)
{
    (void)state;
    struct history_queue queue = {0};
    push(&queue, "scheduler", "pods/a: bound", 0);
    push(&queue, "scheduler", "pods/b: bound", 0);
    push(&queue, "scheduler", "pods/a: bound", 0);
    struct digest *digests;
    assert_int_equal(digest_make(&queue, 3, &digests), 1);
    expect_digest(digests, "scheduler",
                  "pods/a: bound; pods/b: bound (scheduler)\n\n- pods/a: bound\n- pods/b: bound\n"
                  "- pods/a: bound\n",
                  "pods/b: bound@2 pods/a: bound@3");
    assert_int_equal(digests->time_ms, 3000);
    digest_free_all(digests, 1);
    empty(&queue);
}

static void changes_of_several_components_are_podtrees(void **state)
{
    (void)state;
    struct history_queue queue = {0};
    push(&queue, "scheduler", "pods/a: bound", 0);
    push(&queue, "node", "pods/b: Running", 0);
    struct digest *digests;
    assert_int_equal(digest_make(&queue, 2, &digests), 1);
    expect_digest(digests, "podtree",
                  "pods/a: bound; pods/b: Running (scheduler, node)\n\n- scheduler: pods/a: bound\n- node: "
                  "pods/b: Running\n",
                  "pods/a: bound@1 pods/b: Running@2");
    digest_free_all(digests, 1);
    empty(&queue);
}

static void persons_keep_their_names_and_the_last_state_wins(void **state)
{
    (void)state;
    struct history_queue queue = {0};
    push(&queue, "Alice", "a", 0);
    push(&queue, "Bob", "b", 0);
    push(&queue, "Alice", "b", 0);
    push(&queue, "node", "c", 0);
    push(&queue, "Bob", "a", 0);
    push(&queue, "Alice", "not taken", 0);
    struct digest *digests;
    assert_int_equal(digest_make(&queue, 5, &digests), 3);
    expect_digest(&digests[0], "Alice", "a; b (Alice)\n\n- a\n- b\n", "b@3");
    expect_digest(&digests[1], "Bob", "b; a (Bob)\n\n- b\n- a\n", "a@5");
    expect_digest(&digests[2], "node", "c (node)", "c@4");
    digest_free_all(digests, 3);
    empty(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_queue_waits_for_ever),
        cmocka_unit_test(a_person_has_a_commit_of_its_own_soon),
        cmocka_unit_test(components_wait_a_second_after_the_first),
        cmocka_unit_test(a_person_behind_components_makes_them_go_first),
        cmocka_unit_test(persons_are_taken_together_only_in_a_flood),
        cmocka_unit_test(one_change_speaks_for_itself),
        cmocka_unit_test(changes_of_one_component_keep_its_name),
        cmocka_unit_test(changes_of_several_components_are_podtrees),
        cmocka_unit_test(persons_keep_their_names_and_the_last_state_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
