#include "fsd/errors.h"
#include "tests/unit/fsd/shared.h"

#define AT 1769860800000 /* 2026-01-31T12:00:00Z */

static int ready(void **state)
{
    shared_make(state);
    arena_ready(((struct shared *)*state)->memory->arena);
    return 0;
}

static struct str lines_of(const struct memory *memory, uid_t uid)
{
    int64_t time_ms;
    return errors_text(memory, uid, &time_ms);
}

static size_t count_lines(struct str text)
{
    size_t lines = 0;
    for (struct str line; text.length != 0 && str_split(&text, '\n', &line);)
        lines++;
    return lines;
}

static void each_user_has_lines_of_their_own(void **state)
{
    struct memory *memory = ((struct shared *)*state)->memory;
    errors_add(memory, 1000, AT, STR("/apply"), "no");
    errors_add(memory, 0, AT + 1000, STR("/pods/web"), "not so");
    errors_add(memory, 1000, AT + 2000, STR("/apply"), "again");
    assert_str(lines_of(memory, 1000),
               "2026-01-31T12:00:00Z /apply: no\n2026-01-31T12:00:02Z /apply: again\n");
    assert_str(lines_of(memory, 0), "2026-01-31T12:00:01Z /pods/web: not so\n");
    assert_str(lines_of(memory, 1), "");
    int64_t time_ms;
    errors_text(memory, 1000, &time_ms);
    assert_int_equal(time_ms, AT + 2000);
}

static void a_refusal_is_one_line_whatever_is_in_it(void **state)
{
    struct memory *memory = ((struct shared *)*state)->memory;
    errors_add(memory, 0, AT, STR("/data/a\nb"), "line 1\nline 2\r\033[31m");
    assert_str(lines_of(memory, 0), "2026-01-31T12:00:00Z /data/a b: line 1 line 2  [31m\n");
}

static void the_oldest_lines_go_and_only_whole_ones(void **state)
{
    struct memory *memory = ((struct shared *)*state)->memory;
    for (int i = 0; i < 5000; i++)
        errors_add(memory, 0, AT, STR("/apply"), "a sentence of some length, so that there will be many");
    struct str text = lines_of(memory, 0);
    assert_in_range(text.length, ERRORS_KEPT / 4, ERRORS_KEPT);
    assert_true(str_starts(text, STR("2026-01-31T12:00:00Z /apply: a sentence")));
    assert_true(str_ends(text, STR("\n")));
}

static void a_sentence_longer_than_all_that_is_kept_is_cut(void **state)
{
    struct memory *memory = ((struct shared *)*state)->memory;
    autobuf struct buf sentence = {0};
    memset(buf_reserve(&sentence, ERRORS_KEPT * 2), 'x', ERRORS_KEPT * 2);
    sentence.length = ERRORS_KEPT * 2;
    buf_add_char(&sentence, '!');
    errors_add(memory, 0, AT, STR("/apply"), sentence.at);
    errors_add(memory, 0, AT, STR("/apply"), "short");
    struct str text = lines_of(memory, 0);
    assert_in_range(text.length, 1, ERRORS_KEPT);
    assert_true(str_ends(text, STR("/apply: short\n")));
    assert_int_equal(count_lines(text), 2);
}

static void the_user_longest_without_a_refusal_makes_room(void **state)
{
    struct memory *memory = ((struct shared *)*state)->memory;
    for (uid_t uid = 0; uid < MEMORY_ERRORS; uid++)
        errors_add(memory, uid, AT + (int64_t)uid * 1000, STR("/a"), "no");
    errors_add(memory, 0, AT + 10000000, STR("/a"), "no");
    errors_add(memory, 70000, AT + 10000001, STR("/a"), "no");
    assert_int_equal(count_lines(lines_of(memory, 0)), 2);
    assert_int_equal(lines_of(memory, 1).length, 0);
    assert_int_equal(count_lines(lines_of(memory, 70000)), 1);
}

static void a_kill_leaves_them_there(void **state)
{
    struct shared *shared = *state;
    errors_add(shared->memory, 1000, AT, STR("/apply"), "no");
    shared_take_over(shared);
    errors_mark(shared->memory);
    arena_ready(shared->memory->arena);
    arena_ref other = arena_new(shared->memory->arena, 30);
    memset(arena_at(shared->memory->arena, other), 'x', 30);
    assert_str(lines_of(shared->memory, 1000), "2026-01-31T12:00:00Z /apply: no\n");
}

#define READY(test) cmocka_unit_test_setup_teardown(test, ready, shared_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        READY(each_user_has_lines_of_their_own),
        READY(a_refusal_is_one_line_whatever_is_in_it),
        READY(the_oldest_lines_go_and_only_whole_ones),
        READY(a_sentence_longer_than_all_that_is_kept_is_cut),
        READY(the_user_longest_without_a_refusal_makes_room),
        READY(a_kill_leaves_them_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
