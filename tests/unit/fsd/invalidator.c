/* The invalidator: fences come back when all before them has been done, and its end waits for nothing that
 * the kernel has still to do. */
#include "fsd/invalidator.h"
#include "tests/unit/lib/test.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What takes each notification at once. */
static void a_fence_comes_back_when_everything_before_it_has_been_done(void **state)
{
    (void)state;
    int fuse_fd = open("/dev/null", O_WRONLY | O_CLOEXEC), wake_fd = eventfd(0, EFD_CLOEXEC);
    struct invalidator *invalidator;
    assert_int_equal(invalidator_start(fuse_fd, wake_fd, &invalidator, NULL), 0);
    assert_true(invalidator_is_idle(invalidator));
    int cookie;
    invalidate_node(invalidator, 7, false);
    invalidate_node(invalidator, 8, true);
    invalidate_fence(invalidator, &cookie);
    assert_false(invalidator_is_idle(invalidator));
    assert_null(invalidator_reached(invalidator));
    invalidator_turn(invalidator);
    eventfd_t count;
    assert_int_equal(eventfd_read(wake_fd, &count), 0);
    assert_ptr_equal(invalidator_reached(invalidator), &cookie);
    assert_null(invalidator_reached(invalidator));
    invalidator_stop(invalidator);
    close(fuse_fd);
    close(wake_fd);
}

/* The kernel holds a lock for a request that nobody will answer any more: so does a pipe that is full. */
static void its_end_does_not_wait_for_the_kernel(void **state)
{
    (void)state;
    int ends[2], wake_fd = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    char page[4096] = {0};
    while (write(ends[1], page, sizeof(page)) > 0) {}
    assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
    struct invalidator *invalidator;
    assert_int_equal(invalidator_start(ends[1], wake_fd, &invalidator, NULL), 0);
    invalidate_deleted(invalidator, 1, 2, STR("gone"));
    invalidate_node(invalidator, 7, false);
    invalidator_turn(invalidator);
    alarm(20); /* it would wait for ever */
    invalidator_stop(invalidator);
    alarm(0);
    close(ends[0]); /* ends the child, too: its writing fails, and nobody is there to be told */
    close(ends[1]);
    close(wake_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fence_comes_back_when_everything_before_it_has_been_done),
        cmocka_unit_test(its_end_does_not_wait_for_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
