#include "lib/loop.h"

#include "lib/clock.h"
#include "tests/unit/lib/test.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct loop *loop;
static struct loop_source *victim; /* what a callback removes */
static struct buf said;            /* what has been called, a letter each */

static int make_loop(void **state)
{
    (void)state;
    loop = loop_new(NULL);
    buf_add_text(&said, "");
    return loop != NULL ? 0 : -1;
}

static int free_loop(void **state)
{
    (void)state;
    loop_free(loop);
    loop = NULL;
    victim = NULL;
    buf_free(&said);
    return 0;
}

/* A context: it lives as long as the test. */
#define LETTER(text) ((char[]){text})

static void say(void *letter)
{
    buf_add_text(&said, letter);
}

static void say_and_stop(void *letter)
{
    say(letter);
    loop_stop(loop);
}

static void remove_victim(void *letter)
{
    say(letter);
    loop_remove(victim);
    victim = NULL;
}

static void say_ready(void *letter, uint32_t events)
{
    assert_true(events & EPOLLIN);
    say(letter);
}

static void remove_victim_when_ready(void *letter, uint32_t events)
{
    (void)events;
    remove_victim(letter);
}

static void timers_fire_once_in_the_order_of_their_time(void **state)
{
    (void)state;
    int64_t begin = clock_ms();
    loop_timer(loop, 60, say_and_stop, LETTER("d"));
    loop_timer(loop, 20, say, LETTER("b"));
    loop_timer(loop, 0, say, LETTER("a"));
    loop_timer(loop, 40, say, LETTER("c"));
    assert_int_equal(loop_run(loop, NULL), 0);
    assert_string_equal(said.at, "abcd");
    assert_true(clock_ms() - begin >= 60);
}

static void a_removed_timer_never_fires(void **state)
{
    (void)state;
    victim = loop_timer(loop, 10, say, LETTER("x"));
    loop_timer(loop, 0, remove_victim, LETTER("a"));
    loop_timer(loop, 30, say_and_stop, LETTER("b"));
    assert_int_equal(loop_run(loop, NULL), 0);
    assert_string_equal(said.at, "ab");
    loop_remove(NULL);
}

/* Each restarts the next, and none is called in the turn that made it without end. */
static int generations;

static void make_another(void *unused)
{
    if (++generations < 100)
        loop_timer(loop, 0, make_another, unused);
    else
        loop_stop(loop);
}

static void a_callback_may_make_timers(void **state)
{
    (void)state;
    generations = 0;
    loop_timer(loop, 0, make_another, NULL);
    assert_int_equal(loop_run(loop, NULL), 0);
    assert_int_equal(generations, 100);
}

static void a_descriptor_is_reported_as_long_as_it_is_ready(void **state)
{
    (void)state;
    int ends[2];
    char byte;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct loop_source *source = loop_fd(loop, ends[0], EPOLLIN, say_ready, LETTER("r"), NULL);
    assert_non_null(source);
    assert_int_equal(loop_turn(loop, 0, NULL), 0);
    assert_string_equal(said.at, "");
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_turn(loop, -1, NULL);
    loop_turn(loop, -1, NULL);
    assert_string_equal(said.at, "rr");
    assert_int_equal(read(ends[0], &byte, 1), 1);
    loop_turn(loop, 0, NULL);
    assert_string_equal(said.at, "rr");
    loop_remove(source);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_turn(loop, 0, NULL);
    assert_string_equal(said.at, "rr");
    close(ends[0]);
    close(ends[1]);
}

static void what_is_removed_is_not_called_in_the_same_turn(void **state)
{
    (void)state;
    int first[2], second[2];
    assert_int_equal(pipe2(first, O_CLOEXEC), 0);
    assert_int_equal(pipe2(second, O_CLOEXEC), 0);
    assert_int_equal(write(first[1], "x", 1) + write(second[1], "x", 1), 2);
    /* whichever comes first removes the other */
    struct loop_source *one = loop_fd(loop, first[0], EPOLLIN, remove_victim_when_ready, LETTER("1"), NULL);
    victim = loop_fd(loop, second[0], EPOLLIN, say_ready, LETTER("2"), NULL);
    loop_turn(loop, -1, NULL);
    loop_turn(loop, 0, NULL);
    assert_null(victim);
    assert_true(said.length <= 3 && strstr(said.at, "12") == NULL);
    loop_remove(one);
    for (int i = 0; i < 2; i++) {
        close(first[i]);
        close(second[i]);
    }
}

static int exit_status;

static void note_exit(void *unused, int status)
{
    (void)unused;
    exit_status = status;
    loop_stop(loop);
}

static void a_child_is_reaped_and_its_status_told(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    assert_true(pidfd >= 0);
    exit_status = -2;
    assert_non_null(loop_process(loop, pidfd, note_exit, NULL, NULL));
    assert_int_equal(loop_run(loop, NULL), 0);
    assert_true(WIFEXITED(exit_status));
    assert_int_equal(WEXITSTATUS(exit_status), 7);
    assert_int_equal(waitpid(child, NULL, WNOHANG), -1);
}

static void note_signal(void *unused, int signal_number)
{
    (void)unused;
    buf_addf(&said, "%d,", signal_number);
    loop_stop(loop);
}

static void signals_are_caught(void **state)
{
    (void)state;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    struct loop_source *source = loop_signals(loop, &signals, note_signal, NULL, NULL);
    assert_non_null(source);
    kill(getpid(), SIGUSR1);
    assert_int_equal(loop_run(loop, NULL), 0);
    autobuf struct buf expected = {0};
    buf_addf(&expected, "%d,", SIGUSR1);
    assert_string_equal(said.at, expected.at);
}

static void a_loop_may_be_freed_with_everything_in_it(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    loop_timer(loop, 1000000, say, LETTER("x"));
    loop_fd(loop, ends[0], EPOLLIN, say_ready, LETTER("x"), NULL);
    loop_free(loop);
    loop = NULL;
    loop_free(NULL);
    close(ends[0]);
    close(ends[1]);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, make_loop, free_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(timers_fire_once_in_the_order_of_their_time),
        LOOP_TEST(a_removed_timer_never_fires),
        LOOP_TEST(a_callback_may_make_timers),
        LOOP_TEST(a_descriptor_is_reported_as_long_as_it_is_ready),
        LOOP_TEST(what_is_removed_is_not_called_in_the_same_turn),
        LOOP_TEST(a_child_is_reaped_and_its_status_told),
        LOOP_TEST(signals_are_caught),
        LOOP_TEST(a_loop_may_be_freed_with_everything_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
