#include "lib/large.h"
#include "tests/unit/lib/test.h"

static void grow_to(size_t wanted)
{
    int64_t *numbers = NULL;
    size_t count = 0, capacity = 0;
    while (count < wanted) {
        large_grow(numbers, count, capacity);
        numbers[count] = (int64_t)count;
        count++;
    }
    for (size_t i = 0; i < count; i++)
        assert_int_equal(numbers[i], i);
    large_free(numbers, capacity);
}

static void what_is_in_it_stays_however_large_it_becomes(void **state)
{
    (void)state;
    grow_to(0);
    grow_to(1);
    grow_to(LARGE_BYTES / sizeof(int64_t));
    grow_to(LARGE_BYTES / sizeof(int64_t) + 1);
    grow_to(1 << 20);
}

static void a_block_can_become_smaller(void **state)
{
    (void)state;
    char *block = large_resize(NULL, 0, 8 * LARGE_BYTES);
    memset(block, 'a', LARGE_BYTES);
    block = large_resize(block, 8 * LARGE_BYTES, 2 * LARGE_BYTES);
    block = large_resize(block, 2 * LARGE_BYTES, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(block[i], 'a');
    large_give_back(block, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_in_it_stays_however_large_it_becomes),
                                       cmocka_unit_test(a_block_can_become_smaller)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
