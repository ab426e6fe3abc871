/* Parcels: what goes in comes out, and nothing comes out elsewhere. */
#include "lib/parcel.h"

#include "lib/file.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

static char directory[] = "/tmp/podtree-test.XXXXXX";

static int setup(void **state)
{
    (void)state;
    strcpy(strrchr(directory, '.'), ".XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    umask(022);
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(chdir("/"), 0);
    return directory_remove(directory, NULL);
}

static void write_text(const char *path, const char *text, mode_t mode)
{
    assert_int_equal(file_write(path, str_of(text), mode, NULL), 0);
}

static void assert_text(const char *path, const char *text)
{
    autobuf struct buf bytes = {0};
    autoerror struct error *error = NULL;
    if (file_read(path, &bytes, &error) < 0)
        fail_msg("%s", error_message(error));
    assert_string_equal(bytes.length > 0 ? bytes.at : "", text);
}

static char left_out[256];
static void note_left_out(const char *path)
{
    strcat(left_out, path);
    strcat(left_out, " ");
}

struct packing {
    const char *path;
    int stream, result;
    struct error *error;
};

static void *pack(void *context)
{
    struct packing *packing = context;
    packing->result = parcel_pack(packing->path, packing->stream, note_left_out, &packing->error);
    close(packing->stream);
    return NULL;
}

/* From one to the other; the first errno that came of it, and its sentence. */
static char sentence[4096];
static int copy(const char *from, const char *to)
{
    int ends[2];
    pthread_t thread;
    autofree char *name = parcel_name(from);
    autoerror struct error *error = NULL;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct packing packing = {.path = from, .stream = ends[1]};
    left_out[0] = '\0';
    assert_int_equal(pthread_create(&thread, NULL, pack, &packing), 0);
    int result = parcel_unpack(ends[0], to, name, NULL, &error);
    close(ends[0]);
    pthread_join(thread, NULL);
    snprintf(sentence, sizeof(sentence), "%s",
             error_message(packing.result < 0 && packing.result != -EPIPE ? packing.error : error));
    error_free(packing.error);
    return packing.result < 0 && packing.result != -EPIPE ? packing.result : result;
}

static void test_a_path_has_a_name(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"/etc/passwd", "passwd"},
                                          {"a", "a"},
                                          {"a/b//", "b"},
                                          {"/", "."},
                                          {".", "."},
                                          {"a/..", "."},
                                          {"", "."}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        autofree char *name = parcel_name(rows[i][0]);
        assert_string_equal(name, rows[i][1]);
    }
}

static void test_files_go_where_cp_would_put_them(void **state)
{
    (void)state;
    write_text("f", "one", 0751);
    assert_int_equal(mkdir("d", 0755), 0);
    assert_int_equal(copy("f", "g"), 0);
    assert_text("g", "one");
    struct stat status;
    assert_int_equal(stat("g", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0751);
    assert_int_equal(copy("f", "d"), 0);
    assert_text("d/f", "one");
    write_text("f", "two, which is longer", 0600);
    write_text("g", "much longer than what comes in its place", 0600);
    assert_int_equal(copy("f", "g"), 0);
    assert_text("g", "two, which is longer");
    assert_int_equal(copy("f", "none/"), -ENOENT);
    assert_int_equal(copy("f", "none/g"), -ENOENT);
    assert_int_equal(copy("none", "x"), -ENOENT);
    assert_string_equal(sentence, "cannot read none: No such file or directory");
    assert_int_equal(copy("/proc/self/status", "s"), 0); /* whose size is said to be 0 */
    assert_int_equal(stat("s", &status), 0);
    assert_true(status.st_size > 100);
}

static void test_directories_go_with_all_that_is_in_them(void **state)
{
    (void)state;
    assert_int_equal(directory_make("d/e", 0750, NULL), 0);
    write_text("d/e/f", "deep", 0644);
    write_text("d/empty", "", 0644);
    assert_int_equal(symlink("/etc/passwd", "d/link"), 0);
    assert_int_equal(mkfifo("d/fifo", 0600), 0);
    write_text("d/ ", "space", 0644);
    write_text("d/\n line", "line", 0644);
    struct buf large = {0};
    for (int i = 0; i < 300000; i++)
        buf_add_char(&large, (char)('a' + i % 26));
    write_text("d/large", large.at, 0644);
    assert_int_equal(copy("d", "new"), 0);
    assert_string_equal(left_out, "d/fifo ");
    assert_text("new/e/f", "deep");
    assert_text("new/empty", "");
    assert_text("new/ ", "space");
    assert_text("new/\n line", "line");
    assert_text("new/large", large.at);
    buf_free(&large);
    char target[32] = "";
    assert_int_equal(readlink("new/link", target, sizeof(target)), 11);
    assert_string_equal(target, "/etc/passwd");
    /* into one that is there; again, over what is there; and what is in it */
    assert_int_equal(copy("d", "new"), 0);
    assert_int_equal(copy("d/", "new"), 0);
    assert_text("new/d/e/f", "deep");
    write_text("new/e/f", "changed", 0644);
    write_text("new/e/g", "stays", 0644);
    assert_int_equal(copy("d/.", "new"), 0);
    assert_text("new/e/f", "deep");
    assert_text("new/e/g", "stays");
}

static void test_a_symlink_on_the_way_is_not_followed(void **state)
{
    (void)state;
    assert_int_equal(directory_make("d/x", 0755, NULL), 0);
    write_text("d/x/f", "bad", 0644);
    write_text("d/g", "bad", 0644);
    assert_int_equal(directory_make("out", 0755, NULL), 0);
    assert_int_equal(directory_make("to", 0755, NULL), 0);
    write_text("out/g", "good", 0644);
    assert_int_equal(symlink("../out", "to/x"), 0);
    assert_true(copy("d/.", "to") < 0);
    assert_int_equal(access("out/f", F_OK), -1);
    assert_int_equal(unlink("to/x"), 0);
    assert_int_equal(symlink("../out/g", "to/g"), 0);
    assert_int_equal(copy("d/.", "to"), -ELOOP);
    assert_string_equal(sentence, "g is a symlink there, which is not followed");
    assert_text("out/g", "good");
}

static int unpack(const char *bytes, size_t length)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], bytes, length), (ssize_t)length);
    close(ends[1]);
    directory_remove("to", NULL);
    assert_int_equal(mkdir("to", 0755), 0);
    int result = parcel_unpack(ends[0], "to", "name", NULL, NULL);
    close(ends[0]);
    return result;
}

