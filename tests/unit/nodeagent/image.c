/* The image store: names, and what comes in from files of all kinds. */
#include "nodeagent/image.h"
#include "lib/file.h"
#include "lib/process.h"
#include "nodeagent/image_collect.h"
#include "nodeagent/import.h"
#include "nodeagent/manifest.h"
#include "nodeagent/node.h"
#include "tests/unit/lib/test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static char directory[64];

static int setup(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/podtree-test.XXXXXX");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return directory_remove(directory, NULL);
}

/* Runs a script in the test's directory. */
static void shell(const char *script)
{
    const char *const argv[] = {"sh", "-euc", script, NULL};
    struct process_plan plan = {.argv = argv, .directory = directory};
    autoerror struct error *error = NULL;
    if (process_run(&plan, NULL, &error) < 0)
        fail_msg("%s: %s", script, error_message(error));
}

static bool must_skip(const char *program)
{
    const char *const argv[] = {program, "--version", NULL};
    struct process_plan plan = {.argv = argv};
    if (geteuid() == 0 && process_run(&plan, NULL, NULL) == 0)
        return false;
    print_message("skipped: needs root and %s\n", program);
    return true;
}

static char *import(const char *file, const char *name, struct error **err)
{
    autofree char *path = path_format("%s/%s", directory, file);
    return import_image(directory, path, name, VALUE_ABSENT, err);
}

static void must_import(const char *file, const char *name)
{
    autoerror struct error *error = NULL;
    autofree char *normal = import(file, name, &error);
    if (normal == NULL)
        fail_msg("%s", error_message(error));
}

/* The path of a file in the n-th layer of an image. */
static char *in_layer(const char *name, size_t n, const char *file)
{
    autodoc struct doc *image = image_find(directory, name, NULL);
    assert_non_null(image);
    autofree char *layer =
        image_layer_path(directory, value_str(value_element(value_at(doc_root(image), "layers"), n)));
    return path_format("%s/%s", layer, file);
}

static void assert_file(const char *name, size_t layer, const char *file, const char *text)
{
    autofree char *path = in_layer(name, layer, file);
    autobuf struct buf bytes = {0};
    assert_int_equal(file_read(path, &bytes, NULL), 0);
    assert_string_equal(bytes.at, text);
}

static void test_names_have_one_form(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"busybox", "busybox:latest"},
        {"busybox:1.35", "busybox:1.35"},
        {"docker.io/library/busybox", "busybox:latest"},
        {"docker.io/some/thing:2", "some/thing:2"},
        {"index.docker.io/some/thing", "some/thing:latest"},
        {"localhost:5000/a/b", "localhost:5000/a/b:latest"},
        {"a@sha256:12", "a@sha256:12"},
        {"", NULL},
        {"a b", NULL},
        {"/a", NULL},
        {"a/", NULL},
        {"a//b", NULL},
        {"../a", NULL},
        {"a:", NULL},
        {"Team/a", NULL},
        {"LOCALHOST:5000/a:B", "LOCALHOST:5000/a:B"},
        {"LOCALHOST:5000/A:B", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autofree char *name = image_normalize(str_of(rows[i][0]), NULL);
        if (rows[i][1] == NULL)
            assert_null(name);
        else
            assert_string_equal(name, rows[i][1]);
    }
}

