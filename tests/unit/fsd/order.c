#include "fsd/order.h"
#include "lib/str.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NUMBERS 5000

static void what_is_added_is_found_in_order(void **state)
{
    (void)state;
    struct order order = {0};
    char items[3];
    order_add(&order, 20, &items[1]);
    order_add(&order, 10, &items[0]);
    order_add(&order, 30, &items[2]);
    assert_ptr_equal(order_after(&order, 0), &items[0]);
    assert_ptr_equal(order_after(&order, 9), &items[0]);
    assert_ptr_equal(order_after(&order, 10), &items[1]);
    assert_ptr_equal(order_after(&order, 29), &items[2]);
    assert_null(order_after(&order, 30));
    order_free(&order);
}

static void what_is_not_there_is_removed_without_effect(void **state)
{
    (void)state;
    struct order order = {0};
    char item;
    order_remove(&order, 1);
    order_add(&order, 5, &item);
    order_remove(&order, 4);
    order_remove(&order, 6);
    assert_ptr_equal(order_after(&order, 0), &item);
    order_remove(&order, 5);
    assert_null(order_after(&order, 0));
    assert_int_equal(order.count, 0);
    order_free(&order);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* All that is there, from anywhere. */
static void compare(const struct order *order, const bool *there, int64_t from)
{
    for (int64_t number = from + 1; number < NUMBERS; number++) {
        const bool *item = order_after(order, number - 1);
        while (number < NUMBERS && !there[number])
            number++;
        assert_ptr_equal(item, number < NUMBERS ? &there[number] : NULL);
    }
}

static void it_is_what_a_naive_reader_notes_down(void **state)
{
    (void)state;
    bool there[NUMBERS] = {0};
    struct order order = {0};
    uint32_t seed = 1;
    for (int step = 0; step < 40000; step++) {
        uint32_t number = 1 + next_random(&seed) % (NUMBERS - 1);
        if (there[number])
            order_remove(&order, number);
        else
            order_add(&order, number, &there[number]);
        there[number] = !there[number];
        if (step % 1000 == 0)
            compare(&order, there, next_random(&seed) % NUMBERS);
    }
    compare(&order, there, 0);
    order_free(&order);
}

/* A few things that change all the time: the parts of those that were there before them don't stay. */
static void what_has_become_small_is_joined(void **state)
{
    (void)state;
    struct order order = {0};
    char item;
    for (int64_t number = 1; number <= NUMBERS; number++)
        order_add(&order, number, &item);
    for (int64_t number = 1; number <= NUMBERS; number++)
        if (number % 100 != 0)
            order_remove(&order, number);
    assert_in_range(order.count, 1, 4);
    for (int64_t number = 100; number <= NUMBERS; number += 100) {
        assert_ptr_equal(order_after(&order, number - 1), &item);
        order_remove(&order, number);
    }
    assert_int_equal(order.count, 0);
    order_free(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_is_found_in_order),
        cmocka_unit_test(what_is_not_there_is_removed_without_effect),
        cmocka_unit_test(it_is_what_a_naive_reader_notes_down),
        cmocka_unit_test(what_has_become_small_is_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
