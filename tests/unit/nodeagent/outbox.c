/* What waits to be said to the tree. */
#include "nodeagent/outbox.h"
#include "tests/unit/lib/test.h"

/* A tree that hears nothing at first, then all. */
static struct hearing {
    struct tree tree;
    bool deaf;
    struct buf heard;
    size_t lines;
} hearing;

static int hear(struct tree *tree, struct str requests, size_t count, struct buf *results, struct error **err)
{
    if (((struct hearing *)tree)->deaf)
        return error_make(err, ENOTCONN, "there is no tree");
    buf_add_str(&hearing.heard, requests);
    hearing.lines += count;
    for (size_t i = 0; i < count; i++)
        buf_add_text(results, i == 0 ? "{\"error\":\"ENOENT\",\"message\":\"no\"}\n" : "{}\n");
    return 0;
}

static const struct tree_operations operations = {.bulk = hear};

static struct loop *loop;
static struct outbox *outbox;
static struct buf answers;

static void on_answer(void *context, enum message_kind kind, const char *subject, struct str error,
                      struct str message)
{
    (void)context;
    (void)message;
    buf_addf(&answers, "%d %s " STR_FORMAT ",", (int)kind, subject, STR_ARGS(error));
    if (error.length != 0) {
        autodoc struct doc *more = must_parse("{\"n\":\"more\"}");
        outbox_put(outbox, MESSAGE_NODE_CREATE, subject, doc_root(more));
    }
}

static int setup(void **state)
{
    (void)state;
    hearing = (struct hearing){.tree = {&operations}, .deaf = true};
    loop = loop_new(NULL);
    outbox = outbox_new(loop, &hearing.tree, on_answer, NULL);
    answers = (struct buf){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
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

static void turn_until_heard(size_t lines)
{
    loop_turn(loop, 0, NULL);
    hearing.deaf = false;
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
    hearing.deaf = false;
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

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(test_only_the_newest_state_of_a_subject_is_said),
        ROW(test_answers_come_in_the_order_of_the_messages),
        ROW(test_of_events_that_nobody_hears_the_last_ones_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
