#include "lib/process.h"

#include "tests/unit/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static struct loop *loop;
static struct buf output, complaints;
static int status;
static bool timed_out, finished;

static int make_loop(void **state)
{
    (void)state;
    loop = loop_new(NULL);
    status = -1;
    timed_out = finished = false;
    buf_add_text(&output, "");
    buf_add_text(&complaints, "");
    return loop != NULL ? 0 : -1;
}

static int free_loop(void **state)
{
    (void)state;
    loop_free(loop);
    buf_free(&output);
    buf_free(&complaints);
    return 0;
}

static void note(void *context, const struct process_result *result)
{
    (void)context;
    assert_false(finished); /* once */
    finished = true;
    status = result->status;
    timed_out = result->timed_out;
    buf_add_str(&output, result->output);
    buf_add_str(&complaints, result->complaints);
    loop_stop(loop);
}

#define SHELL(script) ((const char *const[]){"sh", "-c", script, NULL})

static void run(const struct process_plan *plan)
{
    assert_non_null(process_start(loop, plan, note, NULL, NULL));
    assert_int_equal(loop_run(loop, NULL), 0);
    assert_true(finished);
}

static void what_a_program_says_and_how_it_ends_is_told(void **state)
{
    (void)state;
    run(&(struct process_plan){.argv = SHELL("echo out; echo oops >&2; exit 3")});
    assert_string_equal(output.at, "out\n");
    assert_string_equal(complaints.at, "oops\n");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
    assert_false(timed_out);
}

static void both_outputs_can_come_as_one(void **state)
{
    (void)state;
    run(&(struct process_plan){.argv = SHELL("echo out; echo oops >&2; echo out"), .merged = true});
    assert_string_equal(output.at, "out\noops\nout\n");
    assert_string_equal(complaints.at, "");
}

static void a_forgotten_program_goes_on_and_is_reaped(void **state)
{
    (void)state;
    struct process_plan plan = {.argv = SHELL("exec sleep 1000"), .quiet = true};
    struct process *process = process_start(loop, &plan, note, NULL, NULL);
    pid_t pid = process_pid(process);
    process_forget(process);
    assert_int_equal(loop_turn(loop, 0, NULL), 0);
    assert_int_equal(kill(pid, 0), 0);
    kill(pid, SIGKILL);
    for (int turns = 0; kill(pid, 0) == 0 && turns < 1000; turns++)
        assert_int_equal(loop_turn(loop, 10, NULL), 0);
    assert_int_equal(kill(pid, 0), -1);
    assert_false(finished);
}

static void input_environment_and_directory_are_as_planned(void **state)
{
    (void)state;
    const char *const environment[] = {"GREETING=hello", "PATH=/usr/bin:/bin", NULL};
    run(&(struct process_plan){.argv = SHELL("cat; echo $GREETING; pwd"),
                               .environment = environment,
                               .directory = "/usr",
                               .input = STR("from outside\n")});
    assert_string_equal(output.at, "from outside\nhello\n/usr\n");
}

static void without_input_there_is_none(void **state)
{
    (void)state;
    run(&(struct process_plan){.argv = SHELL("cat; echo end")});
    assert_string_equal(output.at, "end\n");
}

static void descriptors_arrive_under_their_numbers(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "through\n", 8), 8);
    close(ends[1]);
    run(&(struct process_plan){.argv = SHELL("cat <&7"), .fds = {{.from = ends[0], .to = 7}}, .fd_count = 1});
    close(ends[0]);
    assert_string_equal(output.at, "through\n");
}

static void much_output_is_cut_but_the_program_is_not_held_up(void **state)
{
    (void)state;
    run(&(struct process_plan){.argv = SHELL("head -c 1000000 /dev/zero; echo done >&2")});
    assert_int_equal(output.length, 64 * 1024);
    assert_string_equal(complaints.at, "done\n");
    assert_int_equal(status, 0);
}

