/* Volumes come about, are changed, and go: with real mounts, in a mount namespace of the test's own. */
#include "nodeagent/volume.h"
#include "lib/file.h"
#include "nodeagent/discard.h"
#include "nodeagent/volume_mounts.h"
#include "tests/unit/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>

#define TMPFS 0x01021994

static char directory[64];
static bool has_namespace;

static int set_up(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/volumes.XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    discard_wait();
    return volumes_tear_down(directory, directory, NULL);
}

static struct value find(void *context, const char *kind, struct str name)
{
    return value_get(value_get(doc_root(context), str_of(kind)), name);
}

/* What volumes_set_up() returns; the sentence of its error in *sentence. */
static int make(const char *volumes, const char *objects, int64_t group, char **sentence)
{
    autobuf struct buf text = {0};
    buf_addf(&text, "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"volumes\":%s}}", volumes);
    autodoc struct doc *pod = must_parse(text.at), *all = must_parse(objects);
    struct volume_world world = {.pod = doc_root(pod), .find = find, .context = all, .fs_group = group};
    autofree char *path = path_format("%s/volumes", directory);
    autoerror struct error *error = NULL;
    int result = volumes_set_up(path, &world, &error);
    if (sentence != NULL)
        *sentence = str_dup(str_of(result < 0 ? error_message(error) : ""));
    return result;
}

static char *below(const char *name)
{
    return path_format("%s/%s", directory, name);
}

static void assert_mode(const char *name, mode_t mode)
{
    autofree char *path = below(name);
    struct stat there;
    assert_int_equal(stat(path, &there), 0);
    assert_int_equal(there.st_mode & 07777, mode);
}

static void assert_group(const char *name, gid_t group)
{
    autofree char *path = below(name);
    struct stat there;
    assert_int_equal(lstat(path, &there), 0);
    assert_int_equal(there.st_gid, group);
}

static void assert_text(const char *name, const char *expected)
{
    autofree char *path = below(name);
    autobuf struct buf bytes = {0};
    assert_int_equal(file_read(path, &bytes, NULL), 0);
    assert_str(buf_str(&bytes), expected);
}

static void put_text(const char *name, const char *text)
{
    autofree char *path = below(name);
    assert_int_equal(file_write(path, str_of(text), 0644, NULL), 0);
}

static void put_directory(const char *name)
{
    autofree char *path = below(name);
    assert_int_equal(directory_make(path, 0755, NULL), 0);
}

static void test_each_kind_has_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *volume, *path;
    } rows[] = {
        {"{\"name\":\"a\"}", "/v/emptyDir~a"},
        {"{\"name\":\"a\",\"emptyDir\":{}}", "/v/emptyDir~a"},
        {"{\"name\":\"a\",\"secret\":{}}", "/v/secret~a"},
        {"{\"name\":\"a\",\"hostPath\":{\"path\":\"/srv\"}}", "/srv"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autodoc struct doc *doc = must_parse(rows[i].volume);
        autofree char *path = volume_path("/v", doc_root(doc));
        assert_string_equal(path, rows[i].path);
    }
    autodoc struct doc *doc = must_parse("{\"name\":\"a\",\"nfs\":{}}");
    assert_null(volume_kind(doc_root(doc)));
}