#define FILE_OF_1     "\0\0\0\001x\0\0\0\0"
#define UNPACK(bytes) unpack("" bytes, sizeof(bytes) - 1)

static void test_a_parcel_can_not_lead_elsewhere(void **state)
{
    (void)state;
    assert_int_equal(UNPACK("f 644 /tmp/x\0" FILE_OF_1 "e 0 .\0"),
                     0); /* what it calls itself doesn't matter */
    assert_text("to/name", "x");
    assert_int_equal(UNPACK("d 755 .\0f 644 y\0" FILE_OF_1 "u 0 .\0e 0 .\0"), 0);
    assert_text("to/name/y", "x");
    assert_int_equal(UNPACK("d 755 .\0f 644 ../y\0" FILE_OF_1 "u 0 .\0e 0 .\0"), -EPROTO);
    assert_int_equal(UNPACK("d 755 .\0f 644 ..\0" FILE_OF_1 "u 0 .\0e 0 .\0"), -EPROTO);
    assert_int_equal(UNPACK("d 755 .\0d 755 ..\0f 644 y\0" FILE_OF_1 "u 0 .\0u 0 .\0e 0 .\0"), -EPROTO);
    assert_int_equal(UNPACK("d 755 .\0f 644 \0" FILE_OF_1 "u 0 .\0e 0 .\0"), -EPROTO);
    assert_int_equal(UNPACK("d 755 .\0u 0 .\0u 0 .\0f 644 y\0" FILE_OF_1 "e 0 .\0"), -EPROTO);
    assert_int_equal(UNPACK("f 644 .\0" FILE_OF_1 "f 644 y\0" FILE_OF_1 "e 0 .\0"), -EPROTO);
    assert_true(UNPACK("d 755 .\0l 0 l\0\0\0\0\002..\0\0\0\0d 755 l\0f 644 y\0" FILE_OF_1
                       "u 0 .\0u 0 .\0e 0 .\0") < 0);
    assert_true(UNPACK("d 755 .\0l 0 l\0\0\0\0\004../y\0\0\0\0f 644 l\0" FILE_OF_1 "u 0 .\0e 0 .\0") < 0);
    assert_int_equal(access("to/y", F_OK), -1);
    assert_int_equal(access("y", F_OK), -1);
    assert_int_equal(UNPACK("f 6755 .\0" FILE_OF_1 "e 0 .\0"), 0);
    struct stat status;
    assert_int_equal(stat("to/name", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0755);
}

static void test_a_parcel_that_is_cut_off_or_broken_is_refused(void **state)
{
    (void)state;
    static const char whole[] = "d 755 .\0f 644 y\0" FILE_OF_1 "l 0 l\0\0\0\0\002ab\0\0\0\0u 0 .\0e 0 .";
    for (size_t length = 0; length < sizeof(whole) - 1; length++)
        assert_true(unpack(whole, length) < 0);
    assert_int_equal(unpack(whole, sizeof(whole)), 0);
    assert_int_equal(UNPACK("e 0 .\0"), -EPROTO);
    assert_int_equal(UNPACK("z 0 .\0e 0 .\0"), -EPROTO);
    assert_int_equal(UNPACK("f 644 .\0\xff\xff\xff\xffx"), -EPROTO);
    struct buf deep = {0};
    for (int i = 0; i < 1000; i++)
        buf_add(&deep, "d 755 d", 8);
    assert_int_equal(unpack(deep.at, deep.length), -ELOOP);
    buf_clear(&deep);
    buf_add(&deep, "f 644 ", 6);
    for (int i = 0; i < 5000; i++)
        buf_add_char(&deep, 'n');
    assert_int_equal(unpack(deep.at, deep.length), -EPROTO);
    buf_free(&deep);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_has_a_name),
        ROW(test_files_go_where_cp_would_put_them),
        ROW(test_directories_go_with_all_that_is_in_them),
        ROW(test_a_symlink_on_the_way_is_not_followed),
        ROW(test_a_parcel_can_not_lead_elsewhere),
        ROW(test_a_parcel_that_is_cut_off_or_broken_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