static void test_names_have_a_repository_a_tag_and_a_reference(void **state)
{
    (void)state;
    static const char *const rows[][4] = {
        {"busybox:1", "busybox", "1", "docker.io/library/busybox@sha256:12"},
        {"some/thing:1.2", "some/thing", "1.2", "docker.io/some/thing@sha256:12"},
        {"localhost/a:1", "localhost/a", "1", "localhost/a@sha256:12"},
        {"localhost:5000/a/b:c", "localhost:5000/a/b", "c", "localhost:5000/a/b@sha256:12"},
        {"127.0.0.1/a@sha256:34", "127.0.0.1/a", "sha256:34", "127.0.0.1/a@sha256:12"},
        {"a:1@sha256:34", "a", "1", "docker.io/library/a@sha256:12"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *image = must_parse("{\"id\":\"sha256:56\",\"digest\":\"sha256:12\"}");
        value_set_str(doc_root(image), STR("name"), str_of(rows[i][0]));
        autofree char *reference = image_reference(doc_root(image));
        assert_str(image_repository(str_of(rows[i][0])), rows[i][1]);
        assert_str(image_tag(str_of(rows[i][0])), rows[i][2]);
        assert_string_equal(reference, rows[i][3]);
        value_unset(doc_root(image), STR("digest"));
        autofree char *id = image_reference(doc_root(image));
        assert_string_equal(id, "sha256:56");
    }
}

static void test_sizes_have_three_digits(void **state)
{
    (void)state;
    static const struct {
        int64_t size;
        const char *text;
    } rows[] = {{0, "0B"}, {999, "999B"}, {4261550, "4.26MB"}, {187000000, "187MB"}, {1020000000, "1.02GB"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[IMAGE_SIZE_TEXT];
        image_size_text(rows[i].size, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_a_plain_tar_becomes_an_image_of_one_layer(void **state)
{
    (void)state;
    if (must_skip("tar"))
        return;
    shell("mkdir -p root/etc; echo hello >root/etc/greeting; chown 5:6 root/etc/greeting; tar -C root -czf "
          "a.tgz .");
    must_import("a.tgz", "plain");
    assert_file("plain", 0, "etc/greeting", "hello\n");
    autofree char *path = in_layer("plain:latest", 0, "etc/greeting");
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_uid, 5);
    assert_int_equal(file.st_gid, 6);
}

static void count_images(void *context, const char *name, struct value image)
{
    (void)name;
    (void)image;
    ++*(int *)context;
}

static void test_the_same_layer_is_kept_once_and_goes_with_its_last_image(void **state)
{
    (void)state;
    if (must_skip("tar"))
        return;
    shell("mkdir root; echo one >root/file; tar -C root -cf a.tar .");
    must_import("a.tar", "first");
    must_import("a.tar", "second:2");
    int count = 0;
    assert_int_equal(image_each(directory, count_images, &count, NULL), 0);
    assert_int_equal(count, 2);
    shell("test $(ls images/layers | wc -l) = 1");
    assert_int_equal(image_remove(directory, "first", NULL), 0);
    assert_file("second:2", 0, "file", "one\n");
    assert_int_equal(image_remove(directory, "second:2", NULL), 0);
    shell("test $(ls images/layers | wc -l) = 0; test $(ls images/scratch | wc -l) = 0");
    autoerror struct error *error = NULL;
    assert_int_equal(image_remove(directory, "first", &error), -ENOENT);
    assert_string_equal(error_message(error), "there is no image first:latest on this node");
}

static void test_an_image_that_a_container_was_made_of_stays(void **state)
{
    (void)state;
    if (must_skip("tar"))
        return;
    shell("mkdir root; echo one >root/file; tar -C root -cf a.tar .");
    must_import("a.tar", "used");
    autodoc struct doc *image = image_find(directory, "used", NULL);
    autodoc struct doc *pod = doc_new();
    value_set_str(doc_root(pod), STR("namespace"), STR("team"));
    value_set_str(doc_root(pod), STR("name"), STR("web-0"));
    struct value container = value_append_object(value_set_array(doc_root(pod), STR("containers")));
    value_set_str(container, STR("name"), STR("main"));
    value_set_copy(container, STR("imageID"), value_get(doc_root(image), STR("id")));
    autobuf struct buf text = {0};
    value_write(&text, doc_root(pod));
    autofree char *path = path_format("%s/pods/some-uid/pod.json", directory);
    shell("mkdir -p pods/some-uid");
    assert_int_equal(file_write(path, buf_str(&text), 0600, NULL), 0);
    autoerror struct error *error = NULL;
    assert_int_equal(image_remove(directory, "used", &error), -EBUSY);
    assert_string_equal(error_message(error),
                        "used:latest is in use: container main of pod team/web-0 was made of it");
    assert_file("used", 0, "file", "one\n");
    /* Neither does it go where nobody can tell. */
    autoerror struct error *unknown = NULL;
    shell("echo '{' >pods/some-uid/pod.json; mkdir pods/just-made");
    assert_int_equal(image_remove(directory, "used", &unknown), -EIO);
    assert_non_null(strstr(error_message(unknown), "it can't be told which images are in use: "));
    shell("rm pods/some-uid/pod.json");
    assert_int_equal(image_remove(directory, "used", NULL), 0);
}

static void note_removed(void *context, const char *name, int64_t size)
{
    assert_true(size > 0);
    buf_addf(context, "%s ", name);
}

static void test_when_the_disk_is_full_images_that_nobody_needs_go(void **state)
{
    (void)state;
    if (must_skip("jq"))
        return;
    shell("mkdir root; echo one >root/file; tar -C root -cf a.tar .; echo two >root/file; tar -C root -cf "
          "b.tar .");
    must_import("a.tar", "used");
    must_import("b.tar", "second");
    must_import("b.tar", "first");
    must_import("b.tar", "by-hand");
    shell("for name in used second first; do jq -c '.pulled = true' images/names/$name:latest.json >name; mv "
          "name images/names/$name:latest.json; done");
    shell("touch -d 2020-01-01 images/names/first:latest.json; touch -d 2021-01-01 images/names/second*; "
          "mkdir -p pods/some-uid images/layers/nobodys; echo "
          "'{\"containers\":[{\"name\":\"main\",\"imageID\":'"
          "$(jq .id images/names/used*)'}]}' >pods/some-uid/pod.json");
    autobuf struct buf removed = {0};
    autoerror struct error *error = NULL;
    /* No disk is empty enough for the first policy, and every one for the second. */
    const struct image_policy never = {0, 0, 0}, always = {100, 100, 0};
    assert_int_equal(image_collect(directory, &always, note_removed, &removed, NULL), 0);
    assert_int_equal(removed.length, 0);
    shell("test $(ls images/layers | wc -l) = 2");
    assert_int_equal(image_collect(directory, &never, note_removed, &removed, &error), -ENOSPC);
    assert_string_equal(removed.at, "first:latest second:latest ");
    assert_true(str_starts(str_of(error_message(error)),
                           STR("Failed to garbage collect required amount of images. Attempted to free ")));
    assert_file("used", 0, "file", "one\n");
    assert_file("by-hand", 0, "file", "two\n");
    shell("test $(ls images/layers | wc -l) = 2");
}

/* Two layers: the second removes a file and hides what was in a directory. */
#define MAKE_OCI                                                                                  \
    "umoci init --layout oci; umoci new --image oci:v1; umoci unpack --image oci:v1 bundle; "     \
    "mkdir -p bundle/rootfs/dir; echo 1 >bundle/rootfs/kept; echo 2 >bundle/rootfs/gone; echo 3 " \
    ">bundle/rootfs/dir/old; "                                                                    \
    "umoci repack --image oci:v1 bundle; rm -r bundle; umoci unpack --image oci:v1 bundle; rm "   \
    "bundle/rootfs/gone; "                                                                        \
    "echo 4 >bundle/rootfs/new; umoci repack --image oci:v1 bundle; "                             \
    "umoci config --image oci:v1 --config.cmd /bin/serve --config.env A=b --config.user 7; "

static void assert_two_layers(const char *name)
{
    autodoc struct doc *image = image_find(directory, name, NULL);
    assert_non_null(image);
    assert_int_equal(value_count(value_at(doc_root(image), "layers")), 2);
    assert_json(value_at(doc_root(image), "config", "Cmd"), "[\"/bin/serve\"]");
    assert_str(value_str(value_at(doc_root(image), "config", "User")), "7");
    assert_file(name, 0, "kept", "1\n");
    assert_file(name, 0, "gone", "2\n");
    assert_file(name, 1, "new", "4\n");
    autofree char *path = in_layer(name, 1, "gone");
    struct stat file;
    assert_int_equal(lstat(path, &file), 0);
    assert_true(S_ISCHR(file.st_mode) && file.st_rdev == makedev(0, 0));
    autofree char *raw = in_layer(name, 1, ".wh.gone");
    assert_int_equal(access(raw, F_OK), -1);
}

static void test_an_oci_layout_keeps_its_layers_and_configuration(void **state)
{
    (void)state;
    if (must_skip("umoci"))
        return;
    shell(MAKE_OCI "tar -C oci -cf oci.tar .");
    must_import("oci", "from-directory");
    assert_two_layers("from-directory");
    must_import("oci.tar", "from-archive");
    assert_two_layers("from-archive");
}

static void test_a_docker_archive_is_converted(void **state)
{
    (void)state;
    if (must_skip("umoci") || must_skip("skopeo"))
        return;
    shell(MAKE_OCI "skopeo --insecure-policy copy -q oci:oci:v1 docker-archive:docker.tar:x/y:1");
    must_import("docker.tar", "from-docker");
    assert_two_layers("from-docker");
    autofree char *source = path_format("oci:%s/oci:v1", directory);
    autofree char *name = import_image(directory, source, "by-tag", VALUE_ABSENT, NULL);
    assert_non_null(name);
    assert_two_layers("by-tag");
}

static void test_a_layer_that_is_not_what_its_digest_says_is_refused(void **state)
{
    (void)state;
    if (must_skip("umoci"))
        return;
    shell(MAKE_OCI "big=$(ls -S oci/blobs/sha256 | head -1); for f in oci/blobs/sha256/*; do case $(head -c2 "
                   "$f | od -An -tx1) in "
                   "*1f*8b*) echo other | gzip -n >$f;; esac; done");
    autoerror struct error *error = NULL;
    assert_null(import("oci", "bad", &error));
    assert_non_null(strstr(error_message(error), "should have the digest"));
    assert_null(image_find(directory, "bad", NULL));
    shell("test $(ls images/scratch | wc -l) = 0");
}

static void test_what_is_no_archive_is_refused(void **state)
{
    (void)state;
    if (must_skip("tar"))
        return;
    shell("echo nonsense >a.txt");
    autoerror struct error *error = NULL, *missing = NULL;
    assert_null(import("a.txt", "bad", &error));
    assert_non_null(strstr(error_message(error), "it is not a tar archive"));
    assert_non_null(strstr(error_message(error), "does not look like a tar archive"));
    assert_null(import("nothing", "bad", &missing));
    assert_non_null(strstr(error_message(missing), "No such file or directory"));
}

static void test_opaque_directories_are_marked(void **state)
{
    (void)state;
    if (must_skip("tar"))
        return;
    shell("mkdir -p root/dir; : >root/dir/.wh..wh..opq; echo x >root/dir/new; tar -C root -cf a.tar .");
    must_import("a.tar", "opaque");
    autofree char *path = in_layer("opaque", 0, "dir"), *mark = in_layer("opaque", 0, "dir/.wh..wh..opq");
    char value[2] = "";
    assert_int_equal(getxattr(path, "trusted.overlay.opaque", value, sizeof(value)), 1);
    assert_string_equal(value, "y");
    assert_int_equal(access(mark, F_OK), -1);
}

static void check_chosen(const char *platforms, const char *expected)
{
    autofree char *text = path_format("{\"manifests\":[%s]}", platforms);
    autodoc struct doc *index = doc_parse(str_of(text), NULL);
    assert_non_null(index);
    assert_true(str_is(value_str(value_get(manifest_choose(doc_root(index)), STR("digest"))), expected));
}

#define IMAGE(digest, more) \
    "{\"digest\":\"" digest "\",\"platform\":{\"os\":\"linux\",\"architecture\":\"%1$s\"" more "}}"
#define UNNAMED "{\"digest\":\"unnamed\"}"
#define CHECK(platforms, expected)                                        \
    do {                                                                  \
        autofree char *own = path_format(platforms, node_architecture()); \
        check_chosen(own, expected);                                      \
    } while (0)

static void test_of_several_images_the_one_that_runs_here_is_chosen(void **state)
{
    (void)state;
    check_chosen("{\"digest\":\"x\",\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}}", "");
    check_chosen("{\"digest\":\"x\",\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}}," UNNAMED,
                 "unnamed");
    CHECK(UNNAMED "," IMAGE("plain", ""), "plain");
    CHECK(IMAGE("late", ",\"variant\":\"v9\"") "," IMAGE("plain", ""), "plain");
    CHECK(IMAGE("late", ",\"variant\":\"v9\"") "," IMAGE("later", ",\"variant\":\"v10\""), "late");
}

static void test_whiteouts_hide_nothing_of_their_own_layer(void **state)
{
    (void)state;
    if (must_skip("tar"))
        return;
    shell(
        "mkdir -p root/d root/.wh..wh.plnk; echo x >root/d/new; : >root/.wh.d; echo y >root/f; : >root/.wh.f;"
        " : >root/.wh.gone; : >root/.wh..wh.plnk/7; tar -C root -cf a.tar .");
    must_import("a.tar", "own");
    autofree char *path = in_layer("own", 0, "d"), *root = in_layer("own", 0, ".");
    char value[2] = "";
    assert_int_equal(getxattr(path, "trusted.overlay.opaque", value, sizeof(value)), 1);
    autofree char *check = path_format("cd %s && test -c gone && test \"$(cat d/new f)\" = \"x\ny\" && "
                                       "test \"$(ls -A | tr '\n' ' ')\" = 'd f gone '",
                                       root);
    shell(check);
    shell("rm -r root && mkdir root && : >root/.wh... && tar -C root -cf a.tar .");
    assert_null(import("a.tar", "bad", NULL));
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_have_one_form),
        cmocka_unit_test(test_names_have_a_repository_a_tag_and_a_reference),
        cmocka_unit_test(test_sizes_have_three_digits),
        ROW(test_when_the_disk_is_full_images_that_nobody_needs_go),
        ROW(test_a_plain_tar_becomes_an_image_of_one_layer),
        ROW(test_the_same_layer_is_kept_once_and_goes_with_its_last_image),
        ROW(test_an_image_that_a_container_was_made_of_stays),
        ROW(test_an_oci_layout_keeps_its_layers_and_configuration),
        ROW(test_a_docker_archive_is_converted),
        ROW(test_a_layer_that_is_not_what_its_digest_says_is_refused),
        ROW(test_what_is_no_archive_is_refused),
        ROW(test_opaque_directories_are_marked),
        cmocka_unit_test(test_of_several_images_the_one_that_runs_here_is_chosen),
        ROW(test_whiteouts_hide_nothing_of_their_own_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