static void test_memory_is_the_least_of_what_limits_it(void **state)
{
    (void)state;
    static const struct {
        const char *volume, *spec, *allocatable;
        int64_t size;
    } rows[] = {
        {"{}", "{}", "{}", 0},
        {"{}", "{}", "{\"memory\":\"1Gi\"}", 1073741824},
        {"{\"emptyDir\":{\"sizeLimit\":\"1Mi\"}}", "{}", "{\"memory\":\"1Gi\"}", 1048576},
        {"{\"emptyDir\":{\"sizeLimit\":\"2Gi\"}}", "{}", "{\"memory\":\"1Gi\"}", 1073741824},
        {"{\"emptyDir\":{\"sizeLimit\":\"0\"}}", "{}", "{\"memory\":\"7\"}", 7},
        {"{}",
         "{\"containers\":[{\"resources\":{\"limits\":{\"memory\":\"30\"}}},"
         "{\"resources\":{\"limits\":{\"memory\":\"20\"}}}]}",
         "{\"memory\":\"1Gi\"}", 50},
        {"{}",
         "{\"containers\":[{\"resources\":{\"limits\":{\"memory\":\"30\"}}}],"
         "\"initContainers\":[{\"resources\":{\"limits\":{\"memory\":\"90\"}}},"
         "{\"restartPolicy\":\"Always\",\"resources\":{\"limits\":{\"memory\":\"20\"}}}]}",
         "{}", 90},
        /* Who is not limited may put there what he likes. */
        {"{}", "{\"containers\":[{\"resources\":{\"limits\":{\"memory\":\"30\"}}},{}]}",
         "{\"memory\":\"1Gi\"}", 1073741824},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        autobuf struct buf pod = {0};
        buf_addf(&pod, "{\"spec\":%s}", rows[i].spec);
        autodoc struct doc *volume = must_parse(rows[i].volume), *whole = must_parse(pod.at),
                           *allocatable = must_parse(rows[i].allocatable);
        assert_int_equal(volume_memory_size(doc_root(volume), doc_root(whole), doc_root(allocatable)),
                         rows[i].size);
    }
}

/* "" when all is well; @ stands for the test's directory. */
static void assert_host_path(const char *name, const char *type, const char *expected)
{
    autodoc struct doc *source = doc_new();
    value_setf(doc_root(source), STR("path"), "%s/%s", directory, name);
    value_set_str(doc_root(source), STR("type"), str_of(type));
    autoerror struct error *error = NULL;
    int result = volume_host_path(doc_root(source), &error);
    autobuf struct buf sentence = {0};
    for (const char *at = expected; *at != '\0'; at++)
        if (*at == '@')
            buf_add_text(&sentence, directory);
        else
            buf_add_char(&sentence, *at);
    assert_str(buf_str(&sentence), result < 0 ? error_message(error) : "");
}

