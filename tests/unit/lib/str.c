#include "tests/unit/lib/test.h"

static void strings_compare_bytewise_with_prefixes_first(void **state)
{
    (void)state;
    static const struct {
        struct str a, b;
        int sign;
    } rows[] = {
        {STR("a"), STR("a"), 0},   {STR("a"), STR("b"), -1},      {STR("b"), STR("a"), 1},
        {STR("a"), STR("aa"), -1}, {STR(""), STR("a"), -1},       {STR("\xff"), STR("a"), 1},
        {STR_NONE, STR(""), 0},    {STR("a\0b"), STR("a\0a"), 1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int order = str_compare(rows[i].a, rows[i].b);
        assert_int_equal((order > 0) - (order < 0), rows[i].sign);
        assert_int_equal(str_equal(rows[i].a, rows[i].b), rows[i].sign == 0);
    }
}

static void beginnings_and_ends_are_recognised(void **state)
{
    (void)state;
    assert_true(str_starts(STR("web-1"), STR("web")));
    assert_true(str_starts(STR("web"), STR("")));
    assert_false(str_starts(STR("we"), STR("web")));
    assert_true(str_ends(STR("web.yaml"), STR(".yaml")));
    assert_false(str_ends(STR("yaml"), STR(".yaml")));
    assert_true(str_ends(STR_NONE, STR_NONE));
}

static void trimming_takes_white_space_off_both_ends(void **state)
{
    (void)state;
    assert_str(str_cut(STR("abcd"), 1, 2), "bc");
    assert_str(str_cut(STR("abcd"), 1, SIZE_MAX), "bcd");
    assert_str(str_cut(STR("abcd"), 4, 1), "");
    assert_str(str_cut(STR("abcd"), 5, 1), "");
    assert_str(str_trim(STR(" \t\r\n a b \v\f")), "a b");
    assert_int_equal(str_trim(STR(" \n ")).length, 0);
    assert_int_equal(str_trim(STR_NONE).length, 0);
}

static void splitting_gives_every_piece_also_empty_ones(void **state)
{
    (void)state;
    static const struct {
        const char *text, *joined;
    } rows[] = {{"a/b", "[a][b]"}, {"/a//", "[][a][][]"}, {"", "[]"}, {"a", "[a]"}, {NULL, ""}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf joined = {0};
        struct str rest = str_of(rows[i].text), piece;
        buf_add_text(&joined, "");
        while (str_split(&rest, '/', &piece))
            buf_addf(&joined, "[" STR_FORMAT "]", STR_ARGS(piece));
        assert_string_equal(joined.at, rows[i].joined);
    }
}

static void whole_numbers_are_read_to_the_last_that_fits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t number;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"+7", true, 7},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t number = 42;
        assert_int_equal(str_to_int64(str_of(rows[i].text), &number), rows[i].good);
        assert_int_equal(number, rows[i].good ? rows[i].number : 42);
    }
}

static void hashes_are_those_of_fnv_1a(void **state)
{
    (void)state;
    assert_true(str_hash(STR("")) == 0xcbf29ce484222325u);
    assert_true(str_hash(STR("a")) == 0xaf63dc4c8601ec8cu);
    assert_true(str_hash(STR("foobar")) == 0x85944171f73967e8u);
}

static void the_distance_counts_edits_up_to_a_limit(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t limit, distance;
    } rows[] = {
        {"replicas", "replicas", 3, 0},
        {"replicaz", "replicas", 3, 1},
        {"relpicas", "replicas", 3, 2},
        {"kitten", "sitting", 9, 3},
        {"kitten", "sitting", 2, 2},
        {"", "abc", 9, 3},
        {"abc", "", 9, 3},
        {"a", "abcdefgh", 3, 3},
        {"", "", 1, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(str_distance(str_of(rows[i].a), str_of(rows[i].b), rows[i].limit), rows[i].distance);
}

static void the_distance_of_long_names_stays_in_bounds(void **state)
{
    (void)state;
    char name[600];
    memset(name, 'x', sizeof(name));
    assert_int_equal(str_distance((struct str){name, 600}, (struct str){name, 599}, 5), 5);
    assert_int_equal(str_distance((struct str){name, 255}, (struct str){name, 254}, 5), 1);
}

static void a_buffer_grows_and_is_always_terminated(void **state)
{
    (void)state;
    autobuf struct buf b = {0};
    for (int i = 0; i < 1000; i++) {
        buf_addf(&b, "%d,", i);
        assert_int_equal(strlen(b.at), b.length);
    }
    assert_true(str_starts(buf_str(&b), STR("0,1,2,")));
    assert_true(str_ends(buf_str(&b), STR(",998,999,")));
    buf_clear(&b);
    assert_int_equal(b.length, 0);
    assert_string_equal(b.at, "");
}

static void formatting_of_any_length_is_whole(void **state)
{
    (void)state;
    for (int width = 0; width < 300; width++) {
        autobuf struct buf b = {0};
        buf_addf(&b, "<%*s>", width, "");
        assert_int_equal(b.length, width + 2);
        assert_int_equal(strlen(b.at), b.length);
        assert_int_equal(b.at[b.length - 1], '>');
    }
}

static void dropping_takes_bytes_off_the_front(void **state)
{
    (void)state;
    autobuf struct buf b = {0};
    buf_drop(&b, 0);
    buf_add_text(&b, "line 1\nrest");
    buf_drop(&b, strlen("line 1\n"));
    assert_string_equal(b.at, "rest");
    buf_drop(&b, 4);
    assert_string_equal(b.at, "");
}

static void taking_empties_the_buffer_and_is_never_null(void **state)
{
    (void)state;
    struct buf b = {0};
    autofree char *nothing = buf_take(&b);
    assert_string_equal(nothing, "");
    buf_add(&b, "a\0b", 3);
    autofree char *text = buf_take(&b);
    assert_memory_equal(text, "a\0b", 4);
    assert_null(b.at);
    assert_int_equal(b.length, 0);
}

static void arrays_grow_by_doubling(void **state)
{
    (void)state;
    int *array = NULL;
    size_t count = 0, capacity = 0, moves = 0;
    for (; count < 1000; count++) {
        size_t before = capacity;
        array_grow(array, count, capacity);
        moves += capacity != before;
        array[count] = (int)count;
    }
    assert_int_equal(array[999], 999);
    assert_true(moves < 10);
    free(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_compare_bytewise_with_prefixes_first),
        cmocka_unit_test(beginnings_and_ends_are_recognised),
        cmocka_unit_test(trimming_takes_white_space_off_both_ends),
        cmocka_unit_test(splitting_gives_every_piece_also_empty_ones),
        cmocka_unit_test(whole_numbers_are_read_to_the_last_that_fits),
        cmocka_unit_test(hashes_are_those_of_fnv_1a),
        cmocka_unit_test(the_distance_counts_edits_up_to_a_limit),
        cmocka_unit_test(the_distance_of_long_names_stays_in_bounds),
        cmocka_unit_test(a_buffer_grows_and_is_always_terminated),
        cmocka_unit_test(formatting_of_any_length_is_whole),
        cmocka_unit_test(dropping_takes_bytes_off_the_front),
        cmocka_unit_test(taking_empties_the_buffer_and_is_never_null),
        cmocka_unit_test(arrays_grow_by_doubling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
