#include "lib/queue.h"
#include "lib/file.h"
#include "tests/unit/lib/test.h"

static struct key key_named(const char *name)
{
    return (struct key){STR("default"), str_of(name)};
}

static void expect_next(struct queue *queue, const char *name)
{
    struct work *work = queue_take(queue);
    if (name == NULL) {
        assert_null(work);
        return;
    }
    assert_non_null(work);
    assert_str(work->key.namespace, "default");
    assert_str(work->key.name, name);
    queue_settle(queue, work);
}

static void keys_come_out_as_they_went_in_each_once(void **state)
{
    (void)state;
    struct queue queue = {0};
    queue_add(&queue, key_named("b"));
    queue_add(&queue, key_named("a"));
    queue_add(&queue, key_named("b"));
    assert_int_equal(queue.length, 2);
    expect_next(&queue, "b");
    queue_add(&queue, key_named("b"));
    expect_next(&queue, "a");
    expect_next(&queue, "b");
    expect_next(&queue, NULL);
    assert_int_equal(queue.works.count, 0);
    queue_free(&queue);
}

static void namespaces_tell_keys_apart(void **state)
{
    (void)state;
    struct queue queue = {0};
    struct work *one = queue_add(&queue, (struct key){STR("a"), STR("b")});
    struct work *cluster = queue_add(&queue, (struct key){STR(""), STR("b")});
    assert_ptr_not_equal(one, cluster);
    assert_int_equal(cluster->key.namespace.length, 0);
    assert_str(cluster->key.name, "b");
    queue_free(&queue);
}

static void the_earlier_of_two_timers_counts_and_queueing_ends_it(void **state)
{
    (void)state;
    struct queue queue = {0};
    struct work *work = queue_add(&queue, key_named("a"));
    queue_at(&queue, work, 5); /* it is looked at sooner */
    assert_int_equal(queue_next_due(&queue), -1);
    assert_ptr_equal(queue_take(&queue), work);
    queue_at(&queue, work, 50);
    queue_at(&queue, work, 30);
    queue_at(&queue, work, 40);
    assert_int_equal(queue_next_due(&queue), 30);
    queue_due(&queue, 29);
    expect_next(&queue, NULL);
    queue_add(&queue, key_named("a"));
    assert_int_equal(queue_next_due(&queue), -1);
    queue_due(&queue, 100);
    expect_next(&queue, "a");
    expect_next(&queue, NULL);
    queue_free(&queue);
}

static void a_key_of_which_something_is_known_is_kept(void **state)
{
    (void)state;
    struct queue queue = {0};
    struct work *work = queue_add(&queue, key_named("a"));
    queue_settle(&queue, work); /* queued */
    assert_ptr_equal(queue_take(&queue), work);
    work->busy = true;
    queue_settle(&queue, work);
    work->busy = false;
    work->memory = 7;
    queue_settle(&queue, work);
    work->failures = 1;
    work->memory = 0;
    work_fail(work, STR("no"));
    work_fail(work, STR("not yet"));
    queue_settle(&queue, work);
    assert_string_equal(work->failure, "not yet");
    work->failures = 0;
    queue_at(&queue, work, 10);
    queue_settle(&queue, work);
    assert_ptr_equal(queue_add(&queue, key_named("a")), work);
    assert_ptr_equal(queue_take(&queue), work);
    assert_int_equal(queue.works.count, 1);
    queue_settle(&queue, work);
    assert_int_equal(queue.works.count, 0);
    queue_free(&queue);
}

/* Against an array that is looked through. */
static void timers_are_due_in_order_whatever_is_done_with_them(void **state)
{
    (void)state;
    enum { KEYS = 200 };
    struct queue queue = {0};
    int64_t due[KEYS] = {0}; /* 0: none */
    unsigned seed = 1;
    for (int64_t now = 1; now < 5000; now++) {
        int i = rand_r(&seed) % KEYS;
        autofree char *name = path_format("%d", i);
        int64_t at = now + rand_r(&seed) % 300;
        struct work *work = queue_add(&queue, key_named(name));
        assert_ptr_equal(queue_take(&queue), work); /* the timer is off */
        due[i] = 0;
        if (rand_r(&seed) % 4 != 0) {
            queue_at(&queue, work, at);
            due[i] = at;
        }
        queue_settle(&queue, work);
        int64_t earliest = -1;
        int many = 0;
        for (int k = 0; k < KEYS; k++) {
            if (due[k] != 0 && due[k] > now && (earliest < 0 || due[k] < earliest))
                earliest = due[k];
            many += due[k] != 0 && due[k] <= now;
        }
        queue_due(&queue, now);
        assert_int_equal(queue_next_due(&queue), earliest);
        assert_int_equal(queue.length, many);
        for (struct work *ended; (ended = queue_take(&queue)) != NULL;) {
            autofree char *text = str_dup(ended->key.name);
            assert_in_range(due[atoi(text)], 1, now);
            due[atoi(text)] = 0;
            queue_settle(&queue, ended);
        }
    }
    queue_free(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_out_as_they_went_in_each_once),
        cmocka_unit_test(namespaces_tell_keys_apart),
        cmocka_unit_test(the_earlier_of_two_timers_counts_and_queueing_ends_it),
        cmocka_unit_test(a_key_of_which_something_is_known_is_kept),
        cmocka_unit_test(timers_are_due_in_order_whatever_is_done_with_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
