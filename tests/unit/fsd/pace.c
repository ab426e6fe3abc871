/* Who sleeps, and who would run if he could. */
#include "fsd/pace.h"
#include "lib/clock.h"
#include "tests/unit/lib/test.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child(bool busy)
{
    pid_t pid = fork();
    for (volatile unsigned turn = 0; pid == 0; turn++)
        if (!busy)
            pause();
    assert_true(pid > 0);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Its pace, once it sleeps or doesn't, as is said. */
static struct pace pace_when(pid_t pid, bool held_up)
{
    struct pace pace;
    do
        assert_true(pace_of(pid, &pace));
    while (pace.held_up != held_up);
    return pace;
}

static void one_that_is_busy_is_held_up_and_uses_its_time(void **state)
{
    (void)state;
    pid_t pid = child(true);
    int64_t first = pace_when(pid, true).cpu_ms;
    while (pace_when(pid, true).cpu_ms < first + 50)
        ;
    end(pid);
}

static void one_that_sleeps_is_not_held_up(void **state)
{
    (void)state;
    pid_t pid = child(false);
    assert_true(pace_when(pid, false).cpu_ms < 1000);
    end(pid);
}

static void one_that_is_not_there_has_no_pace(void **state)
{
    (void)state;
    pid_t pid = child(false);
    end(pid);
    struct pace pace;
    assert_false(pace_of(pid, &pace));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_busy_is_held_up_and_uses_its_time),
        cmocka_unit_test(one_that_sleeps_is_not_held_up),
        cmocka_unit_test(one_that_is_not_there_has_no_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