static void test_host_paths_are_what_their_type_says(void **state)
{
    (void)state;
    put_text("file", "text");
    put_directory("dir");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
    autoclose int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    static const char *const rows[][3] = {
        {"file", "File", ""},
        {"file", "FileOrCreate", ""},
        {"file", "Directory", "hostPath type check failed: @/file is not a directory"},
        {"file", "DirectoryOrCreate", "hostPath type check failed: @/file is not a directory"},
        {"dir", "Directory", ""},
        {"dir", "File", "hostPath type check failed: @/dir is not a file"},
        {"dir", "FileOrCreate", "hostPath type check failed: @/dir is not a file"},
        {"socket", "Socket", ""},
        {"file", "Socket", "hostPath type check failed: @/file is not a socket file"},
        {"file", "CharDevice", "hostPath type check failed: @/file is not a character device"},
        {"file", "BlockDevice", "hostPath type check failed: @/file is not a block device"},
        {"no", "Directory", "hostPath type check failed: @/no is not a directory"},
        {"no", "File", "hostPath type check failed: @/no is not a file"},
        {"../../dev/null", "CharDevice", "invalid HostPath `@/../../dev/null`: must not contain '..'"},
        {"file", "Nonsense", "Nonsense is an invalid volume type"},
        {"file", "", ""},
        {"made/dir", "DirectoryOrCreate", ""},
        {"made/file", "FileOrCreate", ""},
        {"nowhere/file", "FileOrCreate", "cannot create @/nowhere/file: No such file or directory"},
        {"plain/dir", "", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_host_path(rows[i][0], rows[i][1], rows[i][2]);
    assert_text("file", "text");
    assert_mode("made/dir", 0755);
    assert_mode("made/file", 0644);
    assert_mode("plain/dir", 0755);
    autodoc struct doc *null = must_parse("{\"path\":\"/dev/null\",\"type\":\"CharDevice\"}");
    assert_int_equal(volume_host_path(doc_root(null), NULL), 0);
}

static void test_an_empty_directory_is_everybodys_and_keeps_what_is_in_it(void **state)
{
    (void)state;
    mode_t before = umask(077);
    assert_int_equal(make("[{\"name\":\"d\"}]", "{}", -1, NULL), 0);
    umask(before);
    assert_mode("volumes/emptyDir~d", 0777);
    put_text("volumes/emptyDir~d/x", "kept");
    autofree char *path = below("volumes/emptyDir~d");
    assert_int_equal(chmod(path, 0700), 0); /* as a database does */
    assert_int_equal(make("[{\"name\":\"d\"}]", "{}", -1, NULL), 0);
    assert_text("volumes/emptyDir~d/x", "kept");
    assert_mode("volumes/emptyDir~d", 0700);
}

static void test_what_a_kill_has_left_of_a_directory_is_put_right(void **state)
{
    (void)state;
    autofree char *half = below("volumes/emptyDir~d.new");
    assert_int_equal(directory_make(half, 0700, NULL), 0);
    assert_int_equal(make("[{\"name\":\"d\"}]", "{}", -1, NULL), 0);
    assert_mode("volumes/emptyDir~d", 0777);
    assert_int_not_equal(access(half, F_OK), 0);
}

#define MEMORY "[{\"name\":\"m\",\"emptyDir\":{\"medium\":\"Memory\",\"sizeLimit\":\"1Mi\"}}]"

static void test_memory_is_mounted_once_with_its_size(void **state)
{
    (void)state;
    if (!has_namespace)
        skip();
    assert_int_equal(make(MEMORY, "{}", 55, NULL), 0);
    put_text("volumes/emptyDir~m/x", "kept");
    assert_int_equal(make(MEMORY, "{}", 55, NULL), 0);
    assert_text("volumes/emptyDir~m/x", "kept");
    assert_mode("volumes/emptyDir~m", 03777);
    struct statfs there;
    struct stat group;
    autofree char *path = below("volumes/emptyDir~m");
    assert_int_equal(stat(path, &group), 0);
    assert_int_equal(group.st_gid, 55);
    assert_int_equal(statfs(path, &there), 0);
    assert_int_equal(there.f_type, TMPFS);
    assert_int_equal(there.f_blocks * (uint64_t)there.f_bsize, 1048576);
    /* as a reboot leaves it */
    assert_int_equal(umount(path), 0);
    assert_int_equal(make(MEMORY, "{}", 55, NULL), 0);
    assert_int_equal(statfs(path, &there), 0);
    assert_int_equal(there.f_type, TMPFS);
}

#define SECRET "[{\"name\":\"s\",\"secret\":{\"secretName\":\"k\"}}]"

static void test_secrets_are_in_memory_and_follow_their_object(void **state)
{
    (void)state;
    if (!has_namespace)
        skip();
    assert_int_equal(make(SECRET, "{\"Secret\":{\"k\":{\"data\":{\"x\":\"b2xk\"}}}}", -1, NULL), 1);
    assert_text("volumes/secret~s/x", "old");
    struct statfs there;
    autofree char *path = below("volumes/secret~s/x"), *sentence = NULL;
    assert_int_equal(statfs(path, &there), 0);
    assert_int_equal(there.f_type, TMPFS);
    assert_int_equal(make(SECRET, "{\"Secret\":{\"k\":{\"data\":{\"x\":\"b2xk\"}}}}", -1, NULL), 0);
    assert_int_equal(make(SECRET, "{\"Secret\":{\"k\":{\"data\":{\"x\":\"bmV3\"}}}}", -1, NULL), 1);
    assert_text("volumes/secret~s/x", "new");
    /* The object goes: what was written stays, and it is said. */
    assert_int_equal(make(SECRET, "{}", -1, &sentence), -ENOENT);
    assert_string_equal(sentence, "MountVolume.SetUp failed for volume \"s\" : secret \"k\" not found");
    assert_text("volumes/secret~s/x", "new");
}

/* Whatever the group is that the agent has for files, and whatever becomes of the others. */
static void test_volumes_are_roots_and_come_one_by_one(void **state)
{
    (void)state;
    if (!has_namespace)
        skip();
    autofree char *sentence = NULL, *host = below("host/made"), *volumes = NULL;
    autobuf struct buf text = {0};
    buf_addf(&text,
             "[{\"name\":\"a\",\"configMap\":{\"name\":\"none\"}},{\"name\":\"b\",\"emptyDir\":{\"medium\":"
             "\"Paper\"}},"
             "{\"name\":\"c\",\"configMap\":{\"name\":\"c\"}},{\"name\":\"d\"},"
             "{\"name\":\"e\",\"hostPath\":{\"path\":\"%s\",\"type\":\"DirectoryOrCreate\"}}]",
             host);
    volumes = buf_take(&text);
    int own = setfsgid(4711);
    int result = make(volumes, "{\"ConfigMap\":{\"c\":{\"data\":{\"k\":\"v\"}}}}", -1, &sentence);
    autofree char *volume = below("volumes/emptyDir~d"), *target = below("target");
    int bound = volume_bind(volume, "x/y", target, NULL);
    umount2(target, MNT_DETACH);
    assert_int_equal(setfsgid((gid_t)own), 4711);
    assert_int_equal(result, -ENOENT);
    assert_string_equal(sentence,
                        "MountVolume.SetUp failed for volume \"a\" : configmap \"none\" not found; "
                        "MountVolume.SetUp failed for volume \"b\" : unknown storage medium \"Paper\"");
    assert_int_equal(bound, 0);
    assert_text("volumes/configMap~c/k", "v");
    assert_group("volumes/configMap~c/..data/k", 0);
    assert_group("volumes/emptyDir~d", 0);
    assert_group("volumes/emptyDir~d/x/y", 0);
    assert_group("host", 0);
    assert_group("host/made", 0);
}

static void test_tearing_down_leaves_nothing_but_the_machines_own(void **state)
{
    (void)state;
    if (!has_namespace)
        skip();
    put_directory("host");
    put_text("host/precious", "text");
    autobuf struct buf volumes = {0};
    buf_addf(&volumes,
             "[{\"name\":\"d\"},{\"name\":\"m\",\"emptyDir\":{\"medium\":\"Memory\"}},"
             "{\"name\":\"h\",\"hostPath\":{\"path\":\"%s/host\"}}]",
             directory);
    assert_int_equal(make(volumes.at, "{}", -1, NULL), 0);
    autofree char *path = below("volumes"), *host = below("host"), *target = below("volumes/subPath~c/0"),
                  *link = below("volumes/emptyDir~d/link");
    assert_int_equal(symlink(host, link), 0);
    assert_int_equal(volume_bind(host, "precious", target, NULL), 0);
    assert_text("volumes/subPath~c/0", "text");
    assert_int_equal(volumes_tear_down(path, directory, NULL), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_text("host/precious", "text");
    assert_int_equal(volumes_tear_down(path, directory, NULL), 0);
}

static void test_a_sub_path_stays_in_its_volume(void **state)
{
    (void)state;
    if (!has_namespace)
        skip();
    put_directory("vol/sub");
    put_directory("outside");
    put_text("outside/x", "secret");
    put_text("vol/sub/x", "text");
    static const char *const links[][2] = {{"../outside", "vol/out"},
                                           {"/etc", "vol/absolute"},
                                           {"sub/x", "vol/inside"},
                                           {"/proc/self/root", "vol/magic"},
                                           {"dangling", "vol/nowhere"}};
    for (size_t i = 0; i < COUNT(links); i++) {
        autofree char *path = below(links[i][1]);
        assert_int_equal(symlink(links[i][0], path), 0);
    }
    autofree char *volume = below("vol"), *target = below("target/0");
    static const struct {
        const char *path;
        int expected;
    } refused[] = {
        {"out", -EXDEV},        {"out/x", -EXDEV}, {"out/new", -EXDEV},         {"absolute", -EXDEV},
        {"../outside", -EXDEV}, {"magic", -EXDEV}, {"absolute/podtree", -EXDEV}};
    for (size_t i = 0; i < COUNT(refused); i++)
        assert_int_equal(volume_bind(volume, refused[i].path, target, NULL), refused[i].expected);
    assert_true(volume_bind(volume, "nowhere/x", target, NULL) < 0);
    assert_true(volume_bind(volume, "sub/x/y", target, NULL) < 0); /* a file has nothing below */
    autofree char *made = below("outside/new");
    assert_int_not_equal(access(made, F_OK), 0);

    assert_int_equal(volume_bind(volume, "inside", target, NULL), 0);
    assert_text("target/0", "text");
    assert_int_equal(volume_bind(volume, "sub", target, NULL), 0); /* in place of the file */
    assert_text("target/0/x", "text");
    assert_int_equal(chmod(volume, 02770), 0);
    assert_int_equal(volume_bind(volume, "new/deep//er/", target, NULL), 0);
    assert_mode("vol/new/deep/er", 02770);
    put_text("target/0/y", "through");
    assert_text("vol/new/deep/er/y", "through");
}

static void test_a_container_gets_its_sub_paths_bound(void **state)
{
    (void)state;
    if (!has_namespace)
        skip();
    assert_int_equal(make("[{\"name\":\"d\"}]", "{}", -1, NULL), 0);
    autofree char *volumes = below("volumes"), *path = below("volumes/emptyDir~d/out");
    autodoc struct doc *pod = must_parse("{\"spec\":{\"volumes\":[{\"name\":\"d\"}]}}");
    autodoc struct doc *container =
        must_parse("{\"name\":\"c\",\"volumeMounts\":[{\"name\":\"d\",\"mountPath\":\"/a\"},"
                   "{\"name\":\"d\",\"mountPath\":\"/b\",\"subPathExpr\":\"$(N)\"}]}");
    autodoc struct doc *variables = must_parse("{\"N\":\"web\"}"), *bad = must_parse("{\"N\":\"out\"}");
    struct volume_mounts wanted = {.pod = doc_root(pod),
                                   .container = doc_root(container),
                                   .variables = doc_root(variables),
                                   .volumes = volumes};
    assert_int_equal(volume_mounts_bind(&wanted, NULL), 0);
    put_text("volumes/subPath~c/1/x", "text");
    assert_text("volumes/emptyDir~d/web/x", "text");
    assert_int_equal(symlink("/etc", path), 0);
    wanted.variables = doc_root(bad);
    autoerror struct error *error = NULL;
    assert_int_equal(volume_mounts_bind(&wanted, &error), -EXDEV);
    assert_string_equal(error_message(error),
                        "failed to prepare subPath for volumeMount \"d\" of container \"c\": "
                        "subPath `out` leads out of the volume");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    has_namespace = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    const struct CMUnitTest tests[] = {
        TEST(test_each_kind_has_its_place),
        TEST(test_memory_is_the_least_of_what_limits_it),
        TEST(test_host_paths_are_what_their_type_says),
        TEST(test_an_empty_directory_is_everybodys_and_keeps_what_is_in_it),
        TEST(test_what_a_kill_has_left_of_a_directory_is_put_right),
        TEST(test_memory_is_mounted_once_with_its_size),
        TEST(test_secrets_are_in_memory_and_follow_their_object),
        TEST(test_volumes_are_roots_and_come_one_by_one),
        TEST(test_tearing_down_leaves_nothing_but_the_machines_own),
        TEST(test_a_sub_path_stays_in_its_volume),
        TEST(test_a_container_gets_its_sub_paths_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
