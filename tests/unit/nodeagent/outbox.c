/* What waits to be said to the tree. */
#include "nodeagent/outbox.h"
#include "tests/unit/lib/test.h"
#include <sched.h>
#include <stdatomic.h>

/* A tree that hears nothing at first, then all; and may keep others waiting. */
static struct hearing {
    struct tree tree;
    atomic_bool deaf, slow;
    atomic_size_t calls, lines;
    struct buf heard; /* the line's, until a call has returned */
} hearing;

static int hear(struct tree *tree, struct str requests, size_t count, struct buf *results, struct error **err)
{
    hearing.calls++;
    while (hearing.slow)
        sched_yield();
    if (((struct hearing *)tree)->deaf)
        return error_make(err, ENOTCONN, "there is no tree");
    buf_add_str(&hearing.heard, requests);
    for (size_t i = 0; i < count; i++)
        buf_add_text(results, i == 0 ? "{\"error\":\"ENOENT\",\"message\":\"no\"}\n" : "{}\n");
    hearing.lines += count;
    return 0;
}

static const struct tree_operations operations = {.bulk = hear};

static struct loop *loop;
static struct line *line;
static struct outbox *outbox;
static struct buf answers;
static bool had_more;

/* The first refusal leads to one message more. */
static void on_answer(void *context, enum message_kind kind, const char *subject, struct str error,
                      struct str message)
{
    (void)context;
    (void)message;
    buf_addf(&answers, "%d %s " STR_FORMAT ",", (int)kind, subject, STR_ARGS(error));
    if (error.length != 0 && !had_more) {
        had_more = true;
        autodoc struct doc *more = must_parse("{\"n\":\"more\"}");
        outbox_put(outbox, MESSAGE_NODE_CREATE, subject, doc_root(more));
    }
}

static int setup(void **state)
{
    (void)state;
    hearing.tree = (struct tree){&operations};
    hearing.deaf = true;
    hearing.slow = false;
    hearing.calls = hearing.lines = 0;
    hearing.heard = (struct buf){0};
    loop = loop_new(NULL);
    line = line_new(loop, "tree", NULL);
    outbox = outbox_new(loop, line, &hearing.tree, on_answer, NULL);
    answers = (struct buf){0};
    had_more = false;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    line_free(line, NULL, NULL);
    outbox_free(outbox);
    loop_free(loop);
    buf_free(&hearing.heard);
    buf_free(&answers);
    return 0;
}

static void put(enum message_kind kind, const char *subject, int number)
{
    autodoc struct doc *doc = doc_new();
    value_set_int(doc_root(doc), STR("n"), number);
    outbox_put(outbox, kind, subject, doc_root(doc));
}

static void turn_until_called(size_t calls)
{
    for (int i = 0; i < 1000 && hearing.calls < calls; i++)
        loop_turn(loop, 10, NULL);
    assert_true(hearing.calls >= calls);
}

static void turn_until_heard(size_t lines)
{
    turn_until_called(1);
    hearing.deaf = hearing.slow = false;
    for (int i = 0; i < 1000 && hearing.lines < lines; i++)
        loop_turn(loop, 10, NULL);
    assert_int_equal(hearing.lines, lines);
}

static void test_only_the_newest_state_of_a_subject_is_said(void **state)
{
    (void)state;
    put(MESSAGE_STATUS, "a", 1);
    put(MESSAGE_EVENT, "a", 2);
    put(MESSAGE_STATUS, "b", 3);
    put(MESSAGE_STATUS, "a", 4);
    put(MESSAGE_EVENT, "a", 5);
    put(MESSAGE_USAGE, "node", 6);
    put(MESSAGE_USAGE, "node", 7);
    turn_until_heard(6); /* the sixth because of the first answer */
    assert_string_equal(hearing.heard.at,
                        "{\"n\":4}\n{\"n\":2}\n{\"n\":3}\n{\"n\":5}\n{\"n\":7}\n{\"n\":\"more\"}\n");
}

static void test_answers_come_in_the_order_of_the_messages(void **state)
{
    (void)state;
    put(MESSAGE_STATUS, "a", 1);
    put(MESSAGE_FINISH, "b", 2);
    turn_until_heard(2);
    for (int i = 0; i < 1000 && answers.length == 0; i++)
        loop_turn(loop, 10, NULL);
    assert_string_equal(answers.at, "0 a ENOENT,2 b ,");
}

static void test_of_events_that_nobody_hears_the_last_ones_wait(void **state)
{
    (void)state;
    put(MESSAGE_NODE_CREATE, "node", 0);
    for (int i = 1; i <= 2500; i++)
        put(MESSAGE_EVENT, "a", i);
    turn_until_heard(1002);
    assert_true(str_starts(buf_str(&hearing.heard), STR("{\"n\":0}\n{\"n\":1501}\n{\"n\":1502}\n")));
}

static void test_nobody_waits_for_a_tree_that_does_not_answer(void **state)
{
    (void)state;
    hearing.slow = true;
    put(MESSAGE_STATUS, "a", 1);
    put(MESSAGE_EVENT, "a", 2);
    turn_until_called(1);
    put(MESSAGE_STATUS, "a", 3);
    put(MESSAGE_EVENT, "a", 4);
    put(MESSAGE_STATUS, "a", 5);
    loop_turn(loop, 0, NULL);
    assert_int_equal(hearing.calls, 1);
    hearing.slow = false; /* and hears nothing */
    turn_until_called(2);
    /* What was on its way is sent again, but for what has been said anew meanwhile. */
    turn_until_heard(3);
    assert_string_equal(hearing.heard.at, "{\"n\":2}\n{\"n\":5}\n{\"n\":4}\n");
}

static void test_what_is_on_its_way_comes_before_what_is_said_later(void **state)
{
    (void)state;
    hearing.slow = true;
    hearing.deaf = false;
    put(MESSAGE_NODE_STATUS, "a", 1);
    turn_until_called(1);
    put(MESSAGE_NODE_STATUS, "a", 2);
    hearing.slow = false;
    for (int i = 0; i < 1000 && answers.length < 20; i++)
        loop_turn(loop, 10, NULL);
    assert_true(str_starts(buf_str(&hearing.heard), STR("{\"n\":1}\n{\"n\":2}\n")));
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(test_only_the_newest_state_of_a_subject_is_said),
        ROW(test_answers_come_in_the_order_of_the_messages),
        ROW(test_nobody_waits_for_a_tree_that_does_not_answer),
        ROW(test_what_is_on_its_way_comes_before_what_is_said_later),
        ROW(test_of_events_that_nobody_hears_the_last_ones_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
