/* The talk at a node's door, and sockets that carry descriptors. */
#include "lib/door.h"

#include "lib/file.h"
#include "lib/socket.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static void expect(const char *line, enum door_word word, int exit_code, const char *sentence)
{
    struct str rest = str_of(line);
    struct door_answer answer;
    assert_true(door_next(&rest, &answer));
    assert_int_equal(rest.length, 0);
    assert_int_equal(answer.word, word);
    assert_int_equal(answer.exit_code, exit_code);
    assert_true(str_equal(answer.sentence, str_of(sentence)));
}

static void test_answers_are_lines(void **state)
{
    (void)state;
    expect("terminal\n", DOOR_TERMINAL, 0, NULL);
    expect("exit 7\n", DOOR_EXIT, 7, NULL);
    expect("failed 127\n", DOOR_FAILED, 127, NULL);
    expect("error the pod is gone\n", DOOR_ERROR, 0, "the pod is gone");
    expect("exit x\n", DOOR_ERROR, 0, "exit x");
    expect("what\n", DOOR_ERROR, 0, "what");
    struct str rest = STR("exit 7");
    struct door_answer answer;
    assert_false(door_next(&rest, &answer));
    assert_int_equal(rest.length, 6);
}

static void test_what_is_said_is_heard(void **state)
{
    (void)state;
    int ends[2], descriptors[SOCKET_DESCRIPTORS];
    size_t count = 0;
    autobuf struct buf heard = {0};
    autoerror struct error *error = NULL;
    struct door_answer answer = {.word = DOOR_EXIT, .exit_code = 137};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    error_make(&error, EIO, "two\nlines");
    door_say(ends[0], &(struct door_answer){.word = DOOR_TERMINAL}, ends[0]);
    assert_true(socket_receive(ends[1], &heard, descriptors, &count) > 0);
    assert_int_equal(count, 1);
    door_say(ends[0], &answer, -1);
    door_say_error(ends[0], error);
    close(ends[0]);
    close(descriptors[0]);
    while (socket_receive(ends[1], &heard, descriptors, &count) > 0)
        ;
    assert_string_equal(heard.at, "terminal\nexit 137\nerror two lines\n");
    close(ends[1]);
}

static void test_a_socket_lies_at_a_path_of_any_length(void **state)
{
    (void)state;
    char directory[] = "/tmp/podtree-test.XXXXXX";
    assert_non_null(mkdtemp(directory));
    autofree char *deep = path_format("%s/%0100d/%0100d", directory, 1, 2), *path = path_format("%s/s", deep);
    assert_int_equal(directory_make(deep, 0755, NULL), 0);
    assert_int_equal(socket_connect(deep, "s", SOCK_STREAM, NULL), -ENOENT);
    int listener = socket_listen(deep, "s", SOCK_STREAM, NULL);
    struct stat status;
    assert_true(listener >= 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0660);
    int caller = socket_connect(deep, "s", SOCK_STREAM, NULL);
    assert_true(caller >= 0);
    close(caller);
    close(listener);
    assert_int_equal(socket_connect(deep, "s", SOCK_STREAM, NULL), -ECONNREFUSED);
    listener = socket_listen(deep, "s", SOCK_STREAM, NULL); /* in the place of the dead one */
    assert_true(listener >= 0);
    close(listener);
    directory_remove(directory, NULL);
}

/* However many somebody sends, those that are not wanted don't stay open. */
static void test_descriptors_that_are_too_many_are_closed(void **state)
{
    (void)state;
    int ends[2], descriptors[SOCKET_DESCRIPTORS];
    size_t count = 0;
    autobuf struct buf heard = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(socket_send(ends[0], STR("x"), (int[]){0, 1}, 2), 0);
    int before = dup(0);
    close(before);
    for (int i = 0; i < 3; i++)
        assert_int_equal(socket_receive(ends[1], &heard, descriptors, &count), 1);
    assert_int_equal(count, SOCKET_DESCRIPTORS);
    for (size_t i = 0; i < count; i++) {
        assert_true(fcntl(descriptors[i], F_GETFD) & FD_CLOEXEC);
        close(descriptors[i]);
    }
    int after = dup(0);
    assert_int_equal(after, before);
    close(after);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_lines),
        cmocka_unit_test(test_what_is_said_is_heard),
        cmocka_unit_test(test_a_socket_lies_at_a_path_of_any_length),
        cmocka_unit_test(test_descriptors_that_are_too_many_are_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