static void a_program_whose_time_is_over_is_killed_with_its_group(void **state)
{
    (void)state;
    run(&(struct process_plan){.argv = SHELL("sleep 1000 & wait"), .session = true, .timeout_ms = 50});
    assert_true(timed_out);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void a_child_that_keeps_the_pipes_open_does_not_hold_up_the_end(void **state)
{
    (void)state;
    run(&(struct process_plan){.argv = SHELL("sleep 5 & echo started")});
    assert_string_equal(output.at, "started\n");
    assert_int_equal(status, 0);
}

static void a_program_can_be_signalled(void **state)
{
    (void)state;
    struct process_plan plan = {.argv = SHELL("exec sleep 1000")};
    struct process *process = process_start(loop, &plan, note, NULL, NULL);
    assert_non_null(process);
    assert_true(process_pid(process) > 0);
    process_signal(process, SIGTERM);
    assert_int_equal(loop_run(loop, NULL), 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void a_program_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    const char *const argv[] = {"no-such-program-anywhere", NULL};
    autoerror struct error *err = NULL;
    assert_null(process_start(loop, &(struct process_plan){.argv = argv}, note, NULL, &err));
    assert_int_equal(err->number, ENOENT);
    assert_non_null(strstr(error_message(err), "no-such-program-anywhere"));
    assert_false(finished);
}

static void the_complaint_is_one_sentence(void **state)
{
    (void)state;
    static const struct {
        int status;
        bool timed_out;
        struct str complaints;
        const char *part; /* NULL: there is none */
    } rows[] = {
        {0, false, STR(""), NULL},
        {1 << 8, false, STR("first\nlast words\n"), "runc exited with 1: last words"},
        {SIGKILL, false, STR(""), "runc"},
        {SIGKILL, true, STR(""), "runc"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct process_result result = {
            .status = rows[i].status, .timed_out = rows[i].timed_out, .complaints = rows[i].complaints};
        autofree char *sentence = process_complaint("runc", &result);
        assert_int_equal(sentence != NULL, rows[i].part != NULL);
        if (sentence != NULL)
            assert_non_null(strstr(sentence, rows[i].part));
    }
}

static void a_program_may_be_run_to_its_end(void **state)
{
    (void)state;
    autobuf struct buf text = {0};
    autoerror struct error *err = NULL;
    assert_int_equal(process_run(&(struct process_plan){.argv = SHELL("echo hello")}, &text, NULL), 0);
    assert_string_equal(text.at, "hello\n");
    assert_int_equal(
        process_run(&(struct process_plan){.argv = SHELL(
                                               "for i in no two 3 four; do echo; echo $i; done >&2; exit 2")},
                    NULL, &err),
        -EIO);
    assert_non_null(strstr(error_message(err), "exited with 2: no; two; 3"));
    assert_null(strstr(error_message(err), "four"));
}

#define PROCESS_TEST(name) cmocka_unit_test_setup_teardown(name, make_loop, free_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(what_a_program_says_and_how_it_ends_is_told),
        PROCESS_TEST(both_outputs_can_come_as_one),
        PROCESS_TEST(a_forgotten_program_goes_on_and_is_reaped),
        PROCESS_TEST(input_environment_and_directory_are_as_planned),
        PROCESS_TEST(without_input_there_is_none),
        PROCESS_TEST(descriptors_arrive_under_their_numbers),
        PROCESS_TEST(much_output_is_cut_but_the_program_is_not_held_up),
        PROCESS_TEST(a_program_whose_time_is_over_is_killed_with_its_group),
        PROCESS_TEST(a_child_that_keeps_the_pipes_open_does_not_hold_up_the_end),
        PROCESS_TEST(a_program_can_be_signalled),
        PROCESS_TEST(a_program_that_is_not_there_is_an_error),
        PROCESS_TEST(the_complaint_is_one_sentence),
        PROCESS_TEST(a_program_may_be_run_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
